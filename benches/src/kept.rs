//! JSON files of measurements.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads measurements.
///
/// # Errors
///
/// If the file does not exist or has another format.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}; run make bench", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} has another format; run make bench", path.display()))
}

/// Writes measurements.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write<T: Serialize>(path: &Path, measured: &T) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(path)).with_context(cannot)?;
    std::fs::write(path, serde_json::to_vec_pretty(measured)?).with_context(cannot)
}

//! `responsibility-operator crds`: the custom resource definitions as YAML.

use std::io::Write;

use anyhow::Context;

use crate::api::crds;

/// Writes all definitions to standard output, ready for `kubectl apply --server-side -f -`.
pub(super) fn print() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for crd in crds() {
        let yaml = serde_saphyr::to_string(&crd).context("cannot write a definition as YAML")?;
        write!(out, "---\n{yaml}")?;
    }
    Ok(())
}

//! The core is pure: it evaluates responsibilities without I/O, clock or async.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the core.
const PURE: [&str; 9] =
    ["matrix", "api", "facts", "model", "signals", "inventory", "extract", "openreports", "printable.rs"];

/// Crates and modules that the core must not use. It uses the types of the kube crate, but not its client and runtime.
const IMPURE: [&str; 15] = [
    "tokio",
    "futures",
    "async fn",
    ".await",
    "tracing",
    "kube::Client",
    "kube::client",
    "kube::runtime",
    "kube::Api",
    "kube::api::Api",
    "std::fs",
    "std::net",
    "std::env",
    "std::time",
    "Timestamp::now",
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_core_has_no_io_no_clock_and_no_async() {
    let mut files = Vec::new();
    for room in PURE {
        let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
        if room.is_file() {
            files.push(room);
        } else {
            rust_files(&room, &mut files);
        }
    }
    assert!(files.len() > 25, "only {} files were found", files.len());
    let mut offences = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (number, line) in code {
            for word in IMPURE.into_iter().filter(|word| line.contains(word)) {
                offences.push(format!("{}:{}: {word}", file.display(), number + 1));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

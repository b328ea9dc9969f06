//! Writes the files of the documentation that follow from the types, the data and the samples of the operator.
//!
//! `make generate` runs it. The test below compares its output with the files in the repository.

mod api;
mod findings;
mod markdown;
mod matrix;
mod metrics;
mod picture;
mod samples;
mod signals;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// A generated file.
struct File {
    /// Its path in the repository.
    path: &'static str,
    text: String,
}

impl File {
    /// Returns its path on this machine.
    fn location(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(self.path)
    }
}

/// Returns all generated files.
///
/// # Errors
///
/// Fails if a sample is not a valid manifest, or if the list of controls is not valid YAML.
fn files() -> Result<[File; 6]> {
    Ok([
        File { path: "docs/reference/matrix.md", text: matrix::document()? },
        File { path: "docs/reference/api.md", text: api::document() },
        File { path: "docs/reference/findings.md", text: findings::document() },
        File { path: "docs/reference/signals.md", text: signals::document() },
        File { path: "docs/reference/metrics.md", text: metrics::document() },
        File { path: "docs/images/matrix.svg", text: picture::document()? },
    ])
}

fn main() -> Result<()> {
    for file in files()? {
        let location = file.location();
        if let Some(folder) = location.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&location, file.text).with_context(|| format!("cannot write {}", file.path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use responsibility_operator::matrix::Matrix;

    use super::*;

    #[test]
    fn the_generated_files_are_up_to_date() {
        for file in files().unwrap() {
            let current = fs::read_to_string(file.location()).unwrap_or_default();
            assert!(current == file.text, "{} is not up to date; run: make generate", file.path);
        }
    }

    #[test]
    fn the_number_of_layers_in_the_documentation_is_that_of_the_matrix() {
        let layers = Matrix::built_in().layers().count();
        for (page, words) in [
            ("README.md", format!("up to {layers} [layers]")),
            ("docs/concepts.md", format!("up to [{layers} layers]")),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
            assert!(fs::read_to_string(path).unwrap().contains(&words), "{page} does not contain: {words}");
        }
    }

    /// Returns the source code of the operator below a folder.
    fn source(folder: &Path) -> String {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| if path.is_dir() { source(&path) } else { fs::read_to_string(&path).unwrap() }).collect()
    }

    #[test]
    fn the_log_lines_that_the_documentation_quotes_exist_in_the_source() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let source = source(&root.join("src"));
        let operations = fs::read_to_string(root.join("docs/operations.md")).unwrap();
        let quoted: Vec<&str> =
            operations.split("log line `").skip(1).map(|rest| rest.split('`').next().unwrap()).collect();
        assert!(quoted.len() > 5, "{quoted:?}");
        for line in quoted {
            assert!(source.contains(&format!("\"{line}")), "no log line starts with {line:?}");
        }
    }
}

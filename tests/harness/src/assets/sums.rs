//! SHA-256 sums of downloaded files, in the format of `sha256sum`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// SHA-256 sums in lower-case hexadecimal, by the name of the file.
pub(super) type Sums = BTreeMap<String, String>;

/// Reads lines of a sum, spaces and a name. Skips empty lines and lines that start with `#`.
///
/// # Errors
///
/// If a line has another form or a name has two sums. The message names the line by its number, which starts at 1.
pub(super) fn parse(text: &str) -> Result<Sums> {
    let mut sums = Sums::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let (sum, name) = line.split_once(' ').with_context(|| format!("line {number} has no file name"))?;
        // sha256sum marks binary files by an asterisk.
        let name = name.trim_start().trim_start_matches('*');
        let sum = checked(sum).with_context(|| format!("line {number}"))?;
        ensure!(sums.insert(name.to_owned(), sum).is_none(), "line {number}: {name} has two sums");
    }
    Ok(sums)
}

/// Returns the sum in lower case.
///
/// # Errors
///
/// If it does not consist of 64 hexadecimal digits.
pub(super) fn checked(sum: &str) -> Result<String> {
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(is_sum, "{sum:?} is not a SHA-256 sum: write 64 hexadecimal digits");
    Ok(sum.to_ascii_lowercase())
}

/// Writes the sums below a comment, sorted by name. [`parse`] reads the result.
pub(super) fn render(comment: &str, sums: &Sums) -> String {
    let lines = sums.iter().map(|(name, sum)| format!("{sum}  {name}\n"));
    comment.lines().map(|line| format!("# {line}\n")).chain(lines).collect()
}

//! Text that is safe to show: the only way of text from the cluster to statuses, Events, Reports, logs and terminals.
//!
//! Users choose much of this text. A control character could command a terminal or start a new line of a log. An invisible
//! character could make two names look equal, and one that changes the direction of writing could reorder a line.

use std::borrow::Cow;
use std::io;
use std::sync::LazyLock;

use regex::{NoExpand, Regex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Characters that are not printed: control characters, format characters (among them those without width and those that
/// change the direction of writing), and separators of lines and paragraphs. Classes of
/// <https://www.unicode.org/reports/tr44/#General_Category_Values>.
const HIDDEN: &str = r"\p{Cc}\p{Cf}\p{Zl}\p{Zp}";

/// The character that replaces a hidden one.
const REPLACEMENT: &str = "\u{fffd}";

static HIDDEN_IN_LINE: LazyLock<Regex> = LazyLock::new(|| regex(&format!("[{HIDDEN}]")));
static HIDDEN_IN_LINES: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"[{HIDDEN}&&[^\n]]")));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is part of the binary and compiled by the tests")
}

/// Returns a text in one line: each hidden character is replaced by U+FFFD.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    HIDDEN_IN_LINE.replace_all(text, NoExpand(REPLACEMENT))
}

/// Returns a text that can have several lines: each hidden character but line feeds is replaced by U+FFFD.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    HIDDEN_IN_LINES.replace_all(text, NoExpand(REPLACEMENT))
}

/// Makes a text printable in one line.
pub fn make_line_printable(text: &mut String) {
    replace_hidden(text, &HIDDEN_IN_LINE);
}

/// Makes a text printable that can have several lines.
pub fn make_lines_printable(text: &mut String) {
    replace_hidden(text, &HIDDEN_IN_LINES);
}

fn replace_hidden(text: &mut String, hidden: &Regex) {
    if let Cow::Owned(printed) = hidden.replace_all(text, NoExpand(REPLACEMENT)) {
        *text = printed;
    }
}

/// Makes all strings of a value printable. A string can have several lines, as the messages of conditions have.
pub fn make_printable<T: Serialize + DeserializeOwned>(value: &mut T) {
    // Serializing plain data to memory does not fail.
    let text = serde_json::to_string(value).unwrap_or_default();
    // JSON escapes control characters with a backslash.
    if !text.contains('\\') && !HIDDEN_IN_LINES.is_match(&text) {
        return;
    }
    let printed = serde_json::from_str(&text).map(|mut tree| {
        make_strings_printable(&mut tree);
        tree
    });
    if let Ok(printed) = printed.and_then(serde_json::from_value) {
        *value = printed;
    }
}

fn make_strings_printable(tree: &mut Value) {
    match tree {
        Value::String(text) => make_lines_printable(text),
        Value::Array(items) => items.iter_mut().for_each(make_strings_printable),
        Value::Object(fields) => fields.values_mut().for_each(make_strings_printable),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Writes lines of a log. Each call must write whole lines; a line feed inside of them is replaced too.
#[derive(Debug)]
pub struct PrintableLine<W>(pub W);

impl<W: io::Write> io::Write for PrintableLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        self.0.write_all(format!("{}{end}", printable(line)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::escape_sequence("\u{1b}[31mred", "\u{fffd}[31mred")]
    #[case::new_line("a\nERROR b", "a\u{fffd}ERROR b")]
    #[case::c1("a\u{9b}31mb", "a\u{fffd}31mb")]
    #[case::delete("a\u{7f}b", "a\u{fffd}b")]
    #[case::right_to_left("a\u{202e}b\u{2066}c\u{61c}d", "a\u{fffd}b\u{fffd}c\u{fffd}d")]
    #[case::no_width("a\u{200b}b\u{200d}c\u{feff}d\u{2060}e\u{ad}f", "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f")]
    #[case::line_separator("a\u{2028}b\u{2029}c", "a\u{fffd}b\u{fffd}c")]
    #[case::tags("a\u{e0041}b", "a\u{fffd}b")]
    #[case::letters("Zürich 東京 العربية 🚀", "Zürich 東京 العربية 🚀")]
    fn hidden_characters_are_replaced_and_letters_stay(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(printable(text), expected);
        assert_eq!(printable(&printable(text)), expected, "a second time changes nothing");
    }

    #[test]
    fn several_lines_keep_their_line_feeds_only() {
        assert_eq!(printable_lines("a\nb\r\n\u{1b}c\n"), "a\nb\u{fffd}\n\u{fffd}c\n");
    }

    #[test]
    fn all_strings_of_a_value_become_printable_and_nothing_else_changes() {
        let mut value = json!({ "a": ["x\u{1b}y", 1, true, null], "b": { "c": "\u{202e}z" }, "d": "back\\slash" });
        make_printable(&mut value);
        let expected = json!({ "a": ["x\u{fffd}y", 1, true, null], "b": { "c": "\u{fffd}z" }, "d": "back\\slash" });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_line_of_a_log_stays_one_line() {
        let mut written = Vec::new();
        PrintableLine(&mut written).write_all(b"warn: a\nb \x1b[2J \xff\n").unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "warn: a\u{fffd}b \u{fffd}[2J \u{fffd}\n");
    }
}

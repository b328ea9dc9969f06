//! Validates names that a tenant can write freely, such as those in owner references: the API server only requires that
//! they are not empty. They reach statuses, Events, logs and labels of metrics.

/// The word that replaces an invalid name. It is a valid name.
pub(super) const INVALID: &str = "invalid";

/// The word that replaces an invalid kind.
pub(super) const INVALID_KIND: &str = "Invalid";

/// The maximum length in bytes of a name of an object or of an API group (a DNS subdomain).
const NAME_LIMIT: usize = 253;

/// The maximum length in bytes of a kind, a version or the name of a container (a DNS label).
const LABEL_LIMIT: usize = 63;

/// The maximum length in bytes of a UID. The API server creates UIDs of 36 bytes.
const UID_LIMIT: usize = 64;

/// Returns the name of an object, or `invalid`. Some kinds allow colons, upper case and underscores.
pub(super) fn name(text: &str) -> &str {
    or_invalid(text, INVALID, NAME_LIMIT, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':'))
}

/// Returns the name of an API group, or `invalid`. The core group is empty.
pub(super) fn group(text: &str) -> &str {
    let is_valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    if text.is_empty() { text } else { or_invalid(text, INVALID, NAME_LIMIT, is_valid) }
}

/// Returns a kind, or `Invalid`.
pub(super) fn kind(text: &str) -> &str {
    let is_started = text.starts_with(|c: char| c.is_ascii_alphabetic());
    or_invalid(if is_started { text } else { "" }, INVALID_KIND, LABEL_LIMIT, |b| b.is_ascii_alphanumeric())
}

/// Returns the version of an API group, or `invalid`.
pub(super) fn version(text: &str) -> &str {
    or_invalid(text, INVALID, LABEL_LIMIT, |b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// Returns a UID, or an empty text, which no object has.
pub(super) fn uid(text: &str) -> &str {
    or_invalid(text, "", UID_LIMIT, |b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Returns the name of a container, or `invalid`.
pub(super) fn container_name(text: &str) -> &str {
    let is_valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    or_invalid(text, INVALID, LABEL_LIMIT, is_valid)
}

fn or_invalid<'a>(text: &'a str, invalid: &'a str, limit: usize, is_valid: impl Fn(u8) -> bool) -> &'a str {
    let is_name = (1..=limit).contains(&text.len()) && text.bytes().all(is_valid);
    if is_name { text } else { invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that hide, reorder or extend the output around them, and texts without end.
    fn hostile() -> Vec<String> {
        let texts = ["\u{1b}[2J", "a\nb", "a\u{202e}b", "a\u{200b}b", "a/b", "a*", "a b", "\u{85}", "%2e", "\0"];
        texts.into_iter().map(str::to_owned).chain(["a".repeat(40_000)]).collect()
    }

    #[test]
    fn a_fixed_word_replaces_each_hostile_name() {
        for text in hostile() {
            assert_eq!([name(&text), group(&text), version(&text), container_name(&text)], [INVALID; 4], "{text:?}");
            assert_eq!((kind(&text), uid(&text)), (INVALID_KIND, ""), "{text:?}");
        }
    }

    #[test]
    fn the_names_of_kubernetes_stay_as_they_are() {
        for valid in ["web", "web-7d9f", "db.example.com", "system:node:a", "A_b"] {
            assert_eq!(name(valid), valid);
        }
        assert_eq!([group(""), group("postgresql.cnpg.io"), version("v1beta2")], ["", "postgresql.cnpg.io", "v1beta2"]);
        assert_eq!([kind("Cluster"), kind("GitRepo2")], ["Cluster", "GitRepo2"]);
        assert_eq!(uid("6b1f3b0e-9a52-4c39-b7a4-4a1a6f4d1c55"), "6b1f3b0e-9a52-4c39-b7a4-4a1a6f4d1c55");
        assert_eq!(container_name("istio-proxy"), "istio-proxy");
    }

    #[test]
    fn a_name_is_not_longer_than_kubernetes_allows() {
        let (longest, longer) = ("a".repeat(253), "a".repeat(254));
        assert_eq!([name(&longest), name(&longer), name("")], [&*longest, INVALID, INVALID]);
    }
}

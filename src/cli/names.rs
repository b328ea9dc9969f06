//! Names and patterns of Kubernetes objects on the command line.

use crate::controller::LeaseName;

/// Returns true for a DNS label (RFC 1123), such as the name of a namespace or the plural of a kind.
pub(super) fn is_label(name: &str) -> bool {
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= 63
        && name.bytes().all(is_label_byte)
        && is_edge(name.bytes().next())
        && is_edge(name.bytes().next_back())
}

/// Returns true if the name of a namespace can start with this text and continue.
fn is_prefix(text: &str) -> bool {
    text.len() <= 62 && text.bytes().all(is_label_byte) && !text.is_empty() && !text.starts_with('-')
}

/// Returns true for a DNS subdomain (RFC 1123), such as an API group or the name of most objects.
pub(super) fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

const fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// Parses the name of a namespace.
pub(super) fn namespace(name: &str) -> Result<String, String> {
    if is_label(name) {
        return Ok(name.to_owned());
    }
    Err("not a valid namespace name; write names separated by commas, such as shop,payments".to_owned())
}

/// Parses the name of a namespace, or a prefix followed by `*`.
pub(super) fn namespace_pattern(pattern: &str) -> Result<String, String> {
    if is_label(pattern) || pattern.strip_suffix('*').is_some_and(is_prefix) {
        return Ok(pattern.to_owned());
    }
    Err("not a valid namespace name or prefix; write names separated by commas, or a prefix with * at its end, such as \
         kube-system,openshift-*"
        .to_owned())
}

/// Parses the namespace and the name of a Lease.
pub(super) fn lease(text: &str) -> Result<LeaseName, String> {
    match text.split_once('/') {
        Some((namespace, name)) if is_label(namespace) && is_subdomain(name) => {
            Ok(LeaseName { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => {
            Err("not a valid Lease; write NAMESPACE/NAME, such as responsibility-system/responsibility-operator"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shop", true)]
    #[case("team-1", true)]
    #[case("1", true)]
    #[case("", false)]
    #[case("Shop", false)]
    #[case("-shop", false)]
    #[case("shop-", false)]
    #[case("shop.example", false)]
    #[case("shop,payments", false)]
    #[case("shop*", false)]
    #[case(" shop", false)]
    #[case(&"a".repeat(63), true)]
    #[case(&"a".repeat(64), false)]
    fn a_namespace_is_a_label(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(namespace(name).is_ok(), expected);
    }

    #[rstest]
    #[case("kube-system", true)]
    #[case("openshift-*", true)]
    #[case("openshift*", true)]
    #[case("*", false)]
    #[case("-*", false)]
    #[case("open*shift", false)]
    #[case("openshift-**", false)]
    #[case("*-system", false)]
    #[case("", false)]
    fn a_pattern_is_a_name_or_its_beginning(#[case] pattern: &str, #[case] expected: bool) {
        assert_eq!(namespace_pattern(pattern).is_ok(), expected);
    }

    #[rstest]
    #[case("ns/name", true)]
    #[case("ns/name.of.it", true)]
    #[case("name", false)]
    #[case("ns/", false)]
    #[case("/name", false)]
    #[case("ns/a/b", false)]
    #[case("Ns/name", false)]
    fn a_lease_is_a_namespace_and_a_name(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(lease(text).is_ok(), expected);
    }

    #[test]
    fn a_group_is_labels_separated_by_dots() {
        assert!(is_subdomain("argoproj.io") && is_subdomain("apps"));
        assert!(!is_subdomain("") && !is_subdomain("argoproj..io") && !is_subdomain("argoproj.io/v1"));
    }
}

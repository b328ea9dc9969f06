//! Namespaces that are left out of the evaluation.

use std::collections::BTreeSet;

/// Namespaces that are left out unless a cluster assignment names them, separated by commas: they are run by whoever runs
/// the cluster.
pub const EXCLUDED_BY_DEFAULT: &str = "kube-node-lease,kube-public,kube-system";

/// Names of namespaces, and beginnings of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExcludedNamespaces {
    names: BTreeSet<String>,
    prefixes: Vec<String>,
}

impl ExcludedNamespaces {
    /// Whether a namespace is left out.
    #[must_use]
    pub fn contains(&self, namespace: &str) -> bool {
        self.names.contains(namespace) || self.prefixes.iter().any(|prefix| namespace.starts_with(prefix))
    }
}

/// Each a name, or the beginning of names followed by `*`.
impl<S: AsRef<str>> FromIterator<S> for ExcludedNamespaces {
    fn from_iter<I: IntoIterator<Item = S>>(patterns: I) -> Self {
        let mut left_out = Self::default();
        for pattern in patterns {
            match pattern.as_ref().strip_suffix('*') {
                Some(prefix) => left_out.prefixes.push(prefix.to_owned()),
                None => drop(left_out.names.insert(pattern.as_ref().to_owned())),
            }
        }
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_out_exactly_and_patterns_by_their_beginning() {
        let left_out: ExcludedNamespaces = ["kube-system", "openshift-*"].iter().collect();
        assert!(left_out.contains("kube-system") && left_out.contains("openshift-dns"));
        assert!(!left_out.contains("kube-system-2") && !left_out.contains("openshift"));
    }
}

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
        let mut excluded = Self::default();
        for pattern in patterns {
            match pattern.as_ref().strip_suffix('*') {
                Some(prefix) => excluded.prefixes.push(prefix.to_owned()),
                None => drop(excluded.names.insert(pattern.as_ref().to_owned())),
            }
        }
        excluded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_out_exactly_and_patterns_by_their_beginning() {
        let excluded: ExcludedNamespaces = ["kube-system", "openshift-*"].iter().collect();
        assert!(excluded.contains("kube-system") && excluded.contains("openshift-dns"));
        assert!(!excluded.contains("kube-system-2") && !excluded.contains("openshift"));
    }
}

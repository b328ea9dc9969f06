//! Namespaces that are excluded from the evaluation.

use std::collections::BTreeSet;

/// The namespaces that are excluded by default, separated by commas. A cluster assignment that names one includes it.
pub const EXCLUDED_BY_DEFAULT: &str = "kube-node-lease,kube-public,kube-system";

/// Names and name prefixes of excluded namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExcludedNamespaces {
    names: BTreeSet<String>,
    prefixes: Vec<String>,
}

impl ExcludedNamespaces {
    /// Returns true if a namespace is excluded.
    #[must_use]
    pub fn contains(&self, namespace: &str) -> bool {
        self.names.contains(namespace) || self.prefixes.iter().any(|prefix| namespace.starts_with(prefix))
    }
}

/// Each pattern is a name, or a prefix of names followed by `*`.
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

//! Labels and the selectors that match them, with the semantics of the API server.

use std::sync::Arc;

/// The labels of an object, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Box<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// The value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.binary_search_by(|(k, _)| (**k).cmp(key)).ok().map(|at| &*self.0[at].1)
    }

    /// Key and value of each label, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces every key and value by what `share` returns for it, so that equal strings are kept once.
    pub fn share(&mut self, mut share: impl FnMut(&mut Arc<str>)) {
        for (key, value) in &mut self.0 {
            share(key);
            share(value);
        }
    }
}

impl<K: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|a, b| a.0 == b.0);
        Self(pairs.into_boxed_slice())
    }
}

/// One requirement of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The label has one of the values.
    In(String, Vec<String>),
    /// The label is absent or has none of the values.
    NotIn(String, Vec<String>),
    /// The label is present.
    Exists(String),
    /// The label is absent.
    DoesNotExist(String),
}

impl Requirement {
    fn matches(&self, labels: &Labels) -> bool {
        match self {
            Self::In(key, values) => labels.get(key).is_some_and(|value| values.iter().any(|v| v == value)),
            Self::NotIn(key, values) => labels.get(key).is_none_or(|value| values.iter().all(|v| v != value)),
            Self::Exists(key) => labels.get(key).is_some(),
            Self::DoesNotExist(key) => labels.get(key).is_none(),
        }
    }
}

/// A label selector with at least one requirement; all of them must hold. An empty selector is no selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

impl Selector {
    /// The selector with these requirements, none when there are none.
    #[must_use]
    pub fn new(requirements: Vec<Requirement>) -> Option<Self> {
        (!requirements.is_empty()).then_some(Self(requirements))
    }

    /// Whether an object with these labels is selected.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }

    /// Whether some requirement asks for exactly this value among a list of values of the key.
    #[must_use]
    pub fn names(&self, key: &str, value: &str) -> bool {
        self.0.iter().any(|requirement| {
            matches!(requirement, Requirement::In(k, values) if k == key && values.iter().any(|v| v == value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn each_operator_matches_as_the_api_server_does() {
        let key = || "tier".to_owned();
        let values = || vec!["web".to_owned(), "api".to_owned()];
        let cases = [
            (Requirement::In(key(), values()), [true, false, false]),
            (Requirement::NotIn(key(), values()), [false, true, true]),
            (Requirement::Exists(key()), [true, true, false]),
            (Requirement::DoesNotExist(key()), [false, false, true]),
        ];
        let objects = [labels(&[("tier", "web")]), labels(&[("tier", "db")]), labels(&[("app", "shop")])];
        for (requirement, expected) in cases {
            assert_eq!(objects.each_ref().map(|object| requirement.matches(object)), expected, "{requirement:?}");
        }
    }

    #[test]
    fn all_requirements_must_hold() {
        let selector = Selector::new(vec![
            Requirement::In("app".into(), vec!["shop".into()]),
            Requirement::DoesNotExist("canary".into()),
        ])
        .unwrap();
        assert!(selector.matches(&labels(&[("app", "shop")])));
        assert!(!selector.matches(&labels(&[("app", "shop"), ("canary", "")])));
        assert!(!selector.matches(&labels(&[])));
    }

    #[test]
    fn an_empty_selector_is_no_selector() {
        assert_eq!(Selector::new(vec![]), None);
    }

    #[test]
    fn only_a_requirement_for_the_value_names_it() {
        let name = "kubernetes.io/metadata.name";
        let by_name = Selector::new(vec![Requirement::In(name.into(), vec!["kube-system".into()])]).unwrap();
        let by_exclusion = Selector::new(vec![Requirement::NotIn(name.into(), vec!["kube-system".into()])]).unwrap();
        assert!(by_name.names(name, "kube-system"));
        assert!(!by_name.names(name, "default"));
        assert!(!by_exclusion.names(name, "kube-system"));
    }
}

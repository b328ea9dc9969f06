//! Labels and the selectors that match them, with the semantics of the API server.

use std::sync::Arc;

/// The labels of an object, sorted by key. They are stored as one text in which each key and each value ends with a
/// NUL, which no label can contain: a map of strings needs several times as much memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Arc<str>);

/// The end of a key or a value.
const END: char = '\0';

impl Labels {
    /// Returns the value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let is_key = |(of, _): &(&str, &str)| {
            #[cfg(test)]
            compared::count();
            *of == key
        };
        self.iter().find(is_key).map(|(_, value)| value)
    }

    /// Returns the key and the value of each label, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut texts = self.0.split_terminator(END);
        std::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }

    /// Returns true if they contain each label of `others` for which `is_exempt` is false. Both are sorted by key, so
    /// each label is compared at most twice.
    pub(super) fn contain_all(&self, others: &Self, is_exempt: impl Fn(&str, &str) -> bool) -> bool {
        let mut own = self.iter().peekable();
        others.iter().all(|(key, value)| {
            let is_before = |(of, _): &(&str, &str)| {
                #[cfg(test)]
                compared::count();
                *of < key
            };
            while own.next_if(is_before).is_some() {}
            own.peek() == Some(&(key, value)) || is_exempt(key, value)
        })
    }

    /// Returns true if there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Shares the memory of `others` if both are equal.
    pub fn share(&mut self, others: &Self) {
        if self == others {
            self.clone_from(others);
        }
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        // The template of a custom resource may not have been validated.
        let is_label = |(key, value): &(K, V)| !key.as_ref().contains(END) && !value.as_ref().contains(END);
        let mut pairs: Vec<(K, V)> = pairs.into_iter().filter(is_label).collect();
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        pairs.dedup_by(|a, b| a.0.as_ref() == b.0.as_ref());
        let length = pairs.iter().map(|(key, value)| key.as_ref().len() + value.as_ref().len() + 2).sum();
        let mut text = String::with_capacity(length);
        for (key, value) in pairs {
            text.extend([key.as_ref(), "\0", value.as_ref(), "\0"]);
        }
        Self(text.into())
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

/// A label selector with at least one requirement. All requirements must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

impl Selector {
    /// Returns a selector with these requirements; `None` without requirements.
    #[must_use]
    pub fn new(requirements: Vec<Requirement>) -> Option<Self> {
        (!requirements.is_empty()).then_some(Self(requirements))
    }

    /// Returns true if it selects an object with these labels.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }

    /// Returns true if a requirement `In` on the key lists this value.
    #[must_use]
    pub fn names(&self, key: &str, value: &str) -> bool {
        self.0.iter().any(|requirement| {
            matches!(requirement, Requirement::In(k, values) if k == key && values.iter().any(|v| v == value))
        })
    }
}

/// Counts the comparisons of labels, for tests of costs.
#[cfg(test)]
pub(crate) mod compared {
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<u64> = const { Cell::new(0) };
    }

    /// Counts one comparison on this thread.
    pub(super) fn count() {
        COUNT.set(COUNT.get() + 1);
    }

    /// Returns the number of comparisons on this thread during an action.
    pub(crate) fn during(action: impl FnOnce()) -> u64 {
        let before = COUNT.get();
        action();
        COUNT.get() - before
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
    fn labels_are_sorted_by_key_and_keep_empty_values() {
        let given = labels(&[("tier", ""), ("app", "shop"), ("tier", "web"), ("split\0", "x"), ("y", "\0z")]);
        assert_eq!(given.iter().collect::<Vec<_>>(), [("app", "shop"), ("tier", "")], "the first of a key counts");
        assert_eq!((given.get("tier"), given.get("shop"), given.get("")), (Some(""), None, None));
        assert!(!given.is_empty() && labels(&[]).is_empty());
        assert_ne!(labels(&[("a", "b"), ("c", "")]), labels(&[("a", "b")]));
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

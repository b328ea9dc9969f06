//! Index of the selectors of the Services of a namespace: finds those that select some pods without a look at the
//! others.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::facts::{Labels, PodLabels, ServiceFacts, ValueDigest, WorkloadFacts};

/// The labels that the StatefulSet controller adds to pods. Their values are not in the pod template.
const ADDED_BY_CONTROLLER: [&str; 2] = [PodLabels::POD_NAME, PodLabels::POD_INDEX];

/// The selectors of the Services of a namespace. Each is found by one of its label pairs: the one that the fewest other
/// selectors contained when it was added.
#[derive(Debug, Default)]
pub(super) struct SelectorIndex {
    groups: HashMap<Labels, Group>,
    /// The number of selectors that contain each label pair.
    counts: HashMap<String, usize>,
    /// The selectors by the label pair by which they are found.
    by_pair: HashMap<String, HashSet<Labels>>,
    /// The selectors that only contain labels that the StatefulSet controller adds.
    by_ordinal: HashSet<Labels>,
    /// The number of `ExternalName` Services by the digest of their name.
    external_names: HashMap<ValueDigest, usize>,
}

/// The Services with one selector.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The label pair by which the selector is found; `None` if it is in `by_ordinal`.
    pair: Option<String>,
    /// The names of the Services.
    pub(super) names: BTreeSet<Arc<str>>,
    /// The number of published ones.
    pub(super) published: usize,
}

impl SelectorIndex {
    /// Replaces the facts of a Service.
    pub(super) fn put(&mut self, name: &Arc<str>, before: Option<&ServiceFacts>, after: Option<&ServiceFacts>) {
        if let Some(before) = before {
            self.remove(name, before);
        }
        if let Some(after) = after {
            self.add(name, after);
        }
    }

    /// Returns the groups of Services that select some pods.
    pub(super) fn selecting<'a>(&'a self, pods: &'a PodLabels) -> impl Iterator<Item = &'a Group> {
        let by_pair = pods.template.iter().filter_map(|(key, value)| self.by_pair.get(&pair(key, value))).flatten();
        // Pods with unlisted labels can have any label.
        let any = self.groups.keys().filter(|_| pods.unlisted);
        let selectors = by_pair.chain(&self.by_ordinal).filter(|_| !pods.unlisted).chain(any);
        selectors.filter(|selector| pods.selected_by(selector)).filter_map(|selector| self.groups.get(selector))
    }

    /// Returns true if an environment variable of a workload has the name of an `ExternalName` Service as its value.
    pub(super) fn is_called_by(&self, workload: &WorkloadFacts) -> bool {
        !self.external_names.is_empty()
            && workload.env_values.iter().any(|value| self.external_names.contains_key(value))
    }

    fn add(&mut self, name: &Arc<str>, facts: &ServiceFacts) {
        if facts.external_name {
            *self.external_names.entry(ValueDigest::of(name)).or_default() += 1;
        }
        if facts.selector.is_empty() {
            return;
        }
        if !self.groups.contains_key(&facts.selector) {
            let group = Group { pair: self.rarest_pair(&facts.selector), ..Group::default() };
            let found_by = match &group.pair {
                Some(pair) => self.by_pair.entry(pair.clone()).or_default(),
                None => &mut self.by_ordinal,
            };
            found_by.insert(facts.selector.clone());
            for (key, value) in facts.selector.iter() {
                *self.counts.entry(pair(key, value)).or_default() += 1;
            }
            self.groups.insert(facts.selector.clone(), group);
        }
        if let Some(group) = self.groups.get_mut(&facts.selector) {
            group.names.insert(name.clone());
            group.published += usize::from(facts.published);
        }
    }

    fn remove(&mut self, name: &Arc<str>, facts: &ServiceFacts) {
        if facts.external_name {
            decrement(&mut self.external_names, &ValueDigest::of(name));
        }
        let Some(group) = self.groups.get_mut(&facts.selector) else { return };
        group.names.remove(name);
        group.published -= usize::from(facts.published);
        if !group.names.is_empty() {
            return;
        }
        match group.pair.take() {
            Some(pair) => {
                if let Some(selectors) = self.by_pair.get_mut(&pair) {
                    selectors.remove(&facts.selector);
                    if selectors.is_empty() {
                        self.by_pair.remove(&pair);
                    }
                }
            }
            None => drop(self.by_ordinal.remove(&facts.selector)),
        }
        self.groups.remove(&facts.selector);
        for (key, value) in facts.selector.iter() {
            decrement(&mut self.counts, &pair(key, value));
        }
    }

    /// Returns the label pair of a selector that the fewest selectors contain.
    fn rarest_pair(&self, selector: &Labels) -> Option<String> {
        let pairs = selector.iter().filter(|(key, _)| !ADDED_BY_CONTROLLER.contains(key));
        pairs.map(|(key, value)| pair(key, value)).min_by_key(|pair| self.counts.get(pair).copied().unwrap_or_default())
    }
}

/// Returns a label as the key of a map. No label contains a NUL.
fn pair(key: &str, value: &str) -> String {
    format!("{key}\0{value}")
}

/// Counts one less, and removes what is not counted any more.
fn decrement<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

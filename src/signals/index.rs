//! Indexes of the objects that only signals read, and the availability of their kinds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::facts::{Availability, CustomTarget, FactKind, Facts, KindAndName, ReportFacts, WorkloadKey};

/// The subjects that an object is about.
#[derive(Default)]
struct Subjects {
    /// The subjects that it names.
    named: BTreeSet<KindAndName>,
    /// True if it is also about subjects that it does not name.
    has_unnamed: bool,
}

impl Subjects {
    fn of(facts: &Facts) -> Self {
        let mut subjects = Self::default();
        match facts {
            Facts::Report(report) => subjects.named.extend(report.about.keys().cloned()),
            Facts::Custom(found) => {
                for finding in found {
                    match &finding.about {
                        CustomTarget::Workloads(references) => {
                            subjects.named.extend(references.iter().map(|reference| reference.object.clone()));
                        }
                        CustomTarget::All | CustomTarget::Pods(_) => subjects.has_unnamed = true,
                    }
                }
            }
            _ => {}
        }
        subjects
    }
}

/// The objects of a namespace, or the cluster-scoped objects, that only signals read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalIndex {
    objects: BTreeMap<(FactKind, Arc<str>), Facts>,
    /// The names of the objects that name a subject.
    by_subject: BTreeMap<(FactKind, KindAndName), BTreeSet<Arc<str>>>,
    /// The objects that are about workloads that they do not name.
    with_unnamed: BTreeSet<(FactKind, Arc<str>)>,
}

impl SignalIndex {
    /// Returns true if there are no objects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Returns true if any stored fact depends on the date.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.objects.values().any(Facts::is_dated)
    }

    /// Adds or replaces an object, or removes it if `facts` is none. Returns its previous facts.
    pub fn put(&mut self, kind: FactKind, name: &Arc<str>, facts: Option<Facts>) -> Option<Facts> {
        let new = facts.as_ref().map(Subjects::of).unwrap_or_default();
        let key = (kind, name.clone());
        if new.has_unnamed {
            self.with_unnamed.insert(key.clone());
        } else {
            self.with_unnamed.remove(&key);
        }
        let previous = match facts {
            Some(facts) => self.objects.insert(key, facts),
            None => self.objects.remove(&key),
        };
        let old = previous.as_ref().map(Subjects::of).unwrap_or_default();
        for subject in old.named.difference(&new.named) {
            let key = (kind, subject.clone());
            if let Some(names) = self.by_subject.get_mut(&key) {
                names.remove(name);
                if names.is_empty() {
                    self.by_subject.remove(&key);
                }
            }
        }
        for subject in new.named {
            self.by_subject.entry((kind, subject)).or_default().insert(name.clone());
        }
        previous
    }

    /// Returns the objects of a kind that can be about a workload or the objects that it controls.
    pub(super) fn objects_about(
        &self,
        kind: FactKind,
        workload: &WorkloadKey,
        children: &[KindAndName],
    ) -> impl Iterator<Item = (&Arc<str>, &Facts)> {
        let itself = KindAndName::of(workload);
        let naming =
            children.iter().chain([&itself]).filter_map(|subject| self.by_subject.get(&(kind, subject.clone())));
        let any =
            self.with_unnamed.range((kind, Arc::from(""))..).take_while(|(of, _)| *of == kind).map(|(_, name)| name);
        let names: BTreeSet<&Arc<str>> = any.chain(naming.flatten()).collect();
        names.into_iter().filter_map(move |name| Some((name, self.get(kind, name)?)))
    }

    /// Returns the reports of a kind about an object.
    pub(super) fn reports_about(&self, kind: FactKind, subject: &KindAndName) -> impl Iterator<Item = &ReportFacts> {
        let names = self.by_subject.get(&(kind, subject.clone()));
        names.into_iter().flatten().filter_map(move |name| match self.get(kind, name) {
            Some(Facts::Report(report)) => Some(report),
            _ => None,
        })
    }

    /// Returns the names of the objects of a kind.
    pub fn names(&self, kind: FactKind) -> impl Iterator<Item = &Arc<str>> {
        self.of(kind).map(|(name, _)| name)
    }

    /// Returns the objects of a kind, sorted by name.
    pub(super) fn of(&self, kind: FactKind) -> impl Iterator<Item = (&Arc<str>, &Facts)> {
        let from = (kind, Arc::from(""));
        self.objects.range(from..).take_while(move |((of, _), _)| *of == kind).map(|((_, name), facts)| (name, facts))
    }

    /// Returns an object by kind and name.
    pub(super) fn get(&self, kind: FactKind, name: &Arc<str>) -> Option<&Facts> {
        self.objects.get(&(kind, name.clone()))
    }
}

/// The objects that are about other namespaces than their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrossNamespaceIndex(BTreeMap<(FactKind, Arc<str>, Arc<str>), Facts>);

impl CrossNamespaceIndex {
    /// Returns true if there are no objects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds or replaces an object of a namespace, or removes it if `facts` is none. Returns its previous facts.
    pub fn put(
        &mut self,
        kind: FactKind,
        (namespace, name): (&Arc<str>, &Arc<str>),
        facts: Option<Facts>,
    ) -> Option<Facts> {
        let key = (kind, namespace.clone(), name.clone());
        match facts {
            Some(facts) => self.0.insert(key, facts),
            None => self.0.remove(&key),
        }
    }

    /// Returns the namespaces and names of the objects of a kind.
    pub fn names(&self, kind: FactKind) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.keys().filter(move |(of, ..)| *of == kind).map(|(_, namespace, name)| (namespace, name))
    }

    /// Returns the objects of a kind in a namespace, sorted by name.
    pub(super) fn of(&self, kind: FactKind, namespace: &str) -> impl Iterator<Item = (&Arc<str>, &Facts)> {
        let is_wanted = move |key: &(FactKind, Arc<str>, Arc<str>)| key.0 == kind && *key.1 == *namespace;
        self.0.iter().filter(move |(key, _)| is_wanted(key)).map(|((_, _, name), facts)| (name, facts))
    }
}

/// The availability of kinds, in all namespaces or in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Availabilities(HashMap<(FactKind, Option<Arc<str>>), Availability>);

impl Availabilities {
    /// Sets the availability of a kind, in one namespace or in all. Returns true if it changed.
    pub fn put(&mut self, kind: FactKind, namespace: Option<Arc<str>>, availability: Availability) -> bool {
        self.0.insert((kind, namespace), availability).unwrap_or_default() != availability
    }

    /// Returns all entries.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = (FactKind, Option<Arc<str>>, Availability)> {
        self.0.iter().map(|((kind, namespace), availability)| (*kind, namespace.clone(), *availability))
    }

    /// Returns the availability of a kind in a namespace.
    pub(super) fn of(&self, kind: FactKind, namespace: &Arc<str>) -> Availability {
        let in_all = || self.0.get(&(kind, None));
        let in_namespace = self.0.get(&(kind, Some(namespace.clone())));
        in_namespace.or_else(in_all).copied().unwrap_or_default()
    }
}

//! What is kept of the objects that are read for signals only, and whether they can be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::custom::About;
use super::facts::{FactKind, Facts, ReportFacts, Subject};
use crate::model::WorkloadKey;

/// Of what an object speaks.
#[derive(Default)]
struct Named {
    /// By name.
    subjects: BTreeSet<Subject>,
    /// Whether it speaks of others beside.
    not_all: bool,
}

impl Named {
    fn of(facts: &Facts) -> Self {
        let mut named = Self::default();
        match facts {
            Facts::Report(report) => named.subjects.extend(report.about.keys().cloned()),
            Facts::Custom(found) => {
                for finding in found {
                    match &finding.about {
                        About::Workloads(references) => {
                            named.subjects.extend(references.iter().map(|reference| reference.subject.clone()));
                        }
                        About::All | About::Pods(_) => named.not_all = true,
                    }
                }
            }
            _ => {}
        }
        named
    }
}

/// The objects of a namespace, or those of none, that are read for signals only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    objects: BTreeMap<(FactKind, Arc<str>), Facts>,
    /// The names of those that speak of an object, by name.
    about: BTreeMap<(FactKind, Subject), BTreeSet<Arc<str>>>,
    /// The names of those that speak of workloads without naming all of them.
    about_any: BTreeSet<(FactKind, Arc<str>)>,
}

impl Shelf {
    /// Whether there is nothing on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Whether something on it is another matter on another day.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        let is_dated = |facts: &Facts| match facts {
            Facts::Report(_) | Facts::Certificate(_) | Facts::Backup(_) | Facts::Snapshot(_) => true,
            Facts::Custom(found) => found.iter().any(|finding| finding.until.is_some()),
            _ => false,
        };
        self.objects.values().any(is_dated)
    }

    /// Puts an object on it, or takes it off, and returns what was known of it before.
    pub fn put(&mut self, kind: FactKind, name: &Arc<str>, facts: Option<Facts>) -> Option<Facts> {
        let now = facts.as_ref().map(Named::of).unwrap_or_default();
        let key = (kind, name.clone());
        if now.not_all {
            self.about_any.insert(key.clone());
        } else {
            self.about_any.remove(&key);
        }
        let before = match facts {
            Some(facts) => self.objects.insert(key, facts),
            None => self.objects.remove(&key),
        };
        let known = before.as_ref().map(Named::of).unwrap_or_default();
        for subject in known.subjects.difference(&now.subjects) {
            let key = (kind, subject.clone());
            if let Some(names) = self.about.get_mut(&key) {
                names.remove(name);
                if names.is_empty() {
                    self.about.remove(&key);
                }
            }
        }
        for subject in now.subjects {
            self.about.entry((kind, subject)).or_default().insert(name.clone());
        }
        before
    }

    /// The objects of a kind that may speak of a workload, which is made of these at the moment.
    pub(super) fn concerning(
        &self,
        kind: FactKind,
        workload: &WorkloadKey,
        children: &[Subject],
    ) -> impl Iterator<Item = (&Arc<str>, &Facts)> {
        let itself = Subject::of(workload);
        let naming = children.iter().chain([&itself]).filter_map(|subject| self.about.get(&(kind, subject.clone())));
        let any = self.about_any.range((kind, Arc::from(""))..).take_while(|(of, _)| *of == kind).map(|(_, name)| name);
        let names: BTreeSet<&Arc<str>> = any.chain(naming.flatten()).collect();
        names.into_iter().filter_map(move |name| Some((name, self.get(kind, name)?)))
    }

    /// The reports of a kind about an object.
    pub(super) fn reports_about(&self, kind: FactKind, subject: &Subject) -> impl Iterator<Item = &ReportFacts> {
        let names = self.about.get(&(kind, subject.clone()));
        names.into_iter().flatten().filter_map(move |name| match self.get(kind, name) {
            Some(Facts::Report(report)) => Some(report),
            _ => None,
        })
    }

    /// The names of the objects of a kind.
    pub fn names(&self, kind: FactKind) -> impl Iterator<Item = &Arc<str>> {
        self.of(kind).map(|(name, _)| name)
    }

    /// The objects of a kind by name.
    pub(super) fn of(&self, kind: FactKind) -> impl Iterator<Item = (&Arc<str>, &Facts)> {
        let from = (kind, Arc::from(""));
        self.objects.range(from..).take_while(move |((of, _), _)| *of == kind).map(|((_, name), facts)| (name, facts))
    }

    /// An object of a kind.
    pub(super) fn get(&self, kind: FactKind, name: &Arc<str>) -> Option<&Facts> {
        self.objects.get(&(kind, name.clone()))
    }
}

/// Whether objects of a kind can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// They are not served, or not looked at.
    #[default]
    Absent,
    /// They are there and cannot be read.
    Unreadable,
    /// They were read and are watched.
    Read,
}

/// The objects that speak of other namespaces than their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FarShelf(BTreeMap<(FactKind, Arc<str>, Arc<str>), Facts>);

impl FarShelf {
    /// Whether there is nothing on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts an object of a namespace on it, or takes it off, and returns what was known of it before.
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

    /// The namespaces and names of the objects of a kind.
    pub fn names(&self, kind: FactKind) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.keys().filter(move |(of, ..)| *of == kind).map(|(_, namespace, name)| (namespace, name))
    }

    /// The objects of a kind that lie in a namespace, by name.
    pub(super) fn of(&self, kind: FactKind, namespace: &str) -> impl Iterator<Item = (&Arc<str>, &Facts)> {
        let lies_there = move |key: &(FactKind, Arc<str>, Arc<str>)| key.0 == kind && *key.1 == *namespace;
        self.0.iter().filter(move |(key, _)| lies_there(key)).map(|((_, _, name), facts)| (name, facts))
    }
}

/// What can be read, everywhere or by namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standings(HashMap<(FactKind, Option<Arc<str>>), Standing>);

impl Standings {
    /// Notes the standing of a kind, in one namespace or everywhere; returns whether that is news.
    pub fn put(&mut self, kind: FactKind, namespace: Option<Arc<str>>, standing: Standing) -> bool {
        self.0.insert((kind, namespace), standing).unwrap_or_default() != standing
    }

    /// All that was noted.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = (FactKind, Option<Arc<str>>, Standing)> {
        self.0.iter().map(|((kind, namespace), standing)| (*kind, namespace.clone(), *standing))
    }

    /// The standing of a kind in a namespace.
    pub(super) fn of(&self, kind: FactKind, namespace: &Arc<str>) -> Standing {
        let everywhere = || self.0.get(&(kind, None));
        let here = self.0.get(&(kind, Some(namespace.clone())));
        here.or_else(everywhere).copied().unwrap_or_default()
    }
}

//! One workload of the index: the objects it is made of, and what was found for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::facts::{AssignmentId, ObjectIdentity, WorkloadFacts, WorkloadKey};
use crate::model::{Assignment, Evaluation};

/// A workload and what was found for it.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) key: Arc<WorkloadKey>,
    pub(super) parts: Parts,
    pub(super) identity: ObjectIdentity,
    /// The assignments that select it, sorted; shared with all others that the same ones select.
    pub(super) selected_by: Arc<[AssignmentId]>,
    /// None where nothing selects it.
    pub(super) evaluation: Option<Arc<Evaluation>>,
}

/// The objects that a workload is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// What its own template shows, if it has one that can be read.
    pub(super) itself: Option<WorkloadFacts>,
    /// The objects that it controls, or that share the stem of their generated names. Where its own template is known they
    /// come from that, and what was left behind by earlier ones counts no more.
    pub(super) objects: BTreeMap<WorkloadKey, WorkloadFacts>,
}

impl Parts {
    /// What it shows: its own template, otherwise each of its objects.
    pub(super) fn facts(&self) -> impl Iterator<Item = &WorkloadFacts> {
        let objects = self.objects.values().filter(|_| self.itself.is_none());
        self.itself.iter().chain(objects)
    }

    /// What it and its objects show, also what else counts no more: some have labels that Services select by and the
    /// template has not, such as the hash of a revision.
    pub(super) fn all(&self) -> impl Iterator<Item = &WorkloadFacts> {
        self.itself.iter().chain(self.objects.values())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.itself.is_none() && self.objects.is_empty()
    }

    /// What is known of an object of the workload with this key.
    pub(super) fn get(&self, workload: &WorkloadKey, object: &WorkloadKey) -> Option<&WorkloadFacts> {
        if workload == object { self.itself.as_ref() } else { self.objects.get(object) }
    }

    /// Takes in what an object shows, or that it is gone, and returns what it showed before.
    pub(super) fn put(
        &mut self,
        workload: &WorkloadKey,
        object: &WorkloadKey,
        facts: Option<WorkloadFacts>,
    ) -> Option<WorkloadFacts> {
        match facts {
            facts if workload == object => std::mem::replace(&mut self.itself, facts),
            Some(facts) => self.objects.insert(object.clone(), facts),
            None => self.objects.remove(object),
        }
    }
}

impl Workload {
    pub(super) fn new(key: Arc<WorkloadKey>, identity: ObjectIdentity) -> Self {
        Self { key, parts: Parts::default(), identity, selected_by: Arc::default(), evaluation: None }
    }

    /// Whether an assignment selects it: by its own labels, or by those of any of its objects.
    pub(super) fn is_selected_by(&self, assignment: &Assignment) -> bool {
        assignment
            .selector
            .as_ref()
            .is_none_or(|selector| self.parts.facts().any(|facts| selector.matches(&facts.labels)))
    }
}

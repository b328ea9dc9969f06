//! One workload of the index: the facts of its objects and its evaluation.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::facts::{AssignmentId, ObjectIdentity, WorkloadFacts, WorkloadKey};
use crate::model::{Assignment, Evaluation};

/// A workload with its evaluation.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) key: Arc<WorkloadKey>,
    pub(super) parts: Parts,
    pub(super) identity: ObjectIdentity,
    /// The assignments that select it: cluster assignments first, each kind by name. Shared with all workloads that
    /// have the same ones.
    pub(super) selected_by: Arc<[AssignmentId]>,
    /// `None` if no assignment selects it.
    pub(super) evaluation: Option<Arc<Evaluation>>,
}

/// The facts of the objects of a workload.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// The facts of its own pod template, if it has one that can be read.
    pub(super) itself: Option<WorkloadFacts>,
    /// The facts of the objects that it controls, or that have the same prefix of a generated name. If `itself` is
    /// known, these objects can come from outdated versions of the template.
    pub(super) objects: BTreeMap<WorkloadKey, WorkloadFacts>,
    /// The facts that its live children add to those of the templates.
    pub(super) added: Vec<WorkloadFacts>,
    /// The names of containers of its live children that no template names.
    pub(super) injected: Vec<Arc<str>>,
}

impl Parts {
    /// Returns the facts of the templates: those of its own template, otherwise those of each object.
    pub(super) fn base(&self) -> impl Iterator<Item = &WorkloadFacts> {
        let objects = self.objects.values().filter(|_| self.itself.is_none());
        self.itself.iter().chain(objects)
    }

    /// Returns the facts to evaluate: those of the templates and those that live children add.
    pub(super) fn facts(&self) -> impl Iterator<Item = &WorkloadFacts> {
        self.base().chain(&self.added)
    }

    /// Returns the facts of its own template and of each object. Services can select objects by labels that the
    /// template does not have, such as the hash of a revision.
    pub(super) fn all(&self) -> impl Iterator<Item = &WorkloadFacts> {
        self.itself.iter().chain(self.objects.values()).chain(&self.added)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.itself.is_none() && self.objects.is_empty() && self.added.is_empty()
    }

    /// Returns the facts of an object of the workload with the key `workload`.
    pub(super) fn get(&self, workload: &WorkloadKey, object: &WorkloadKey) -> Option<&WorkloadFacts> {
        if workload == object { self.itself.as_ref() } else { self.objects.get(object) }
    }

    /// Sets the facts of an object, or removes them if they are `None`. Returns the facts before.
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

    /// Returns true if the selector of an assignment matches its own labels, or those of any object if it has no
    /// template.
    pub(super) fn is_selected_by(&self, assignment: &Assignment) -> bool {
        assignment
            .selector
            .as_ref()
            .is_none_or(|selector| self.parts.facts().any(|facts| selector.matches(&facts.labels)))
    }
}

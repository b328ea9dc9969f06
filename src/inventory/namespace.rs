//! One namespace of the index: its workloads, what exposes them, and the assignments that speak for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::NAME_LABEL;
use crate::matrix::{Signal, Signals};
use crate::model::{Assignment, AssignmentId, Directory, Evaluation, Labels, ValueDigest, WorkloadFacts, WorkloadKey};

/// What counts of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFacts {
    /// The labels of the pods it selects; none selects nothing.
    pub selector: Labels,
    /// Whether it opens a way in from outside of the cluster by itself.
    pub published: bool,
    /// Whether it stands for a name outside of the cluster.
    pub external_name: bool,
}

impl ServiceFacts {
    /// Whether a workload's signals can depend on this Service.
    pub(super) fn concerns(&self, name: &str, workload: &WorkloadFacts) -> bool {
        workload.pods.selected_by(&self.selector) || self.is_called_by(name, workload)
    }

    fn is_called_by(&self, name: &str, workload: &WorkloadFacts) -> bool {
        self.external_name && workload.env_values.binary_search(&ValueDigest::of(name)).is_ok()
    }
}

/// What counts of an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressFacts {
    /// The Services of its namespace that it leads to.
    pub services: BTreeSet<Arc<str>>,
}

/// A workload and what was found for it.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) key: Arc<WorkloadKey>,
    pub(super) facts: WorkloadFacts,
    /// The assignments that select it, sorted.
    pub(super) selected_by: Box<[AssignmentId]>,
    /// None where nothing selects it.
    pub(super) evaluation: Option<Arc<Evaluation>>,
}

impl Workload {
    pub(super) fn new(key: Arc<WorkloadKey>, facts: WorkloadFacts) -> Self {
        Self { key, facts, selected_by: Box::default(), evaluation: None }
    }

    pub(super) fn is_selected_by(&self, assignment: &Assignment) -> bool {
        assignment.selector.as_ref().is_none_or(|selector| selector.matches(&self.facts.labels))
    }
}

/// A namespace.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: Arc<str>,
    /// None until the Namespace object is seen.
    pub(super) labels: Option<Labels>,
    pub(super) workloads: BTreeMap<Arc<WorkloadKey>, Workload>,
    pub(super) services: HashMap<Arc<str>, ServiceFacts>,
    pub(super) ingresses: HashMap<Arc<str>, IngressFacts>,
    /// How many Ingresses lead to a Service.
    routed: HashMap<Arc<str>, usize>,
    pub(super) assignments: BTreeMap<AssignmentId, Arc<Assignment>>,
    /// The cluster assignments that take it in.
    pub(super) cluster_assignments: Vec<Arc<Assignment>>,
    /// The parties that they declare.
    pub(super) directory: Directory,
    /// Whether its workloads count.
    pub(super) in_scope: bool,
}

impl Namespace {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            labels: None,
            workloads: BTreeMap::new(),
            services: HashMap::new(),
            ingresses: HashMap::new(),
            routed: HashMap::new(),
            assignments: BTreeMap::new(),
            cluster_assignments: Vec::new(),
            directory: Directory::default(),
            in_scope: true,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_none()
            && self.workloads.is_empty()
            && self.services.is_empty()
            && self.ingresses.is_empty()
            && self.assignments.is_empty()
    }

    pub(super) fn put_service(&mut self, name: &Arc<str>, facts: Option<ServiceFacts>) -> Option<ServiceFacts> {
        match facts {
            Some(facts) => self.services.insert(name.clone(), facts),
            None => self.services.remove(name),
        }
    }

    pub(super) fn put_ingress(&mut self, name: &Arc<str>, facts: Option<IngressFacts>) -> Option<IngressFacts> {
        for service in facts.iter().flat_map(|ingress| &ingress.services) {
            *self.routed.entry(service.clone()).or_default() += 1;
        }
        let before = match facts {
            Some(facts) => self.ingresses.insert(name.clone(), facts),
            None => self.ingresses.remove(name),
        };
        for service in before.iter().flat_map(|ingress| &ingress.services) {
            if let Some(count) = self.routed.get_mut(service) {
                *count -= 1;
                if *count == 0 {
                    self.routed.remove(service);
                }
            }
        }
        before
    }

    /// Whether a cluster assignment speaks for this namespace.
    pub(super) fn is_taken_in_by(&self, assignment: &Assignment) -> bool {
        let Some(selector) = &assignment.namespace_selector else { return true };
        match &self.labels {
            Some(labels) => selector.matches(labels),
            None => selector.matches(&[(NAME_LABEL, self.name.clone())].into_iter().collect()),
        }
    }

    /// Looks up which cluster assignments take the namespace in; returns whether all its workloads are affected.
    pub(super) fn rescope(
        &mut self,
        cluster_assignments: &BTreeMap<AssignmentId, Arc<Assignment>>,
        left_out: &BTreeSet<String>,
    ) -> bool {
        let taking_in: Vec<Arc<Assignment>> =
            cluster_assignments.values().filter(|assignment| self.is_taken_in_by(assignment)).cloned().collect();
        let named = |assignment: &Arc<Assignment>| {
            assignment.namespace_selector.as_ref().is_some_and(|selector| selector.names(NAME_LABEL, &self.name))
        };
        let in_scope = !left_out.contains(&*self.name) || taking_in.iter().any(named);
        let directory = Directory::new(taking_in.iter().map(AsRef::as_ref));
        let ids = |assignments: &[Arc<Assignment>]| assignments.iter().map(|a| a.id.clone()).collect::<Vec<_>>();
        let moved = ids(&taking_in) != ids(&self.cluster_assignments)
            || in_scope != self.in_scope
            || directory != self.directory;
        self.cluster_assignments = taking_in;
        self.in_scope = in_scope;
        self.directory = directory;
        moved
    }

    /// The assignments that select a workload, cluster assignments first, each kind by name.
    pub(super) fn selecting(&self, workload: &Workload) -> Vec<&Assignment> {
        if !self.in_scope {
            return Vec::new();
        }
        let candidates = self.cluster_assignments.iter().chain(self.assignments.values());
        candidates.map(AsRef::as_ref).filter(|assignment| workload.is_selected_by(assignment)).collect()
    }

    /// The signals of a workload: those of its manifest and those that Services and Ingresses give to it.
    pub(super) fn signals(&self, workload: &WorkloadFacts) -> Signals {
        let published = self.services.iter().any(|(name, service)| {
            (service.published || self.routed.contains_key(name)) && workload.pods.selected_by(&service.selector)
        });
        let calls_out = !workload.env_values.is_empty()
            && self.services.iter().any(|(name, service)| service.is_called_by(name, workload));
        workload.signals.with_if(Signal::Published, published).with_if(Signal::ExternalServices, calls_out)
    }
}

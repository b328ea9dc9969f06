//! The index of everything that counts: what changed goes in as a [`Delta`], what has another result comes out.
//!
//! Pure and synchronous, with one owner. A change costs what it touches: everything but nodes, service models and cluster
//! assignments lies within one namespace, each workload's evaluation is kept, and an assignment's members are moved from
//! the old evaluation to the new one. The result equals an evaluation from scratch for any order of the same changes (the
//! tests hold that).

mod apply;
mod excluded;
mod intern;
mod namespace;
mod nodes;
mod observe;
mod relist;
mod reportable;
mod specs;
mod stats;
mod workload;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use crate::api::{ClusterResponsibilityAssignmentSpec, ServiceModelSpec};
use crate::facts::{
    AssignmentId, KubernetesVersion, ObjectIdentity, ObjectName, PolicyCoverage, RouteFacts, RouteKind, WorkloadKey,
};
use crate::matrix::{Audience, Duty, LayerId, Matrix};
use crate::model::{
    Assignment, Catalogue, Directory, Evaluation, EvaluationSettings, Members, NodeModels, Observation, RollUp,
    assignment_risks,
};
use crate::signals::{ActiveSignals, Availabilities, ClusterInput, CrossNamespaceIndex, SignalIndex, SignalSettings};
use intern::Interner;
use namespace::Namespace;
use nodes::Nodes;
use workload::Workload;

pub use excluded::{EXCLUDED_BY_DEFAULT, ExcludedNamespaces};
pub use reportable::{ReportableNamespace, ReportableWorkload};
pub use stats::Stats;

/// The label that every namespace has with its own name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// What a change did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The assignments whose result may have changed.
    pub assignments: BTreeSet<AssignmentId>,
    /// The workloads whose gaps may have changed, or that other assignments select than before.
    pub workloads: Vec<ChangedWorkload>,
    /// The namespaces that have workloads, and from now on no assignment that speaks for them.
    pub unassigned: BTreeSet<Arc<str>>,
    /// The namespaces of which there may be something else to report.
    pub reportable: BTreeSet<Arc<str>>,
    /// Whether service models, or the assignments that name them, are others.
    pub service_models: bool,
    /// Whether layers have other numbers than before.
    pub renumbered: bool,
}

impl ChangeSet {
    fn append(&mut self, mut other: Self) {
        self.assignments.append(&mut other.assignments);
        self.workloads.append(&mut other.workloads);
        self.unassigned.append(&mut other.unassigned);
        self.reportable.append(&mut other.reportable);
        self.service_models |= other.service_models;
        self.renumbered |= other.renumbered;
    }
}

/// A workload that was evaluated before and has other gaps now, or is selected by other assignments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedWorkload {
    /// The workload.
    pub key: Arc<WorkloadKey>,
    /// What was found for it before.
    pub before: Arc<Evaluation>,
    /// Whether it changed because an assignment began or ceased to select it.
    pub reselected: bool,
}

/// What is known of a workload at the moment.
#[derive(Clone, Debug)]
pub struct WorkloadSummary {
    /// The object that it is about.
    pub identity: ObjectIdentity,
    /// The layers and duties with a gap that whoever runs it is told of.
    pub gaps: BTreeSet<(LayerId, Duty)>,
    /// What was found for it.
    pub evaluation: Arc<Evaluation>,
    /// The highest-ranked assignment that selects it.
    pub assignment: AssignmentId,
}

/// What an index is told at start.
#[derive(Clone, Debug, Default)]
pub struct InventoryOptions {
    /// How workloads are evaluated.
    pub settings: EvaluationSettings,
    /// Namespaces that are left out unless a cluster assignment names them.
    pub excluded: ExcludedNamespaces,
    /// How nodes are classified.
    pub node_models: NodeModels,
    /// What is looked at to see whether duties are fulfilled.
    pub signals: SignalSettings,
}

/// The index.
#[derive(Debug)]
pub struct Inventory {
    matrix: Arc<Matrix>,
    settings: EvaluationSettings,
    excluded: ExcludedNamespaces,
    today: Date,
    signals: Arc<ActiveSignals>,
    policies: PolicyCoverage,
    /// What lies in no namespace and is read for signals only.
    signal_index: SignalIndex,
    /// What lies in some namespace and speaks of others.
    far: CrossNamespaceIndex,
    /// What of that can be read.
    availabilities: Availabilities,
    server: Option<KubernetesVersion>,
    /// What signals see of the cluster, the same for every workload.
    cluster_observations: Vec<Observation>,
    namespaces: HashMap<Arc<str>, Namespace>,
    routes: HashMap<(RouteKind, ObjectName), RouteFacts>,
    nodes: Nodes,
    nodes_readable: bool,
    service_models: BTreeMap<Arc<str>, ServiceModelSpec>,
    /// The assignments as they are written.
    written: HashMap<AssignmentId, Arc<ClusterResponsibilityAssignmentSpec>>,
    cluster_assignments: BTreeMap<AssignmentId, Arc<Assignment>>,
    members: HashMap<AssignmentId, Members>,
    strings: Interner<str>,
    selections: Interner<[AssignmentId]>,
    evaluations: Interner<Evaluation>,
    /// Whether nothing is evaluated yet.
    deferred: bool,
    evaluated: u64,
    computed: u64,
}

impl Inventory {
    /// An empty index on a day.
    #[must_use]
    pub fn new(scope: InventoryOptions, today: Date) -> Self {
        let signals = Arc::new(ActiveSignals::new(&scope.signals));
        Self {
            matrix: Arc::new(Matrix::built_in().clone()),
            settings: scope.settings,
            excluded: scope.excluded,
            today,
            policies: PolicyCoverage::default(),
            signal_index: SignalIndex::default(),
            far: CrossNamespaceIndex::default(),
            availabilities: Availabilities::default(),
            server: None,
            cluster_observations: signals.evaluate_cluster(&ClusterInput { today, server: None }),
            namespaces: HashMap::new(),
            routes: HashMap::new(),
            nodes: Nodes::new(scope.node_models, signals.clone(), today),
            nodes_readable: true,
            signals,
            service_models: BTreeMap::new(),
            written: HashMap::new(),
            cluster_assignments: BTreeMap::new(),
            members: HashMap::new(),
            strings: Interner::default(),
            selections: Interner::default(),
            evaluations: Interner::default(),
            deferred: false,
            evaluated: 0,
            computed: 0,
        }
    }

    /// Evaluates nothing until [`catch_up`](Self::catch_up): while everything is read for the first time, each workload would
    /// be evaluated again for each node, Service and assignment that comes after it.
    #[must_use]
    pub fn deferred(self) -> Self {
        Self { deferred: true, ..self }
    }

    /// Evaluates everything, if that was deferred, and keeps it up to date from now on.
    pub fn catch_up(&mut self) -> ChangeSet {
        let mut changed = ChangeSet::default();
        if std::mem::take(&mut self.deferred) {
            self.evaluate_all(&mut changed);
        }
        changed
    }

    /// The matrix with the service models that the cluster defines.
    #[must_use]
    pub const fn matrix(&self) -> &Arc<Matrix> {
        &self.matrix
    }

    /// The signals that are looked at.
    #[must_use]
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        self.signals.catalogue()
    }

    /// The day for which everything was evaluated.
    #[must_use]
    pub const fn today(&self) -> Date {
        self.today
    }

    /// What an assignment says as of today.
    #[must_use]
    pub fn assignment(&self, id: &AssignmentId) -> Option<&Arc<Assignment>> {
        match &id.namespace {
            Some(namespace) => self.namespaces.get(namespace)?.assignments.get(id),
            None => self.cluster_assignments.get(id),
        }
    }

    /// The totals of an assignment, none when there is no such assignment.
    #[must_use]
    pub fn roll_up(&self, id: &AssignmentId) -> Option<RollUp> {
        let members = self.members.get(id)?;
        let assignment = self.assignment(id)?;
        let namespace = id.namespace.as_ref().and_then(|namespace| self.namespaces.get(namespace));
        let platform_elsewhere = namespace.is_some_and(|namespace| !namespace.cluster_assignments.is_empty());
        let excluded = namespace.is_some_and(|namespace| !namespace.in_scope);
        let roll_up = RollUp::new(&self.matrix, id, members, platform_elsewhere);
        let none = Directory::default();
        let directory = namespace.map_or(&none, |namespace| &namespace.directory);
        let risks = assignment_risks(&self.matrix, assignment, directory, roll_up.workloads);
        Some(RollUp { excluded, ..roll_up }.with_assignment_risks(risks))
    }

    /// What is known of a workload that some assignment selects.
    #[must_use]
    pub fn workload(&self, key: &WorkloadKey) -> Option<WorkloadSummary> {
        let namespace = self.namespaces.get(&key.namespace)?;
        let workload = namespace.workloads.get(key)?;
        let highest = self.highest_ranked(workload)?;
        let evaluation = workload.evaluation.clone()?;
        let gaps = self.gaps_of_workload_team(&key.namespace, &evaluation);
        Some(WorkloadSummary { identity: workload.identity.clone(), gaps, evaluation, assignment: highest.clone() })
    }

    /// The assignment that has the most to say of those that select a workload.
    fn highest_ranked<'a>(&self, workload: &'a Workload) -> Option<&'a AssignmentId> {
        let rank = |id: &AssignmentId| {
            let rank = |assignment: &Assignment| assignment.rank(Audience::Workload, Duty::Customer);
            self.assignment(id).map(|assignment| rank(assignment))
        };
        workload.selected_by.iter().rev().max_by_key(|id| rank(id))
    }

    /// What was found for a workload, and the assignments that select it; none where nothing does.
    #[must_use]
    pub fn evaluation_of(&self, key: &WorkloadKey) -> Option<(&Evaluation, &[AssignmentId])> {
        let workload = self.namespaces.get(&key.namespace)?.workloads.get(key)?;
        Some((workload.evaluation.as_deref()?, &workload.selected_by))
    }

    /// Whether the workloads of a namespace are not evaluated.
    #[must_use]
    pub fn is_excluded(&self, namespace: &str) -> bool {
        self.namespaces.get(namespace).is_some_and(|namespace| !namespace.in_scope)
    }

    /// The workloads of a namespace.
    #[must_use]
    pub fn workloads_of(&self, namespace: &str) -> Vec<&Arc<WorkloadKey>> {
        self.namespaces.get(namespace).into_iter().flat_map(|namespace| namespace.workloads.keys()).collect()
    }

    /// The gaps of an evaluation that those who run workloads of a namespace are told of: gaps of platform layers are told
    /// to the cluster assignments, where some take the namespace in.
    #[must_use]
    pub fn gaps_of_workload_team(&self, namespace: &str, evaluation: &Evaluation) -> BTreeSet<(LayerId, Duty)> {
        let taken_in = self.namespaces.get(namespace).is_some_and(|ns| !ns.cluster_assignments.is_empty());
        let is_told =
            |(layer, _): &(LayerId, Duty)| !taken_in || self.matrix.layer(*layer).concern == Audience::Workload;
        evaluation.gaps().filter(is_told).collect()
    }

    /// The UID of a namespace that has workloads of which no assignment speaks.
    #[must_use]
    pub fn unassigned(&self, namespace: &str) -> Option<Arc<str>> {
        let namespace = self.namespaces.get(namespace).filter(|namespace| namespace.is_unassigned())?;
        namespace.facts.as_ref().map(|facts| facts.uid.clone())
    }

    /// Whether a namespace exists for which no assignment speaks, whether it has workloads or not.
    #[must_use]
    pub fn has_no_assignment(&self, namespace: &str) -> bool {
        let namespace = self.namespaces.get(namespace).filter(|namespace| namespace.facts.is_some());
        namespace.is_some_and(|ns| ns.assignments.is_empty() && ns.cluster_assignments.is_empty())
    }

    /// Whether a cluster assignment takes in a namespace.
    #[must_use]
    pub fn applies_to_namespace(&self, assignment: &AssignmentId, namespace: &str) -> bool {
        let namespace = self.namespaces.get(namespace);
        namespace.is_some_and(|namespace| namespace.cluster_assignments.iter().any(|taking| taking.id == *assignment))
    }

    /// How many assignments name a service model.
    #[must_use]
    pub fn assignments_using(&self, service_model: &str) -> usize {
        let names = |spec: &&Arc<ClusterResponsibilityAssignmentSpec>| {
            spec.assignment.service_model.as_deref() == Some(service_model)
        };
        self.written.values().filter(names).count()
    }

    /// How many (assignment, workload) pairs were looked at anew: what all changes so far have touched.
    #[must_use]
    pub const fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// How many evaluations that took: workloads of a namespace that differ in nothing that counts share one.
    #[must_use]
    pub const fn computed(&self) -> u64 {
        self.computed
    }

    /// How many workloads are known and how many of them lie in namespaces that are left out.
    #[must_use]
    pub fn workloads(&self) -> (usize, usize) {
        let count = |counted: &dyn Fn(&Namespace) -> bool| {
            self.namespaces.values().filter(|namespace| counted(namespace)).map(|ns| ns.workloads.len()).sum()
        };
        (count(&|_| true), count(&|namespace| !namespace.in_scope))
    }
}

#[cfg(test)]
mod tests;

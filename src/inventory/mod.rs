//! The index of all facts and evaluations: [`Inventory::apply`] takes a change and returns everything whose result may
//! have changed.
//!
//! The index is synchronous, without I/O, and has one owner. A change only evaluates the workloads that it affects:
//! most objects affect one namespace, and the evaluation of each workload is stored. The result does not depend on the
//! order of the changes and equals an evaluation from scratch, which the tests check.

mod adopt;
mod apply;
mod apply_child;
mod apply_workload;
mod children;
mod evaluate;
mod excluded;
mod intern;
mod namespace;
mod nodes;
mod observe;
mod relist;
mod reportable;
mod selectors;
mod specs;
mod stats;
mod workload;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::RandomState;
use std::sync::Arc;

use jiff::civil::Date;

use crate::api::{ClusterResponsibilityAssignmentSpec, ServiceModelSpec};
use crate::facts::{
    AssignmentId, ChildFacts, Controller, KubernetesVersion, ObjectIdentity, ObjectName, PolicyCoverage, RouteFacts,
    RouteKind, WorkloadKey,
};
use crate::matrix::{Audience, Duty, LayerId, Matrix};
use crate::model::{
    Assignment, Catalogue, Directory, Evaluation, EvaluationSettings, Members, NodeModels, Observation, RollUp,
    assignment_risks,
};
use crate::signals::{ActiveSignals, Availabilities, ClusterInput, CrossNamespaceIndex, SignalIndex, SignalSettings};
use children::NOT_KNOWN;
use intern::Interner;
use namespace::Namespace;
use nodes::Nodes;
use workload::Workload;

pub use excluded::{EXCLUDED_BY_DEFAULT, ExcludedNamespaces};
pub use reportable::{ReportableNamespace, ReportableWorkload};
pub use stats::Stats;

/// The label that every namespace has with its own name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Everything whose result a change may have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The assignments whose result may have changed.
    pub assignments: BTreeSet<AssignmentId>,
    /// The workloads whose gaps or selecting assignments have changed.
    pub workloads: Vec<ChangedWorkload>,
    /// The namespaces that have become unassigned: they have workloads and no assignment applies to them.
    pub unassigned: BTreeSet<Arc<str>>,
    /// The namespaces whose [`ReportableNamespace`] may have changed.
    pub reportable: BTreeSet<Arc<str>>,
    /// True if a service model changed, or the service model that an assignment names.
    pub service_models: bool,
    /// True if the [`LayerId`]s have changed.
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

/// A workload that was evaluated before and whose gaps or selecting assignments have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedWorkload {
    /// The workload.
    pub key: Arc<WorkloadKey>,
    /// Its evaluation before the change.
    pub before: Arc<Evaluation>,
    /// True if other assignments select it than before.
    pub reselected: bool,
}

/// The current state of a workload.
#[derive(Clone, Debug)]
pub struct WorkloadSummary {
    /// The object for Events about the workload.
    pub identity: ObjectIdentity,
    /// Its gaps that are reported to the team of the workload.
    pub gaps: BTreeSet<(LayerId, Duty)>,
    /// Its evaluation.
    pub evaluation: Arc<Evaluation>,
    /// The highest-ranked assignment that selects it.
    pub assignment: AssignmentId,
}

/// The configuration of an index.
#[derive(Clone, Debug, Default)]
pub struct InventoryOptions {
    /// The settings of the evaluation.
    pub settings: EvaluationSettings,
    /// The namespaces that are excluded unless a cluster assignment names them.
    pub excluded: ExcludedNamespaces,
    /// The rules that classify nodes.
    pub node_models: NodeModels,
    /// The settings of the signals.
    pub signals: SignalSettings,
}

/// The index of all facts and evaluations.
#[derive(Debug)]
pub struct Inventory {
    matrix: Arc<Matrix>,
    settings: EvaluationSettings,
    excluded: ExcludedNamespaces,
    today: Date,
    signals: Arc<ActiveSignals>,
    policy_coverage: PolicyCoverage,
    /// The cluster-scoped objects that only signals read.
    signal_index: SignalIndex,
    /// The namespaced objects that are about other namespaces.
    cross_namespace_index: CrossNamespaceIndex,
    /// The availability of the kinds that only signals read.
    availabilities: Availabilities,
    server: Option<KubernetesVersion>,
    /// The observations of the cluster signals, which are the same for every workload.
    cluster_observations: Vec<Observation>,
    namespaces: HashMap<Arc<str>, Namespace>,
    routes: HashMap<(RouteKind, ObjectName), RouteFacts>,
    nodes: Nodes,
    nodes_readable: bool,
    service_models: BTreeMap<Arc<str>, ServiceModelSpec>,
    assignment_specs: HashMap<AssignmentId, Arc<ClusterResponsibilityAssignmentSpec>>,
    cluster_assignments: BTreeMap<AssignmentId, Arc<Assignment>>,
    members: HashMap<AssignmentId, Members>,
    /// The current time in seconds since 1970; [`NOT_KNOWN`] at first.
    now: i64,
    /// The children whose owners are not known, by the time at which they count.
    pending: BTreeSet<(i64, Arc<str>, Arc<Controller>)>,
    /// Hashes the names of pods.
    names: RandomState,
    strings: Interner<str>,
    child_facts: Interner<ChildFacts>,
    selections: Interner<[AssignmentId]>,
    evaluations: Interner<Evaluation>,
    /// True until [`Inventory::catch_up`] is called on a deferred index.
    deferred: bool,
    evaluated: u64,
    computed: u64,
}

impl Inventory {
    /// Creates an empty index. `today` is the current day in UTC.
    #[must_use]
    pub fn new(options: InventoryOptions, today: Date) -> Self {
        let signals = Arc::new(ActiveSignals::new(&options.signals));
        Self {
            matrix: Arc::new(Matrix::built_in().clone()),
            settings: options.settings,
            excluded: options.excluded,
            today,
            policy_coverage: PolicyCoverage::default(),
            signal_index: SignalIndex::default(),
            cross_namespace_index: CrossNamespaceIndex::default(),
            availabilities: Availabilities::default(),
            server: None,
            cluster_observations: signals.evaluate_cluster(&ClusterInput { today, server: None }),
            namespaces: HashMap::new(),
            routes: HashMap::new(),
            nodes: Nodes::new(options.node_models, signals.clone(), today),
            nodes_readable: true,
            signals,
            service_models: BTreeMap::new(),
            assignment_specs: HashMap::new(),
            cluster_assignments: BTreeMap::new(),
            members: HashMap::new(),
            now: NOT_KNOWN,
            pending: BTreeSet::new(),
            names: RandomState::new(),
            strings: Interner::default(),
            child_facts: Interner::default(),
            selections: Interner::default(),
            evaluations: Interner::default(),
            deferred: false,
            evaluated: 0,
            computed: 0,
        }
    }

    /// Defers all evaluations until [`catch_up`](Self::catch_up). Without this, the initial list would evaluate each
    /// workload again for each later node, Service and assignment.
    #[must_use]
    pub fn deferred(self) -> Self {
        Self { deferred: true, ..self }
    }

    /// Evaluates all workloads if the evaluation was deferred. From now on every change evaluates the workloads it
    /// affects.
    pub fn catch_up(&mut self) -> ChangeSet {
        let mut changed = ChangeSet::default();
        if std::mem::take(&mut self.deferred) {
            self.evaluate_all(&mut changed);
        }
        changed
    }

    /// Returns the matrix, extended by the service models of the cluster.
    #[must_use]
    pub const fn matrix(&self) -> &Arc<Matrix> {
        &self.matrix
    }

    /// Returns the catalogue of the active signals.
    #[must_use]
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        self.signals.catalogue()
    }

    /// Returns the day of the evaluation, in UTC.
    #[must_use]
    pub const fn today(&self) -> Date {
        self.today
    }

    /// Returns an assignment as compiled for the current day; `None` if it is not known.
    #[must_use]
    pub fn assignment(&self, id: &AssignmentId) -> Option<&Arc<Assignment>> {
        match &id.namespace {
            Some(namespace) => self.namespaces.get(namespace)?.assignments.get(id),
            None => self.cluster_assignments.get(id),
        }
    }

    /// Returns the totals of an assignment; `None` if it is not known.
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

    /// Returns the current state of a workload; `None` if no assignment selects it.
    #[must_use]
    pub fn workload(&self, key: &WorkloadKey) -> Option<WorkloadSummary> {
        let namespace = self.namespaces.get(&key.namespace)?;
        let workload = namespace.workloads.get(key)?;
        let highest = self.highest_ranked(workload)?;
        let evaluation = workload.evaluation.clone()?;
        let gaps = self.gaps_of_workload_team(&key.namespace, &evaluation);
        Some(WorkloadSummary { identity: workload.identity.clone(), gaps, evaluation, assignment: highest.clone() })
    }

    /// Returns the highest-ranked of the assignments that select a workload.
    fn highest_ranked<'a>(&self, workload: &'a Workload) -> Option<&'a AssignmentId> {
        let rank = |id: &AssignmentId| {
            let rank = |assignment: &Assignment| assignment.rank(Audience::Workload, Duty::Customer);
            self.assignment(id).map(|assignment| rank(assignment))
        };
        workload.selected_by.iter().rev().max_by_key(|id| rank(id))
    }

    /// Returns the evaluation of a workload and the assignments that select it; `None` if no assignment selects it.
    #[must_use]
    pub fn evaluation_of(&self, key: &WorkloadKey) -> Option<(&Evaluation, &[AssignmentId])> {
        let workload = self.namespaces.get(&key.namespace)?.workloads.get(key)?;
        Some((workload.evaluation.as_deref()?, &workload.selected_by))
    }

    /// Returns true if a namespace is excluded from the evaluation.
    #[must_use]
    pub fn is_excluded(&self, namespace: &str) -> bool {
        self.namespaces.get(namespace).is_some_and(|namespace| !namespace.in_scope)
    }

    /// Returns the workloads of a namespace, in order.
    #[must_use]
    pub fn workloads_of(&self, namespace: &str) -> Vec<&Arc<WorkloadKey>> {
        self.namespaces.get(namespace).into_iter().flat_map(|namespace| namespace.workloads.keys()).collect()
    }

    /// Returns the gaps of an evaluation that are reported to the workload teams of a namespace. If a cluster
    /// assignment applies to the namespace, gaps of platform layers are reported there instead.
    #[must_use]
    pub fn gaps_of_workload_team(&self, namespace: &str, evaluation: &Evaluation) -> BTreeSet<(LayerId, Duty)> {
        let platform_elsewhere = self.namespaces.get(namespace).is_some_and(|ns| !ns.cluster_assignments.is_empty());
        let is_reported = |(layer, _): &(LayerId, Duty)| {
            !platform_elsewhere || self.matrix.layer(*layer).concern == Audience::Workload
        };
        evaluation.gaps().filter(is_reported).collect()
    }

    /// Returns the UID of an unassigned namespace: it has workloads and no assignment applies to it. `None` for another
    /// namespace, and before the namespace object was read.
    #[must_use]
    pub fn unassigned(&self, namespace: &str) -> Option<Arc<str>> {
        let namespace = self.namespaces.get(namespace).filter(|namespace| namespace.is_unassigned())?;
        namespace.facts.as_ref().map(|facts| facts.uid.clone())
    }

    /// Returns true if a namespace exists and no assignment applies to it, with or without workloads.
    #[must_use]
    pub fn has_no_assignment(&self, namespace: &str) -> bool {
        let namespace = self.namespaces.get(namespace).filter(|namespace| namespace.facts.is_some());
        namespace.is_some_and(|ns| ns.assignments.is_empty() && ns.cluster_assignments.is_empty())
    }

    /// Returns true if a cluster assignment applies to a namespace.
    #[must_use]
    pub fn applies_to_namespace(&self, assignment: &AssignmentId, namespace: &str) -> bool {
        let namespace = self.namespaces.get(namespace);
        namespace
            .is_some_and(|namespace| namespace.cluster_assignments.iter().any(|applying| applying.id == *assignment))
    }

    /// Returns the number of assignments that name a service model.
    #[must_use]
    pub fn assignments_using(&self, service_model: &str) -> usize {
        let names = |spec: &&Arc<ClusterResponsibilityAssignmentSpec>| {
            spec.assignment.service_model.as_deref() == Some(service_model)
        };
        self.assignment_specs.values().filter(names).count()
    }

    /// Returns the number of (assignment, workload) pairs that all changes so far have evaluated.
    #[must_use]
    pub const fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// Returns the number of evaluations that were computed for these pairs. Workloads of a namespace with equal inputs
    /// share one evaluation.
    #[must_use]
    pub const fn computed(&self) -> u64 {
        self.computed
    }

    /// Returns the number of workloads, and the number of them in excluded namespaces.
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

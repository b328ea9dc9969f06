//! The content of reports: the state of a namespace and of its workloads.

use std::sync::Arc;

use super::Inventory;
use crate::facts::{AssignmentId, ObjectIdentity, WorkloadKey};
use crate::model::Evaluation;

/// The state of a namespace and of its workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportableNamespace<'a> {
    /// Its name.
    pub namespace: &'a str,
    /// Its UID; `None` if the namespace object was not read.
    pub uid: Option<&'a Arc<str>>,
    /// True if a cluster assignment applies to it, which reports the gaps of platform layers.
    pub platform_elsewhere: bool,
    /// True if it has workloads and no assignment applies to it.
    pub is_unassigned: bool,
    /// The workloads that an assignment selects, in order.
    pub workloads: Vec<ReportableWorkload<'a>>,
}

/// The state of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportableWorkload<'a> {
    /// The workload.
    pub key: &'a WorkloadKey,
    /// The object for Events about the workload.
    pub identity: &'a ObjectIdentity,
    /// Its evaluation.
    pub evaluation: &'a Arc<Evaluation>,
    /// The highest-ranked assignment that selects it.
    pub assignment: &'a AssignmentId,
    /// The accountable party of that assignment.
    pub owner: Option<&'a str>,
}

impl ReportableNamespace<'_> {
    /// Returns true if the service model of a workload follows from the nodes.
    #[must_use]
    pub fn from_nodes(&self) -> bool {
        self.workloads.iter().any(|workload| workload.evaluation.model.from_nodes)
    }

    /// Returns true if an assignment of a workload names a service model of the cluster.
    #[must_use]
    pub fn uses_custom_model(&self) -> bool {
        self.workloads.iter().any(|workload| workload.evaluation.model.uses_custom_model)
    }
}

impl Inventory {
    /// Returns the state of a namespace. It has no workloads if the namespace is excluded or unknown.
    #[must_use]
    pub fn reportable<'a>(&'a self, name: &'a str) -> ReportableNamespace<'a> {
        let Some(namespace) = self.namespaces.get(name) else {
            return ReportableNamespace { namespace: name, ..ReportableNamespace::default() };
        };
        let workloads = namespace.workloads.values().filter_map(|workload| {
            let assignment = self.highest_ranked(workload)?;
            let owner = self.assignment_specs.get(assignment).and_then(|spec| spec.assignment.accountable.as_ref());
            Some(ReportableWorkload {
                key: &workload.key,
                identity: &workload.identity,
                evaluation: workload.evaluation.as_ref()?,
                assignment,
                owner: owner.map(|owner| owner.0.as_str()),
            })
        });
        ReportableNamespace {
            namespace: name,
            uid: namespace.facts.as_ref().map(|facts| &facts.uid),
            platform_elsewhere: !namespace.cluster_assignments.is_empty(),
            is_unassigned: namespace.is_unassigned(),
            workloads: workloads.collect(),
        }
    }

    /// Returns true if the index contains a namespace or an object in it.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains_key(name)
    }

    /// Returns the namespaces of the index, and those with an object in the index.
    pub fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.namespaces.keys()
    }
}

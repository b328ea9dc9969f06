//! What there is to report of a namespace.

use std::sync::Arc;

use super::Inventory;
use crate::facts::{AssignmentId, ObjectIdentity, WorkloadKey};
use crate::model::Evaluation;

/// What is known of a namespace and of its workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportableNamespace<'a> {
    /// Its name.
    pub namespace: &'a str,
    /// Its UID, where the namespace itself is looked at.
    pub uid: Option<&'a Arc<str>>,
    /// Whether gaps of platform layers are told to the cluster assignments that take it in.
    pub platform_elsewhere: bool,
    /// Whether it has workloads of which no assignment speaks.
    pub is_unassigned: bool,
    /// The workloads that some assignment selects, in order.
    pub workloads: Vec<ReportableWorkload<'a>>,
}

/// What is known of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportableWorkload<'a> {
    /// The workload.
    pub key: &'a WorkloadKey,
    /// The object that it is about.
    pub identity: &'a ObjectIdentity,
    /// What was found for it.
    pub evaluation: &'a Arc<Evaluation>,
    /// The highest-ranked assignment that selects it.
    pub assignment: &'a AssignmentId,
    /// The party that answers for it by that assignment.
    pub owner: Option<&'a str>,
}

impl ReportableNamespace<'_> {
    /// Whether the service model of some workload would be another one if the nodes were others.
    #[must_use]
    pub fn from_nodes(&self) -> bool {
        self.workloads.iter().any(|workload| workload.evaluation.model.from_nodes)
    }

    /// Whether an assignment names a service model that the cluster defines for some workload.
    #[must_use]
    pub fn uses_custom_model(&self) -> bool {
        self.workloads.iter().any(|workload| workload.evaluation.model.uses_custom_model)
    }
}

impl Inventory {
    /// What there is to report of a namespace; nothing of one that is left out or not known.
    #[must_use]
    pub fn reportable<'a>(&'a self, name: &'a str) -> ReportableNamespace<'a> {
        let Some(namespace) = self.namespaces.get(name) else {
            return ReportableNamespace { namespace: name, ..ReportableNamespace::default() };
        };
        let workloads = namespace.workloads.values().filter_map(|workload| {
            let assignment = self.highest_ranked(workload)?;
            let owner = self.written.get(assignment).and_then(|spec| spec.assignment.accountable.as_ref());
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

    /// Whether something is known of a namespace.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains_key(name)
    }

    /// The namespaces of which something is known.
    pub fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.namespaces.keys()
    }
}

//! Results of custom signals for one object.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::labels::Selector;
use super::workload::{KindAndName, WorkloadFacts, WorkloadKey};

/// The result of a custom signal for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomFinding {
    /// The position of the signal among those that read the kind.
    pub signal: u16,
    /// The workloads that the object is about.
    pub about: CustomTarget,
    /// True if the object meets all rules, false if it does not; an error says why that is unknown.
    pub outcome: Result<bool, Arc<str>>,
    /// The last day on which a pass counts, in UTC; none without a rule about age.
    pub until: Option<Date>,
}

/// The workloads that an object of a custom signal is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomTarget {
    /// All workloads of its namespace; of the cluster if it is cluster-scoped.
    All,
    /// These workloads, or the owners of these objects.
    Workloads(BTreeSet<WorkloadReference>),
    /// The workloads whose pods have these labels; all without a selector.
    Pods(Option<Selector>),
}

/// A reference to a workload or to an object that a workload owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadReference {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The kind and the name.
    pub object: KindAndName,
}

impl CustomTarget {
    /// Returns true if it contains a workload with this template. `children` are the current objects of the workload.
    #[must_use]
    pub fn contains(&self, workload: &WorkloadKey, facts: &WorkloadFacts, children: &[KindAndName]) -> bool {
        match self {
            Self::All => true,
            Self::Pods(pods) => pods.as_ref().is_none_or(|pods| pods.matches(&facts.pods.template)),
            Self::Workloads(references) => references.iter().any(|WorkloadReference { namespace, object }| {
                *namespace == workload.namespace && object.is_of(workload, children)
            }),
        }
    }
}

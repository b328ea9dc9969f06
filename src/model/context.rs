//! Input of the evaluation of a workload.

use std::sync::Arc;

use super::assignment::{Assignment, Claim};
use super::directory::Directory;
use super::evaluation::DutyState;
use super::fulfilment::{Catalogue, Observation};
use super::node_model::SchedulableNodes;
use super::service_model::EffectiveModel;
use super::settings::EvaluationSettings;
use crate::facts::HostAccess;
use crate::matrix::{Duty, LayerId, LayerSet, LayerTriggers, Matrix, Owed};

/// Facts about a workload, without assignments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WorkloadView {
    /// Layers that its manifest, Services and routes show.
    pub triggers: LayerTriggers,
    /// Access of its pods to the node.
    pub host: HostAccess,
    /// True for a DaemonSet.
    pub daemon_set: bool,
    /// Service models of the nodes it can be scheduled on.
    pub nodes: SchedulableNodes,
    /// Names of containers of live pods that no template names and that lack security settings.
    pub injected: Vec<Arc<str>>,
    /// True if NetworkPolicies are readable and none selects its pods.
    pub unsegmented: bool,
    /// Results of the signals for it, its namespace, its nodes and the cluster.
    pub observed: Vec<Observation>,
}

/// Input for all duties of a workload.
pub(super) struct EvaluationContext<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) settings: &'a EvaluationSettings,
    pub(super) catalogue: &'a Catalogue,
    pub(super) workload: &'a WorkloadView,
    pub(super) model: EffectiveModel,
    pub(super) owed: Owed,
    pub(super) present: LayerSet,
    pub(super) assignments: &'a [&'a Assignment],
    pub(super) directory: &'a Directory,
}

/// State of a duty and the valid claims about it.
pub(super) struct DutyVerdict<'a> {
    pub(super) duty: DutyState,
    /// Valid claims at the highest rank.
    pub(super) deciding: Vec<(&'a Assignment, &'a Claim)>,
    /// Valid claims at lower ranks.
    pub(super) overruled: Vec<(&'a Assignment, &'a Claim)>,
}

impl EvaluationContext<'_> {
    /// Returns true if the workload owes a duty. Without a service model it owes every customer duty.
    pub(super) fn owes(&self, layer: LayerId, duty: Duty) -> bool {
        if self.model.is_undetermined() { duty == Duty::Customer } else { self.owed.of(duty).has(layer) }
    }
}

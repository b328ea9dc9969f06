//! The input of the evaluation of a workload, as its rules see it.

use super::assignment::{Assignment, Claim};
use super::directory::Directory;
use super::evaluation::DutyState;
use super::fulfilment::{Catalogue, Observation};
use super::node_model::SchedulableNodes;
use super::service_model::EffectiveModel;
use super::settings::EvaluationSettings;
use crate::facts::HostAccess;
use crate::matrix::{Duty, LayerId, LayerSet, LayerTriggers, Matrix, Owed};

/// What is known of a workload beside what assignments say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WorkloadView {
    /// What its manifest, Services and routes show.
    pub triggers: LayerTriggers,
    /// How close its pods come to the host.
    pub host: HostAccess,
    /// Whether it is a DaemonSet.
    pub daemon_set: bool,
    /// What the nodes come to on which it may land.
    pub nodes: SchedulableNodes,
    /// Whether it is known that no policy selects its pods.
    pub unsegmented: bool,
    /// What signals saw of it, its namespace, its nodes and the cluster.
    pub observed: Vec<Observation>,
}

/// What all duties of a workload are judged by.
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

/// A duty, its state, and the claims that led to it.
pub(super) struct DutyVerdict<'a> {
    pub(super) duty: DutyState,
    /// The valid claims at the highest rank.
    pub(super) deciding: Vec<(&'a Assignment, &'a Claim)>,
    /// The valid claims at lower ranks.
    pub(super) overruled: Vec<(&'a Assignment, &'a Claim)>,
}

impl EvaluationContext<'_> {
    pub(super) fn owes(&self, layer: LayerId, duty: Duty) -> bool {
        if self.model.is_undetermined() { duty == Duty::Customer } else { self.owed.of(duty).has(layer) }
    }
}

//! Totals over the evaluations of all workloads of an assignment.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::evaluation::Risk;
use super::evaluation::{DutyState, Evaluation, State};
use super::fulfilment::{SignalId, SignalVerdict};
use crate::api::{DutyCounts, Fulfilment, FulfilmentCounts, GapReason, GapState, RiskReason};
use crate::facts::{AssignmentId, WorkloadKey};
use crate::matrix::{Audience, Duty, LayerId, LayerSet, Matrix, ModelSet, Owed};

/// Maximum number of workloads that a row names.
pub(super) const EXAMPLES: usize = 3;

/// Workloads of an assignment by evaluation. Workloads with the same result share one evaluation, so the cost depends on the
/// number of distinct evaluations and not on the number of workloads.
pub type Members = BTreeMap<Arc<Evaluation>, BTreeSet<Arc<WorkloadKey>>>;

/// Totals of an assignment. The counts are exact for any number of workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollUp {
    /// True if the namespace of the assignment is excluded from the evaluation.
    pub excluded: bool,
    /// Number of selected workloads.
    pub workloads: usize,
    /// Service models of all workloads.
    pub models: ModelSet,
    /// Number of workloads without a service model.
    pub undetermined: usize,
    /// Number of workloads for which a cluster assignment names a service model that does not exist or cannot be used.
    pub model_not_found: usize,
    /// Number of workloads whose service model depends on nodes.
    pub from_nodes: usize,
    /// Number of workloads for which an assignment names a service model that the cluster defines.
    pub uses_custom_model: usize,
    /// Layers that at least one workload has.
    pub layers: LayerSet,
    /// Counts of all duties by state.
    pub duties: DutyCounts,
    /// Number of assumed duties in the scope of this assignment.
    pub listed_assumed: usize,
    /// Number of gaps in platform layers that the cluster assignments list instead.
    pub platform_gaps: usize,
    /// Layers of these gaps.
    pub platform_gap_layers: LayerSet,
    /// Duties that have an owner in at least one workload.
    pub owned: Owed,
    /// Layers with an unknown duty in at least one workload.
    pub unknown_layers: LayerSet,
    /// Gaps that this assignment lists, by layer, duty and reason.
    pub rows: BTreeMap<(LayerId, Duty, GapReason), Row>,
    /// Risks that this assignment lists, by reason and layer.
    pub risks: BTreeMap<(RiskReason, Option<LayerId>), Row>,
    /// Counts of all duties by fulfilment.
    pub fulfilment: FulfilmentCounts,
    /// Failed or stale signals for duties that this assignment lists.
    pub unfulfilled: BTreeMap<Failure, Row>,
    /// Number of unfulfilled duties of platform layers that the cluster assignments list instead.
    pub platform_unfulfilled: usize,
    /// Layers of these duties.
    pub platform_unfulfilled_layers: LayerSet,
    /// Duties that are fulfilled in at least one workload.
    pub fulfilled: Owed,
    /// Signals whose source cannot be read for at least one workload.
    pub unreadable: BTreeSet<(LayerId, Duty, SignalId)>,
    /// Signals without a current reading for at least one workload.
    pub unseen: BTreeSet<(LayerId, Duty, SignalId)>,
    /// Signals that passed for at least one workload.
    pub passing: BTreeSet<(LayerId, Duty, SignalId)>,
}

/// Failed or stale signal for a duty, and the holder of the duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// The layer.
    pub layer: LayerId,
    /// The duty of the layer.
    pub duty: Duty,
    /// `Unfulfilled` or `Stale`.
    pub fulfilment: Fulfilment,
    /// The failed or stale signal.
    pub signal: SignalId,
    /// Holder of the duty. `None` in a cluster assignment for customer duties of workload layers.
    pub party: Option<Arc<str>>,
}

/// Workloads with the same gap, risk or failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Number of workloads.
    pub workloads: usize,
    /// First workloads by key.
    pub examples: BTreeSet<Arc<WorkloadKey>>,
    /// Subject of the first workload: a party, parties or the detail of a reading.
    pub subject: Option<Arc<str>>,
}

impl RollUp {
    /// Computes the totals of an assignment.
    ///
    /// With `platform_elsewhere`, gaps in platform layers are only counted: the cluster assignments list them.
    #[must_use]
    pub fn new(matrix: &Matrix, id: &AssignmentId, members: &Members, platform_elsewhere: bool) -> Self {
        let mut total = Self::default();
        for (evaluation, workloads) in members {
            total.add_workloads(evaluation, workloads.len());
            let listed = |layer| !(platform_elsewhere && matrix.layer(layer).concern == Audience::Platform);
            for duty in &evaluation.duties {
                total.add_duty(duty, workloads, listed(duty.layer));
                total.add_fulfilment(duty, workloads.len(), listed(duty.layer));
            }
            // A cluster assignment does not name the hundreds of teams: each finds its failures in its own assignment.
            let names_holder = |layer, duty| {
                !id.is_cluster() || duty == Duty::Provider || matrix.layer(layer).concern == Audience::Platform
            };
            total.add_results(evaluation, workloads, listed, names_holder);
            // A workload counts once even if two parties are the subject of one risk.
            let mut counted = BTreeSet::new();
            for risk in &evaluation.risks {
                let is_listed = match &risk.assignment {
                    Some(assignment) => assignment == id,
                    // The team of the workload removes the node access of its pods, although the layer is a platform layer.
                    None => risk.reason == RiskReason::HostAccessDefeatsProviderNodes || risk.layer.is_none_or(listed),
                };
                if is_listed && counted.insert((risk.reason, risk.layer)) {
                    let row = total.risks.entry((risk.reason, risk.layer)).or_default();
                    row.add(risk.subject.as_ref(), workloads);
                }
            }
        }
        total
    }

    /// Adds the risks of the assignment itself, which are not about a workload.
    #[must_use]
    pub fn with_assignment_risks(mut self, risks: Vec<Risk>) -> Self {
        for Risk { reason, layer, subject, .. } in risks {
            self.risks.entry((reason, layer)).or_default().subject = subject;
        }
        self
    }

    const fn add_workloads(&mut self, evaluation: &Evaluation, count: usize) {
        self.workloads += count;
        self.models = self.models.union(evaluation.model.models);
        if evaluation.model.is_undetermined() {
            self.undetermined += count;
        }
        if evaluation.model.not_found {
            self.model_not_found += count;
        }
        if evaluation.model.from_nodes {
            self.from_nodes += count;
        }
        if evaluation.model.uses_custom_model {
            self.uses_custom_model += count;
        }
    }

    fn add_duty(&mut self, duty: &DutyState, workloads: &BTreeSet<Arc<WorkloadKey>>, listed: bool) {
        let count = workloads.len();
        self.layers.insert(LayerSet::of(duty.layer));
        *counter(&mut self.duties, duty.state) += to_i64(count);
        match duty.state {
            State::Assumed if listed => self.listed_assumed += count,
            State::Gap(_) if !listed => {
                self.platform_gaps += count;
                self.platform_gap_layers.insert(LayerSet::of(duty.layer));
            }
            State::Gap(reason) => {
                self.rows.entry((duty.layer, duty.duty, reason)).or_default().add(duty.subject.as_ref(), workloads);
            }
            State::Unknown => self.unknown_layers.insert(LayerSet::of(duty.layer)),
            State::Owned => self.owned.insert(duty.layer, duty.duty),
            State::Assumed | State::Excepted => {}
        }
    }

    fn add_fulfilment(&mut self, duty: &DutyState, count: usize, listed: bool) {
        let counts = &mut self.fulfilment;
        let counter = match duty.fulfilment {
            Fulfilment::Fulfilled => &mut counts.fulfilled,
            Fulfilment::Unfulfilled => &mut counts.unfulfilled,
            Fulfilment::Stale => &mut counts.stale,
            Fulfilment::Unknown => &mut counts.unknown,
            Fulfilment::NotApplicable => &mut counts.not_applicable,
        };
        *counter += to_i64(count);
        match duty.fulfilment {
            Fulfilment::Fulfilled => self.fulfilled.insert(duty.layer, duty.duty),
            Fulfilment::Unfulfilled if !listed => {
                self.platform_unfulfilled += count;
                self.platform_unfulfilled_layers.insert(LayerSet::of(duty.layer));
            }
            Fulfilment::Unfulfilled | Fulfilment::Stale | Fulfilment::Unknown | Fulfilment::NotApplicable => {}
        }
    }

    /// Adds the failed signals. Stale signals count only if no signal of the duty failed.
    fn add_results(
        &mut self,
        evaluation: &Evaluation,
        workloads: &BTreeSet<Arc<WorkloadKey>>,
        listed: impl Fn(LayerId) -> bool,
        names_holder: impl Fn(LayerId, Duty) -> bool,
    ) {
        let mut counted: Option<Failure> = None;
        for result in evaluation.results.iter().filter(|result| listed(result.layer)) {
            let key = (result.layer, result.duty, result.signal);
            match result.verdict {
                SignalVerdict::Unreadable => drop(self.unreadable.insert(key)),
                SignalVerdict::Unseen | SignalVerdict::Stale => drop(self.unseen.insert(key)),
                SignalVerdict::Passed => drop(self.passing.insert(key)),
                SignalVerdict::Failed | SignalVerdict::NotApplicable => {}
            }
            let about = |duty: &&DutyState| duty.layer == result.layer && duty.duty == result.duty;
            let Some(duty) = evaluation.duties.iter().find(about) else { continue };
            let fulfilment = match (result.verdict, duty.fulfilment) {
                (SignalVerdict::Failed, fulfilment) => fulfilment,
                (SignalVerdict::Stale, Fulfilment::Stale) => Fulfilment::Stale,
                _ => continue,
            };
            let failure = Failure {
                layer: result.layer,
                duty: result.duty,
                fulfilment,
                signal: result.signal,
                party: duty.holder.clone().filter(|_| names_holder(result.layer, result.duty)),
            };
            // A workload counts once even if several readings of one signal failed. The results are sorted.
            if counted.as_ref() != Some(&failure) {
                self.unfulfilled.entry(failure.clone()).or_default().add(result.detail.as_ref(), workloads);
                counted = Some(failure);
            }
        }
    }

    /// Removes what can come from assignments or objects of tenants: party names and details of readings.
    #[must_use]
    pub fn without_subjects(mut self) -> Self {
        self.rows.values_mut().for_each(|row| row.subject = None);
        for (failure, row) in std::mem::take(&mut self.unfulfilled) {
            let row_without_party = self.unfulfilled.entry(Failure { party: None, ..failure }).or_default();
            row_without_party.workloads += row.workloads;
        }
        self
    }

    /// Returns the layers with an unfulfilled duty that this assignment lists.
    #[must_use]
    pub fn unfulfilled_layers(&self) -> LayerSet {
        let failures = self.unfulfilled.keys().filter(|failure| failure.fulfilment == Fulfilment::Unfulfilled);
        failures.map(|failure| failure.layer).collect()
    }

    /// Returns the layers with a gap that this assignment lists.
    #[must_use]
    pub fn unowned_layers(&self) -> LayerSet {
        self.rows.keys().map(|(layer, ..)| *layer).collect()
    }
}

impl Row {
    fn add(&mut self, subject: Option<&Arc<str>>, workloads: &BTreeSet<Arc<WorkloadKey>>) {
        self.workloads += workloads.len();
        let is_first = workloads.first() < self.examples.first() || self.examples.is_empty();
        if is_first {
            self.subject = subject.cloned();
        }
        for workload in workloads.iter().take(EXAMPLES) {
            // The set is sorted: further workloads come after the examples.
            if self.examples.len() == EXAMPLES && self.examples.last() <= Some(workload) {
                break;
            }
            self.examples.insert(workload.clone());
            if self.examples.len() > EXAMPLES {
                self.examples.pop_last();
            }
        }
    }
}

const fn counter(duties: &mut DutyCounts, state: State) -> &mut i64 {
    match state {
        State::Owned => &mut duties.owned,
        State::Assumed => &mut duties.assumed,
        State::Excepted => &mut duties.excepted,
        State::Unknown => &mut duties.unknown,
        State::Gap(reason) => match reason.state() {
            GapState::Unowned => &mut duties.unowned,
            GapState::Invalid => &mut duties.invalid,
            GapState::Conflicted => &mut duties.conflicted,
            GapState::Lapsed => &mut duties.lapsed,
        },
    }
}

/// Converts a count to the signed integer of the API; values above the range become the maximum.
pub(super) fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

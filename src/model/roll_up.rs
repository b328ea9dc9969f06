//! The evaluations of all workloads of an assignment, added up.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::evaluation::Risk;
use super::evaluation::{DutyState, Evaluation, State};
use super::fulfilment::{SignalId, SignalVerdict};
use crate::api::{DutyCounts, Fulfilment, FulfilmentCounts, GapReason, GapState, RiskReason};
use crate::facts::{AssignmentId, WorkloadKey};
use crate::matrix::{Audience, Duty, LayerId, LayerSet, Matrix, ModelSet, Owed};

/// How many workloads a row names.
pub(super) const EXAMPLES: usize = 3;

/// The workloads of an assignment by what was found for them. Workloads with the same finding share one evaluation, so
/// that an assignment costs what its distinct findings cost, however many workloads it selects.
pub type Members = BTreeMap<Arc<Evaluation>, BTreeSet<Arc<WorkloadKey>>>;

/// The totals of an assignment: exact, whatever the number of workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollUp {
    /// Whether the namespace of the assignment is left out of the evaluation.
    pub excluded: bool,
    /// The workloads selected.
    pub workloads: usize,
    /// The service models of the workloads together.
    pub models: ModelSet,
    /// Workloads whose service model nothing determines.
    pub undetermined: usize,
    /// Workloads for which a cluster assignment names a service model that does not exist or cannot be used.
    pub model_not_found: usize,
    /// Workloads whose service model would be another one if the nodes were others.
    pub from_nodes: usize,
    /// Workloads for which an assignment names a service model that the cluster defines.
    pub uses_custom_model: usize,
    /// The layers that some workload has.
    pub layers: LayerSet,
    /// All duties by state.
    pub duties: DutyCounts,
    /// The assumed duties among those that this assignment is told of.
    pub listed_assumed: usize,
    /// Gaps of platform layers that are told to the cluster assignments instead.
    pub platform_gaps: usize,
    /// The layers of these gaps.
    pub platform_gap_layers: LayerSet,
    /// The duties that are held in some workload.
    pub held: Owed,
    /// The layers of which nothing can be said in some workload.
    pub unknown_layers: LayerSet,
    /// The gaps that this assignment is told of, by layer, duty and reason.
    pub rows: BTreeMap<(LayerId, Duty, GapReason), Row>,
    /// The risks that this assignment is told of, by reason and layer.
    pub risks: BTreeMap<(RiskReason, Option<LayerId>), Row>,
    /// All duties by what is seen of them.
    pub fulfilment: FulfilmentCounts,
    /// What shows duties that this assignment is told of not to be done, or not lately enough.
    pub unfulfilled: BTreeMap<Failure, Row>,
    /// Unfulfilled duties of platform layers that are told to the cluster assignments instead.
    pub platform_unfulfilled: usize,
    /// The layers of these duties.
    pub platform_unfulfilled_layers: LayerSet,
    /// The duties that are seen to be done in some workload.
    pub fulfilled: Owed,
    /// The signals whose source cannot be read for some workload.
    pub blind: BTreeSet<(LayerId, Duty, SignalId)>,
    /// The signals that see nothing new enough of some workload.
    pub unseeing: BTreeSet<(LayerId, Duty, SignalId)>,
    /// The signals that passed for some workload.
    pub passing: BTreeSet<(LayerId, Duty, SignalId)>,
}

/// What shows a duty not to be done, and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// The layer.
    pub layer: LayerId,
    /// Which of its duties.
    pub duty: Duty,
    /// Unfulfilled, or Stale.
    pub fulfilment: Fulfilment,
    /// The signal that shows it.
    pub signal: SignalId,
    /// The party that holds it, if one does; none in a cluster assignment for what namespaces hold themselves.
    pub party: Option<Arc<str>>,
}

/// The workloads with a gap in a layer and duty for one reason, or with a risk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// How many there are.
    pub workloads: usize,
    /// The first of them in order.
    pub examples: BTreeSet<Arc<WorkloadKey>>,
    /// The party or parties that it is about, or what was seen, of the first in order.
    pub subject: Option<Arc<str>>,
}

impl RollUp {
    /// Adds up what was found for the workloads of an assignment.
    ///
    /// With `platform_elsewhere` the gaps of platform layers are only counted: they are told to the cluster assignments.
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
            // Hundreds of teams hold the duties of workloads: what each of them leaves undone its own assignment lists.
            let names = |layer, duty| {
                !id.is_cluster() || duty == Duty::Provider || matrix.layer(layer).concern == Audience::Platform
            };
            total.add_results(evaluation, workloads, listed, names);
            // Two parties may be the subject of one risk: the workload counts once.
            let mut counted = BTreeSet::new();
            for risk in &evaluation.risks {
                let told = match &risk.assignment {
                    Some(assignment) => assignment == id,
                    // What a pod does to its node is for its own team to mend.
                    None => risk.reason == RiskReason::HostAccessDefeatsProviderNodes || risk.layer.is_none_or(listed),
                };
                if told && counted.insert((risk.reason, risk.layer)) {
                    let row = total.risks.entry((risk.reason, risk.layer)).or_default();
                    row.add(risk.subject.as_ref(), workloads);
                }
            }
        }
        total
    }

    /// Adds the risks of the assignment itself.
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
            State::Owned => self.held.insert(duty.layer, duty.duty),
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

    /// Adds what shows duties not to be done. What was seen too long ago counts where nothing newer shows a failure.
    fn add_results(
        &mut self,
        evaluation: &Evaluation,
        workloads: &BTreeSet<Arc<WorkloadKey>>,
        listed: impl Fn(LayerId) -> bool,
        names: impl Fn(LayerId, Duty) -> bool,
    ) {
        let mut counted: Option<Failure> = None;
        for result in evaluation.results.iter().filter(|result| listed(result.layer)) {
            let seen = (result.layer, result.duty, result.signal);
            match result.verdict {
                SignalVerdict::Unreadable => drop(self.blind.insert(seen)),
                SignalVerdict::Unseen | SignalVerdict::Stale => drop(self.unseeing.insert(seen)),
                SignalVerdict::Passed => drop(self.passing.insert(seen)),
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
                party: duty.holder.clone().filter(|_| names(result.layer, result.duty)),
            };
            // Two things seen by one signal may be wrong, one after the other: the workload counts once.
            if counted.as_ref() != Some(&failure) {
                self.unfulfilled.entry(failure.clone()).or_default().add(result.detail.as_ref(), workloads);
                counted = Some(failure);
            }
        }
    }

    /// The same without what may come from an assignment or an object of a tenant: names of parties, and what was seen.
    #[must_use]
    pub fn without_subjects(mut self) -> Self {
        self.rows.values_mut().for_each(|row| row.subject = None);
        for (failure, row) in std::mem::take(&mut self.unfulfilled) {
            let nameless = self.unfulfilled.entry(Failure { party: None, ..failure }).or_default();
            nameless.workloads += row.workloads;
        }
        self
    }

    /// The layers with a duty that this assignment is told of and that is seen not to be done.
    #[must_use]
    pub fn unfulfilled_layers(&self) -> LayerSet {
        let failures = self.unfulfilled.keys().filter(|failure| failure.fulfilment == Fulfilment::Unfulfilled);
        failures.map(|failure| failure.layer).collect()
    }

    /// The layers with a gap that this assignment is told of.
    #[must_use]
    pub fn unowned_layers(&self) -> LayerSet {
        self.rows.keys().map(|(layer, ..)| *layer).collect()
    }
}

impl Row {
    fn add(&mut self, subject: Option<&Arc<str>>, workloads: &BTreeSet<Arc<WorkloadKey>>) {
        self.workloads += workloads.len();
        let leads = workloads.first() < self.examples.first() || self.examples.is_empty();
        if leads {
            self.subject = subject.cloned();
        }
        for workload in workloads.iter().take(EXAMPLES) {
            // Most come behind those that are named already.
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

/// Counts in the API are signed; none comes near the limit.
pub(super) fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

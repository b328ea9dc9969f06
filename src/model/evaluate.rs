//! The state of every duty of a workload.

mod seen;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::assignment::{AgreementCover, Assignment, Claim};
use super::directory::{Directory, EvidenceStanding, Standing};
use super::fulfilment::{Catalogue, Observation, SignalResult};
use super::host_access::HostAccesses;
use super::node_model::FoundNodes;
use super::risks::{self, Risk};
use super::service_model::EffectiveModel;
use crate::api::{Fulfilment, GapReason, Role};
use crate::matrix::{Duty, Layer, LayerId, LayerSet, Matrix, Owed, ServiceModel, Signals};

/// What holds for the whole cluster by configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The service model where nothing else determines one: where there are no nodes, and for nodes that show none.
    pub default_model: Option<ServiceModel>,
    /// Whether the provider runs the control plane although no node shows it.
    pub managed_control_plane: bool,
    /// How provider duties are treated of which nobody says anything.
    pub provider_duties: ProviderDuties,
}

/// How provider duties are treated of which nobody says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderDuties {
    /// They are assumed to be held, and shown as assumed.
    #[default]
    Assume,
    /// They are gaps until an assignment names who holds them.
    Require,
}

/// The state of a duty. Each (workload, layer, duty) is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Validly held by one party.
    Owned,
    /// A provider duty of which nobody said anything.
    Assumed,
    /// What would be a gap, under an exception that holds.
    Excepted,
    /// Nothing can be said.
    Unknown,
    /// Validly held by nobody: unowned, invalid or conflicted by the reason.
    Gap(GapReason),
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owned => "Owned",
            Self::Assumed => "Assumed",
            Self::Excepted => "Excepted",
            Self::Unknown => "Unknown",
            Self::Gap(reason) => reason.state().name(),
        }
    }
}

/// A duty of a workload and its state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DutyState {
    /// The layer.
    pub layer: LayerId,
    /// Which of its duties.
    pub duty: Duty,
    /// Its state.
    pub state: State,
    /// The party or parties that a gap is about.
    pub subject: Option<Arc<str>>,
    /// The one party that valid claims give it to, whether these have lapsed or its evidence has ended or not.
    pub holder: Option<Arc<str>>,
    /// Whether it is fulfilled, by what is seen: beside its state and never mixed with it.
    pub fulfilment: Fulfilment,
}

/// Everything that was found for a workload: its service model and its duties in matrix order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evaluation {
    /// The service model that applies.
    pub model: EffectiveModel,
    /// The duties of its layers, sorted by layer and duty.
    pub duties: Vec<DutyState>,
    /// What is no gap and may become one or hide one, sorted.
    pub risks: Vec<Risk>,
    /// What signals showed of these duties, sorted by layer, duty and signal.
    pub results: Vec<SignalResult>,
}

impl DutyState {
    /// A duty in a state, of which nobody has looked yet whether it is fulfilled.
    #[must_use]
    pub const fn new(layer: LayerId, duty: Duty, state: State, subject: Option<Arc<str>>) -> Self {
        Self { layer, duty, state, subject, holder: None, fulfilment: Fulfilment::Unknown }
    }
}

impl Evaluation {
    /// Whether all of it is known: what is undetermined is neither a gap nor held.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !self.model.is_undetermined()
            && !self.model.not_found
            && self.duties.iter().all(|found| found.state != State::Unknown)
    }

    /// The layers and duties with a gap.
    pub fn gaps(&self) -> impl Iterator<Item = (LayerId, Duty)> {
        self.duties.iter().filter(|found| matches!(found.state, State::Gap(_))).map(|found| (found.layer, found.duty))
    }

    /// The layers and duties that are seen not to be done.
    pub fn unfulfilled(&self) -> impl Iterator<Item = (LayerId, Duty)> {
        let failing = self.duties.iter().filter(|found| found.fulfilment == Fulfilment::Unfulfilled);
        failing.map(|found| (found.layer, found.duty))
    }

    /// The duties by the numbers of another matrix, without those in layers that it does not have. What else was found is
    /// left to the next evaluation.
    #[must_use]
    pub fn renumbered(&self, from: &Matrix, to: &Matrix) -> Self {
        let duty = |found: &DutyState| {
            let layer = to.find(&from.layer(found.layer).name)?;
            Some(DutyState { layer, ..found.clone() })
        };
        let mut duties: Vec<DutyState> = self.duties.iter().filter_map(duty).collect();
        duties.sort();
        Self { duties, ..Self::default() }
    }
}

/// What is known of a workload beside what assignments say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Circumstances {
    /// What its manifest, Services and routes show.
    pub signals: Signals,
    /// How close its pods come to the host.
    pub host: HostAccesses,
    /// Whether it is a DaemonSet.
    pub daemon_set: bool,
    /// What the nodes come to on which it may land.
    pub nodes: FoundNodes,
    /// Whether it is known that no policy selects its pods.
    pub unsegmented: bool,
    /// What signals saw of it, its namespace, its nodes and the cluster.
    pub observed: Vec<Observation>,
}

/// Evaluates a workload in these circumstances, selected by these assignments.
///
/// The order of the assignments is of no account. `directory` holds the parties of all cluster assignments that take in
/// the workload's namespace, whether they select the workload or not.
#[must_use]
pub fn evaluate(
    matrix: &Matrix,
    settings: &Settings,
    catalogue: &Catalogue,
    workload: &Circumstances,
    assignments: &[&Assignment],
    directory: &Directory,
) -> Evaluation {
    let (model, claims) = EffectiveModel::of(matrix, *settings, workload.nodes, assignments);
    let declared = assignments.iter().fold(LayerSet::EMPTY, |all, assignment| all.union(assignment.declares));
    let present = matrix.present(workload.signals, model.models, declared);
    let owed = model.owed.union(matrix.owed_where_declared(declared, claims.determined));
    let scene = Scene { matrix, settings, catalogue, workload, model, owed, present, assignments, directory };
    let mut verdicts: Vec<Verdict<'_>> = present.iter().flat_map(|layer| scene.verdicts(layer)).collect();
    let risks = risks::of_workload(&scene, &claims, &verdicts);
    let results = scene.results(&verdicts);
    for Verdict { duty, .. } in &mut verdicts {
        duty.fulfilment = scene.fulfilment(duty, &results);
    }
    Evaluation { model, duties: verdicts.into_iter().map(|verdict| verdict.duty).collect(), risks, results }
}

/// What all duties of a workload are judged by.
pub(super) struct Scene<'a> {
    pub(super) matrix: &'a Matrix,
    settings: &'a Settings,
    catalogue: &'a Catalogue,
    pub(super) workload: &'a Circumstances,
    pub(super) model: EffectiveModel,
    pub(super) owed: Owed,
    pub(super) present: LayerSet,
    pub(super) assignments: &'a [&'a Assignment],
    pub(super) directory: &'a Directory,
}

/// A duty, its state, and the claims that led to it.
pub(super) struct Verdict<'a> {
    pub(super) duty: DutyState,
    /// The valid claims at the highest rank.
    pub(super) deciding: Vec<(&'a Assignment, &'a Claim)>,
    /// The valid claims at lower ranks.
    pub(super) overruled: Vec<(&'a Assignment, &'a Claim)>,
}

/// Why a claim does not count and which party that is about. Ordered by the weight of the reason.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Invalid {
    reason: GapReason,
    subject: Arc<str>,
}

impl<'a> Scene<'a> {
    pub(super) fn owes(&self, layer: LayerId, duty: Duty) -> bool {
        if self.model.is_undetermined() { duty == Duty::Customer } else { self.owed.of(duty).contains(layer) }
    }

    fn verdicts(&self, id: LayerId) -> Vec<Verdict<'a>> {
        if self.model.is_undetermined() && !self.matrix.customer_everywhere().contains(id) {
            let duty = DutyState::new(id, Duty::Customer, State::Unknown, None);
            return vec![Verdict { duty, deciding: vec![], overruled: vec![] }];
        }
        let mut verdicts: Vec<Verdict<'a>> =
            Duty::ALL.into_iter().filter(|duty| self.owes(id, *duty)).map(|duty| self.judge(id, duty)).collect();
        let any_owned = verdicts.iter().any(|verdict| verdict.duty.state == State::Owned);
        for verdict in &mut verdicts {
            let state = &mut verdict.duty.state;
            if *state == State::Gap(GapReason::LayerUnowned) && any_owned {
                *state = State::Gap(GapReason::SharedLayerHalfOwned);
            }
            if matches!(state, State::Gap(_)) && self.assignments.iter().any(|assignment| assignment.excepts(id)) {
                *state = State::Excepted;
                verdict.duty.subject = None;
            }
        }
        verdicts
    }

    /// The state of a duty by the claims about it, whatever the other duty of the layer.
    fn judge(&self, id: LayerId, duty: Duty) -> Verdict<'a> {
        let layer = self.matrix.layer(id);
        let mut valid: Vec<(u8, &'a Assignment, &'a Claim)> = Vec::new();
        let mut invalid: Vec<(Reverse<u8>, Invalid)> = Vec::new();
        for assignment in self.assignments {
            let rank = assignment.rank(layer.concern, duty);
            for claim in assignment.claims_about(id, duty) {
                match self.validate(assignment, claim, layer) {
                    Ok(()) => valid.push((rank, assignment, claim)),
                    Err(reason) => invalid.push((Reverse(rank), reason)),
                }
            }
        }
        let top = valid.iter().map(|(rank, ..)| *rank).max();
        let (deciding, overruled): (Vec<_>, Vec<_>) = valid.into_iter().partition(|(rank, ..)| Some(*rank) == top);
        let claims = |ranked: Vec<(u8, &'a Assignment, &'a Claim)>| -> Vec<_> {
            ranked.into_iter().map(|(_, assignment, claim)| (assignment, claim)).collect()
        };
        let (deciding, overruled) = (claims(deciding), claims(overruled));
        let (state, subject) = if deciding.is_empty() {
            // The weightiest of the highest-ranked; among equals the first name: the order of creation is no matter.
            match invalid.into_iter().min() {
                Some((_, Invalid { reason, subject })) => (State::Gap(reason), Some(subject)),
                None => self.unclaimed(id, layer, duty),
            }
        } else {
            self.decided(id, duty, &deciding)
        };
        let parties: BTreeSet<&Arc<str>> = deciding.iter().map(|(_, claim)| &claim.party).collect();
        let holder = parties.first().filter(|_| parties.len() == 1).map(|party| Arc::clone(party));
        Verdict { duty: DutyState { holder, ..DutyState::new(id, duty, state, subject) }, deciding, overruled }
    }

    /// What the valid claims at the highest rank come to.
    fn decided(&self, id: LayerId, duty: Duty, deciding: &[(&Assignment, &Claim)]) -> (State, Option<Arc<str>>) {
        let holders: BTreeSet<&Arc<str>> = deciding.iter().map(|(_, claim)| &claim.party).collect();
        let (Some(holder), 1) = (holders.first(), holders.len()) else {
            let names = holders.iter().map(|name| &***name).collect::<Vec<_>>().join(", ");
            return (State::Gap(GapReason::OverlappingAssignments), Some(names.into()));
        };
        if deciding.iter().all(|(assignment, _)| assignment.is_lapsed()) {
            return (State::Gap(GapReason::ReviewLapsed), Some(Arc::clone(holder)));
        }
        let ended = |(assignment, _): &(&Assignment, _)| {
            self.directory.evidence(assignment, holder, id) == EvidenceStanding::Ended
        };
        if duty == Duty::Provider && deciding.iter().all(ended) {
            return (State::Assumed, None);
        }
        (State::Owned, None)
    }

    /// Whether a claim counts; otherwise the weightiest reason why not.
    fn validate(&self, assignment: &Assignment, claim: &Claim, layer: &Layer) -> Result<(), Invalid> {
        let standing = |party: &str| self.directory.standing(assignment, party, claim.layer);
        let invalid = |reason, subject: &Arc<str>| Err(Invalid { reason, subject: subject.clone() });
        let party = &claim.party;
        let (role, accepts) = match standing(party) {
            Standing::Unknown => return invalid(GapReason::UnknownParty, party),
            Standing::Ambiguous => return invalid(GapReason::RoleMismatch, party),
            Standing::Known { role, accepts } => (role, accepts),
        };
        match (claim.duty, role) {
            (Duty::Provider, Role::Provider) => return Ok(()),
            (Duty::Provider, Role::ThirdParty) if claim.agreement != AgreementCover::Missing => return Ok(()),
            (Duty::Provider, Role::ThirdParty) => return invalid(GapReason::AgreementMissing, party),
            (Duty::Provider, Role::Customer) => return invalid(GapReason::RoleMismatch, party),
            (Duty::Customer, _) => {}
        }
        if role != Role::Customer && layer.retained && claim.accountable.is_none() {
            return invalid(GapReason::NotTransferable, party);
        }
        let answering = claim.accountable.as_ref().map(|name| (name, standing(name)));
        if let Some((
            accountable,
            Standing::Ambiguous | Standing::Known { role: Role::Provider | Role::ThirdParty, .. },
        )) = answering
        {
            return invalid(GapReason::RoleMismatch, &answering_as(accountable));
        }
        if role != Role::Customer && claim.agreement == AgreementCover::Missing {
            return invalid(GapReason::AgreementMissing, party);
        }
        if !accepts {
            return invalid(GapReason::NotAccepted, party);
        }
        match answering {
            Some((accountable, Standing::Known { accepts: false, .. })) => {
                invalid(GapReason::NotAccepted, &answering_as(accountable))
            }
            Some((accountable, Standing::Unknown)) => invalid(GapReason::UnknownParty, &answering_as(accountable)),
            _ => Ok(()),
        }
    }

    /// The state of a duty about which nobody makes a claim.
    ///
    /// Where nobody claims a customer duty, but somebody names a provider for a layer that owes no provider duty, they
    /// believe that the provider handles it.
    fn unclaimed(&self, id: LayerId, layer: &Layer, duty: Duty) -> (State, Option<Arc<str>>) {
        if duty == Duty::Provider && self.settings.provider_duties == ProviderDuties::Assume {
            return (State::Assumed, None);
        }
        let believed = if duty == Duty::Customer && !self.owes(id, Duty::Provider) {
            let providers = self.assignments.iter().flat_map(|assignment| assignment.claims_about(id, Duty::Provider));
            providers.map(|claim| &claim.party).min()
        } else {
            None
        };
        match believed {
            Some(party) if layer.retained => (State::Gap(GapReason::NotTransferable), Some(party.clone())),
            Some(party) => (State::Gap(GapReason::AgreementMissing), Some(party.clone())),
            None => (State::Gap(GapReason::LayerUnowned), None),
        }
    }
}

/// How a party is named that does not do the work but answers for it.
fn answering_as(accountable: &str) -> Arc<str> {
    format!("accountable: {accountable}").into()
}

#[cfg(test)]
mod tests;

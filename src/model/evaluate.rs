//! The state of every duty of a workload.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::assignment::{Assignment, Claim};
use super::directory::{Directory, Standing};
use super::service_model::EffectiveModel;
use crate::api::{GapReason, Role};
use crate::matrix::{Duty, Layer, LayerId, LayerSet, Matrix, ServiceModel, Signals};

/// What holds for the whole cluster by configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The service model where nothing else determines one.
    pub default_model: Option<ServiceModel>,
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
    /// Nothing can be said.
    Unknown,
    /// Validly held by nobody: unowned, invalid or conflicted by the reason.
    Gap(GapReason),
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
}

/// Everything that was found for a workload: its service model and its duties in matrix order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evaluation {
    /// The service model that applies.
    pub model: EffectiveModel,
    /// The duties of its layers, sorted by layer and duty.
    pub duties: Vec<DutyState>,
}

/// Evaluates a workload with these signals, selected by these assignments.
///
/// The order of the assignments is of no account. `directory` holds the parties of all cluster assignments that take in
/// the workload's namespace, whether they select the workload or not.
#[must_use]
pub fn evaluate(
    matrix: &Matrix,
    settings: &Settings,
    signals: Signals,
    assignments: &[&Assignment],
    directory: &Directory,
) -> Evaluation {
    let model = EffectiveModel::of(matrix, assignments, settings.default_model);
    let declared = assignments.iter().fold(LayerSet::EMPTY, |all, assignment| all.union(assignment.declares));
    let present = matrix.present(signals, declared);
    let scene = Scene { matrix, settings, model, assignments, directory };
    let duties = present.iter().flat_map(|layer| scene.duties_of(layer)).collect();
    Evaluation { model, duties }
}

/// What all duties of a workload are judged by.
struct Scene<'a> {
    matrix: &'a Matrix,
    settings: &'a Settings,
    model: EffectiveModel,
    assignments: &'a [&'a Assignment],
    directory: &'a Directory,
}

/// Why a claim does not count and which party that is about. Ordered by the weight of the reason.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Invalid {
    reason: GapReason,
    subject: Arc<str>,
}

/// What the claims about a duty come to.
enum Judged {
    /// Held, contested or invalid.
    Claimed(State, Option<Arc<str>>),
    /// Nobody claims it.
    Unclaimed,
}

impl Scene<'_> {
    fn duties_of(&self, id: LayerId) -> Vec<DutyState> {
        let layer = self.matrix.layer(id);
        let state = |duty, state, subject| DutyState { layer: id, duty, state, subject };
        if self.model.is_undetermined() && !self.matrix.customer_everywhere().contains(id) {
            return vec![state(Duty::Customer, State::Unknown, None)];
        }
        let owed: Vec<Duty> = Duty::ALL.into_iter().filter(|duty| self.owes(id, *duty)).collect();
        let judged: Vec<Judged> = owed.iter().map(|duty| self.judge(id, layer, *duty)).collect();
        let any_owned = judged.iter().any(|judged| matches!(judged, Judged::Claimed(State::Owned, _)));
        owed.into_iter()
            .zip(judged)
            .map(|(duty, judged)| match judged {
                Judged::Claimed(claimed, subject) => state(duty, claimed, subject),
                Judged::Unclaimed => state(duty, self.unclaimed(duty, any_owned), None),
            })
            .collect()
    }

    fn owes(&self, layer: LayerId, duty: Duty) -> bool {
        if self.model.is_undetermined() { duty == Duty::Customer } else { self.model.owed.of(duty).contains(layer) }
    }

    fn judge(&self, id: LayerId, layer: &Layer, duty: Duty) -> Judged {
        let mut valid: Vec<(u8, &Arc<str>)> = Vec::new();
        let mut invalid: Vec<(Reverse<u8>, Invalid)> = Vec::new();
        for assignment in self.assignments {
            let rank = assignment.rank(layer.concern, duty);
            for claim in assignment.claims_about(id, duty) {
                match self.validate(assignment, claim, layer) {
                    Ok(()) => valid.push((rank, &claim.party)),
                    Err(reason) => invalid.push((Reverse(rank), reason)),
                }
            }
        }
        if let Some(top) = valid.iter().map(|(rank, _)| *rank).max() {
            let holders: BTreeSet<&str> =
                valid.into_iter().filter(|(rank, _)| *rank == top).map(|(_, party)| &**party).collect();
            if holders.len() == 1 {
                return Judged::Claimed(State::Owned, None);
            }
            let names = holders.into_iter().collect::<Vec<_>>().join(", ");
            return Judged::Claimed(State::Gap(GapReason::OverlappingAssignments), Some(names.into()));
        }
        // The weightiest of the highest-ranked; among equals the first name, so that the order of creation is no matter.
        match invalid.into_iter().min() {
            Some((_, Invalid { reason, subject })) => Judged::Claimed(State::Gap(reason), Some(subject)),
            None => self.left_to_provider(id, layer, duty),
        }
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
            (Duty::Provider, Role::ThirdParty) if claim.agreement => return Ok(()),
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
            return invalid(GapReason::RoleMismatch, accountable);
        }
        if role != Role::Customer && !claim.agreement {
            return invalid(GapReason::AgreementMissing, party);
        }
        if !accepts {
            return invalid(GapReason::NotAccepted, party);
        }
        match answering {
            Some((accountable, Standing::Known { accepts: false, .. })) => invalid(GapReason::NotAccepted, accountable),
            Some((accountable, Standing::Unknown)) => invalid(GapReason::UnknownParty, accountable),
            _ => Ok(()),
        }
    }

    /// Nobody claims a customer duty, but somebody names a provider for a layer that owes no provider duty: they believe
    /// that the provider handles it.
    fn left_to_provider(&self, id: LayerId, layer: &Layer, duty: Duty) -> Judged {
        if duty != Duty::Customer || self.owes(id, Duty::Provider) {
            return Judged::Unclaimed;
        }
        let providers = self.assignments.iter().flat_map(|assignment| assignment.claims_about(id, Duty::Provider));
        match providers.map(|claim| &claim.party).min() {
            Some(party) if layer.retained => {
                Judged::Claimed(State::Gap(GapReason::NotTransferable), Some(party.clone()))
            }
            Some(party) => Judged::Claimed(State::Gap(GapReason::AgreementMissing), Some(party.clone())),
            None => Judged::Unclaimed,
        }
    }

    const fn unclaimed(&self, duty: Duty, other_owned: bool) -> State {
        match (duty, self.settings.provider_duties) {
            (Duty::Provider, ProviderDuties::Assume) => State::Assumed,
            _ if other_owned => State::Gap(GapReason::SharedLayerHalfOwned),
            _ => State::Gap(GapReason::LayerUnowned),
        }
    }
}

#[cfg(test)]
mod tests;

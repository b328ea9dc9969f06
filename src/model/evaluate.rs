//! Evaluates a workload: the state of each of its duties.

mod attribution;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::assignment::{AgreementCover, Assignment, Claim};
use super::context::{DutyVerdict, EvaluationContext, WorkloadView};
use super::directory::{Directory, EvidenceState, PartyStanding};
use super::evaluation::{DutyState, Evaluation, State};
use super::fulfilment::Catalogue;
use super::risks::workload_risks;
use super::service_model::EffectiveModel;
use super::settings::{EvaluationSettings, ProviderDuties};
use crate::api::{GapReason, Role};
use crate::matrix::{Duty, Layer, LayerId, LayerSet, Matrix};

/// Evaluates a workload with the assignments that select it.
///
/// The order of the assignments does not matter. `directory` contains the parties of all cluster assignments that select the
/// namespace of the workload, even if they do not select the workload.
#[must_use]
pub fn evaluate(
    matrix: &Matrix,
    settings: &EvaluationSettings,
    catalogue: &Catalogue,
    workload: &WorkloadView,
    assignments: &[&Assignment],
    directory: &Directory,
) -> Evaluation {
    let (model, claims) = EffectiveModel::of(matrix, *settings, workload.nodes, assignments);
    let declared = assignments.iter().fold(LayerSet::empty(), |all, assignment| all.union(assignment.declares));
    let present = matrix.present(workload.triggers, model.models, declared);
    let owed = model.owed.union(matrix.owed_where_declared(declared, claims.determined));
    let context =
        EvaluationContext { matrix, settings, catalogue, workload, model, owed, present, assignments, directory };
    let mut verdicts: Vec<DutyVerdict<'_>> = present.ids().flat_map(|layer| context.verdicts(layer)).collect();
    let risks = workload_risks(&context, &claims, &verdicts);
    let results = context.results(&verdicts);
    for DutyVerdict { duty, .. } in &mut verdicts {
        duty.fulfilment = context.fulfilment(duty, &results);
    }
    Evaluation { model, duties: verdicts.into_iter().map(|verdict| verdict.duty).collect(), risks, results }
}

/// Reason why a claim does not count, and the party it is about. Ordered by the weight of the reason.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Invalid {
    reason: GapReason,
    subject: Arc<str>,
}

impl<'a> EvaluationContext<'a> {
    /// Returns the verdicts for all owed duties of a layer.
    fn verdicts(&self, id: LayerId) -> Vec<DutyVerdict<'a>> {
        if self.model.is_undetermined() && !self.matrix.customer_everywhere().has(id) {
            let duty = DutyState::new(id, Duty::Customer, State::Unknown, None);
            return vec![DutyVerdict { duty, deciding: vec![], overruled: vec![] }];
        }
        let mut verdicts: Vec<DutyVerdict<'a>> =
            Duty::ALL.into_iter().filter(|duty| self.owes(id, *duty)).map(|duty| self.verdict(id, duty)).collect();
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

    /// Returns the verdict for a duty from the claims about it, without the other duty of the layer and without exceptions.
    fn verdict(&self, id: LayerId, duty: Duty) -> DutyVerdict<'a> {
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
            // The highest rank, then the weightiest reason, then the first name: independent of the order of creation.
            match invalid.into_iter().min() {
                Some((_, Invalid { reason, subject })) => (State::Gap(reason), Some(subject)),
                None => self.unclaimed(id, layer, duty),
            }
        } else {
            self.decided(id, duty, &deciding)
        };
        let parties: BTreeSet<&Arc<str>> = deciding.iter().map(|(_, claim)| &claim.party).collect();
        let holder = parties.first().filter(|_| parties.len() == 1).map(|party| Arc::clone(party));
        DutyVerdict { duty: DutyState { holder, ..DutyState::new(id, duty, state, subject) }, deciding, overruled }
    }

    /// Returns the state that the valid claims at the highest rank give.
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
            self.directory.evidence(assignment, holder, id) == EvidenceState::Ended
        };
        if duty == Duty::Provider && deciding.iter().all(ended) {
            return (State::Assumed, None);
        }
        (State::Owned, None)
    }

    /// Checks if a claim counts.
    ///
    /// # Errors
    ///
    /// Returns the weightiest reason against the claim.
    fn validate(&self, assignment: &Assignment, claim: &Claim, layer: &Layer) -> Result<(), Invalid> {
        let standing = |party: &str| self.directory.standing(assignment, party, claim.layer);
        let invalid = |reason, subject: &Arc<str>| Err(Invalid { reason, subject: subject.clone() });
        let party = &claim.party;
        let (role, accepts) = match standing(party) {
            PartyStanding::Unknown => return invalid(GapReason::UnknownParty, party),
            PartyStanding::Ambiguous => return invalid(GapReason::RoleMismatch, party),
            PartyStanding::Known { role, accepts } => (role, accepts),
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
        let accountable = claim.accountable.as_ref().map(|name| (name, standing(name)));
        if let Some((
            name,
            PartyStanding::Ambiguous | PartyStanding::Known { role: Role::Provider | Role::ThirdParty, .. },
        )) = accountable
        {
            return invalid(GapReason::RoleMismatch, &accountable_subject(name));
        }
        if role != Role::Customer && claim.agreement == AgreementCover::Missing {
            return invalid(GapReason::AgreementMissing, party);
        }
        if !accepts {
            return invalid(GapReason::NotAccepted, party);
        }
        match accountable {
            Some((name, PartyStanding::Known { accepts: false, .. })) => {
                invalid(GapReason::NotAccepted, &accountable_subject(name))
            }
            Some((name, PartyStanding::Unknown)) => invalid(GapReason::UnknownParty, &accountable_subject(name)),
            _ => Ok(()),
        }
    }

    /// Returns the state of a duty without claims.
    ///
    /// A claim on a provider duty that the layer does not owe counts as an attempt to give the customer duty to the provider.
    fn unclaimed(&self, id: LayerId, layer: &Layer, duty: Duty) -> (State, Option<Arc<str>>) {
        if duty == Duty::Provider && self.settings.provider_duties == ProviderDuties::Assume {
            return (State::Assumed, None);
        }
        let intended = if duty == Duty::Customer && !self.owes(id, Duty::Provider) {
            let providers = self.assignments.iter().flat_map(|assignment| assignment.claims_about(id, Duty::Provider));
            providers.map(|claim| &claim.party).min()
        } else {
            None
        };
        match intended {
            Some(party) if layer.retained => (State::Gap(GapReason::NotTransferable), Some(party.clone())),
            Some(party) => (State::Gap(GapReason::AgreementMissing), Some(party.clone())),
            None => (State::Gap(GapReason::LayerUnowned), None),
        }
    }
}

/// Returns the subject of a gap that is about an accountable party.
fn accountable_subject(accountable: &str) -> Arc<str> {
    format!("accountable: {accountable}").into()
}

#[cfg(test)]
mod tests;

//! What signals saw of a workload: whose failure or success it is, and what that comes to.

use crate::api::Fulfilment;
use crate::matrix::{Duty, ModelId, ModelSet};
use crate::model::context::{DutyVerdict, EvaluationContext};
use crate::model::directory::EvidenceState;
use crate::model::evaluation::{DutyState, State};
use crate::model::fulfilment::{Observation, SignalResult, SignalVerdict, combine};

impl<'a> EvaluationContext<'a> {
    /// What was seen, each attributed to the duty under which it was owed. What was seen of a layer or a duty that is not owed,
    /// or of which nothing can be said, is nobody's failure.
    pub(super) fn results(&self, verdicts: &[DutyVerdict<'a>]) -> Vec<SignalResult> {
        let is_judged = |layer, duty| {
            let judged = |verdict: &&DutyVerdict<'_>| verdict.duty.layer == layer && verdict.duty.duty == duty;
            verdicts
                .iter()
                .find(judged)
                .is_some_and(|found| !matches!(found.duty.state, State::Unknown | State::Excepted))
        };
        let (mut results, mut silent): (Vec<SignalResult>, Vec<_>) = (Vec::new(), Vec::new());
        let applies = |seen: &&Observation| seen.verdict != SignalVerdict::NotApplicable;
        for Observation { signal, on, verdict, detail } in self.workload.observed.iter().filter(applies) {
            let signal_text = self.catalogue.get(*signal);
            let Some(layer) = signal_text.layer.as_deref().and_then(|name| self.matrix.find(name)) else { continue };
            for duty in Duty::ALL {
                let is_meant = self
                    .models_of(*on)
                    .ids()
                    .any(|model| signal_text.attribution.duty(self.matrix.owed(model), layer) == duty)
                    || self.model.is_undetermined() && duty == Duty::Customer;
                if is_meant && is_judged(layer, duty) {
                    if on.is_some() && matches!(verdict, SignalVerdict::Unseen | SignalVerdict::Unreadable) {
                        silent.push((layer, duty, *signal));
                    }
                    results.push(SignalResult {
                        layer,
                        duty,
                        signal: *signal,
                        verdict: *verdict,
                        detail: detail.clone(),
                    });
                }
            }
        }
        // Nodes that show nothing are not outvoted by those of another service model.
        let shows_all = |result: &SignalResult| !silent.contains(&(result.layer, result.duty, result.signal));
        results.retain(|result| result.verdict != SignalVerdict::Passed || shows_all(result));
        results.extend(self.attested(verdicts));
        results.sort();
        // Nodes of several service models may show the same.
        results.dedup();
        results
    }

    /// The service models by which it is told whose duty it was: those of the nodes where something was seen, unless an
    /// assignment of the cluster says what holds instead.
    fn models_of(&self, on: Option<ModelId>) -> ModelSet {
        match on {
            Some(model) if self.model.from_nodes => [model].into_iter().collect(),
            _ => self.model.models,
        }
    }

    /// What the evidence of its holder shows of each provider duty. A provider's certificate shows nothing of what the
    /// customer owes.
    fn attested(&self, verdicts: &[DutyVerdict<'a>]) -> Vec<SignalResult> {
        let Some(signal) = self.catalogue.attestation() else { return Vec::new() };
        let of_provider = verdicts.iter().filter(|verdict| {
            verdict.duty.duty == Duty::Provider && !matches!(verdict.duty.state, State::Unknown | State::Excepted)
        });
        let result = |verdict: &DutyVerdict<'_>| {
            let layer = verdict.duty.layer;
            // Where several claim it nobody holds it.
            let claims = verdict.deciding.iter().filter(|_| verdict.duty.holder.is_some());
            let availabilities =
                claims.map(|(assignment, claim)| match self.directory.evidence(assignment, &claim.party, layer) {
                    EvidenceState::Current => SignalVerdict::Passed,
                    EvidenceState::Ended => SignalVerdict::Stale,
                    EvidenceState::Missing => SignalVerdict::Unseen,
                });
            // One report that holds is enough, whoever else refers to one that has ended.
            let verdict = availabilities.min_by_key(|standing| match standing {
                SignalVerdict::Passed => 0,
                SignalVerdict::Stale => 1,
                _ => 2,
            });
            let verdict = verdict.unwrap_or(SignalVerdict::Unseen);
            SignalResult { layer, duty: Duty::Provider, signal, verdict, detail: None }
        };
        of_provider.map(result).collect()
    }

    /// What everything that was seen of a duty comes to.
    pub(super) fn fulfilment(&self, duty: &DutyState, results: &[SignalResult]) -> Fulfilment {
        match duty.state {
            State::Excepted => return Fulfilment::NotApplicable,
            State::Unknown => return Fulfilment::Unknown,
            State::Owned | State::Assumed | State::Gap(_) => {}
        }
        let about = results.iter().filter(|result| result.layer == duty.layer && result.duty == duty.duty);
        combine(about.map(|result| (self.catalogue.get(result.signal).reach, result.verdict)))
    }
}

//! Attributes readings of signals to duties and combines them.

use crate::api::Fulfilment;
use crate::matrix::{Duty, ModelId, ModelSet};
use crate::model::context::{DutyVerdict, EvaluationContext};
use crate::model::directory::EvidenceState;
use crate::model::evaluation::{DutyState, State};
use crate::model::fulfilment::{Observation, SignalResult, SignalVerdict, combine};

impl<'a> EvaluationContext<'a> {
    /// Attributes each reading to the duty that was owed. Readings for duties that are not owed, unknown or excepted are dropped.
    pub(super) fn results(&self, verdicts: &[DutyVerdict<'a>]) -> Vec<SignalResult> {
        let is_evaluated = |layer, duty| {
            let is_same = |verdict: &&DutyVerdict<'_>| verdict.duty.layer == layer && verdict.duty.duty == duty;
            verdicts
                .iter()
                .find(is_same)
                .is_some_and(|found| !matches!(found.duty.state, State::Unknown | State::Excepted))
        };
        let (mut results, mut without_reading): (Vec<SignalResult>, Vec<_>) = (Vec::new(), Vec::new());
        let applies = |reading: &&Observation| reading.verdict != SignalVerdict::NotApplicable;
        for Observation { signal, on, verdict, detail } in self.workload.observed.iter().filter(applies) {
            let signal_text = self.catalogue.get(*signal);
            let Some(layer) = signal_text.layer.as_deref().and_then(|name| self.matrix.find(name)) else { continue };
            for duty in Duty::ALL {
                let is_attributed = self
                    .models_of(*on)
                    .ids()
                    .any(|model| signal_text.attribution.duty(self.matrix.owed(model), layer) == duty)
                    || self.model.is_undetermined() && duty == Duty::Customer;
                if is_attributed && is_evaluated(layer, duty) {
                    if on.is_some() && matches!(verdict, SignalVerdict::Unseen | SignalVerdict::Unreadable) {
                        without_reading.push((layer, duty, *signal));
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
        // A pass does not count if nodes of another service model have no reading.
        let has_all_readings =
            |result: &SignalResult| !without_reading.contains(&(result.layer, result.duty, result.signal));
        results.retain(|result| result.verdict != SignalVerdict::Passed || has_all_readings(result));
        results.extend(self.evidence_results(verdicts));
        results.sort();
        // Nodes of several service models can have the same reading.
        results.dedup();
        results
    }

    /// Returns the service models that attribute a reading: that of its nodes, or the models of the workload if they do not come
    /// from the nodes.
    fn models_of(&self, on: Option<ModelId>) -> ModelSet {
        match on {
            Some(model) if self.model.from_nodes => [model].into_iter().collect(),
            _ => self.model.models,
        }
    }

    /// Returns the result of the evidence signal for each provider duty. Evidence of a provider does not show customer duties.
    fn evidence_results(&self, verdicts: &[DutyVerdict<'a>]) -> Vec<SignalResult> {
        let Some(signal) = self.catalogue.attestation() else { return Vec::new() };
        let of_provider = verdicts.iter().filter(|verdict| {
            verdict.duty.duty == Duty::Provider && !matches!(verdict.duty.state, State::Unknown | State::Excepted)
        });
        let result = |verdict: &DutyVerdict<'_>| {
            let layer = verdict.duty.layer;
            // Without a single holder there is no evidence to check.
            let claims = verdict.deciding.iter().filter(|_| verdict.duty.holder.is_some());
            let evidence =
                claims.map(|(assignment, claim)| match self.directory.evidence(assignment, &claim.party, layer) {
                    EvidenceState::Current => SignalVerdict::Passed,
                    EvidenceState::Ended => SignalVerdict::Stale,
                    EvidenceState::Missing => SignalVerdict::Unseen,
                });
            // One current report is enough, even if another assignment refers to one that has ended.
            let verdict = evidence.min_by_key(|verdict| match verdict {
                SignalVerdict::Passed => 0,
                SignalVerdict::Stale => 1,
                _ => 2,
            });
            let verdict = verdict.unwrap_or(SignalVerdict::Unseen);
            SignalResult { layer, duty: Duty::Provider, signal, verdict, detail: None }
        };
        of_provider.map(result).collect()
    }

    /// Returns the fulfilment of a duty from all results about it.
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

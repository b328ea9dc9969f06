//! Explanation of one workload: each duty of each layer with owner, state, fulfilment and the reasons.

use super::evaluation::{DutyState, Evaluation, State};
use super::fulfilment::{Catalogue, SignalResult};
use super::message::{sentence, without_description};
use crate::api::Fulfilment;
use crate::matrix::{Duty, Matrix};

/// Explanation of a duty of a workload, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedDuty {
    /// Name of the layer.
    pub layer: String,
    /// The provider or the customer duty of the layer.
    pub duty: Duty,
    /// Holder of the duty; in brackets the party that a gap is about; `-` if there is none.
    pub party: String,
    /// Name of the state, or of the reason of a gap.
    pub owned: &'static str,
    /// Fulfilment as the signals show it.
    pub fulfilled: Fulfilment,
    /// Reason of a gap and results of signals.
    pub why: String,
}

/// Explains every duty of a workload, in matrix order.
#[must_use]
pub fn explain(matrix: &Matrix, catalogue: &Catalogue, evaluation: &Evaluation) -> Vec<ExplainedDuty> {
    let explained = |duty: &DutyState| ExplainedDuty {
        layer: matrix.layer(duty.layer).name.clone(),
        duty: duty.duty,
        party: match (&duty.holder, &duty.subject) {
            (Some(holder), _) => holder.to_string(),
            (None, Some(subject)) => format!("({subject})"),
            (None, None) => "-".to_owned(),
        },
        owned: match duty.state {
            State::Gap(reason) => reason.name(),
            state => state.name(),
        },
        fulfilled: duty.fulfilment,
        why: why(matrix, catalogue, evaluation, duty),
    };
    evaluation.duties.iter().map(explained).collect()
}

/// Returns the reason of a gap, then the results of all signals by descending weight. Passed results are included: they show
/// why a duty is fulfilled.
fn why(matrix: &Matrix, catalogue: &Catalogue, evaluation: &Evaluation, duty: &DutyState) -> String {
    let gap = match duty.state {
        State::Gap(reason) => Some(sentence(matrix.layer(duty.layer), duty.duty, reason, duty.subject.as_deref())),
        State::Excepted => Some("an exception is in force".to_owned()),
        State::Unknown => Some("the service model is unknown".to_owned()),
        State::Owned | State::Assumed => None,
    };
    // The layer already describes the duty.
    let gap = gap.map(|gap| without_description(&gap).trim_end_matches('.').to_owned());
    let about = |result: &&SignalResult| result.layer == duty.layer && result.duty == duty.duty;
    let mut results: Vec<&SignalResult> = evaluation.results.iter().filter(about).collect();
    results.sort_by_key(|result| (std::cmp::Reverse(result.verdict), result.signal));
    let words = |result: &SignalResult| {
        let signal_text = catalogue.get(result.signal);
        format!("{} ({})", signal_text.words(result.verdict, result.detail.as_deref()), signal_text.signal)
    };
    let mut readings: Vec<String> = results.into_iter().map(words).collect();
    if readings.is_empty() && duty.fulfilment == Fulfilment::Unknown {
        readings.push("no signal covers this duty".to_owned());
    }
    gap.into_iter().chain(readings).collect::<Vec<_>>().join("; ")
}

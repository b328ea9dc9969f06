//! One workload in full: each duty of each layer, who holds it, whether it is fulfilled, and why.

use super::evaluation::{DutyState, Evaluation, State};
use super::fulfilment::{Catalogue, SignalResult};
use super::message::sentence;
use crate::api::Fulfilment;
use crate::matrix::{Duty, Matrix};

/// A duty of a workload in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedDuty {
    /// The layer.
    pub layer: String,
    /// Whose duty it is.
    pub duty: Duty,
    /// Who holds it; whom a gap is about, in brackets; a dash for nobody.
    pub party: String,
    /// Its state; of a gap the reason.
    pub owned: &'static str,
    /// Whether it is fulfilled, by what is seen.
    pub fulfilled: Fulfilment,
    /// Why it is a gap, and what was seen.
    pub why: String,
}

/// Every duty of a workload in matrix order.
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

/// Why a duty is a gap, then what was seen of it, the weightiest first. Of what passed, all is said: that is what a fulfilled
/// duty rests on.
fn why(matrix: &Matrix, catalogue: &Catalogue, evaluation: &Evaluation, duty: &DutyState) -> String {
    let gap = match duty.state {
        State::Gap(reason) => Some(sentence(matrix.layer(duty.layer), duty.duty, reason, duty.subject.as_deref())),
        State::Excepted => Some("an exception holds".to_owned()),
        State::Unknown => Some("its service model is not known".to_owned()),
        State::Owned | State::Assumed => None,
    };
    // What the half is has been told by the layer.
    let gap = gap.map(|gap| gap.split(" Owed: ").next().unwrap_or_default().trim_end_matches('.').to_owned());
    let about = |result: &&SignalResult| result.layer == duty.layer && result.duty == duty.duty;
    let mut results: Vec<&SignalResult> = evaluation.results.iter().filter(about).collect();
    results.sort_by_key(|result| (std::cmp::Reverse(result.verdict), result.signal));
    let words = |result: &SignalResult| {
        let signal_text = catalogue.get(result.signal);
        format!("{} ({})", signal_text.words(result.verdict, result.detail.as_deref()), signal_text.signal)
    };
    let mut seen: Vec<String> = results.into_iter().map(words).collect();
    if seen.is_empty() && duty.fulfilment == Fulfilment::Unknown {
        seen.push("no signal speaks of it".to_owned());
    }
    gap.into_iter().chain(seen).collect::<Vec<_>>().join("; ")
}

//! Fulfilment of duties, as signals show it. Ownership and fulfilment are independent.
//!
//! A signal checks one property of one layer. The service model decides if the result counts for the provider or the customer:
//! an outdated node image is a failure of the provider if it runs the nodes, otherwise of the customer.

use std::sync::Arc;

use serde::Deserialize;

use crate::api::Fulfilment;
use crate::matrix::{Duty, LayerId, ModelId, Owed};

/// Position of a signal in the [`Catalogue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId(u16);

/// Side whose duty a signal checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Attribution {
    /// The customer.
    Customer,
    /// The provider.
    Provider,
    /// The side that operates the layer: the customer if it owes a duty of the layer, otherwise the provider.
    Operator,
}

/// Part of a duty that a passed signal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum Reach {
    /// The whole duty: it is fulfilled.
    Duty,
    /// A part: a failure counts, a pass alone does not show the duty fulfilled.
    #[default]
    Part,
}

/// Result of a signal, in ascending weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalVerdict {
    /// The signal does not apply to this workload.
    NotApplicable,
    /// The source of the signal does not exist.
    Unseen,
    /// The check passed.
    Passed,
    /// The source exists but cannot be read, so it can hide a failure.
    Unreadable,
    /// The reading is too old.
    Stale,
    /// The check failed.
    Failed,
}

impl SignalVerdict {
    /// Returns the weight among several readings of one signal that must all pass. A missing reading outweighs a passed one.
    #[must_use]
    pub const fn weight_among_several(self) -> u8 {
        match self {
            Self::NotApplicable => 0,
            Self::Passed => 1,
            Self::Unseen => 2,
            Self::Unreadable => 3,
            Self::Stale => 4,
            Self::Failed => 5,
        }
    }

    /// Returns the name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "NotApplicable",
            Self::Unseen => "Unseen",
            Self::Passed => "Passed",
            Self::Unreadable => "Unreadable",
            Self::Stale => "Stale",
            Self::Failed => "Failed",
        }
    }
}

/// Reading of one signal that is not yet attributed to a duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observation {
    /// The signal.
    pub signal: SignalId,
    /// Service model of the nodes of the reading; `None` for a reading of the workload.
    pub on: Option<ModelId>,
    /// Result of the check.
    pub verdict: SignalVerdict,
    /// Text of this reading; `None` for the text of the signal.
    pub detail: Option<Arc<str>>,
}

/// Reading of one signal, attributed to a duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalResult {
    /// The layer.
    pub layer: LayerId,
    /// The duty of the layer.
    pub duty: Duty,
    /// The signal.
    pub signal: SignalId,
    /// Result of the check.
    pub verdict: SignalVerdict,
    /// Text of this reading; `None` for the text of the signal.
    pub detail: Option<Arc<str>>,
}

/// Texts and properties of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalText {
    /// Name in statuses, metrics and configuration.
    pub signal: Arc<str>,
    /// Layer of the signal; `None` if it covers every layer.
    pub layer: Option<Arc<str>>,
    /// Side whose duty the signal checks.
    pub attribution: Attribution,
    /// Part of the duty that a pass shows.
    pub reach: Reach,
    /// Text of a passed reading.
    pub passed: Arc<str>,
    /// Text of a failed reading.
    pub failed: Arc<str>,
    /// Text for a source that does not exist.
    pub unseen: Arc<str>,
    /// Remedy after a failed reading.
    pub remedy: Arc<str>,
}

impl SignalText {
    /// Returns the text of a reading: `detail` if there is one, otherwise the text of the verdict.
    #[must_use]
    pub fn words<'a>(&'a self, verdict: SignalVerdict, detail: Option<&'a str>) -> &'a str {
        match (verdict, detail) {
            (_, Some(detail)) => detail,
            (SignalVerdict::Passed, None) => &self.passed,
            (SignalVerdict::Failed | SignalVerdict::Stale, None) => &self.failed,
            (SignalVerdict::Unseen, None) => &self.unseen,
            (SignalVerdict::Unreadable, None) => "its source cannot be read",
            (SignalVerdict::NotApplicable, None) => "does not apply",
        }
    }
}

/// All enabled signals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    entries: Vec<SignalText>,
    attestation: Option<SignalId>,
}

impl Catalogue {
    /// Creates an empty catalogue.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new(), attestation: None }
    }

    /// Adds a signal.
    ///
    /// # Panics
    ///
    /// Panics with more than 65,536 signals. A configuration has some hundreds at most.
    pub fn add(&mut self, signal_text: SignalText) -> SignalId {
        let id = SignalId(u16::try_from(self.entries.len()).expect("there are some hundreds of signals at most"));
        self.entries.push(signal_text);
        id
    }

    /// Adds the signal that checks the evidence of the party that holds a provider duty.
    pub fn add_attestation(&mut self, signal_text: SignalText) {
        self.attestation = Some(self.add(signal_text));
    }

    /// Returns the signal that checks the evidence of parties, if it is enabled.
    #[must_use]
    pub const fn attestation(&self) -> Option<SignalId> {
        self.attestation
    }

    /// Returns the texts and properties of a signal of this catalogue.
    #[must_use]
    pub fn get(&self, id: SignalId) -> &SignalText {
        &self.entries[usize::from(id.0)]
    }

    /// Returns the signal with this name.
    #[cfg(test)]
    pub(crate) fn find(&self, name: &str) -> Option<SignalId> {
        let position = self.entries.iter().position(|signal_text| *signal_text.signal == *name)?;
        Some(SignalId(u16::try_from(position).unwrap()))
    }

    /// Returns all signals in their order.
    pub fn iter(&self) -> impl Iterator<Item = &SignalText> {
        self.entries.iter()
    }
}

impl Attribution {
    /// Returns the duty of a layer that a reading counts for, if these duties are owed.
    pub(super) const fn duty(self, owed: Owed, layer: LayerId) -> Duty {
        match self {
            Self::Customer => Duty::Customer,
            Self::Operator if owed.customer.has(layer) => Duty::Customer,
            Self::Provider | Self::Operator => Duty::Provider,
        }
    }
}

/// Combines all results for a duty.
///
/// One failure makes the duty `Unfulfilled`. Stale or unreadable results can hide a failure. A pass counts only for a signal
/// that covers the whole duty. Without readings the duty is `Unknown`: missing data is not a pass.
#[must_use]
pub(super) fn combine(results: impl IntoIterator<Item = (Reach, SignalVerdict)>) -> Fulfilment {
    let (mut worst, mut shown) = (SignalVerdict::NotApplicable, false);
    for (reach, verdict) in results {
        worst = worst.max(verdict);
        shown |= reach == Reach::Duty && verdict == SignalVerdict::Passed;
    }
    match worst {
        SignalVerdict::Failed => Fulfilment::Unfulfilled,
        SignalVerdict::Stale => Fulfilment::Stale,
        SignalVerdict::Unreadable => Fulfilment::Unknown,
        _ if shown => Fulfilment::Fulfilled,
        _ => Fulfilment::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Reach::{Duty as Whole, Part};
    use super::SignalVerdict::{Failed, NotApplicable, Passed, Stale, Unreadable, Unseen};
    use super::*;

    #[rstest]
    #[case::no_signal_speaks(&[], Fulfilment::Unknown)]
    #[case::nothing_to_look_at(&[(Whole, Unseen)], Fulfilment::Unknown)]
    #[case::a_part_alone_shows_nothing(&[(Part, Passed)], Fulfilment::Unknown)]
    #[case::the_whole(&[(Whole, Passed)], Fulfilment::Fulfilled)]
    #[case::another_source_is_not_there(&[(Whole, Passed), (Whole, Unseen)], Fulfilment::Fulfilled)]
    #[case::another_source_may_hide_a_failure(&[(Whole, Passed), (Part, Unreadable)], Fulfilment::Unknown)]
    #[case::one_failure_is_enough(&[(Whole, Passed), (Part, Failed)], Fulfilment::Unfulfilled)]
    #[case::too_old(&[(Whole, Passed), (Whole, Stale)], Fulfilment::Stale)]
    #[case::a_failure_outweighs_age(&[(Whole, Stale), (Part, Failed)], Fulfilment::Unfulfilled)]
    #[case::a_failure_outweighs_what_is_hidden(&[(Whole, Unreadable), (Part, Failed)], Fulfilment::Unfulfilled)]
    #[case::what_does_not_apply_shows_nothing(&[(Whole, NotApplicable), (Part, Passed)], Fulfilment::Unknown)]
    fn what_is_seen_of_a_duty_comes_to_one_word(
        #[case] results: &[(Reach, SignalVerdict)],
        #[case] expected: Fulfilment,
    ) {
        assert_eq!(combine(results.iter().copied()), expected);
        assert_eq!(combine(results.iter().rev().copied()), expected, "in whatever order");
    }

    #[test]
    fn whoever_operates_a_layer_is_the_customer_where_it_owes_anything_of_it() {
        let layer = LayerId::new(3);
        let only = || [layer].into_iter().collect();
        let shared = Owed { provider: only(), customer: only() };
        let provided = Owed { provider: only(), ..Owed::default() };
        assert_eq!(Attribution::Operator.duty(shared, layer), Duty::Customer);
        assert_eq!(Attribution::Operator.duty(provided, layer), Duty::Provider);
        assert_eq!(Attribution::Customer.duty(provided, layer), Duty::Customer);
        assert_eq!(Attribution::Provider.duty(shared, layer), Duty::Provider);
    }
}

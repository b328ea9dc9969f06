//! Whether duties are fulfilled, by what is seen in the cluster: beside ownership and never mixed with it.
//!
//! A signal looks at one thing and speaks of one layer. Who owed what it saw depends on the service model: an outdated node
//! image is the provider's failure where it runs the nodes, and the customer's where they are its own.

use std::sync::Arc;

use serde::Deserialize;

use crate::api::Fulfilment;
use crate::matrix::{Duty, LayerId, ModelId, Owed};

/// The number of a signal: its position in the [`Catalogue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId(u16);

/// Whose doing or omission a signal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Attribution {
    /// The customer's.
    Customer,
    /// The provider's.
    Provider,
    /// That of whoever operates the layer: the customer where it owes a duty of the layer at all, otherwise the provider.
    Operator,
}

/// How much is shown when a signal passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum Reach {
    /// That the duty is fulfilled.
    Duty,
    /// That a part of it is: a failure counts, a pass alone shows nothing.
    #[default]
    Part,
}

/// What a signal came to, by weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalVerdict {
    /// It has nothing to say of this workload.
    NotApplicable,
    /// There is nothing to look at: its source is not there.
    Unseen,
    /// What was seen is as it has to be.
    Passed,
    /// Its source is there and cannot be read, so that a failure may be hidden.
    Unreadable,
    /// What was seen is too old to count.
    Stale,
    /// What was seen is not as it has to be.
    Failed,
}

impl SignalVerdict {
    /// How much it weighs among several of one signal that all have to pass: one that shows nothing is not outvoted by another
    /// that passes.
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

    /// The word for it in metrics.
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

/// What one signal saw, before it is known whose duty that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observation {
    /// The signal.
    pub signal: SignalId,
    /// The service model of the nodes where it was seen; none where it was seen of the workload.
    pub on: Option<ModelId>,
    /// What it came to.
    pub verdict: SignalVerdict,
    /// The detail of this result; without one the text of the signal says it.
    pub detail: Option<Arc<str>>,
}

/// What a signal showed of a duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalResult {
    /// The layer.
    pub layer: LayerId,
    /// Which of its duties.
    pub duty: Duty,
    /// The signal.
    pub signal: SignalId,
    /// What it came to.
    pub verdict: SignalVerdict,
    /// The detail of this result; without one the text of the signal says it.
    pub detail: Option<Arc<str>>,
}

/// What a signal speaks of, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalText {
    /// Its name in statuses, metrics and configuration.
    pub signal: Arc<str>,
    /// The layer that it speaks of; none for one that speaks of every layer.
    pub layer: Option<Arc<str>>,
    /// Whose doing it shows.
    pub attribution: Attribution,
    /// How much is shown when it passes.
    pub reach: Reach,
    /// What was seen when it passed.
    pub passed: Arc<str>,
    /// What was seen when it failed.
    pub failed: Arc<str>,
    /// What is missing where there is nothing to look at.
    pub unseen: Arc<str>,
    /// What to do when it failed.
    pub remedy: Arc<str>,
}

impl SignalText {
    /// What it saw, in words.
    #[must_use]
    pub fn words<'a>(&'a self, verdict: SignalVerdict, seen: Option<&'a str>) -> &'a str {
        match (verdict, seen) {
            (_, Some(seen)) => seen,
            (SignalVerdict::Passed, None) => &self.passed,
            (SignalVerdict::Failed | SignalVerdict::Stale, None) => &self.failed,
            (SignalVerdict::Unseen, None) => &self.unseen,
            (SignalVerdict::Unreadable, None) => "its source cannot be read",
            (SignalVerdict::NotApplicable, None) => "does not apply",
        }
    }
}

/// All signals that are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    entries: Vec<SignalText>,
    attestation: Option<SignalId>,
}

impl Catalogue {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new(), attestation: None }
    }

    /// Adds a signal.
    ///
    /// # Panics
    ///
    /// With more than 65,536 signals, of which a configuration has some hundreds at most.
    pub fn add(&mut self, signal_text: SignalText) -> SignalId {
        let id = SignalId(u16::try_from(self.entries.len()).expect("there are some hundreds of signals at most"));
        self.entries.push(signal_text);
        id
    }

    /// Adds the signal that speaks by the evidence of the party that holds a provider duty.
    pub fn add_attestation(&mut self, signal_text: SignalText) {
        self.attestation = Some(self.add(signal_text));
    }

    /// The signal that speaks by the evidence of parties, where it is looked at.
    #[must_use]
    pub const fn attestation(&self) -> Option<SignalId> {
        self.attestation
    }

    /// What a signal of this catalogue speaks of.
    #[must_use]
    pub fn get(&self, id: SignalId) -> &SignalText {
        &self.entries[usize::from(id.0)]
    }

    /// The signal of this name.
    #[cfg(test)]
    pub(crate) fn find(&self, name: &str) -> Option<SignalId> {
        let position = self.entries.iter().position(|signal_text| *signal_text.signal == *name)?;
        Some(SignalId(u16::try_from(position).unwrap()))
    }

    /// All signals in their order.
    pub fn iter(&self) -> impl Iterator<Item = &SignalText> {
        self.entries.iter()
    }
}

impl Attribution {
    /// The duty of a layer that is meant where these duties are owed.
    pub(super) const fn duty(self, owed: Owed, layer: LayerId) -> Duty {
        match self {
            Self::Customer => Duty::Customer,
            Self::Operator if owed.customer.has(layer) => Duty::Customer,
            Self::Provider | Self::Operator => Duty::Provider,
        }
    }
}

/// What all that was seen of a duty comes to.
///
/// One failure is enough. What is too old, or cannot be read, may hide one. A pass counts only by a signal that reaches the
/// whole duty; where nothing was seen the duty is as unknown as one of which no signal speaks: absence is never a pass.
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

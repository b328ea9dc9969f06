//! The result of the evaluation of a workload: the state of each of its duties, and its risks.

use std::sync::Arc;

use super::fulfilment::SignalResult;
use super::service_model::EffectiveModel;
use crate::api::{Fulfilment, GapReason, RiskReason};
use crate::facts::AssignmentId;
use crate::matrix::{Duty, LayerId, Matrix};

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

/// A risk that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Risk {
    /// What it is.
    pub reason: RiskReason,
    /// The layer, if it is about one.
    pub layer: Option<LayerId>,
    /// The assignment that is told of it; none where all that select the workload are.
    pub assignment: Option<AssignmentId>,
    /// The party, the date or whatever else it is about.
    pub subject: Option<Arc<str>>,
}

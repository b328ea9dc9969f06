//! Result of the evaluation of a workload: states of its duties, and risks.

use std::sync::Arc;

use super::fulfilment::SignalResult;
use super::service_model::EffectiveModel;
use crate::api::{Fulfilment, GapReason, RiskReason};
use crate::facts::AssignmentId;
use crate::matrix::{Duty, LayerId, Matrix};

/// State of a duty. Each (workload, layer, duty) has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// One party validly holds the duty.
    Owned,
    /// A provider duty that no party claims, or whose evidence has ended.
    Assumed,
    /// A gap with a valid exception.
    Excepted,
    /// The service model is unknown.
    Unknown,
    /// No party validly holds the duty: unowned, invalid, conflicted or lapsed by the reason.
    Gap(GapReason),
}

impl State {
    /// Returns the name of the state.
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

/// Duty of a workload and its state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DutyState {
    /// The layer.
    pub layer: LayerId,
    /// The duty of the layer.
    pub duty: Duty,
    /// Its state.
    pub state: State,
    /// The party or parties that a gap is about.
    pub subject: Option<Arc<str>>,
    /// The one party that valid claims name, even if the review has lapsed or the evidence has ended.
    pub holder: Option<Arc<str>>,
    /// Fulfilment as the signals show it, independent of the state.
    pub fulfilment: Fulfilment,
}

/// Result of the evaluation of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evaluation {
    /// The service model that applies.
    pub model: EffectiveModel,
    /// The duties of its layers, sorted by layer and duty.
    pub duties: Vec<DutyState>,
    /// Risks, sorted. A risk is not a gap, but can become or hide one.
    pub risks: Vec<Risk>,
    /// Results of signals for these duties, sorted by layer, duty and signal.
    pub results: Vec<SignalResult>,
}

impl DutyState {
    /// Creates a duty in a state, without holder and with unknown fulfilment.
    #[must_use]
    pub const fn new(layer: LayerId, duty: Duty, state: State, subject: Option<Arc<str>>) -> Self {
        Self { layer, duty, state, subject, holder: None, fulfilment: Fulfilment::Unknown }
    }
}

impl Evaluation {
    /// Returns true if the service model and the state of every duty are known.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !self.model.is_undetermined()
            && !self.model.not_found
            && self.duties.iter().all(|found| found.state != State::Unknown)
    }

    /// Returns the layers and duties with a gap.
    pub fn gaps(&self) -> impl Iterator<Item = (LayerId, Duty)> {
        self.duties.iter().filter(|found| matches!(found.state, State::Gap(_))).map(|found| (found.layer, found.duty))
    }

    /// Returns the layers and duties that are unfulfilled.
    pub fn unfulfilled(&self) -> impl Iterator<Item = (LayerId, Duty)> {
        let failing = self.duties.iter().filter(|found| found.fulfilment == Fulfilment::Unfulfilled);
        failing.map(|found| (found.layer, found.duty))
    }

    /// Converts the duties to the layer numbers of another matrix. Drops duties of layers that it does not have, and everything
    /// except the duties: the next evaluation computes it again.
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

/// Detected risk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Risk {
    /// Reason of the risk.
    pub reason: RiskReason,
    /// The layer, if the risk is about one.
    pub layer: Option<LayerId>,
    /// The assignment whose status lists the risk; `None` for all assignments that select the workload.
    pub assignment: Option<AssignmentId>,
    /// The party, date or other subject of the message.
    pub subject: Option<Arc<str>>,
}

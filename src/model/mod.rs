//! Evaluation: the duties that a workload owes, their owners, gaps and risks. Pure functions without I/O.
//!
//! [`evaluate`] returns a result per (workload, layer, duty). Statuses, metrics and Reports are sums of these results. A result
//! does not depend on the order in which objects were created or read.

mod assignment;
mod calendar;
mod compile;
mod conditions;
mod context;
mod definition;
mod directory;
mod evaluate;
mod evaluation;
mod explain;
mod fulfilment;
mod message;
mod node_model;
mod reminder;
mod risks;
mod roll_up;
mod service_model;
mod settings;
mod statement;
mod status;
#[cfg(test)]
pub(crate) mod testing;
mod transition;

pub use assignment::{
    Acceptance, AgreementCover, Assignment, Claim, Deadline, DeadlineKind, EvidenceFacts, ExceptionState, ModelClaim,
    PartyDeclaration, Refusal, Review,
};
pub use calendar::{day, days_before};
pub use compile::{compile, requirement, selector};
pub use conditions::{CONDITIONS, Completeness};
pub use context::WorkloadView;
pub use definition::{define, service_model_status};
pub use directory::Directory;
pub use evaluate::evaluate;
pub use evaluation::{DutyState, Evaluation, Risk, State};
pub use explain::{ExplainedDuty, explain};
pub use fulfilment::{Attribution, Catalogue, Observation, Reach, SignalId, SignalResult, SignalText, SignalVerdict};
pub use message::{
    UNASSIGNED, failure_sentence, list, risk_sentence, sentence, shorten, unreadable_sentence, without_description,
};
pub use node_model::{CONTROL_PLANE_LABEL, NodeClass, NodeModels, NodeRule, SchedulableNodes};
pub use reminder::reminders;
pub use risks::assignment_risks;
pub use roll_up::{Failure, Members, RollUp, Row};
pub use service_model::EffectiveModel;
pub use settings::{EvaluationSettings, ProviderDuties};
pub use statement::statements;
pub use status::{STATUS_LIMIT, StatusInput, bound, status};
pub use transition::{Note, Transitions, open_states};

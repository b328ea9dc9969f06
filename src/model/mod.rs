//! Who owes what, who holds it, and where there is a gap: pure functions of facts, assignments and settings.
//!
//! The atom is the duty: everything is computed per (workload, layer, duty) by [`evaluate`], and everything shown is a
//! roll-up of that. The result never depends on the order in which objects were created or seen.

mod assignment;
mod calendar;
mod compile;
mod conditions;
mod definition;
mod directory;
mod evaluate;
mod explain;
mod fulfilment;
mod host_access;
mod labels;
mod message;
mod node_model;
mod placement;
mod reminder;
mod risks;
mod roll_up;
mod service_model;
mod shortcoming;
mod status;
#[cfg(test)]
pub(crate) mod testing;
mod transition;
mod workload;

pub use assignment::{
    Acceptance, AgreementCover, Assignment, AssignmentId, Claim, Deadline, DeadlineKind, EvidenceFacts, ExceptionState,
    ModelClaim, PartyDeclaration, Refusal, Review,
};
pub use calendar::day;
pub use compile::{compile, requirement, selector};
pub use conditions::{CONDITIONS, Completeness};
pub use definition::{define, service_model_status};
pub use directory::Directory;
pub use evaluate::{Circumstances, DutyState, Evaluation, ProviderDuties, Settings, State, evaluate};
pub use explain::{ExplainedDuty, explain};
pub use fulfilment::{Attribution, Catalogue, Observation, Reach, SignalId, SignalResult, Speaks, Verdict};
pub use host_access::{HostAccess, HostAccesses};
pub use labels::{Labels, Requirement, Selector};
pub use message::{UNASSIGNED, failure_sentence, hidden_sentence, list, risk_sentence, sentence, shorten};
pub use node_model::{CONTROL_PLANE_LABEL, FoundNodes, NodeClass, NodeModels, NodeRule};
pub use placement::{NodeFacts, NodeRequirement, NodeTerm, Placement, Readiness, Taint, TaintEffect, Toleration};
pub use reminder::reminders;
pub use risks::{Risk, of_assignment as risks_of_assignment};
pub use roll_up::{Failure, Members, RollUp, Row};
pub use service_model::EffectiveModel;
pub use shortcoming::{Shortcoming, Shortcomings};
pub use status::{STATUS_LIMIT, Subject, bound, status};
pub use transition::{Note, Transitions, open_states};
pub use workload::{
    GENERATED, ObjectIdentity, OtherKind, PodLabels, ValueDigest, VolumeClaim, WorkloadFacts, WorkloadKey, WorkloadKind,
};

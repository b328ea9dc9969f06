//! Who owes what, who holds it, and where there is a gap: pure functions of facts, assignments and settings.
//!
//! The atom is the duty: everything is computed per (workload, layer, duty) by [`evaluate`], and everything shown is a
//! roll-up of that. The result never depends on the order in which objects were created or seen.

mod assignment;
mod conditions;
mod directory;
mod evaluate;
mod labels;
mod message;
mod roll_up;
mod service_model;
mod status;
#[cfg(test)]
pub(crate) mod testing;
mod transition;
mod workload;

pub use assignment::{Acceptance, Assignment, AssignmentId, Claim, ModelClaim, PartyDeclaration};
pub use conditions::{CONDITIONS, Completeness};
pub use directory::Directory;
pub use evaluate::{DutyState, Evaluation, ProviderDuties, Settings, State, evaluate};
pub use labels::{Labels, Requirement, Selector};
pub use message::{sentence, shorten};
pub use roll_up::{Members, RollUp, Row};
pub use service_model::EffectiveModel;
pub use status::{STATUS_LIMIT, Subject, bound, status};
pub use transition::{Note, Transitions, open_gaps};
pub use workload::{PodLabels, ValueDigest, WorkloadFacts, WorkloadKey, WorkloadKind};

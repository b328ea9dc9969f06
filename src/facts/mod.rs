//! Facts: the part of each object that the operator keeps, and [`Delta`], a change of it.
//!
//! Plain data without I/O. The methods only compare facts with each other, such as a selector with labels.

mod child;
mod custom;
mod delta;
mod identity;
mod labels;
mod network;
mod node;
mod placement;
mod pod_template;
pub mod published_report;
mod signal_object;
mod storage;
mod version;
mod workload;

pub use child::{
    CONTROLLER_LABELS, ChildFacts, ChildObject, ContainerFacts, Controller, MAX_EXCESSES, MAX_INJECTED, bounded,
};
pub use custom::{CustomFinding, CustomTarget, WorkloadReference};
pub use delta::{Delta, Listed, ListedKind, NamespaceFacts, PolicyCoverage};
pub use identity::{AssignmentId, ObjectIdentity, ObjectName};
#[cfg(test)]
pub(crate) use labels::compared;
pub use labels::{Labels, Requirement, Selector};
pub use network::{GATEWAY_API, GrantFacts, IngressRules, PolicyFacts, RouteFacts, RouteKind, ServiceFacts};
pub use node::{NodeFacts, Readiness, Taint, TaintEffect};
pub use placement::{NodeRequirement, NodeTerm, Placement, Toleration};
pub use pod_template::{HostAccess, Shortcomings, set_of};
pub use published_report::PublishedReport;
pub use signal_object::{
    Availability, BindingFacts, BudgetFacts, CertificateFacts, CustomKind, FactKind, Facts, ReportFacts, ResultCounts,
    RoleFacts,
};
pub use storage::{BackupFacts, BackupPhase, SnapshotFacts, StorageClassFacts};
pub use version::KubernetesVersion;
pub use workload::{
    GENERATED, KindAndName, OtherKind, PodLabels, ValueDigest, VolumeClaim, WorkloadFacts, WorkloadKey, WorkloadKind,
    WorkloadObject,
};

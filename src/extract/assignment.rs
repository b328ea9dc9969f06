//! Assignments and service models, which can be stored under an older or newer schema.

use super::meta::{Readable, Slim};
use crate::api::{
    AssignmentStatus, ClusterResponsibilityAssignment, ClusterResponsibilityAssignmentSpec, ResponsibilityAssignment,
    ResponsibilityAssignmentSpec, ServiceModel, ServiceModelSpec, ServiceModelStatus,
};

/// A ResponsibilityAssignment. Its spec and status can be unreadable, if they were written under another schema.
pub type NamespacedAssignment =
    Slim<ResponsibilityAssignment, Readable<ResponsibilityAssignmentSpec>, Readable<AssignmentStatus>>;
/// A ClusterResponsibilityAssignment. Its spec and status can be unreadable, if they were written under another schema.
pub type ClusterAssignment =
    Slim<ClusterResponsibilityAssignment, Readable<ClusterResponsibilityAssignmentSpec>, Readable<AssignmentStatus>>;
/// A ServiceModel. Its spec and status can be unreadable, if they were written under another schema.
pub type OwnServiceModel = Slim<ServiceModel, Readable<ServiceModelSpec>, Readable<ServiceModelStatus>>;

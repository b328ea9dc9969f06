//! Assignments and service models, which may have been written under another schema.

use super::meta::{Readable, Slim};
use crate::api::{
    AssignmentStatus, ClusterResponsibilityAssignment, ClusterResponsibilityAssignmentSpec, ResponsibilityAssignment,
    ResponsibilityAssignmentSpec, ServiceModel, ServiceModelSpec, ServiceModelStatus,
};

/// A ResponsibilityAssignment, of which spec and status may have been written under another schema.
pub type NamespacedAssignment =
    Slim<ResponsibilityAssignment, Readable<ResponsibilityAssignmentSpec>, Readable<AssignmentStatus>>;
/// A ClusterResponsibilityAssignment, of which spec and status may have been written under another schema.
pub type ClusterAssignment =
    Slim<ClusterResponsibilityAssignment, Readable<ClusterResponsibilityAssignmentSpec>, Readable<AssignmentStatus>>;
/// A ServiceModel, of which spec and status may have been written under another schema.
pub type OwnServiceModel = Slim<ServiceModel, Readable<ServiceModelSpec>, Readable<ServiceModelStatus>>;

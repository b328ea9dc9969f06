//! Names of objects.

use std::fmt;
use std::sync::Arc;

/// The namespace and the name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace; empty for a cluster-scoped object.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl ObjectName {
    /// Returns the name of a cluster-scoped object.
    #[must_use]
    pub fn cluster(name: &str) -> Self {
        Self { namespace: "".into(), name: name.into() }
    }
}

/// The identity of a ResponsibilityAssignment or a ClusterResponsibilityAssignment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssignmentId {
    /// The namespace of a ResponsibilityAssignment; none for a ClusterResponsibilityAssignment.
    pub namespace: Option<Arc<str>>,
    /// The name.
    pub name: Arc<str>,
}

impl AssignmentId {
    /// Returns true for a ClusterResponsibilityAssignment.
    #[must_use]
    pub const fn is_cluster(&self) -> bool {
        self.namespace.is_none()
    }

    /// Returns the kind, as the API spells it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.is_cluster() { "ClusterResponsibilityAssignment" } else { "ResponsibilityAssignment" }
    }
}

impl fmt::Display for AssignmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The fields that an Event on the object of a workload needs beside its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectIdentity {
    /// The UID.
    pub uid: Arc<str>,
    /// The version of the API group, such as `v1`.
    pub version: Arc<str>,
    /// The creation time in seconds since 1970. For a workload that is only known from its children, the creation time
    /// of the oldest child.
    pub created: i64,
}

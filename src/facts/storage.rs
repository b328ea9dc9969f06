//! Facts of storage and of copies of it, which only signals read.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

/// Facts of a StorageClass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageClassFacts {
    /// The provisioner, such as `ebs.csi.aws.com`.
    pub provisioner: Arc<str>,
    /// `parameters.encrypted`, if it is set.
    pub encrypted: Option<bool>,
    /// True if claims that name no class use it.
    pub is_default: bool,
}

/// The result of a Backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupPhase {
    /// It is complete.
    Completed,
    /// It failed, or failed in part.
    Failed,
}

/// Facts of a Backup that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFacts {
    /// The namespaces in it; all of them if the set is empty or contains `*`.
    pub included: BTreeSet<Arc<str>>,
    /// The excluded namespaces.
    pub excluded: BTreeSet<Arc<str>>,
    /// Its result.
    pub phase: BackupPhase,
    /// True if its status says that it contains data of volumes.
    pub has_volumes: bool,
    /// The time at which it ended.
    pub at: Timestamp,
}

impl BackupFacts {
    /// Returns true if it certainly contains a namespace. A pattern in `included` does not count; a pattern in
    /// `excluded` counts as a match.
    #[must_use]
    pub fn contains_namespace(&self, namespace: &str) -> bool {
        let is_included = self.included.is_empty() || self.included.contains("*") || self.included.contains(namespace);
        let may_be = |name: &Arc<str>| **name == *namespace || name.contains(['*', '?', '[', '{']);
        is_included && !self.excluded.iter().any(may_be)
    }
}

/// Facts of a VolumeSnapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFacts {
    /// The PersistentVolumeClaim that it is a copy of.
    pub claim: Arc<str>,
    /// True if it can be used.
    pub ready: bool,
    /// The day on which it was created, in UTC.
    pub day: Date,
}

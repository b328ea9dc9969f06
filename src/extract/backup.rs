//! Backups of Velero: which namespaces they hold, and whether they are complete; and snapshots of volumes.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::dynamic::{Dynamic, FactsOf};
use super::meta::or_default;
use crate::signals::{BackupFacts, BackupPhase, Facts, SnapshotFacts};

/// A Backup, decoded as far as it counts: <https://velero.io/docs/main/api-types/backup/>.
pub type Backup = Dynamic<BackupSpec, BackupStatus>;

/// The part of the spec of a Backup that counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupSpec {
    #[serde(deserialize_with = "or_default")]
    included_namespaces: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    excluded_namespaces: Vec<String>,
}

/// The part of the status of a Backup that counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus {
    phase: Option<String>,
    completion_timestamp: Option<Timestamp>,
}

impl FactsOf for Backup {
    fn facts(&self) -> Option<Facts> {
        let phase = match self.status.phase.as_deref()? {
            "Completed" => BackupPhase::Completed,
            "PartiallyFailed" | "Failed" | "FailedValidation" => BackupPhase::Failed,
            // It runs, or is deleted.
            _ => return None,
        };
        let names = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        let (spec, created) = (&self.spec, self.metadata.creation_timestamp.as_ref().map(|time| time.0));
        Some(Facts::Backup(BackupFacts {
            included: names(&spec.included_namespaces),
            excluded: names(&spec.excluded_namespaces),
            phase,
            day: self.status.completion_timestamp.or(created)?.to_zoned(TimeZone::UTC).date(),
        }))
    }
}

/// A VolumeSnapshot, decoded as far as it counts: <https://kubernetes.io/docs/concepts/storage/volume-snapshots/>.
pub type VolumeSnapshot = Dynamic<SnapshotSpec, SnapshotStatus>;

/// The part of the spec of a VolumeSnapshot that counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SnapshotSpec {
    source: SnapshotSource,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SnapshotSource {
    persistent_volume_claim_name: Option<String>,
}

/// The part of the status of a VolumeSnapshot that counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SnapshotStatus {
    ready_to_use: Option<bool>,
}

impl FactsOf for VolumeSnapshot {
    fn facts(&self) -> Option<Facts> {
        let claim = self.spec.source.persistent_volume_claim_name.as_deref()?.into();
        let created = self.metadata.creation_timestamp.as_ref()?;
        Some(Facts::Snapshot(SnapshotFacts {
            claim,
            ready: self.status.ready_to_use == Some(true),
            day: created.0.to_zoned(TimeZone::UTC).date(),
        }))
    }
}

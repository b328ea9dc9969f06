//! Backups of Velero and snapshots of volumes.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::meta::Plain;
use super::meta::or_default;
use super::{Extract, Extraction};
use crate::facts::{BackupFacts, BackupPhase, Delta, FactKind, Facts, ListedKind, SnapshotFacts};
use crate::model::day;

/// A Backup, reduced to the fields that the operator reads: <https://velero.io/docs/main/api-types/backup/>.
pub type Backup = Plain<BackupSpec, BackupStatus>;

/// The decoded part of the spec of a Backup.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupSpec {
    #[serde(deserialize_with = "or_default")]
    included_namespaces: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    excluded_namespaces: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    included_resources: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    excluded_resources: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    included_cluster_scoped_resources: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    excluded_cluster_scoped_resources: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    included_namespace_scoped_resources: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    excluded_namespace_scoped_resources: Vec<String>,
    resource_policy: Option<IgnoredAny>,
    label_selector: Option<IgnoredAny>,
    or_label_selectors: Option<IgnoredAny>,
    snapshot_volumes: Option<bool>,
    default_volumes_to_fs_backup: Option<bool>,
    snapshot_move_data: Option<bool>,
}

/// Resources that a complete backup can exclude. They are transient, and Velero itself excludes most of them.
const TRANSIENT: [&str; 8] = [
    "events",
    "events.events.k8s.io",
    "endpoints",
    "endpointslices",
    "endpointslices.discovery.k8s.io",
    "leases",
    "leases.coordination.k8s.io",
    "nodes",
];

impl BackupSpec {
    /// Returns true if it includes all resources of its namespaces and the data of their volumes.
    fn is_whole(&self) -> bool {
        let all = |included: &[String]| included.is_empty() || included.iter().any(|resource| resource == "*");
        let includes = [
            &self.included_resources,
            &self.included_cluster_scoped_resources,
            &self.included_namespace_scoped_resources,
        ];
        let excludes = [
            &self.excluded_resources,
            &self.excluded_cluster_scoped_resources,
            &self.excluded_namespace_scoped_resources,
        ];
        let volumes = self.snapshot_volumes != Some(false) || self.default_volumes_to_fs_backup == Some(true);
        volumes
            && includes.iter().all(|included| all(included))
            && excludes.into_iter().flatten().all(|resource| TRANSIENT.contains(&resource.as_str()))
            && self.resource_policy.is_none()
            && self.label_selector.is_none()
            && self.or_label_selectors.is_none()
    }
}

/// The decoded part of the status of a Backup.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus {
    phase: Option<String>,
    completion_timestamp: Option<Timestamp>,
    volume_snapshots_completed: Option<u32>,
    csi_volume_snapshots_completed: Option<u32>,
    backup_item_operations_completed: Option<u32>,
}

impl BackupStatus {
    /// Returns true if data of volumes was saved, as snapshots or as moved data. Velero does not count snapshots whose
    /// data it moves, but the operations that move them.
    fn counts_volumes(&self, moves_data: bool) -> bool {
        let moved = self.backup_item_operations_completed.filter(|_| moves_data);
        let counts = [self.volume_snapshots_completed, self.csi_volume_snapshots_completed, moved];
        counts.into_iter().flatten().any(|count| count > 0)
    }
}

impl Backup {
    /// Extracts the facts; `None` if no signal uses the object.
    fn facts(&self) -> Option<Facts> {
        if !self.spec.is_whole() {
            return None;
        }
        let phase = match self.status.phase.as_deref()? {
            "Completed" => BackupPhase::Completed,
            "PartiallyFailed" | "Failed" | "FailedValidation" => BackupPhase::Failed,
            // It is in progress or being deleted.
            _ => return None,
        };
        let names = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        let (spec, created) = (&self.spec, self.metadata.creation_timestamp.as_ref().map(|time| time.0));
        Some(Facts::Backup(BackupFacts {
            included: names(&spec.included_namespaces),
            excluded: names(&spec.excluded_namespaces),
            phase,
            has_volumes: self.spec.default_volumes_to_fs_backup == Some(true)
                || self.status.counts_volumes(self.spec.snapshot_move_data == Some(true)),
            at: self.status.completion_timestamp.or(created)?,
        }))
    }
}

impl Extract for Backup {
    const KIND: ListedKind = ListedKind::Facts(FactKind::Backups);

    fn delta(&self, _: &Extraction) -> Delta {
        Delta::Facts(FactKind::Backups, self.object_name(), self.facts())
    }
}

/// A VolumeSnapshot, reduced to the fields that the operator reads:
/// <https://kubernetes.io/docs/concepts/storage/volume-snapshots/>.
pub type VolumeSnapshot = Plain<SnapshotSpec, SnapshotStatus>;

/// The decoded part of the spec of a VolumeSnapshot.
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

/// The decoded part of the status of a VolumeSnapshot.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SnapshotStatus {
    ready_to_use: Option<bool>,
}

impl VolumeSnapshot {
    /// Extracts the facts; `None` if no signal uses the object.
    fn facts(&self) -> Option<Facts> {
        let claim = self.spec.source.persistent_volume_claim_name.as_deref()?.into();
        let created = self.metadata.creation_timestamp.as_ref()?;
        Some(Facts::Snapshot(SnapshotFacts {
            claim,
            ready: self.status.ready_to_use == Some(true),
            day: day(created.0),
        }))
    }
}

impl Extract for VolumeSnapshot {
    const KIND: ListedKind = ListedKind::Facts(FactKind::Snapshots);

    fn delta(&self, _: &Extraction) -> Delta {
        Delta::Facts(FactKind::Snapshots, self.object_name(), self.facts())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn backup(spec: &Value, status: &Value) -> Option<BackupFacts> {
        let object = json!({ "metadata": { "name": "b", "namespace": "velero" }, "spec": spec, "status": status });
        let backup: Backup = serde_json::from_value(object).unwrap();
        backup.facts().map(|facts| match facts {
            Facts::Backup(backup) => backup,
            other => panic!("{other:?}"),
        })
    }

    fn ended(phase: &str) -> Value {
        json!({ "phase": phase, "completionTimestamp": "2026-11-20T03:00:00Z" })
    }

    #[rstest]
    #[case("Completed", Some(BackupPhase::Completed))]
    #[case("PartiallyFailed", Some(BackupPhase::Failed))]
    #[case("Failed", Some(BackupPhase::Failed))]
    #[case("FailedValidation", Some(BackupPhase::Failed))]
    #[case("InProgress", None)]
    #[case("Deleting", None)]
    fn a_backup_counts_when_it_has_ended(#[case] phase: &str, #[case] expected: Option<BackupPhase>) {
        assert_eq!(backup(&json!({}), &ended(phase)).map(|found| found.phase), expected);
        assert_eq!(backup(&json!({}), &json!({})), None);
    }

    #[rstest]
    #[case::everything(json!({ "includedNamespaces": ["shop"], "includedResources": ["*"] }), true)]
    #[case::nulls(json!({ "includedNamespaces": null, "labelSelector": null }), true)]
    #[case::some_resources(json!({ "includedResources": ["configmaps"] }), false)]
    #[case::some_labels(json!({ "labelSelector": { "matchLabels": { "app": "a" } } }), false)]
    #[case::without_volumes(json!({ "snapshotVolumes": false }), false)]
    #[case::volumes_as_files(json!({ "snapshotVolumes": false, "defaultVolumesToFsBackup": true }), true)]
    #[case::claims_left_out(json!({ "excludedResources": ["persistentvolumeclaims"] }), false)]
    #[case::nothing_that_is_missed_left_out(json!({ "excludedResources": ["events"] }), true)]
    #[case::something_else_left_out(json!({ "excludedResources": ["events", "secrets"] }), false)]
    #[case::some_of_its_namespaces(json!({ "includedNamespaceScopedResources": ["configmaps"] }), false)]
    #[case::all_of_its_namespaces(json!({ "includedNamespaceScopedResources": ["*"] }), true)]
    #[case::some_left_out(json!({ "excludedNamespaceScopedResources": ["secrets"] }), false)]
    #[case::volumes_left_out(json!({ "excludedClusterScopedResources": ["persistentvolumes"] }), false)]
    #[case::some_of_the_cluster(json!({ "includedClusterScopedResources": ["storageclasses"] }), false)]
    #[case::a_policy_for_volumes(json!({ "resourcePolicy": { "kind": "configmap", "name": "skip" } }), false)]
    fn a_backup_of_a_part_is_none(#[case] spec: Value, #[case] expected: bool) {
        assert_eq!(backup(&spec, &ended("Completed")).is_some(), expected);
    }

    #[rstest]
    #[case::nothing_told(json!({}), json!({}), false)]
    #[case::snapshots(json!({}), json!({ "volumeSnapshotsCompleted": 2 }), true)]
    #[case::snapshots_by_csi(json!({}), json!({ "csiVolumeSnapshotsCompleted": 1 }), true)]
    #[case::none_completed(json!({}), json!({ "volumeSnapshotsCompleted": 0, "csiVolumeSnapshotsAttempted": 3 }), false)]
    #[case::as_files(json!({ "defaultVolumesToFsBackup": true }), json!({}), true)]
    #[case::moved(json!({ "snapshotMoveData": true }), json!({ "backupItemOperationsCompleted": 2 }), true)]
    #[case::other_operations(json!({}), json!({ "backupItemOperationsCompleted": 2 }), false)]
    fn a_backup_shows_whether_volumes_are_in_it(#[case] spec: Value, #[case] counted: Value, #[case] expected: bool) {
        let mut status = ended("Completed");
        status.as_object_mut().unwrap().extend(counted.as_object().unwrap().clone());
        assert_eq!(backup(&spec, &status).unwrap().has_volumes, expected);
    }

    #[test]
    fn a_snapshot_is_of_a_claim() {
        let object = json!({
            "metadata": { "name": "s", "creationTimestamp": "2026-11-20T03:00:00Z" },
            "spec": { "source": { "persistentVolumeClaimName": "data" } },
            "status": { "readyToUse": true },
        });
        let snapshot: VolumeSnapshot = serde_json::from_value(object).unwrap();
        let day = jiff::civil::date(2026, 11, 20);
        assert_eq!(snapshot.facts(), Some(Facts::Snapshot(SnapshotFacts { claim: "data".into(), ready: true, day })));
    }
}

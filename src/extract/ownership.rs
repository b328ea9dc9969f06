//! Finds the workload that an object is a part of: itself, its controller, or all objects with the same prefix of a
//! generated name.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::meta::object_name;
use super::valid;
use crate::facts::{Controller, GENERATED, ObjectIdentity, WorkloadKey, WorkloadKind};

/// The number of bytes of `generateName` that the API server keeps: a generated name has at most 63 bytes and ends with
/// five random ones.
const PREFIX_LIMIT: usize = 58;

/// The relation of an object to a workload.
pub(super) enum Ownership {
    /// A child of this controller of a watched kind, if the reference is true.
    Child(Controller),
    /// A workload, or a part of one.
    Workload {
        /// The workload that it is a part of; `None` if it is the workload itself.
        part_of: Option<WorkloadKey>,
        /// The object for Events about the workload.
        identity: ObjectIdentity,
    },
}

/// Returns the key of an object of a kind.
pub(super) fn key(metadata: &ObjectMeta, kind: WorkloadKind) -> WorkloadKey {
    let name = object_name(metadata);
    WorkloadKey { namespace: name.namespace, kind, name: name.name }
}

/// Returns the UID of an object; empty if it has none.
pub(super) fn uid(metadata: &ObjectMeta) -> Arc<str> {
    metadata.uid.as_deref().unwrap_or_default().into()
}

/// Returns the relation of an object to a workload. `version` is the version of its API group.
pub(super) fn ownership(metadata: &ObjectMeta, kind: &WorkloadKind, version: &str) -> Ownership {
    let created = metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
    let itself = || ObjectIdentity { uid: uid(metadata), version: version.into(), created };
    if let Some(owner) = controller(metadata) {
        let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
        let owner_kind = WorkloadKind::of(valid::group(group), valid::kind(&owner.kind));
        let owner_key = || WorkloadKey { name: valid::name(&owner.name).into(), ..key(metadata, owner_kind.clone()) };
        let uid: Arc<str> = valid::uid(&owner.uid).into();
        if is_child_of(kind, &owner_kind) {
            return Ownership::Child(Controller { key: owner_key(), uid });
        }
        // The controller of a static pod is its Node, which is not a workload. Other built-in workloads do not control
        // objects of this kind: such an owner reference could hide an object and is ignored.
        if (group, owner.kind.as_str()) != ("", "Node") && matches!(owner_kind, WorkloadKind::Other(_)) {
            let identity = ObjectIdentity { uid, version: valid::version(version).into(), created };
            return Ownership::Workload { part_of: Some(owner_key()), identity };
        }
    }
    let prefix = generated_prefix(metadata).filter(|_| matches!(kind, WorkloadKind::Job | WorkloadKind::Pod));
    let part_of =
        prefix.map(|prefix| WorkloadKey { name: format!("{prefix}{GENERATED}").into(), ..key(metadata, kind.clone()) });
    Ownership::Workload { part_of, identity: itself() }
}

/// Returns the prefix of a generated name. An object can have a `generateName` that its name does not start with, if
/// both were given: then there is none.
fn generated_prefix(metadata: &ObjectMeta) -> Option<&str> {
    let prefix = metadata.generate_name.as_deref().filter(|prefix| !prefix.is_empty())?;
    let kept = prefix.get(..PREFIX_LIMIT).unwrap_or(prefix);
    let suffix = metadata.name.as_deref()?.strip_prefix(kept)?;
    (!suffix.is_empty()).then_some(prefix)
}

fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Returns true if the controller of the owner's kind creates objects of this kind from the owner's template.
const fn is_child_of(kind: &WorkloadKind, owner: &WorkloadKind) -> bool {
    use WorkloadKind::{CronJob, DaemonSet, Deployment, Job, Pod, ReplicaSet, ReplicationController, StatefulSet};
    matches!(
        (kind, owner),
        (Pod, ReplicaSet | StatefulSet | DaemonSet | Job | ReplicationController)
            | (ReplicaSet, Deployment)
            | (Job, CronJob)
    )
}

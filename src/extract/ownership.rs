//! Which workload an object belongs to: itself, what controls it, or all objects with its stem of a generated name.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::meta::object_name;
use crate::facts::{GENERATED, ObjectIdentity, WorkloadKey, WorkloadKind};

/// How much of a longer stem the API server keeps in the names that it makes of it.
const STEM_LIMIT: usize = 58;

/// Where an object belongs.
pub(super) enum Ownership {
    /// To this workload, which is watched itself.
    Dropped(WorkloadKey),
    /// To this workload, none for itself.
    Of {
        /// What it is a part of.
        part_of: Option<WorkloadKey>,
        /// The object that Events on the workload are about.
        identity: ObjectIdentity,
    },
}

/// The identity of an object of a kind.
pub(super) fn key(metadata: &ObjectMeta, kind: WorkloadKind) -> WorkloadKey {
    let name = object_name(metadata);
    WorkloadKey { namespace: name.namespace, kind, name: name.name }
}

/// Where an object of a kind, served in this version of its group, belongs.
pub(super) fn ownership(metadata: &ObjectMeta, kind: &WorkloadKind, version: &str) -> Ownership {
    let created = metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
    let itself =
        || ObjectIdentity { uid: metadata.uid.as_deref().unwrap_or_default().into(), version: version.into(), created };
    if let Some(owner) = controller(metadata) {
        let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
        let owner_kind = WorkloadKind::of(group, &owner.kind);
        if is_made_by(kind, &owner_kind) {
            return Ownership::Dropped(WorkloadKey { name: owner.name.as_str().into(), ..key(metadata, owner_kind) });
        }
        // A static pod is controlled by its Node, which is no workload. Nor does an object become a part of a built-in
        // workload by saying so: their controllers make no such objects.
        if (group, owner.kind.as_str()) != ("", "Node") && matches!(owner_kind, WorkloadKind::Other(_)) {
            let part_of = WorkloadKey { name: owner.name.as_str().into(), ..key(metadata, owner_kind) };
            let identity = ObjectIdentity { uid: owner.uid.as_str().into(), version: version.into(), created };
            return Ownership::Of { part_of: Some(part_of), identity };
        }
    }
    let stem = generated_from(metadata).filter(|_| matches!(kind, WorkloadKind::Job | WorkloadKind::Pod));
    let part_of =
        stem.map(|stem| WorkloadKey { name: format!("{stem}{GENERATED}").into(), ..key(metadata, kind.clone()) });
    Ownership::Of { part_of, identity: itself() }
}

/// The stem of a generated name. The stem alone tells nothing: it is kept also where a name was given beside it.
fn generated_from(metadata: &ObjectMeta) -> Option<&str> {
    let stem = metadata.generate_name.as_deref().filter(|stem| !stem.is_empty())?;
    let kept = stem.get(..STEM_LIMIT).unwrap_or(stem);
    let added = metadata.name.as_deref()?.strip_prefix(kept)?;
    (!added.is_empty()).then_some(stem)
}

fn controller(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// Whether the controller of the owner's kind makes objects of this kind from the owner's template: then the owner tells it
/// all.
const fn is_made_by(kind: &WorkloadKind, owner: &WorkloadKind) -> bool {
    use WorkloadKind::{CronJob, DaemonSet, Deployment, Job, Pod, ReplicaSet, ReplicationController, StatefulSet};
    matches!(
        (kind, owner),
        (Pod, ReplicaSet | StatefulSet | DaemonSet | Job | ReplicationController)
            | (ReplicaSet, Deployment)
            | (Job, CronJob)
    )
}

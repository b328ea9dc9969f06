//! Children: pods, ReplicaSets and Jobs with a controller of a watched kind.
//!
//! The facts that differ between the children of one template are removed, so that they share one value in memory: the
//! node, the ordinal and the labels that the controller adds, if their values are those that it would add.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Extraction;
use super::ownership::uid;
use super::pod_spec::{Annotations, PodSpec};
use super::pod_template::request_secrets;
use crate::facts::{
    CONTROLLER_LABELS, ChildFacts, ChildObject, Controller, Labels, Placement, PodLabels, VolumeClaim, WorkloadFacts,
    WorkloadKind,
};
use crate::matrix::LayerTriggers;

/// Returns a child. `pods` are the spec and the annotations of its pods with the facts that they have as a workload of
/// their own; `None` if it requests no pods.
pub(super) fn child(
    metadata: &ObjectMeta,
    controller: Controller,
    pods: Option<((&PodSpec, Annotations<'_>), WorkloadFacts)>,
    extraction: &Extraction,
) -> ChildObject {
    let name = metadata.name.as_deref().unwrap_or_default();
    let facts = pods.map(|(spec, facts)| shared(name, &controller, spec, facts, extraction));
    ChildObject {
        uid: uid(metadata),
        created: metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
        facts,
        controller,
    }
}

fn shared(
    name: &str,
    controller: &Controller,
    (spec, annotations): (&PodSpec, Annotations<'_>),
    mut facts: WorkloadFacts,
    extraction: &Extraction,
) -> ChildFacts {
    let kind = &controller.key.kind;
    let is_added = |key: &str, value: &str| is_added(name, controller, key, value);
    let added = facts.pods.template.iter().filter(|(key, value)| is_added(key, value));
    // Labels that differ between the pods of one template are not kept.
    let added: Labels = added.filter(|(key, _)| !differs(key)).collect();
    let without = |labels: &Labels| labels.iter().filter(|(key, value)| !is_added(key, value)).collect::<Labels>();
    (facts.labels, facts.pods.template) = (without(&facts.labels), without(&facts.pods.template));
    facts.pods.template.share(&facts.labels.clone());
    facts.unbind();
    if *kind == WorkloadKind::DaemonSet {
        facts.placement = Arc::new(unpinned(&facts.placement));
    }
    if *kind == WorkloadKind::StatefulSet {
        facts.pods.ordinals_of = Some(controller.key.name.clone());
        let of_pod = format!("-{name}");
        let is_shared = |claim: &VolumeClaim| !matches!(claim, VolumeClaim::Named(claim) if claim.ends_with(&of_pod));
        facts.claims = facts.claims.into_iter().filter(is_shared).collect();
    }
    // Pull secrets do not count: an admission plugin adds those of the ServiceAccount.
    let mut counted = facts.triggers & (LayerTriggers::STORAGE | LayerTriggers::HOST_NETWORK);
    if spec.refers_to_secrets() || request_secrets(annotations) {
        counted.insert(LayerTriggers::SECRETS);
    }
    ChildFacts { containers: spec.container_facts(extraction), facts, added, counted }
}

/// Returns true if a label is one that the controller of this child adds, with the value that it would add.
fn is_added(name: &str, controller: &Controller, key: &str, value: &str) -> bool {
    let is_number = || !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let owner = &*controller.key.name;
    match (&controller.key.kind, key) {
        (WorkloadKind::Deployment, "pod-template-hash") => ends_with_part(name, value),
        (WorkloadKind::ReplicaSet, "pod-template-hash") => ends_with_part(owner, value),
        (WorkloadKind::DaemonSet | WorkloadKind::StatefulSet, "controller-revision-hash") => true,
        (WorkloadKind::StatefulSet, PodLabels::POD_NAME) => value == name,
        (WorkloadKind::StatefulSet, PodLabels::POD_INDEX) => is_number() && ends_with_part(name, value),
        (WorkloadKind::Job, "job-name" | "batch.kubernetes.io/job-name") => value == owner,
        (WorkloadKind::Job, "controller-uid" | "batch.kubernetes.io/controller-uid") => value == &*controller.uid,
        (WorkloadKind::DaemonSet, "pod-template-generation")
        | (WorkloadKind::Job, "batch.kubernetes.io/job-completion-index") => is_number(),
        _ => false,
    }
}

/// Returns true if a name ends with a hyphen and this part.
fn ends_with_part(name: &str, part: &str) -> bool {
    !part.is_empty() && name.strip_suffix(part).is_some_and(|rest| rest.ends_with('-'))
}

/// Returns true if a label of the controller has another value for each pod of one template.
fn differs(key: &str) -> bool {
    debug_assert!(CONTROLLER_LABELS.contains(&key), "only labels of controllers are removed");
    matches!(key, PodLabels::POD_NAME | PodLabels::POD_INDEX | "batch.kubernetes.io/job-completion-index")
}

/// Returns a placement without requirements on the name of the node, which the DaemonSet controller adds to each pod.
fn unpinned(placement: &Placement) -> Placement {
    let mut placement = placement.clone();
    for term in placement.affinity.iter_mut().flatten() {
        term.name = Box::default();
    }
    let is_empty = |term: &crate::facts::NodeTerm| term.labels.is_empty() && !term.impossible;
    // A term without requirements matches no node, and the pod would be scheduled nowhere.
    if placement.affinity.iter().flatten().any(is_empty) {
        placement.affinity = None;
    }
    placement
}

#[cfg(test)]
mod tests;

//! Objects of the operator's own kinds as the API server stores them: spec, last written status and version.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::Resource;

use crate::api::{AssignmentStatus, ClusterResponsibilityAssignmentSpec, ServiceModelSpec, ServiceModelStatus};
use crate::extract::{ClusterAssignment, NamespacedAssignment, OwnServiceModel};
use crate::facts::AssignmentId;
use crate::model::CONDITIONS;

/// Condition types that the operator writes in the status of a ServiceModel.
const MODEL_CONDITIONS: [&str; 1] = ["Accepted"];

/// An assignment as the API server stores it.
#[derive(Clone, Debug)]
pub(super) struct ObservedAssignment {
    pub(super) id: AssignmentId,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) generation: Option<i64>,
    /// Last written status, without conditions of other writers.
    pub(super) status: AssignmentStatus,
    /// Spec in the form of the cluster-scoped kind; the parse error if the stored object does not match the schema.
    pub(super) spec: Result<Arc<ClusterResponsibilityAssignmentSpec>, String>,
}

impl ObservedAssignment {
    pub(super) fn namespaced(object: &NamespacedAssignment) -> Self {
        let spec = object
            .spec
            .0
            .clone()
            .map(|spec| ClusterResponsibilityAssignmentSpec { namespace_selector: None, assignment: spec.assignment });
        Self::new(object.meta(), spec, object.status.0.as_ref().ok())
    }

    pub(super) fn cluster(object: &ClusterAssignment) -> Self {
        Self::new(object.meta(), object.spec.0.clone(), object.status.0.as_ref().ok())
    }

    pub(super) fn id_of(meta: &ObjectMeta) -> AssignmentId {
        AssignmentId {
            namespace: meta.namespace.as_deref().map(Arc::from),
            name: meta.name.as_deref().unwrap_or_default().into(),
        }
    }

    fn new(
        meta: &ObjectMeta,
        spec: Result<ClusterResponsibilityAssignmentSpec, String>,
        status: Option<&AssignmentStatus>,
    ) -> Self {
        let mut status = status.cloned().unwrap_or_default();
        retain_own(&mut status.conditions, &CONDITIONS);
        Self {
            id: Self::id_of(meta),
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            generation: meta.generation,
            status,
            spec: spec.map(Arc::new),
        }
    }

    /// Returns true if this is an earlier version of the same object than `known`.
    pub(super) fn is_older_than(&self, known: &Self) -> bool {
        self.uid == known.uid && precedes(&self.resource_version, &known.resource_version)
    }

    /// Returns true if the status was computed from the current spec. False while a change by a user waits for its status.
    pub(super) fn is_status_current(&self) -> bool {
        self.status.observed_generation == self.generation
    }
}

/// A ServiceModel as the API server stores it.
#[derive(Clone, Debug)]
pub(super) struct ObservedServiceModel {
    pub(super) name: Arc<str>,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) generation: Option<i64>,
    /// Last written status, without conditions of other writers.
    pub(super) status: ServiceModelStatus,
    /// Spec; the parse error if the stored object does not match the schema.
    pub(super) spec: Result<Box<ServiceModelSpec>, String>,
}

impl ObservedServiceModel {
    pub(super) fn new(object: &OwnServiceModel) -> Self {
        let meta = object.meta();
        let mut status = object.status.0.clone().unwrap_or_default();
        retain_own(&mut status.conditions, &MODEL_CONDITIONS);
        Self {
            name: Self::name_of(meta),
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            generation: meta.generation,
            status,
            spec: object.spec.0.clone().map(Box::new),
        }
    }

    pub(super) fn name_of(meta: &ObjectMeta) -> Arc<str> {
        meta.name.as_deref().unwrap_or_default().into()
    }

    /// Returns true if this is an earlier version of the same object than `known`.
    pub(super) fn is_older_than(&self, known: &Self) -> bool {
        self.uid == known.uid && precedes(&self.resource_version, &known.resource_version)
    }

    /// Returns true if the status was computed from the current spec. False while a change by a user waits for its status.
    pub(super) fn is_status_current(&self) -> bool {
        self.status.observed_generation == self.generation
    }
}

/// Removes the conditions that other writers added to a status.
fn retain_own(conditions: &mut Vec<Condition>, own: &[&str]) {
    conditions.retain(|condition| own.contains(&condition.type_.as_str()));
}

/// Returns true if a resource version is older than another of the same kind.
///
/// The response to a status write can arrive before the watch event of an older version. Resource versions of one kind can be
/// compared as numbers since Kubernetes 1.35. Returns false for a version that is not a number: the watch event counts then,
/// and the API server refuses a write that is based on an outdated version.
pub(super) fn precedes(one: &str, other: &str) -> bool {
    let number = |version: &str| version.parse::<u128>().ok();
    number(one).zip(number(other)).is_some_and(|(one, other)| one < other)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn metadata(version: &str) -> Value {
        json!({ "name": "shop", "namespace": "shop", "uid": "5f0c", "resourceVersion": version, "generation": 3 })
    }

    fn namespaced(version: &str, spec: &Value) -> ObservedAssignment {
        let condition = |kind| json!({ "type": kind, "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-11-01T00:00:00Z" });
        let status = json!({ "conditions": [condition("Covered"), condition("Foreign")], "transitions": 7 });
        let object = json!({ "metadata": metadata(version), "spec": spec, "status": status });
        ObservedAssignment::namespaced(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_namespaced_assignment_speaks_like_a_cluster_assignment_without_a_choice_of_namespaces() {
        let seen = namespaced("9", &json!({ "serviceModel": "CaaS" }));
        let spec = seen.spec.unwrap();
        assert_eq!((spec.namespace_selector.as_ref(), spec.assignment.service_model.as_deref()), (None, Some("CaaS")));
        assert_eq!((seen.id.to_string().as_str(), seen.generation, seen.status.transitions), ("shop/shop", Some(3), 7));
        let conditions: Vec<&str> = seen.status.conditions.iter().map(|condition| &*condition.type_).collect();
        assert_eq!(conditions, ["Covered"], "what others add is theirs");
    }

    #[test]
    fn an_object_that_does_not_parse_says_why() {
        let observed = namespaced("9", &json!({ "parties": "everybody" }));
        assert!(observed.spec.as_ref().is_err_and(|error| error.contains("everybody")), "{:?}", observed.spec);
        let model = json!({ "metadata": { "name": "ours" }, "spec": { "extends": "NoModel" } });
        assert!(ObservedServiceModel::new(&serde_json::from_value(model).unwrap()).spec.is_err());
    }

    #[test]
    fn an_object_is_status_current_when_its_status_observed_what_it_says_now() {
        let mut seen = namespaced("9", &json!({}));
        assert!(!seen.is_status_current(), "a status that observed nothing yet");
        seen.status.observed_generation = Some(2);
        assert!(!seen.is_status_current());
        seen.status.observed_generation = Some(3);
        assert!(seen.is_status_current());
        let model =
            json!({ "metadata": metadata("9"), "spec": { "extends": "CaaS" }, "status": { "observedGeneration": 3 } });
        let mut model = ObservedServiceModel::new(&serde_json::from_value(model).unwrap());
        assert!(model.is_status_current());
        model.generation = Some(4);
        assert!(!model.is_status_current());
    }

    #[test]
    fn a_state_is_older_only_than_a_later_one_of_the_same_object() {
        let [older, newer] = ["9", "10"].map(|version| namespaced(version, &json!({})));
        assert!(older.is_older_than(&newer) && !newer.is_older_than(&older) && !older.is_older_than(&older));
        assert!(
            !older.is_older_than(&ObservedAssignment { uid: "77aa".into(), ..newer.clone() }),
            "another object of that name"
        );
        assert!(!older.is_older_than(&ObservedAssignment { resource_version: "opaque".into(), ..newer }));
    }
}

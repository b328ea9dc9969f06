//! What the watches tell the engine.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::Resource;

pub(super) use super::sources::{Problem, Source, SourceRole, Sources};
use crate::api::{AssignmentStatus, ClusterResponsibilityAssignmentSpec, ServiceModelSpec, ServiceModelStatus};
use crate::extract::{ClusterAssignment, NamespacedAssignment, OwnServiceModel};
use crate::facts::{AssignmentId, Delta, Listed, ObjectName, PublishedReport};
use crate::model::CONDITIONS;

/// The types of the conditions that the operator keeps in the status of a ServiceModel.
const MODEL_CONDITIONS: [&str; 1] = ["Accepted"];

/// One thing that a watch has to tell.
#[derive(Debug)]
pub(super) enum Input {
    /// Something changed.
    Change(Delta),
    /// An assignment was written.
    Assignment(Box<Seen>),
    /// A service model was written.
    ServiceModel(Box<SeenModel>),
    /// A Report of the operator was written.
    OwnReport(ObjectName, Box<PublishedReport>),
    /// A kind was read completely and is watched.
    Synced(Source),
    /// A kind cannot be read.
    Unreadable(Source, Problem),
    /// A kind that is optional is served no more: nothing of it counts, and it is no input any more.
    Gone(Source),
    /// Whether another policy API than NetworkPolicy is served.
    OtherPolicyApis(bool),
}

impl Input {
    /// Adds the object that it is about to the list that is being read.
    pub(super) fn note(&self, listed: &mut Listed) {
        match self {
            Self::Change(delta) => listed.insert(delta),
            Self::Assignment(seen) => listed.insert_assignment(&seen.id),
            Self::ServiceModel(seen) => drop(listed.names.insert(ObjectName::cluster(&seen.name))),
            Self::OwnReport(name, _) => drop(listed.names.insert(name.clone())),
            Self::Synced(_) | Self::Unreadable(..) | Self::Gone(_) | Self::OtherPolicyApis(_) => {}
        }
    }
}

/// An assignment as the API server holds it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) id: AssignmentId,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) generation: Option<i64>,
    /// What was published last.
    pub(super) status: AssignmentStatus,
    /// What it says, in the form of the cluster kind; the error when the stored object does not parse.
    pub(super) spec: Result<Arc<ClusterResponsibilityAssignmentSpec>, String>,
}

impl Seen {
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

    /// Whether this is an older state of the same object than `known`.
    pub(super) fn is_older_than(&self, known: &Self) -> bool {
        self.uid == known.uid && precedes(&self.resource_version, &known.resource_version)
    }

    /// Whether the status speaks of what it says now; it does not before the answer to what a user wrote is published.
    pub(super) fn is_answered(&self) -> bool {
        self.status.observed_generation == self.generation
    }
}

/// A service model as the API server holds it.
#[derive(Clone, Debug)]
pub(super) struct SeenModel {
    pub(super) name: Arc<str>,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) generation: Option<i64>,
    /// What was published last.
    pub(super) status: ServiceModelStatus,
    /// What it says; the error when the stored object does not parse.
    pub(super) spec: Result<Box<ServiceModelSpec>, String>,
}

impl SeenModel {
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

    /// Whether this is an older state of the same object than `known`.
    pub(super) fn is_older_than(&self, known: &Self) -> bool {
        self.uid == known.uid && precedes(&self.resource_version, &known.resource_version)
    }

    /// Whether the status speaks of what it says now; it does not before the answer to what a user wrote is published.
    pub(super) fn is_answered(&self) -> bool {
        self.status.observed_generation == self.generation
    }
}

/// What others add to a status is theirs.
fn retain_own(conditions: &mut Vec<Condition>, own: &[&str]) {
    conditions.retain(|condition| own.contains(&condition.type_.as_str()));
}

/// Whether a version of an object is older than another: the answer to a status write can overtake the watch. Versions of
/// one kind can be compared as numbers since Kubernetes 1.35; where they cannot be read as such, the watch is believed and
/// an outdated write is refused by the API server.
pub(super) fn precedes(one: &str, other: &str) -> bool {
    let version = |text: &str| text.parse::<u128>().ok();
    version(one).zip(version(other)).is_some_and(|(one, other)| one < other)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::facts::ListedKind;

    fn metadata(version: &str) -> Value {
        json!({ "name": "shop", "namespace": "shop", "uid": "5f0c", "resourceVersion": version, "generation": 3 })
    }

    fn namespaced(version: &str, spec: &Value) -> Seen {
        let condition = |kind| json!({ "type": kind, "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-11-01T00:00:00Z" });
        let status = json!({ "conditions": [condition("Covered"), condition("Foreign")], "transitions": 7 });
        let object = json!({ "metadata": metadata(version), "spec": spec, "status": status });
        Seen::namespaced(&serde_json::from_value(object).unwrap())
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
    fn an_object_that_does_not_parse_says_why_and_is_there_all_the_same() {
        let seen = namespaced("9", &json!({ "parties": "everybody" }));
        assert!(seen.spec.as_ref().is_err_and(|error| error.contains("everybody")), "{:?}", seen.spec);
        let mut listed = Listed::empty(ListedKind::Assignments, None);
        Input::Assignment(Box::new(seen)).note(&mut listed);
        let model = json!({ "metadata": { "name": "ours" }, "spec": { "extends": "NoModel" } });
        let model = SeenModel::new(&serde_json::from_value(model).unwrap());
        assert!(model.spec.is_err());
        Input::ServiceModel(Box::new(model)).note(&mut listed);
        assert_eq!(listed.names.len(), 2);
    }

    #[test]
    fn an_object_is_answered_when_its_status_observed_what_it_says_now() {
        let mut seen = namespaced("9", &json!({}));
        assert!(!seen.is_answered(), "a status that observed nothing yet");
        seen.status.observed_generation = Some(2);
        assert!(!seen.is_answered());
        seen.status.observed_generation = Some(3);
        assert!(seen.is_answered());
        let model =
            json!({ "metadata": metadata("9"), "spec": { "extends": "CaaS" }, "status": { "observedGeneration": 3 } });
        let mut model = SeenModel::new(&serde_json::from_value(model).unwrap());
        assert!(model.is_answered());
        model.generation = Some(4);
        assert!(!model.is_answered());
    }

    #[test]
    fn a_state_is_older_only_than_a_later_one_of_the_same_object() {
        let [older, newer] = ["9", "10"].map(|version| namespaced(version, &json!({})));
        assert!(older.is_older_than(&newer) && !newer.is_older_than(&older) && !older.is_older_than(&older));
        assert!(!older.is_older_than(&Seen { uid: "77aa".into(), ..newer.clone() }), "another object of that name");
        assert!(!older.is_older_than(&Seen { resource_version: "opaque".into(), ..newer }));
    }
}

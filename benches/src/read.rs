//! From the bytes of an object to the change that it amounts to, as the watches of the operator do it.

use std::sync::{Arc, LazyLock};

use kube::Resource;
use responsibility_operator::api::ClusterResponsibilityAssignmentSpec;
use responsibility_operator::extract::{
    ClusterAssignment, CronJob, DaemonSet, Deployment, Extract, Extraction, Ingress, Namespace, NamespacedAssignment,
    NetworkPolicy, Node, Pod, Service, StatefulSet,
};
use responsibility_operator::facts::{AssignmentId, Delta};
use serde::de::DeserializeOwned;

use crate::world::Object;

static EXTRACTION: LazyLock<Extraction> = LazyLock::new(Extraction::default);

/// An object as the API server sends it.
#[derive(Clone, Debug)]
pub struct Sent {
    bytes: Vec<u8>,
    read: fn(&[u8]) -> Delta,
}

impl Sent {
    /// An object in a list, or in a watch as it is now.
    #[must_use]
    pub fn listed(object: &Object) -> Self {
        let listed = object.listed();
        let read = match listed["kind"].as_str() {
            Some("Namespace") => facts::<Namespace>,
            Some("Node") => facts::<Node>,
            Some("Deployment") => facts::<Deployment>,
            Some("StatefulSet") => facts::<StatefulSet>,
            Some("DaemonSet") => facts::<DaemonSet>,
            Some("CronJob") => facts::<CronJob>,
            Some("Pod") => facts::<Pod>,
            Some("Service") => facts::<Service>,
            Some("Ingress") => facts::<Ingress>,
            Some("NetworkPolicy") => facts::<NetworkPolicy>,
            Some("ResponsibilityAssignment") => namespaced_assignment,
            Some("ClusterResponsibilityAssignment") => cluster_assignment,
            kind => unreachable!("the world has no {kind:?}"),
        };
        Self { bytes: listed.to_string().into_bytes(), read }
    }

    /// An object in a watch that was deleted: one of the kinds of which some come and go here.
    #[must_use]
    pub fn deleted(object: &Object) -> Self {
        let read = match object.body["kind"].as_str() {
            Some("Deployment") => deletion::<Deployment>,
            Some("Service") => deletion::<Service>,
            Some("NetworkPolicy") => deletion::<NetworkPolicy>,
            kind => unreachable!("no {kind:?} comes and goes"),
        };
        Self { bytes: object.listed().to_string().into_bytes(), read }
    }

    /// What it amounts to.
    #[must_use]
    pub fn read(&self) -> Delta {
        (self.read)(&self.bytes)
    }
}

fn decode<K: DeserializeOwned>(bytes: &[u8]) -> K {
    serde_json::from_slice(bytes).expect("the objects of the world fit their kinds")
}

fn facts<K: Extract + DeserializeOwned>(bytes: &[u8]) -> Delta {
    decode::<K>(bytes).delta(&EXTRACTION)
}

fn deletion<K: Extract + DeserializeOwned>(bytes: &[u8]) -> Delta {
    decode::<K>(bytes).deletion()
}

fn namespaced_assignment(bytes: &[u8]) -> Delta {
    let object: NamespacedAssignment = decode(bytes);
    let spec = object.spec.0.as_ref().ok().map(|spec| ClusterResponsibilityAssignmentSpec {
        namespace_selector: None,
        assignment: spec.assignment.clone(),
    });
    assignment(&object, spec)
}

fn cluster_assignment(bytes: &[u8]) -> Delta {
    let object: ClusterAssignment = decode(bytes);
    assignment(&object, object.spec.0.as_ref().ok().cloned())
}

fn assignment(object: &impl Resource, spec: Option<ClusterResponsibilityAssignmentSpec>) -> Delta {
    let meta = object.meta();
    let id = AssignmentId {
        namespace: meta.namespace.as_deref().map(Arc::from),
        name: meta.name.as_deref().unwrap_or_default().into(),
    };
    Delta::Assignment(id, spec.map(Arc::new))
}

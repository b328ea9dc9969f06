//! Decoding of an object's bytes into a change of the index, as in the watches of the operator.

use std::sync::{Arc, LazyLock};

use kube::Resource;
use responsibility_operator::api::ClusterResponsibilityAssignmentSpec;
use responsibility_operator::extract::{
    ClusterAssignment, CronJob, DaemonSet, Deployment, Extract, Extraction, Ingress, Namespace, NamespacedAssignment,
    NetworkPolicy, Node, Pod, Service, StatefulSet, object_name,
};
use responsibility_operator::facts::{AssignmentId, Delta};
use serde::de::DeserializeOwned;

use crate::world::Object;

static EXTRACTION: LazyLock<Extraction> = LazyLock::new(Extraction::default);

/// Object as the API server sends it.
#[derive(Clone, Debug)]
pub struct Sent {
    bytes: Vec<u8>,
    read: fn(&[u8]) -> Delta,
}

impl Sent {
    /// Returns an object of a list, or the current object of a watch event.
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

    /// Returns a deleted object of a watch event, for the kinds that the benchmarks delete.
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

    /// Decodes the object into a change.
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
    K::KIND.deletion(object_name(decode::<K>(bytes).meta()))
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

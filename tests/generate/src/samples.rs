//! Evaluates the samples in `deploy/samples` as the operator does after `make demo` has applied them.
//!
//! The version of the API server stays unknown, so that the result does not depend on the Kubernetes of the demo.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::civil::{Date, date};
use responsibility_operator::api::ClusterResponsibilityAssignmentSpec;
use responsibility_operator::extract::{
    CronJob, DaemonSet, Deployment, Extract, Extraction, Ingress, Job, Namespace, Pod, ReplicaSet,
    ReplicationController, Service, StatefulSet,
};
use responsibility_operator::facts::{AssignmentId, Delta, PolicyCoverage, WorkloadKey};
use responsibility_operator::inventory::{Inventory, InventoryOptions};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The manifests that the demo applies first.
const MANIFESTS: [&str; 2] =
    [include_str!("../../../deploy/samples/workloads.yaml"), include_str!("../../../deploy/samples/assignments.yaml")];

/// The day of the evaluation. It is fixed so that the result stays the same.
const DAY: Date = date(2026, 11, 30);

/// The evaluated samples.
pub struct Samples {
    /// The index that holds them.
    pub inventory: Inventory,
    /// The workloads in the order of the manifests.
    pub workloads: Vec<WorkloadKey>,
}

impl Samples {
    /// Evaluates all samples.
    ///
    /// # Errors
    ///
    /// Fails if a manifest is not valid YAML, does not fit its kind, or has a kind that the demo does not use.
    pub fn evaluate() -> Result<Self> {
        let mut inventory = Inventory::new(InventoryOptions::default(), DAY).deferred();
        // The operator of the demo can read NetworkPolicies, and no other policy API is served.
        inventory.apply(Delta::PolicyCoverage(PolicyCoverage::Complete));
        let mut workloads = Vec::new();
        for manifest in MANIFESTS {
            let objects: Vec<Value> = serde_saphyr::from_multiple(manifest).context("a sample is not valid YAML")?;
            for object in objects {
                let delta = delta(&object).with_context(|| format!("cannot read {}", object["metadata"]))?;
                if let Delta::Workload(key, Some(_)) = &delta {
                    workloads.push(key.clone());
                }
                inventory.apply(delta);
            }
        }
        inventory.catch_up();
        Ok(Self { inventory, workloads })
    }
}

/// Returns the change of the index that an object causes.
fn delta(object: &Value) -> Result<Delta> {
    match object["kind"].as_str().unwrap_or_default() {
        "Namespace" => facts::<Namespace>(object),
        "Deployment" => facts::<Deployment>(object),
        "StatefulSet" => facts::<StatefulSet>(object),
        "DaemonSet" => facts::<DaemonSet>(object),
        "CronJob" => facts::<CronJob>(object),
        "Job" => facts::<Job>(object),
        "Pod" => facts::<Pod>(object),
        "ReplicaSet" => facts::<ReplicaSet>(object),
        "ReplicationController" => facts::<ReplicationController>(object),
        "Service" => facts::<Service>(object),
        "Ingress" => facts::<Ingress>(object),
        "ResponsibilityAssignment" | "ClusterResponsibilityAssignment" => assignment(object),
        kind => bail!("the demo does not use the kind {kind:?}"),
    }
}

fn facts<K: Extract + DeserializeOwned>(object: &Value) -> Result<Delta> {
    Ok(K::deserialize(object)?.delta(&Extraction::default()))
}

/// Reads an assignment of either kind. One of a namespace has no `namespaceSelector`.
fn assignment(object: &Value) -> Result<Delta> {
    let metadata = &object["metadata"];
    let id = AssignmentId {
        namespace: metadata["namespace"].as_str().map(Arc::from),
        name: metadata["name"].as_str().context("an assignment has no name")?.into(),
    };
    let spec = ClusterResponsibilityAssignmentSpec::deserialize(&object["spec"])?;
    Ok(Delta::Assignment(id, Some(Arc::new(spec))))
}

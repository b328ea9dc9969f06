//! From objects of the API server to facts: slim types that skip what does not count, and one function per kind.
//!
//! The objects are dropped at this edge. What is not decoded costs neither time nor memory: a slim workload is a small
//! part of the typed one, and managed fields and Secret contents are never looked at.

mod assignment;
mod ingress;
mod meta;
mod namespace;
mod pod_template;
mod service;
mod workload;

use crate::inventory::{Delta, Listed};

pub use assignment::{ClusterAssignment, NamespacedAssignment, compile_cluster, compile_namespaced};
pub use ingress::Ingress;
pub use meta::{Readable, Slim};
pub use namespace::Namespace;
pub use service::Service;
pub use workload::{CronJob, DaemonSet, Deployment, Job, Pod, ReplicaSet, ReplicationController, StatefulSet};

/// A kind that the inventory takes in.
pub trait Extract: kube::Resource<DynamicType = ()> {
    /// The change that an object as it stands amounts to. An object that does not count (a finished Job, a pod with a
    /// controller) amounts to its absence.
    fn delta(&self) -> Delta;

    /// The change that the deletion of the object amounts to.
    fn deletion(&self) -> Delta;

    /// An empty list of the kind.
    fn empty_list() -> Listed;
}

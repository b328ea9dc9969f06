//! From objects of the API server to facts: slim types that skip what does not count, and one function per kind.
//!
//! The objects are dropped at this edge. What is not decoded costs neither time nor memory: a slim workload is a small
//! part of the typed one, and managed fields and Secret contents are never looked at.

mod assignment;
mod backup;
mod certificate;
mod configured;
mod custom;
mod detection;
mod disruption_budget;
mod dynamic;
mod ingress;
pub mod kinds;
mod meta;
mod namespace;
mod network_policy;
mod node;
mod ownership;
mod placement;
mod pod_spec;
mod pod_template;
mod rbac;
mod report;
mod route;
mod service;
mod storage;
mod volume;
mod workload;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::facts::{Delta, ListedKind};

pub use assignment::{ClusterAssignment, NamespacedAssignment, OwnServiceModel};
pub use backup::{Backup, VolumeSnapshot};
pub use certificate::Certificate;
pub use configured::{ConfiguredKind, ConfiguredWorkload};
pub use custom::CustomObject;
pub use disruption_budget::PodDisruptionBudget;
pub use dynamic::{Dynamic, FactsOf};
pub use ingress::Ingress;
pub use meta::{Readable, Slim, object_name};
pub use namespace::Namespace;
pub use network_policy::NetworkPolicy;
pub use node::Node;
pub use rbac::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
pub use report::ObservedReport;
pub use route::{GatewayRoute, OpenShiftRoute, ReferenceGrant};
pub use service::Service;
pub use storage::{PersistentVolumeClaim, StorageClass};
pub use workload::{CronJob, DaemonSet, Deployment, Job, Pod, ReplicaSet, ReplicationController, StatefulSet};

/// What has to be known to tell facts from objects.
#[derive(Clone, Debug, Default)]
pub struct Extraction {
    /// DaemonSets that are known to need access to their node, beside the built-in ones, by name.
    pub agents: BTreeSet<String>,
    /// The beginnings of the names of images that are allowed, such as `registry.example.com/shop`; all are where there is none.
    pub registries: Vec<String>,
}

/// The built-in list of DaemonSets that are known to need access to their node, as it is written.
const AGENTS_YAML: &str = include_str!("agents.yaml");

static AGENTS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    serde_saphyr::from_str(AGENTS_YAML).expect("the list of agents is part of the binary and parsed by the tests")
});

impl Extraction {
    fn is_agent(&self, name: &str) -> bool {
        AGENTS.contains(name) || self.agents.contains(name)
    }

    /// Whether an image may be used: its name goes on behind the allowed beginning with a slash, a tag or a digest.
    fn allows_image(&self, image: &str) -> bool {
        let goes_on = |rest: &str| rest.is_empty() || rest.starts_with(['/', ':', '@']);
        let allows = |allowed: &String| {
            let allowed = allowed.trim_end_matches('/');
            image.strip_prefix(allowed).is_some_and(goes_on)
        };
        self.registries.is_empty() || self.registries.iter().any(allows)
    }
}

/// A kind that the inventory takes in.
pub trait Extract: kube::Resource<DynamicType = ()> {
    /// The change that an object as it stands amounts to. An object that does not count (a finished Job, a pod with a
    /// controller that is a workload) amounts to its absence.
    fn delta(&self, extraction: &Extraction) -> Delta;

    /// The change that the deletion of the object amounts to.
    fn deletion(&self) -> Delta;

    /// What a list of the kind holds.
    fn listed() -> ListedKind;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_agents_is_sorted_and_names_each_once() {
        let written: Vec<String> = serde_saphyr::from_str(AGENTS_YAML).unwrap();
        assert!(!written.is_empty());
        for pair in written.windows(2) {
            assert!(pair[0] < pair[1], "{:?} is followed by {:?}", pair[0], pair[1]);
        }
        assert!(written.iter().all(|name| Extraction::default().is_agent(name)));
    }
}

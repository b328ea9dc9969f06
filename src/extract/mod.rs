//! Extracts facts from objects of the API server: types that decode only the fields the operator reads, and a function
//! for each kind.
//!
//! Only the facts are kept. Fields that are not decoded cost neither time nor memory. Managed fields are skipped except
//! those of reports, and Secrets are never read.

mod assignment;
mod backup;
mod certificate;
mod child;
mod configured;
mod custom;
mod detection;
mod disruption_budget;
mod ingress;
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
mod valid;
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
pub use ingress::Ingress;
pub use meta::{Readable, Slim, object_name};
pub use namespace::Namespace;
pub use network_policy::NetworkPolicy;
pub use node::Node;
pub use rbac::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
pub use report::{ConfigAuditReport, ObservedReport, PolicyReport, Report, VulnerabilityReport};
pub use route::{GrpcRoute, HttpRoute, OpenShiftRoute, ReferenceGrant, TcpRoute, TlsRoute, UdpRoute};
pub use service::Service;
pub use storage::{PersistentVolumeClaim, StorageClass};
pub use workload::{CronJob, DaemonSet, Deployment, Job, Pod, ReplicaSet, ReplicationController, StatefulSet};

/// The configuration of the extraction.
#[derive(Clone, Debug, Default)]
pub struct Extraction {
    /// The names of DaemonSets that need access to their node, in addition to the built-in list.
    pub agents: BTreeSet<String>,
    /// The allowed prefixes of image names, such as `registry.example.com/shop`. All images are allowed if the list is
    /// empty.
    pub registries: Vec<String>,
}

/// The YAML text of the built-in list of DaemonSets that need access to their node.
const AGENTS_YAML: &str = include_str!("agents.yaml");

static AGENTS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    serde_saphyr::from_str(AGENTS_YAML).expect("the list of agents is part of the binary and parsed by the tests")
});

impl Extraction {
    fn is_agent(&self, name: &str) -> bool {
        AGENTS.contains(name) || self.agents.contains(name)
    }

    /// Returns true if an image is allowed: an allowed prefix is followed by a slash, a tag, a digest or nothing.
    fn allows_image(&self, image: &str) -> bool {
        let is_complete = |rest: &str| rest.is_empty() || rest.starts_with(['/', ':', '@']);
        let allows = |allowed: &String| {
            let allowed = allowed.trim_end_matches('/');
            image.strip_prefix(allowed).is_some_and(is_complete)
        };
        self.registries.is_empty() || self.registries.iter().any(allows)
    }
}

/// A kind whose objects are inputs of the inventory.
pub trait Extract: kube::Resource {
    /// The kind of its lists.
    const KIND: ListedKind;

    /// Returns the change for an object that was added or updated. It is a deletion for an object that is not
    /// evaluated, such as a finished Job or a pod that another workload controls.
    fn delta(&self, extraction: &Extraction) -> Delta;
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

//! Facts of nodes.

use std::sync::Arc;

use jiff::civil::Date;

use super::labels::Labels;

/// The effect of a taint on pods that do not tolerate it. `PreferNoSchedule` is not kept: it does not keep pods away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaintEffect {
    /// The pods are not scheduled.
    NoSchedule,
    /// The pods are not scheduled, and running ones are evicted.
    NoExecute,
}

/// Facts of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// The labels.
    pub labels: Labels,
    /// The taints that keep pods away.
    pub taints: Box<[Taint]>,
    /// `spec.providerID`; empty if there is none.
    pub provider_id: Arc<str>,
    /// The version of the kubelet, such as `v1.37.1-eks-3abbec1`.
    pub kubelet_version: Arc<str>,
    /// The day on which the node joined the cluster, in UTC.
    pub created: Option<Date>,
    /// The condition `Ready`.
    pub readiness: Readiness,
}

/// The condition `Ready` of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// The node has no such condition.
    #[default]
    Unknown,
    /// The node is ready.
    Ready,
    /// The node is not ready since this day, in UTC.
    Not(Date),
}

/// A taint that keeps pods away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// The key.
    pub key: Arc<str>,
    /// The value; empty if there is none.
    pub value: Arc<str>,
    /// The effect.
    pub effect: TaintEffect,
}

impl Taint {
    /// Returns true for a taint that the node controller or an autoscaler adds and removes by itself. Such a taint does
    /// not say which pods can run on the node.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        const PREFIXES: [&str; 3] = ["node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "karpenter.sh/"];
        const KEYS: [&str; 2] = ["ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler"];
        let key = &*self.key;
        PREFIXES.iter().any(|prefix| key.starts_with(prefix))
            // Also under another prefix: startup-taint.cluster-autoscaler.kubernetes.io/...
            || key.contains("cluster-autoscaler.kubernetes.io")
            || KEYS.contains(&key)
            || key.ends_with("/agent-not-ready")
    }
}

//! The parts of a signal and the inputs that it can read.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::index::{Availabilities, CrossNamespaceIndex, SignalIndex};
use crate::facts::{
    Availability, FactKind, KindAndName, KubernetesVersion, Labels, NodeFacts, WorkloadFacts, WorkloadKey,
};
use crate::matrix::LayerTriggers;
use crate::model::{Attribution, Reach, SignalVerdict};

/// A signal: its layer, its inputs, its rule with the source, and its messages.
#[derive(Debug)]
pub struct Signal {
    /// The name in statuses, metrics and configuration.
    pub id: &'static str,
    /// The layer of the duty; none for every layer.
    pub layer: Option<&'static str>,
    /// The side that owes the duty.
    pub attribution: Attribution,
    /// The part of the duty that a pass shows.
    pub reach: Reach,
    /// The inputs.
    pub reads: &'static [Reads],
    /// The condition for a pass, in sentences.
    pub rule: &'static str,
    /// The source of the rule.
    pub source: &'static str,
    /// The number in the rule that can be configured.
    pub threshold: Option<Threshold>,
    /// The message for a pass.
    pub passed: &'static str,
    /// The message for a failure.
    pub failed: &'static str,
    /// The message if there is nothing to evaluate.
    pub unseen: &'static str,
    /// The advice for a failure.
    pub remedy: &'static str,
    /// The function that evaluates it.
    pub evaluate: SignalFunction,
}

/// The number in the rule of a signal.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    /// The default.
    pub default: u32,
    /// The minimum.
    pub least: u32,
    /// The maximum.
    pub most: u32,
    /// The unit, such as `days`.
    pub unit: &'static str,
}

/// An input of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// Pod templates. They are always read.
    Templates,
    /// Namespaces. They are always read.
    Namespaces,
    /// NetworkPolicies. They are always read.
    NetworkPolicies,
    /// Nodes. They are always read.
    Nodes,
    /// Evidence of parties in assignments. They are always read.
    Assignments,
    /// The version of the API server, from `/version`.
    ServerVersion,
    /// Objects that only signals read.
    Facts(FactKind),
}

/// Evaluates a workload with a threshold, which is 0 if the signal has none.
pub type WorkloadFunction = fn(&WorkloadInput<'_>, u32) -> Reading;
/// Evaluates a node with a threshold, which is 0 if the signal has none.
pub type NodeFunction = fn(&NodeInput<'_>, u32) -> Reading;
/// Evaluates the cluster with a threshold, which is 0 if the signal has none.
pub type ClusterFunction = fn(&ClusterInput, u32) -> Reading;

/// The function that evaluates a signal.
#[derive(Clone, Copy, Debug)]
pub enum SignalFunction {
    /// For a workload and its related objects.
    Workload(WorkloadFunction),
    /// For a node.
    Node(NodeFunction),
    /// For the cluster. All workloads share the result.
    Cluster(ClusterFunction),
    /// For the evidence of the party that holds a provider duty, which the model evaluates.
    Evidence,
}

/// The result of a signal for one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The verdict.
    pub verdict: SignalVerdict,
    /// The message; none for the message of the signal for this verdict.
    pub detail: Option<Arc<str>>,
}

impl Reading {
    pub(super) const fn new(verdict: SignalVerdict) -> Self {
        Self { verdict, detail: None }
    }

    pub(super) const NOT_APPLICABLE: Self = Self::new(SignalVerdict::NotApplicable);
    pub(super) const UNSEEN: Self = Self::new(SignalVerdict::Unseen);

    /// Returns a pass or a failure, with the message of the signal.
    pub(super) const fn passed_if(passed: bool) -> Self {
        Self::new(if passed { SignalVerdict::Passed } else { SignalVerdict::Failed })
    }

    /// Returns a failure with its own message.
    pub(super) fn failed(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: SignalVerdict::Failed, detail: Some(detail.into()) }
    }

    /// Returns an observation that is too old, with its own message.
    pub(super) fn stale(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: SignalVerdict::Stale, detail: Some(detail.into()) }
    }

    /// Returns the most severe reading of several that must all pass; none if there are none.
    pub(super) fn worst_of(readings: impl Iterator<Item = Self>) -> Option<Self> {
        readings.max_by_key(|reading| reading.verdict.weight_among_several())
    }

    /// Returns a reading for nothing to evaluate, with its own message.
    pub(super) fn unseen(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: SignalVerdict::Unseen, detail: Some(detail.into()) }
    }
}

/// A workload and its related objects.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadInput<'a> {
    /// The current date in UTC.
    pub today: Date,
    /// The workload.
    pub key: &'a WorkloadKey,
    /// The facts of its pod templates.
    pub facts: &'a [&'a WorkloadFacts],
    /// The layer triggers of its manifests, Services and routes.
    pub triggers: LayerTriggers,
    /// The current objects that it controls, such as ReplicaSets. Reports can be about them.
    pub children: &'a [KindAndName],
    /// The TLS Secrets of its Ingresses.
    pub tls_secrets: &'a BTreeSet<Arc<str>>,
    /// The labels of its namespace; none if the Namespace was not read.
    pub namespace_labels: Option<&'a Labels>,
    /// The coverage of its pods by NetworkPolicies.
    pub segmentation: Segmentation,
    /// The objects in its namespace that only signals read.
    pub namespace: &'a SignalIndex,
    /// The cluster-scoped objects that only signals read.
    pub cluster: &'a SignalIndex,
    /// The objects in any namespace that are about other namespaces.
    pub far: &'a CrossNamespaceIndex,
    /// The availability of the kinds.
    pub availabilities: &'a Availabilities,
    /// True if the configuration has allowed registries.
    pub registries_known: bool,
    /// The namespace of Velero.
    pub velero_namespace: &'a Arc<str>,
}

impl WorkloadInput<'_> {
    /// Checks that objects of a kind can be read in the namespace of the workload.
    ///
    /// # Errors
    ///
    /// The reading of a signal that needs them.
    pub(super) fn read(&self, kind: FactKind) -> Result<(), Reading> {
        self.read_in(kind, &self.key.namespace)
    }

    /// Does the same for another namespace.
    pub(super) fn read_in(&self, kind: FactKind, namespace: &Arc<str>) -> Result<(), Reading> {
        match self.availabilities.of(kind, namespace) {
            Availability::Read => Ok(()),
            Availability::Absent => Err(Reading::UNSEEN),
            Availability::Unreadable => Err(Reading::new(SignalVerdict::Unreadable)),
        }
    }
}

/// The coverage of a workload's pods by NetworkPolicies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segmentation {
    /// Each pod is selected by a NetworkPolicy for ingress.
    Yes,
    /// A NetworkPolicy for ingress is missing for some pods.
    No,
    /// A NetworkPolicy is missing for some pods, but another policy API is served that can restrict them.
    MaybeOtherwise,
    /// NetworkPolicies cannot be read.
    Unreadable,
}

/// A node and the version of the API server.
#[derive(Clone, Copy, Debug)]
pub struct NodeInput<'a> {
    /// The current date in UTC.
    pub today: Date,
    /// The facts of the node.
    pub facts: &'a NodeFacts,
    /// The version of the API server; none if it is unknown.
    pub server: Option<KubernetesVersion>,
}

/// The facts about the cluster.
#[derive(Clone, Copy, Debug)]
pub struct ClusterInput {
    /// The current date in UTC.
    pub today: Date,
    /// The version of the API server; none if it is unknown.
    pub server: Option<KubernetesVersion>,
}

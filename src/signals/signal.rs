//! What a signal is, and what it may look at.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::index::{Availabilities, CrossNamespaceIndex, SignalIndex};
use crate::facts::{
    Availability, FactKind, KindAndName, KubernetesVersion, Labels, NodeFacts, WorkloadFacts, WorkloadKey,
};
use crate::matrix::LayerTriggers;
use crate::model::{Attribution, Reach, SignalVerdict};

/// A signal: what it looks at, what it speaks of, by which rule and on whose word.
#[derive(Debug)]
pub struct Signal {
    /// Its name in statuses, metrics and configuration.
    pub id: &'static str,
    /// The layer that it speaks of; none for one that speaks of every layer.
    pub layer: Option<&'static str>,
    /// Whose doing it shows.
    pub attribution: Attribution,
    /// How much is shown when it passes.
    pub reach: Reach,
    /// What it reads.
    pub reads: &'static [Reads],
    /// When it passes, in a sentence.
    pub rule: &'static str,
    /// Where that rule is from.
    pub source: &'static str,
    /// The number in the rule that can be set.
    pub threshold: Option<Threshold>,
    /// What was seen when it passed.
    pub passed: &'static str,
    /// What was seen when it failed.
    pub failed: &'static str,
    /// What is missing where there is nothing to look at.
    pub unseen: &'static str,
    /// What to do when it failed.
    pub remedy: &'static str,
    /// How it looks.
    pub evaluate: SignalFunction,
}

/// The number in the rule of a signal.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    /// What it is unless it is set.
    pub default: u32,
    /// The least that makes sense.
    pub least: u32,
    /// The most that makes sense.
    pub most: u32,
    /// What is counted.
    pub unit: &'static str,
}

/// What a signal reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// Pod templates, which are read in any case.
    Templates,
    /// Namespaces, which are read in any case.
    Namespaces,
    /// NetworkPolicies, which are read in any case.
    NetworkPolicies,
    /// Nodes, which are read in any case.
    Nodes,
    /// Evidence of parties in assignments, which are read in any case.
    Assignments,
    /// The version that the API server tells to everybody.
    ServerVersion,
    /// Objects that are read for signals only.
    Facts(FactKind),
}

/// Looks at a workload with a threshold, 0 where the signal has none.
pub type WorkloadFunction = fn(&WorkloadInput<'_>, u32) -> Reading;
/// Looks at a node with a threshold, 0 where the signal has none.
pub type NodeFunction = fn(&NodeInput<'_>, u32) -> Reading;
/// Looks at the cluster with a threshold, 0 where the signal has none.
pub type ClusterFunction = fn(&ClusterInput, u32) -> Reading;

/// How a signal looks.
#[derive(Clone, Copy, Debug)]
pub enum SignalFunction {
    /// At a workload and what belongs to it, with its threshold.
    Workload(WorkloadFunction),
    /// At a node, with its threshold.
    Node(NodeFunction),
    /// At the cluster, with its threshold: every workload shares what is seen.
    Cluster(ClusterFunction),
    /// At the evidence of the party that holds a provider duty.
    Evidence,
}

/// What a signal saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it comes to.
    pub verdict: SignalVerdict,
    /// What exactly was seen, where the words of the signal leave that open.
    pub detail: Option<Arc<str>>,
}

impl Reading {
    pub(super) const fn new(verdict: SignalVerdict) -> Self {
        Self { verdict, detail: None }
    }

    pub(super) const NOT_APPLICABLE: Self = Self::new(SignalVerdict::NotApplicable);
    pub(super) const UNSEEN: Self = Self::new(SignalVerdict::Unseen);

    /// Passed, or failed in the words of the signal.
    pub(super) const fn passed_if(passed: bool) -> Self {
        Self::new(if passed { SignalVerdict::Passed } else { SignalVerdict::Failed })
    }

    /// Failed in these words.
    pub(super) fn failed(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: SignalVerdict::Failed, detail: Some(detail.into()) }
    }

    /// Too old, in these words.
    pub(super) fn stale(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: SignalVerdict::Stale, detail: Some(detail.into()) }
    }

    /// What several things come to that all have to pass: the weightiest; none where there is nothing.
    pub(super) fn worst_of(several: impl Iterator<Item = Self>) -> Option<Self> {
        several.max_by_key(|seen| seen.verdict.weight_among_several())
    }

    /// Nothing to look at, in these words.
    pub(super) fn unseen(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: SignalVerdict::Unseen, detail: Some(detail.into()) }
    }
}

/// A workload and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadInput<'a> {
    /// The day, in UTC.
    pub today: Date,
    /// The workload.
    pub key: &'a WorkloadKey,
    /// What its templates show.
    pub facts: &'a [&'a WorkloadFacts],
    /// What its manifests, Services and routes show.
    pub triggers: LayerTriggers,
    /// The objects that it is made of at the moment, and of which others may speak.
    pub children: &'a [KindAndName],
    /// The Secrets with the certificates by which it is reached through Ingresses.
    pub tls_secrets: &'a BTreeSet<Arc<str>>,
    /// The labels of its namespace; none where the namespace was not seen.
    pub namespace_labels: Option<&'a Labels>,
    /// Whether NetworkPolicies let nobody into any of its pods unless they say so.
    pub segmentation: Segmentation,
    /// What lies in its namespace and is read for signals.
    pub namespace: &'a SignalIndex,
    /// What lies in no namespace and is read for signals.
    pub cluster: &'a SignalIndex,
    /// What lies in any namespace and speaks of others.
    pub far: &'a CrossNamespaceIndex,
    /// What can be read.
    pub availabilities: &'a Availabilities,
    /// Whether it is configured which registries are allowed.
    pub registries_known: bool,
    /// The namespace where Velero runs.
    pub velero_namespace: &'a Arc<str>,
}

impl WorkloadInput<'_> {
    /// Whether objects of a kind can be read in the namespace of the workload; otherwise what a signal that reads them saw.
    pub(super) fn read(&self, kind: FactKind) -> Result<(), Reading> {
        self.read_in(kind, &self.key.namespace)
    }

    /// The same of a namespace.
    pub(super) fn read_in(&self, kind: FactKind, namespace: &Arc<str>) -> Result<(), Reading> {
        match self.availabilities.of(kind, namespace) {
            Availability::Read => Ok(()),
            Availability::Absent => Err(Reading::UNSEEN),
            Availability::Unreadable => Err(Reading::new(SignalVerdict::Unreadable)),
        }
    }
}

/// What NetworkPolicies do for the pods of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segmentation {
    /// Each of its pods is selected by one about traffic that comes in.
    Yes,
    /// Some of its pods are selected by none.
    No,
    /// Some of its pods are selected by none, and another policy API is served, which may do it.
    MaybeOtherwise,
    /// They cannot be read.
    Unreadable,
}

/// A node.
#[derive(Clone, Copy, Debug)]
pub struct NodeInput<'a> {
    /// The day, in UTC.
    pub today: Date,
    /// The node.
    pub facts: &'a NodeFacts,
    /// The version of the API server.
    pub server: Option<KubernetesVersion>,
}

/// The cluster.
#[derive(Clone, Copy, Debug)]
pub struct ClusterInput {
    /// The day, in UTC.
    pub today: Date,
    /// The version of the API server.
    pub server: Option<KubernetesVersion>,
}

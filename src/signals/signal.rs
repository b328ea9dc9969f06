//! What a signal is, and what it may look at.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::facts::{FactKind, Subject};
use super::shelf::{FarShelf, Shelf, Standing, Standings};
use super::version::KubernetesVersion;
use crate::model::{Attribution, Labels, NodeFacts, Reach, Verdict, WorkloadFacts, WorkloadKey};

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
    pub look: Look,
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
pub type LookAtWorkload = fn(&View<'_>, u32) -> Seen;
/// Looks at a node with a threshold, 0 where the signal has none.
pub type LookAtNode = fn(&NodeView<'_>, u32) -> Seen;
/// Looks at the cluster with a threshold, 0 where the signal has none.
pub type LookAtCluster = fn(&ClusterView, u32) -> Seen;

/// How a signal looks.
#[derive(Clone, Copy, Debug)]
pub enum Look {
    /// At a workload and what belongs to it, with its threshold.
    Workload(LookAtWorkload),
    /// At a node, with its threshold.
    Node(LookAtNode),
    /// At the cluster, with its threshold: every workload shares what is seen.
    Cluster(LookAtCluster),
    /// At the evidence of the party that holds a provider duty.
    Evidence,
}

/// What a signal saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it comes to.
    pub verdict: Verdict,
    /// What exactly was seen, where the words of the signal leave that open.
    pub detail: Option<Arc<str>>,
}

impl Seen {
    pub(super) const fn new(verdict: Verdict) -> Self {
        Self { verdict, detail: None }
    }

    pub(super) const NOT_APPLICABLE: Self = Self::new(Verdict::NotApplicable);
    pub(super) const UNSEEN: Self = Self::new(Verdict::Unseen);

    /// Passed, or failed in the words of the signal.
    pub(super) const fn passed_if(passed: bool) -> Self {
        Self::new(if passed { Verdict::Passed } else { Verdict::Failed })
    }

    /// Failed in these words.
    pub(super) fn failed(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: Verdict::Failed, detail: Some(detail.into()) }
    }

    /// Too old, in these words.
    pub(super) fn stale(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: Verdict::Stale, detail: Some(detail.into()) }
    }

    /// What several things come to that all have to pass: the weightiest; none where there is nothing.
    pub(super) fn of_several(several: impl Iterator<Item = Self>) -> Option<Self> {
        several.max_by_key(|seen| seen.verdict.among_several())
    }

    /// Nothing to look at, in these words.
    pub(super) fn unseen(detail: impl Into<Arc<str>>) -> Self {
        Self { verdict: Verdict::Unseen, detail: Some(detail.into()) }
    }
}

/// A workload and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The day, in UTC.
    pub today: Date,
    /// The workload.
    pub key: &'a WorkloadKey,
    /// What its templates show.
    pub facts: &'a [&'a WorkloadFacts],
    /// What its manifests, Services and routes show.
    pub signals: crate::matrix::Signals,
    /// The objects that it is made of at the moment, and of which others may speak.
    pub children: &'a [Subject],
    /// The Secrets with the certificates by which it is reached through Ingresses.
    pub tls_secrets: &'a BTreeSet<Arc<str>>,
    /// The labels of its namespace; none where the namespace was not seen.
    pub namespace_labels: Option<&'a Labels>,
    /// Whether NetworkPolicies let nobody into any of its pods unless they say so.
    pub segmented: Segmented,
    /// What lies in its namespace and is read for signals.
    pub namespace: &'a Shelf,
    /// What lies in no namespace and is read for signals.
    pub cluster: &'a Shelf,
    /// What lies in any namespace and speaks of others.
    pub far: &'a FarShelf,
    /// What can be read.
    pub standings: &'a Standings,
    /// Whether it is configured which registries are allowed.
    pub registries_known: bool,
    /// The namespace where Velero runs.
    pub velero_namespace: &'a Arc<str>,
}

impl View<'_> {
    /// Whether objects of a kind can be read in the namespace of the workload; otherwise what a signal that reads them saw.
    pub(super) fn read(&self, kind: FactKind) -> Result<(), Seen> {
        self.read_in(kind, &self.key.namespace)
    }

    /// The same of a namespace.
    pub(super) fn read_in(&self, kind: FactKind, namespace: &Arc<str>) -> Result<(), Seen> {
        match self.standings.of(kind, namespace) {
            Standing::Read => Ok(()),
            Standing::Absent => Err(Seen::UNSEEN),
            Standing::Unreadable => Err(Seen::new(Verdict::Unreadable)),
        }
    }
}

/// What NetworkPolicies do for the pods of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segmented {
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
pub struct NodeView<'a> {
    /// The day, in UTC.
    pub today: Date,
    /// The node.
    pub facts: &'a NodeFacts,
    /// The version of the API server.
    pub server: Option<KubernetesVersion>,
}

/// The cluster.
#[derive(Clone, Copy, Debug)]
pub struct ClusterView {
    /// The day, in UTC.
    pub today: Date,
    /// The version of the API server.
    pub server: Option<KubernetesVersion>,
}

//! Signals: what is seen in the cluster of whether duties are fulfilled. Pure.
//!
//! Each signal is one file: what it speaks of, its rule and the source of that, and a function that looks. [`SIGNALS`] is the
//! registry: whatever is configured, documented and looked at comes from there. No signal claims more than it sees.

mod broad_rights;
mod certificate;
mod config_audit_report;
mod custom;
mod disruption_budget;
mod facts;
mod image_pinning;
mod image_registry;
mod kubelet_skew;
mod network_policy;
mod node_age;
mod node_image_age;
mod node_readiness;
mod pod_security;
mod policy_report;
mod provider_evidence;
mod reports;
mod resources;
mod security_context;
mod settings;
mod shelf;
mod signal;
mod storage_encryption;
mod velero_backup;
mod version;
mod version_support;
mod volume_snapshot;
mod vulnerability_report;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::matrix::ServiceModel;
use crate::model::{Catalogue, Observation, SignalId, Speaks, Verdict};

pub use custom::{
    About, BadCustomSignal, BadPath, BadRule, CustomObjects, CustomSignal, FieldPath, Finding, KindScope, Reference,
    WrittenRule,
};
pub use facts::{
    BackupFacts, BackupPhase, BindingFacts, BudgetFacts, CertificateFacts, CustomKind, FactKind, Facts, Outcome,
    ReportFacts, RoleFacts, SnapshotFacts, StorageClassFacts, Subject,
};
pub use pod_security::ENFORCE;
pub use settings::{BadSetting, Settings, SignalSetting};
pub use shelf::{FarShelf, Shelf, Standing, Standings};
pub use signal::{
    ClusterView, Look, LookAtCluster, LookAtNode, LookAtWorkload, NodeView, Reads, Seen, Segmented, Signal, Threshold,
    View,
};
pub use version::{KubernetesVersion, support_as_of, supported_until};

/// All signals, in the order of the layers that they speak of.
pub const SIGNALS: [&Signal; 21] = [
    &broad_rights::SIGNAL,
    &image_pinning::SIGNAL,
    &image_registry::SIGNAL,
    &vulnerability_report::SIGNAL,
    &pod_security::SIGNAL,
    &security_context::SIGNAL,
    &resources::SIGNAL,
    &disruption_budget::SIGNAL,
    &policy_report::SIGNAL,
    &config_audit_report::SIGNAL,
    &network_policy::SIGNAL,
    &certificate::SIGNAL,
    &storage_encryption::SIGNAL,
    &kubelet_skew::SIGNAL,
    &node_readiness::SIGNAL,
    &node_age::SIGNAL,
    &node_image_age::SIGNAL,
    &version_support::SIGNAL,
    &velero_backup::SIGNAL,
    &volume_snapshot::SIGNAL,
    &provider_evidence::SIGNAL,
];

/// The namespace where Velero runs unless it is said otherwise.
const VELERO: &str = "velero";

/// The signals that are looked at.
#[derive(Debug)]
pub struct Signals {
    catalogue: Arc<Catalogue>,
    of_workloads: Vec<Active<LookAtWorkload>>,
    of_nodes: Vec<Active<LookAtNode>>,
    of_cluster: Vec<Active<LookAtCluster>>,
    of_objects: Vec<custom::ActiveCustom>,
    registries_known: bool,
    velero_namespace: Arc<str>,
}

/// A signal that is looked at.
#[derive(Debug)]
struct Active<L> {
    id: SignalId,
    look: L,
    threshold: u32,
}

impl<L> Active<L> {
    fn observed(&self, seen: Seen) -> Observation {
        observed(self.id, seen)
    }
}

fn observed(signal: SignalId, Seen { verdict, detail }: Seen) -> Observation {
    Observation { signal, on: None, verdict, seen: detail }
}

impl Default for Signals {
    fn default() -> Self {
        Self::new(&Settings::default())
    }
}

impl Signals {
    /// The signals that settings enable.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let mut catalogue = Catalogue::new();
        let (mut of_workloads, mut of_nodes, mut of_cluster) = (Vec::new(), Vec::new(), Vec::new());
        for (signal, threshold) in settings.enabled() {
            let speaks = Speaks {
                signal: signal.id.into(),
                layer: signal.layer.map(Arc::from),
                attribution: signal.attribution,
                reach: signal.reach,
                passed: signal.passed.into(),
                failed: signal.failed.into(),
                unseen: signal.unseen.into(),
                remedy: signal.remedy.into(),
            };
            match signal.look {
                Look::Workload(look) => of_workloads.push(Active { id: catalogue.add(speaks), look, threshold }),
                Look::Node(look) => of_nodes.push(Active { id: catalogue.add(speaks), look, threshold }),
                Look::Cluster(look) => of_cluster.push(Active { id: catalogue.add(speaks), look, threshold }),
                Look::Evidence => catalogue.add_attestation(speaks),
            }
        }
        let of_objects = settings.custom().flat_map(|kind| kind.active(|speaks| catalogue.add(speaks))).collect();
        Self {
            of_objects,
            catalogue: Arc::new(catalogue),
            of_workloads,
            of_nodes,
            of_cluster,
            registries_known: settings.registries_known,
            velero_namespace: settings.velero_namespace.as_deref().unwrap_or(VELERO).into(),
        }
    }

    /// What they speak of.
    #[must_use]
    pub const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Whether it is configured which registries are allowed.
    #[must_use]
    pub const fn registries_known(&self) -> bool {
        self.registries_known
    }

    /// The namespace where Velero runs: its Backups lie there and nowhere else.
    #[must_use]
    pub const fn velero_namespace(&self) -> &Arc<str> {
        &self.velero_namespace
    }

    /// What is seen of a workload.
    #[must_use]
    pub fn look(&self, view: &View<'_>) -> Vec<Observation> {
        let of_workloads =
            self.of_workloads.iter().map(|active| active.observed((active.look)(view, active.threshold)));
        let of_objects = self.of_objects.iter().map(|active| observed(active.id, custom::look(view, active)));
        of_workloads.chain(of_objects).collect()
    }

    /// What is seen of the cluster.
    #[must_use]
    pub fn look_at_cluster(&self, view: &ClusterView) -> Vec<Observation> {
        self.of_cluster.iter().map(|active| active.observed((active.look)(view, active.threshold))).collect()
    }

    /// What is seen of nodes while they cannot be read.
    #[must_use]
    pub fn blind_to_nodes(&self) -> Vec<Observation> {
        self.of_nodes.iter().map(|active| active.observed(Seen::new(Verdict::Unreadable))).collect()
    }

    /// What is seen of a node that shows a service model; of one that shows none it is nobody's doing.
    #[must_use]
    pub fn look_at_node(&self, view: &NodeView<'_>, model: Option<ServiceModel>) -> Vec<Observation> {
        let Some(model) = model else { return Vec::new() };
        let observed = |active: &Active<LookAtNode>| Observation {
            on: Some(model.into()),
            ..active.observed((active.look)(view, active.threshold))
        };
        self.of_nodes.iter().map(observed).collect()
    }
}

/// What is seen of several nodes together: of each signal, and each service model of these nodes, the weightiest, and of equal
/// weight the first. Where a signal does not apply to some of them, a pass of the others shows nothing of all; where it does not
/// apply to those of one service model, it shows nothing of these.
#[must_use]
pub fn weightiest<'a>(observed: impl IntoIterator<Item = &'a Observation>) -> Vec<Observation> {
    let mut all: Vec<Observation> = Vec::new();
    // What does not apply comes last of its group.
    for seen in folded(observed) {
        match all.last_mut().filter(|last| (last.signal, last.on) == (seen.signal, seen.on)) {
            Some(last) if last.verdict == Verdict::Passed => last.verdict = Verdict::Unseen,
            Some(_) => {}
            None => all.push(seen),
        }
    }
    let applies = |seen: &&Observation| seen.verdict != Verdict::NotApplicable;
    let applying: BTreeSet<SignalId> = all.iter().filter(applies).map(|seen| seen.signal).collect();
    all.retain(|seen| applying.contains(&seen.signal));
    for seen in all.iter_mut().filter(|seen| seen.verdict == Verdict::NotApplicable) {
        seen.verdict = Verdict::Unseen;
    }
    all
}

/// As much of what is seen of several nodes as counts beside more of them: of each signal and service model the weightiest, and
/// whether the signal does not apply to some.
#[must_use]
pub fn folded<'a>(observed: impl IntoIterator<Item = &'a Observation>) -> Vec<Observation> {
    let mut all: Vec<&Observation> = observed.into_iter().collect();
    let rank = |seen: &Observation| (seen.signal, seen.on, std::cmp::Reverse(seen.verdict.among_several()));
    all.sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| one.seen.cmp(&other.seen)));
    all.dedup_by_key(|seen| (seen.signal, seen.on, seen.verdict == Verdict::NotApplicable));
    all.into_iter().cloned().collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

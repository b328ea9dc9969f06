//! Signals: what is seen in the cluster of whether duties are fulfilled. Pure.
//!
//! Each signal is one file: what it speaks of, its rule and the source of that, and a function that looks. [`SIGNALS`] is the
//! registry: whatever is configured, documented and looked at comes from there. No signal claims more than it sees.

mod broad_rights;
mod certificate;
mod config_audit_report;
mod custom;
mod disruption_budget;
mod image_pinning;
mod image_registry;
mod index;
mod kubelet_skew;
mod network_policy;
mod node_age;
mod node_image_age;
mod node_readiness;
mod pod_security;
mod policy_report;
mod provider_evidence;
mod report_summary;
mod resources;
mod security_context;
mod settings;
mod signal;
mod storage_encryption;
mod support;
mod velero_backup;
mod version_support;
mod volume_snapshot;
mod vulnerability_report;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::matrix::ServiceModel;
use crate::model::{Catalogue, Observation, SignalId, SignalText, SignalVerdict};

pub use custom::{BadCustomSignal, BadPath, BadRule, CustomObjects, CustomSignal, FieldPath, KindScope, WrittenRule};
pub use index::{Availabilities, CrossNamespaceIndex, SignalIndex};
pub use pod_security::ENFORCE;
pub use settings::{BadSetting, SignalSetting, SignalSettings};
pub use signal::{
    ClusterFunction, ClusterInput, NodeFunction, NodeInput, Reading, Reads, Segmentation, Signal, SignalFunction,
    Threshold, WorkloadFunction, WorkloadInput,
};
pub use support::{support_as_of, supported_until};

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
pub struct ActiveSignals {
    catalogue: Arc<Catalogue>,
    workload_signals: Vec<Active<WorkloadFunction>>,
    node_signals: Vec<Active<NodeFunction>>,
    cluster_signals: Vec<Active<ClusterFunction>>,
    custom_signals: Vec<custom::ActiveCustom>,
    registries_known: bool,
    velero_namespace: Arc<str>,
}

/// A signal that is looked at.
#[derive(Debug)]
struct Active<L> {
    id: SignalId,
    evaluate: L,
    threshold: u32,
}

impl<L> Active<L> {
    fn observed(&self, seen: Reading) -> Observation {
        observed(self.id, seen)
    }
}

fn observed(signal: SignalId, Reading { verdict, detail }: Reading) -> Observation {
    Observation { signal, on: None, verdict, detail }
}

impl Default for ActiveSignals {
    fn default() -> Self {
        Self::new(&SignalSettings::default())
    }
}

impl ActiveSignals {
    /// The signals that settings enable.
    #[must_use]
    pub fn new(settings: &SignalSettings) -> Self {
        let mut catalogue = Catalogue::new();
        let (mut workload_signals, mut node_signals, mut cluster_signals) = (Vec::new(), Vec::new(), Vec::new());
        for (signal, threshold) in settings.enabled() {
            let signal_text = SignalText {
                signal: signal.id.into(),
                layer: signal.layer.map(Arc::from),
                attribution: signal.attribution,
                reach: signal.reach,
                passed: signal.passed.into(),
                failed: signal.failed.into(),
                unseen: signal.unseen.into(),
                remedy: signal.remedy.into(),
            };
            match signal.evaluate {
                SignalFunction::Workload(evaluate) => {
                    workload_signals.push(Active { id: catalogue.add(signal_text), evaluate, threshold });
                }
                SignalFunction::Node(evaluate) => {
                    node_signals.push(Active { id: catalogue.add(signal_text), evaluate, threshold });
                }
                SignalFunction::Cluster(evaluate) => {
                    cluster_signals.push(Active { id: catalogue.add(signal_text), evaluate, threshold });
                }
                SignalFunction::Evidence => catalogue.add_attestation(signal_text),
            }
        }
        let custom_signals =
            settings.custom().flat_map(|kind| kind.active(|signal_text| catalogue.add(signal_text))).collect();
        Self {
            custom_signals,
            catalogue: Arc::new(catalogue),
            workload_signals,
            node_signals,
            cluster_signals,
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
    pub fn evaluate(&self, view: &WorkloadInput<'_>) -> Vec<Observation> {
        let workload_signals =
            self.workload_signals.iter().map(|active| active.observed((active.evaluate)(view, active.threshold)));
        let custom_signals = self.custom_signals.iter().map(|active| observed(active.id, custom::look(view, active)));
        workload_signals.chain(custom_signals).collect()
    }

    /// What is seen of the cluster.
    #[must_use]
    pub fn evaluate_cluster(&self, view: &ClusterInput) -> Vec<Observation> {
        self.cluster_signals.iter().map(|active| active.observed((active.evaluate)(view, active.threshold))).collect()
    }

    /// What is seen of nodes while they cannot be read.
    #[must_use]
    pub fn unreadable_nodes(&self) -> Vec<Observation> {
        self.node_signals.iter().map(|active| active.observed(Reading::new(SignalVerdict::Unreadable))).collect()
    }

    /// What is seen of a node that shows a service model; of one that shows none it is nobody's doing.
    #[must_use]
    pub fn evaluate_node(&self, view: &NodeInput<'_>, model: Option<ServiceModel>) -> Vec<Observation> {
        let Some(model) = model else { return Vec::new() };
        let observed = |active: &Active<NodeFunction>| Observation {
            on: Some(model.into()),
            ..active.observed((active.evaluate)(view, active.threshold))
        };
        self.node_signals.iter().map(observed).collect()
    }
}

/// What is seen of several nodes together: of each signal, and each service model of these nodes, the weightiest, and of equal
/// weight the first. Where a signal does not apply to some of them, a pass of the others shows nothing of all; where it does not
/// apply to those of one service model, it shows nothing of these.
#[must_use]
pub fn worst_per_signal<'a>(observed: impl IntoIterator<Item = &'a Observation>) -> Vec<Observation> {
    let mut all: Vec<Observation> = Vec::new();
    // What does not apply comes last of its group.
    for seen in distinct_per_signal(observed) {
        match all.last_mut().filter(|last| (last.signal, last.on) == (seen.signal, seen.on)) {
            Some(last) if last.verdict == SignalVerdict::Passed => last.verdict = SignalVerdict::Unseen,
            Some(_) => {}
            None => all.push(seen),
        }
    }
    let applies = |seen: &&Observation| seen.verdict != SignalVerdict::NotApplicable;
    let applying: BTreeSet<SignalId> = all.iter().filter(applies).map(|seen| seen.signal).collect();
    all.retain(|seen| applying.contains(&seen.signal));
    for seen in all.iter_mut().filter(|seen| seen.verdict == SignalVerdict::NotApplicable) {
        seen.verdict = SignalVerdict::Unseen;
    }
    all
}

/// As much of what is seen of several nodes as counts beside more of them: of each signal and service model the weightiest, and
/// whether the signal does not apply to some.
#[must_use]
pub fn distinct_per_signal<'a>(observed: impl IntoIterator<Item = &'a Observation>) -> Vec<Observation> {
    let mut all: Vec<&Observation> = observed.into_iter().collect();
    let rank = |seen: &Observation| (seen.signal, seen.on, std::cmp::Reverse(seen.verdict.weight_among_several()));
    all.sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| one.detail.cmp(&other.detail)));
    all.dedup_by_key(|seen| (seen.signal, seen.on, seen.verdict == SignalVerdict::NotApplicable));
    all.into_iter().cloned().collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

//! Evaluates signals: checks of cluster objects that show if duties are fulfilled. Pure.
//!
//! Each signal has its own file: its layer, its rule with the source, its messages, and a function that evaluates it. [`SIGNALS`]
//! is the registry for configuration, documentation and evaluation. A signal does not claim more than it observes.

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

/// All built-in signals, in the order of their layers.
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

/// The default namespace of Velero.
const VELERO: &str = "velero";

/// The enabled signals, ready for evaluation.
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

/// An enabled signal with its threshold.
#[derive(Debug)]
struct Active<F> {
    id: SignalId,
    evaluate: F,
    threshold: u32,
}

impl<F> Active<F> {
    fn observation(&self, reading: Reading) -> Observation {
        observation(self.id, reading)
    }
}

fn observation(signal: SignalId, Reading { verdict, detail }: Reading) -> Observation {
    Observation { signal, on: None, verdict, detail }
}

impl Default for ActiveSignals {
    fn default() -> Self {
        Self::new(&SignalSettings::default())
    }
}

impl ActiveSignals {
    /// Builds the signals that `settings` enable.
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

    /// Returns the texts of the signals.
    #[must_use]
    pub const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Returns true if the configuration has allowed registries.
    #[must_use]
    pub const fn registries_known(&self) -> bool {
        self.registries_known
    }

    /// Returns the namespace of Velero, which contains all of its Backups.
    #[must_use]
    pub const fn velero_namespace(&self) -> &Arc<str> {
        &self.velero_namespace
    }

    /// Evaluates the signals of workloads for a workload.
    #[must_use]
    pub fn evaluate(&self, input: &WorkloadInput<'_>) -> Vec<Observation> {
        let workload_signals =
            self.workload_signals.iter().map(|active| active.observation((active.evaluate)(input, active.threshold)));
        let custom_signals =
            self.custom_signals.iter().map(|active| observation(active.id, custom::evaluate(input, active)));
        workload_signals.chain(custom_signals).collect()
    }

    /// Evaluates the signals of the cluster.
    #[must_use]
    pub fn evaluate_cluster(&self, input: &ClusterInput) -> Vec<Observation> {
        self.cluster_signals
            .iter()
            .map(|active| active.observation((active.evaluate)(input, active.threshold)))
            .collect()
    }

    /// Returns the observations of the node signals while nodes cannot be read.
    #[must_use]
    pub fn unreadable_nodes(&self) -> Vec<Observation> {
        self.node_signals.iter().map(|active| active.observation(Reading::new(SignalVerdict::Unreadable))).collect()
    }

    /// Evaluates the node signals for a node. Returns nothing if the service model is unknown, because no side can be responsible.
    #[must_use]
    pub fn evaluate_node(&self, input: &NodeInput<'_>, model: Option<ServiceModel>) -> Vec<Observation> {
        let Some(model) = model else { return Vec::new() };
        let observe = |active: &Active<NodeFunction>| Observation {
            on: Some(model.into()),
            ..active.observation((active.evaluate)(input, active.threshold))
        };
        self.node_signals.iter().map(observe).collect()
    }
}

/// Combines the observations of several nodes: the most severe for each signal and service model, and the first of equally severe
/// ones.
///
/// If a signal does not apply to some of these nodes, a pass of the others becomes Unseen. If it applies to no node of a
/// service model, but to others, it is Unseen for that service model. If it applies to no node at all, it is omitted.
#[must_use]
pub fn worst_per_signal<'a>(observations: impl IntoIterator<Item = &'a Observation>) -> Vec<Observation> {
    let mut all: Vec<Observation> = Vec::new();
    // In its group, an observation that does not apply comes last.
    for observation in distinct_per_signal(observations) {
        match all.last_mut().filter(|last| (last.signal, last.on) == (observation.signal, observation.on)) {
            Some(last) if last.verdict == SignalVerdict::Passed => last.verdict = SignalVerdict::Unseen,
            Some(_) => {}
            None => all.push(observation),
        }
    }
    let applies = |observation: &&Observation| observation.verdict != SignalVerdict::NotApplicable;
    let applying: BTreeSet<SignalId> = all.iter().filter(applies).map(|observation| observation.signal).collect();
    all.retain(|observation| applying.contains(&observation.signal));
    for observation in all.iter_mut().filter(|observation| observation.verdict == SignalVerdict::NotApplicable) {
        observation.verdict = SignalVerdict::Unseen;
    }
    all
}

/// Reduces the observations of several nodes to those that can matter when more nodes are added: the most severe for each signal
/// and service model, and one that does not apply, if there is one.
#[must_use]
pub fn distinct_per_signal<'a>(observations: impl IntoIterator<Item = &'a Observation>) -> Vec<Observation> {
    let mut all: Vec<&Observation> = observations.into_iter().collect();
    let rank = |observation: &Observation| {
        (observation.signal, observation.on, std::cmp::Reverse(observation.verdict.weight_among_several()))
    };
    all.sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| one.detail.cmp(&other.detail)));
    all.dedup_by_key(|observation| {
        (observation.signal, observation.on, observation.verdict == SignalVerdict::NotApplicable)
    });
    all.into_iter().cloned().collect()
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

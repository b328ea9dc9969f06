//! Builders of signal inputs for tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::{Date, date};

use super::{
    ActiveSignals, Availabilities, ClusterInput, CrossNamespaceIndex, NodeInput, Reading, SIGNALS, Segmentation,
    SignalIndex, SignalSettings, WorkloadInput,
};
use crate::facts::{
    Availability, FactKind, Facts, KindAndName, KubernetesVersion, Labels, NodeFacts, WorkloadFacts, WorkloadKey,
    WorkloadKind,
};
use crate::matrix::LayerTriggers;
use crate::model::SignalVerdict;
use crate::signals::SignalFunction;

pub(super) const TODAY: Date = date(2026, 11, 27);

/// A Deployment in the namespace `shop` with its related objects. All kinds can be read.
pub(super) struct WorkloadFixture {
    pub(super) key: WorkloadKey,
    pub(super) facts: WorkloadFacts,
    pub(super) labels: Option<Labels>,
    pub(super) segmentation: Segmentation,
    pub(super) namespace: SignalIndex,
    pub(super) cluster: SignalIndex,
    pub(super) far: CrossNamespaceIndex,
    pub(super) children: Vec<KindAndName>,
    pub(super) tls_secrets: BTreeSet<Arc<str>>,
    pub(super) triggers: LayerTriggers,
    pub(super) availabilities: Availabilities,
    pub(super) registries_known: bool,
    velero_namespace: Arc<str>,
}

impl WorkloadFixture {
    pub(super) fn new() -> Self {
        let mut availabilities = Availabilities::default();
        for kind in FactKind::BUILT_IN {
            availabilities.put(kind, None, Availability::Read);
        }
        Self {
            key: WorkloadKey { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: "web".into() },
            facts: WorkloadFacts { service_account: "web".into(), ..WorkloadFacts::default() },
            labels: Some(Labels::default()),
            segmentation: Segmentation::No,
            namespace: SignalIndex::default(),
            cluster: SignalIndex::default(),
            far: CrossNamespaceIndex::default(),
            children: Vec::new(),
            tls_secrets: BTreeSet::new(),
            triggers: LayerTriggers::default(),
            availabilities,
            registries_known: false,
            velero_namespace: "velero".into(),
        }
    }

    /// Changes the fixture.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds an object in its namespace.
    pub(super) fn with_object(self, kind: FactKind, name: &str, facts: Facts) -> Self {
        self.with(|fixture| drop(fixture.namespace.put(kind, &Arc::from(name), Some(facts))))
    }

    /// Adds a cluster-scoped object.
    pub(super) fn with_cluster_object(self, kind: FactKind, name: &str, facts: Facts) -> Self {
        self.with(|fixture| drop(fixture.cluster.put(kind, &Arc::from(name), Some(facts))))
    }

    /// Evaluates the signal `id` with its default threshold.
    pub(super) fn reading(&self, id: &str) -> Reading {
        let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
        let SignalFunction::Workload(evaluate) = signal.evaluate else { panic!("{id} is not a signal of workloads") };
        let facts = [&self.facts];
        evaluate(&self.input(&facts), signal.threshold.map_or(0, |threshold| threshold.default))
    }

    /// Evaluates a custom signal of the settings. Returns the verdict and the message.
    pub(super) fn configured_reading(&self, settings: &SignalSettings, name: &str) -> (SignalVerdict, String) {
        let signals = ActiveSignals::new(settings);
        let facts = [&self.facts];
        let id = signals.catalogue().find(name).unwrap();
        let observation =
            signals.evaluate(&self.input(&facts)).into_iter().find(|observation| observation.signal == id).unwrap();
        let words = signals.catalogue().get(id).words(observation.verdict, observation.detail.as_deref());
        (observation.verdict, words.to_owned())
    }

    fn input<'a>(&'a self, facts: &'a [&'a WorkloadFacts]) -> WorkloadInput<'a> {
        WorkloadInput {
            today: TODAY,
            key: &self.key,
            facts,
            triggers: self.triggers,
            children: &self.children,
            tls_secrets: &self.tls_secrets,
            namespace_labels: self.labels.as_ref(),
            segmentation: self.segmentation,
            namespace: &self.namespace,
            cluster: &self.cluster,
            far: &self.far,
            availabilities: &self.availabilities,
            registries_known: self.registries_known,
            velero_namespace: &self.velero_namespace,
        }
    }

    pub(super) fn verdict(&self, id: &str) -> SignalVerdict {
        self.reading(id).verdict
    }
}

/// Evaluates the signal `id` for a node, with version 1.37 of the API server.
pub(super) fn node_reading(id: &str, facts: &NodeFacts) -> Reading {
    let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
    let SignalFunction::Node(evaluate) = signal.evaluate else { panic!("{id} is not a signal of nodes") };
    let input =
        NodeInput { today: TODAY, facts, server: Some(KubernetesVersion { major: 1, minor: 37, of_provider: false }) };
    evaluate(&input, signal.threshold.map_or(0, |threshold| threshold.default))
}

/// Evaluates the signal `id` for a cluster of this version.
pub(super) fn cluster_reading(id: &str, server: Option<KubernetesVersion>) -> Reading {
    let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
    let SignalFunction::Cluster(evaluate) = signal.evaluate else { panic!("{id} is not a signal of the cluster") };
    evaluate(&ClusterInput { today: TODAY, server }, signal.threshold.map_or(0, |threshold| threshold.default))
}

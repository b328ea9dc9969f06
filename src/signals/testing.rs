//! A workload and what belongs to it, in a few words.

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

/// A Deployment in the namespace `shop` and everything around it. All kinds can be read.
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

    /// With a change to it.
    pub(super) fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// With an object in its namespace.
    pub(super) fn beside(self, kind: FactKind, name: &str, facts: Facts) -> Self {
        self.but(|fixture| drop(fixture.namespace.put(kind, &Arc::from(name), Some(facts))))
    }

    /// With an object of the cluster.
    pub(super) fn within(self, kind: FactKind, name: &str, facts: Facts) -> Self {
        self.but(|fixture| drop(fixture.cluster.put(kind, &Arc::from(name), Some(facts))))
    }

    /// What the signal of this name sees of it with its default threshold.
    pub(super) fn seen_by(&self, id: &str) -> Reading {
        let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
        let SignalFunction::Workload(evaluate) = signal.evaluate else { panic!("{id} does not look at workloads") };
        let facts = [&self.facts];
        evaluate(&self.view(&facts), signal.threshold.map_or(0, |threshold| threshold.default))
    }

    /// What the signal of this name sees of it where the configuration has more of them: what it comes to, and in which words.
    pub(super) fn seen_by_configured(&self, settings: &SignalSettings, name: &str) -> (SignalVerdict, String) {
        let signals = ActiveSignals::new(settings);
        let facts = [&self.facts];
        let id = signals.catalogue().find(name).unwrap();
        let observed = signals.evaluate(&self.view(&facts)).into_iter().find(|observed| observed.signal == id).unwrap();
        let words = signals.catalogue().get(id).words(observed.verdict, observed.detail.as_deref());
        (observed.verdict, words.to_owned())
    }

    fn view<'a>(&'a self, facts: &'a [&'a WorkloadFacts]) -> WorkloadInput<'a> {
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
        self.seen_by(id).verdict
    }
}

/// What the signal of this name sees of a node, where the API server is of version 1.37.
pub(super) fn seen_of_node(id: &str, facts: &NodeFacts) -> Reading {
    let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
    let SignalFunction::Node(evaluate) = signal.evaluate else { panic!("{id} does not look at nodes") };
    let view =
        NodeInput { today: TODAY, facts, server: Some(KubernetesVersion { major: 1, minor: 37, of_provider: false }) };
    evaluate(&view, signal.threshold.map_or(0, |threshold| threshold.default))
}

/// What the signal of this name sees of a cluster of this version.
pub(super) fn cluster_observations(id: &str, server: Option<KubernetesVersion>) -> Reading {
    let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
    let SignalFunction::Cluster(evaluate) = signal.evaluate else { panic!("{id} does not look at the cluster") };
    evaluate(&ClusterInput { today: TODAY, server }, signal.threshold.map_or(0, |threshold| threshold.default))
}

//! A workload and what belongs to it, in a few words.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::{Date, date};

use super::{
    ClusterView, FactKind, Facts, FarShelf, KubernetesVersion, NodeView, SIGNALS, Seen, Segmented, Settings, Shelf,
    Signals, Standing, Standings, Subject, View,
};
use crate::matrix::Signals as Shown;
use crate::model::{Labels, NodeFacts, Verdict, WorkloadFacts, WorkloadKey, WorkloadKind};
use crate::signals::Look;

pub(super) const TODAY: Date = date(2026, 11, 27);

/// A Deployment in the namespace `shop` and everything around it. All kinds can be read.
pub(super) struct Scene {
    pub(super) key: WorkloadKey,
    pub(super) facts: WorkloadFacts,
    pub(super) labels: Option<Labels>,
    pub(super) segmented: Segmented,
    pub(super) namespace: Shelf,
    pub(super) cluster: Shelf,
    pub(super) far: FarShelf,
    pub(super) children: Vec<Subject>,
    pub(super) tls_secrets: BTreeSet<Arc<str>>,
    pub(super) signals: Shown,
    pub(super) standings: Standings,
    pub(super) registries_known: bool,
    velero_namespace: Arc<str>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let mut standings = Standings::default();
        for kind in FactKind::BUILT_IN {
            standings.put(kind, None, Standing::Read);
        }
        Self {
            key: WorkloadKey { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: "web".into() },
            facts: WorkloadFacts { service_account: "web".into(), ..WorkloadFacts::default() },
            labels: Some(Labels::default()),
            segmented: Segmented::No,
            namespace: Shelf::default(),
            cluster: Shelf::default(),
            far: FarShelf::default(),
            children: Vec::new(),
            tls_secrets: BTreeSet::new(),
            signals: Shown::default(),
            standings,
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
        self.but(|scene| drop(scene.namespace.put(kind, &Arc::from(name), Some(facts))))
    }

    /// With an object of the cluster.
    pub(super) fn within(self, kind: FactKind, name: &str, facts: Facts) -> Self {
        self.but(|scene| drop(scene.cluster.put(kind, &Arc::from(name), Some(facts))))
    }

    /// What the signal of this name sees of it with its default threshold.
    pub(super) fn seen_by(&self, id: &str) -> Seen {
        let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
        let Look::Workload(look) = signal.look else { panic!("{id} does not look at workloads") };
        let facts = [&self.facts];
        look(&self.view(&facts), signal.threshold.map_or(0, |threshold| threshold.default))
    }

    /// What the signal of this name sees of it where the configuration has more of them: what it comes to, and in which words.
    pub(super) fn seen_by_configured(&self, settings: &Settings, name: &str) -> (Verdict, String) {
        let signals = Signals::new(settings);
        let facts = [&self.facts];
        let id = signals.catalogue().find(name).unwrap();
        let observed = signals.look(&self.view(&facts)).into_iter().find(|observed| observed.signal == id).unwrap();
        let words = signals.catalogue().get(id).words(observed.verdict, observed.seen.as_deref());
        (observed.verdict, words.to_owned())
    }

    fn view<'a>(&'a self, facts: &'a [&'a WorkloadFacts]) -> View<'a> {
        View {
            today: TODAY,
            key: &self.key,
            facts,
            signals: self.signals,
            children: &self.children,
            tls_secrets: &self.tls_secrets,
            namespace_labels: self.labels.as_ref(),
            segmented: self.segmented,
            namespace: &self.namespace,
            cluster: &self.cluster,
            far: &self.far,
            standings: &self.standings,
            registries_known: self.registries_known,
            velero_namespace: &self.velero_namespace,
        }
    }

    pub(super) fn verdict(&self, id: &str) -> Verdict {
        self.seen_by(id).verdict
    }
}

/// What the signal of this name sees of a node, where the API server is of version 1.37.
pub(super) fn seen_of_node(id: &str, facts: &NodeFacts) -> Seen {
    let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
    let Look::Node(look) = signal.look else { panic!("{id} does not look at nodes") };
    let view =
        NodeView { today: TODAY, facts, server: Some(KubernetesVersion { major: 1, minor: 37, of_provider: false }) };
    look(&view, signal.threshold.map_or(0, |threshold| threshold.default))
}

/// What the signal of this name sees of a cluster of this version.
pub(super) fn seen_of_cluster(id: &str, server: Option<KubernetesVersion>) -> Seen {
    let signal = SIGNALS.iter().find(|signal| signal.id == id).unwrap();
    let Look::Cluster(look) = signal.look else { panic!("{id} does not look at the cluster") };
    look(&ClusterView { today: TODAY, server }, signal.threshold.map_or(0, |threshold| threshold.default))
}

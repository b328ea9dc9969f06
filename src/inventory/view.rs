//! What signals may look at of a workload.

use super::Inventory;
use super::delta::Policies;
use super::namespace::Namespace;
use super::workload::Workload;
use crate::matrix::Signals;
use crate::model::{Observation, WorkloadFacts};
use crate::signals::{ClusterView, Segmented, View, weightiest};

impl Inventory {
    /// What signals see of a workload, and of the nodes on which it may land.
    pub(super) fn observed(&self, namespace: &Namespace, workload: &Workload, signals: Signals) -> Vec<Observation> {
        let facts: Vec<&WorkloadFacts> = workload.parts.facts().collect();
        let view = View {
            today: self.today,
            key: &workload.key,
            facts: &facts,
            signals,
            children: namespace.children(&workload.key),
            tls_secrets: &namespace.tls_secrets(workload),
            namespace_labels: namespace.facts.as_ref().map(|facts| &facts.labels),
            segmented: match self.policies {
                Policies::Unreadable => Segmented::Unreadable,
                Policies::Tell | Policies::NotAlone if namespace.is_segmented(workload) => Segmented::Yes,
                Policies::Tell => Segmented::No,
                Policies::NotAlone => Segmented::MaybeOtherwise,
            },
            namespace: &namespace.shelf,
            cluster: &self.shelf,
            far: &self.far,
            standings: &self.standings,
            registries_known: self.signals.registries_known(),
            velero_namespace: self.signals.velero_namespace(),
        };
        let mut observed = self.signals.look(&view);
        observed.extend(self.seen_of_cluster.iter().cloned());
        if self.nodes_readable {
            let of_nodes = facts.iter().flat_map(|facts| self.nodes.observed(&facts.placement));
            observed.extend(weightiest(of_nodes));
        } else {
            observed.extend(self.signals.blind_to_nodes());
        }
        observed
    }

    /// Looks at the cluster anew; returns whether something else is seen than before.
    pub(super) fn look_at_cluster(&mut self) -> bool {
        let seen = self.signals.look_at_cluster(&ClusterView { today: self.today, server: self.server });
        let is_other = seen != self.seen_of_cluster;
        self.seen_of_cluster = seen;
        is_other
    }
}

//! Evaluates the signals of a workload and of the cluster.

use super::Inventory;
use super::namespace::Namespace;
use super::workload::Workload;
use crate::facts::{PolicyCoverage, WorkloadFacts};
use crate::matrix::LayerTriggers;
use crate::model::Observation;
use crate::signals::{ClusterInput, Segmentation, WorkloadInput, worst_per_signal};

impl Inventory {
    /// Evaluates the signals of a workload and of the nodes that it can be scheduled on. The signals of the cluster are
    /// included.
    pub(super) fn observed(
        &self,
        namespace: &Namespace,
        workload: &Workload,
        triggers: LayerTriggers,
    ) -> Vec<Observation> {
        let facts: Vec<&WorkloadFacts> = workload.parts.facts().collect();
        let input = WorkloadInput {
            today: self.today,
            key: &workload.key,
            facts: &facts,
            triggers,
            children: namespace.current_children(&workload.key),
            tls_secrets: &namespace.tls_secrets(workload),
            namespace_labels: namespace.facts.as_ref().map(|facts| &facts.labels),
            segmentation: match self.policy_coverage {
                PolicyCoverage::Unreadable => Segmentation::Unreadable,
                PolicyCoverage::Complete | PolicyCoverage::OtherApisServed if namespace.is_segmented(workload) => {
                    Segmentation::Yes
                }
                PolicyCoverage::Complete => Segmentation::No,
                PolicyCoverage::OtherApisServed => Segmentation::MaybeOtherwise,
            },
            namespace: &namespace.signal_index,
            cluster: &self.signal_index,
            far: &self.cross_namespace_index,
            availabilities: &self.availabilities,
            registries_known: self.signals.registries_known(),
            velero_namespace: self.signals.velero_namespace(),
        };
        let mut observed = self.signals.evaluate(&input);
        observed.extend(self.cluster_observations.iter().cloned());
        if self.nodes_readable {
            let of_nodes = facts.iter().flat_map(|facts| self.nodes.observations(&facts.placement));
            observed.extend(worst_per_signal(of_nodes));
        } else {
            observed.extend(self.signals.unreadable_nodes());
        }
        observed
    }

    /// Evaluates the signals of the cluster again; returns true if the observations have changed.
    pub(super) fn evaluate_cluster(&mut self) -> bool {
        let observations = self.signals.evaluate_cluster(&ClusterInput { today: self.today, server: self.server });
        let has_changed = observations != self.cluster_observations;
        self.cluster_observations = observations;
        has_changed
    }
}

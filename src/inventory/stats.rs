//! Totals over the whole index.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Inventory;
use crate::matrix::{Duty, LayerId};
use crate::model::{Evaluation, SignalId};

/// Totals over all namespaces. Each workload counts once, however many assignments select it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The number of workloads.
    pub workloads: usize,
    /// The number of workloads in excluded namespaces.
    pub excluded: usize,
    /// The number of workloads that no assignment selects, without those in excluded namespaces.
    pub unselected: usize,
    /// The number of namespaces.
    pub namespaces: usize,
    /// The number of nodes.
    pub nodes: usize,
    /// The number of namespaces that have workloads and to which no assignment applies.
    pub unassigned_namespaces: usize,
    /// The number of duties by layer, duty and the name of their state, for the workloads that an assignment selects.
    pub duties: BTreeMap<(LayerId, Duty, &'static str), usize>,
    /// The number of gaps by namespace, for the namespaces with workloads that an assignment selects.
    pub gaps: BTreeMap<Arc<str>, usize>,
    /// The number of the same duties by layer, duty and the name of their fulfilment.
    pub fulfilment: BTreeMap<(LayerId, Duty, &'static str), usize>,
    /// The number of unfulfilled duties by namespace, for the same namespaces as `gaps`.
    pub unfulfilled: BTreeMap<Arc<str>, usize>,
    /// The number of results by signal and the name of the verdict, for the workloads that an assignment selects.
    pub signals: BTreeMap<(SignalId, &'static str), usize>,
}

impl Inventory {
    /// Computes the totals. Walks over all workloads; each distinct evaluation is counted once and multiplied.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { nodes: self.nodes.names().count(), ..Stats::default() };
        let mut evaluations: HashMap<&Arc<Evaluation>, usize> = HashMap::new();
        for namespace in self.namespaces.values() {
            stats.namespaces += usize::from(namespace.facts.is_some());
            stats.unassigned_namespaces += usize::from(namespace.is_unassigned());
            stats.workloads += namespace.workloads.len();
            if !namespace.in_scope {
                stats.excluded += namespace.workloads.len();
                continue;
            }
            let mut of_namespace: BTreeMap<*const Evaluation, (&Arc<Evaluation>, usize)> = BTreeMap::new();
            for workload in namespace.workloads.values() {
                match &workload.evaluation {
                    Some(evaluation) => of_namespace.entry(Arc::as_ptr(evaluation)).or_insert((evaluation, 0)).1 += 1,
                    // Before the first evaluation it is not known which workloads are unselected.
                    None => stats.unselected += usize::from(!self.deferred),
                }
            }
            if !of_namespace.is_empty() {
                let gaps = of_namespace.values().map(|(evaluation, count)| evaluation.gaps().count() * count).sum();
                stats.gaps.insert(namespace.name.clone(), gaps);
                let unfulfilled =
                    of_namespace.values().map(|(evaluation, count)| evaluation.unfulfilled().count() * count).sum();
                stats.unfulfilled.insert(namespace.name.clone(), unfulfilled);
            }
            for (evaluation, count) in of_namespace.into_values() {
                *evaluations.entry(evaluation).or_default() += count;
            }
        }
        for (evaluation, count) in evaluations {
            for duty in &evaluation.duties {
                *stats.duties.entry((duty.layer, duty.duty, duty.state.name())).or_default() += count;
                *stats.fulfilment.entry((duty.layer, duty.duty, duty.fulfilment.name())).or_default() += count;
            }
            for result in &evaluation.results {
                *stats.signals.entry((result.signal, result.verdict.name())).or_default() += count;
            }
        }
        stats
    }
}

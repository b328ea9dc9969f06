//! How much of everything there is, over the whole index.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Inventory;
use crate::matrix::{Duty, LayerId};
use crate::model::{Evaluation, SignalId};

/// Totals over all namespaces. Each workload counts once, however many assignments select it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The workloads.
    pub workloads: usize,
    /// Those of them that lie in namespaces that are left out.
    pub excluded: usize,
    /// Those of them that no assignment selects, although their namespace is not left out.
    pub unselected: usize,
    /// The namespaces that are known.
    pub namespaces: usize,
    /// The nodes.
    pub nodes: usize,
    /// The namespaces that have workloads and no assignment that speaks for them.
    pub unassigned_namespaces: usize,
    /// The duties of workloads that some assignment selects, by layer, duty and the name of their state.
    pub duties: BTreeMap<(LayerId, Duty, &'static str), usize>,
    /// The gaps in each namespace that has workloads which some assignment selects.
    pub gaps: BTreeMap<Arc<str>, usize>,
    /// The same duties, by layer, duty and the word for whether they are fulfilled.
    pub fulfilment: BTreeMap<(LayerId, Duty, &'static str), usize>,
    /// The duties in each of these namespaces that are seen not to be done.
    pub unfulfilled: BTreeMap<Arc<str>, usize>,
    /// What each signal came to for these workloads.
    pub signals: BTreeMap<(SignalId, &'static str), usize>,
}

impl Inventory {
    /// Counts everything: a walk over all workloads, which share what was found for them.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats { nodes: self.nodes.names().count(), ..Stats::default() };
        let mut found: HashMap<&Arc<Evaluation>, usize> = HashMap::new();
        for namespace in self.namespaces.values() {
            stats.namespaces += usize::from(namespace.facts.is_some());
            stats.unassigned_namespaces += usize::from(namespace.is_unassigned());
            stats.workloads += namespace.workloads.len();
            if !namespace.in_scope {
                stats.excluded += namespace.workloads.len();
                continue;
            }
            let mut here: BTreeMap<*const Evaluation, (&Arc<Evaluation>, usize)> = BTreeMap::new();
            for workload in namespace.workloads.values() {
                match &workload.evaluation {
                    Some(evaluation) => here.entry(Arc::as_ptr(evaluation)).or_insert((evaluation, 0)).1 += 1,
                    // Before the first evaluation nobody knows.
                    None => stats.unselected += usize::from(!self.deferred),
                }
            }
            if !here.is_empty() {
                let gaps = here.values().map(|(evaluation, count)| evaluation.gaps().count() * count).sum();
                stats.gaps.insert(namespace.name.clone(), gaps);
                let unfulfilled =
                    here.values().map(|(evaluation, count)| evaluation.unfulfilled().count() * count).sum();
                stats.unfulfilled.insert(namespace.name.clone(), unfulfilled);
            }
            for (evaluation, count) in here.into_values() {
                *found.entry(evaluation).or_default() += count;
            }
        }
        for (evaluation, count) in found {
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

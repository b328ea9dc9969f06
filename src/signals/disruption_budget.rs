//! Checks that the pods of a workload can be evicted one after another, so that nodes can be patched without an outage.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::{BudgetFacts, FactKind, Facts, WorkloadKind};
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "disruption-budget",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Facts(FactKind::Budgets)],
    rule: "A PodDisruptionBudget selects the pods if the workload has several replicas. Each PodDisruptionBudget that selects them \
           allows evictions; a budget that never does blocks the patching of nodes.",
    source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/; AKS and EKS upgrade guides: a budget that allows no \
             disruption blocks the drain of nodes",
    threshold: None,
    passed: "its pods can be evicted one after another",
    failed: "no PodDisruptionBudget selects its pods, although it has several replicas",
    unseen: "PodDisruptionBudgets are not read",
    remedy: "use a PodDisruptionBudget with maxUnavailable: 1",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    let is_evictable = !matches!(input.key.kind, WorkloadKind::DaemonSet | WorkloadKind::CronJob | WorkloadKind::Job);
    if !is_evictable {
        return Reading::NOT_APPLICABLE;
    }
    if let Err(reading) = input.read(FactKind::Budgets) {
        return reading;
    }
    let budgets: Vec<&BudgetFacts> = input
        .namespace
        .of(FactKind::Budgets)
        .filter(|(name, facts)| input.facts.iter().any(|of| facts.affects(name, input.key, of, input.children)))
        .filter_map(|(_, facts)| match facts {
            Facts::Budget(budget) => Some(budget),
            _ => None,
        })
        .collect();
    if budgets.iter().any(|budget| budget.blocks) {
        return Reading::failed("a PodDisruptionBudget never allows evictions of its pods, so nodes cannot be drained");
    }
    match (budgets.is_empty(), input.facts.iter().any(|facts| facts.several)) {
        (false, _) => Reading::passed_if(true),
        (true, true) => Reading::passed_if(false),
        (true, false) => Reading::NOT_APPLICABLE,
    }
}

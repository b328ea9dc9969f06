//! Whether pods of a workload can be moved one after another, so that nodes can be patched without an outage.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::{BudgetFacts, FactKind, Facts, WorkloadKind};
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "disruption-budget",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Facts(FactKind::Budgets)],
    rule: "Where several pods are asked for, a PodDisruptionBudget selects them; whichever selects pods lets some be evicted. \
           Budgets that never do keep whoever runs the nodes from patching them.",
    source: "https://kubernetes.io/docs/tasks/run-application/configure-pdb/; AKS and EKS upgrade guides: a budget that allows no \
             disruption blocks the drain of nodes",
    threshold: None,
    passed: "its pods can be evicted one after another",
    failed: "no PodDisruptionBudget selects its pods, of which several are asked for",
    unseen: "PodDisruptionBudgets are not looked at",
    remedy: "add a PodDisruptionBudget with maxUnavailable: 1",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    let is_moved = !matches!(view.key.kind, WorkloadKind::DaemonSet | WorkloadKind::CronJob | WorkloadKind::Job);
    if !is_moved {
        return Reading::NOT_APPLICABLE;
    }
    if let Err(seen) = view.read(FactKind::Budgets) {
        return seen;
    }
    let budgets: Vec<&BudgetFacts> = view
        .namespace
        .of(FactKind::Budgets)
        .filter(|(name, facts)| view.facts.iter().any(|of| facts.affects(name, view.key, of, view.children)))
        .filter_map(|(_, facts)| match facts {
            Facts::Budget(budget) => Some(budget),
            _ => None,
        })
        .collect();
    if budgets.iter().any(|budget| budget.blocks) {
        return Reading::failed(
            "a PodDisruptionBudget never lets its pods be evicted, so that nodes cannot be drained",
        );
    }
    match (budgets.is_empty(), view.facts.iter().any(|facts| facts.several)) {
        (false, _) => Reading::passed_if(true),
        (true, true) => Reading::passed_if(false),
        (true, false) => Reading::NOT_APPLICABLE,
    }
}

//! Whether the provider replaces the nodes that it runs as often as it promises.

use super::signal::{NodeInput, Reading, Reads, Signal, SignalFunction, Threshold};
use crate::model::days_before;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "node-age",
    layer: Some("node-os"),
    attribution: Attribution::Operator,
    reach: Reach::Duty,
    reads: &[Reads::Nodes],
    rule: "A node of EKS Auto Mode has been in the cluster for no longer than the threshold: there nodes are patched by being \
           replaced. Does not apply to other nodes, which may be patched in place.",
    source: "https://docs.aws.amazon.com/eks/latest/userguide/automode.html: a node lives for 21 days at most",
    threshold: Some(Threshold { default: 21, least: 1, most: 365, unit: "days" }),
    passed: "its nodes are replaced in time",
    failed: "a node is older than its provider promises",
    unseen: "its nodes do not show since when they run",
    remedy: "see what keeps the node from being replaced",
    evaluate: SignalFunction::Node(evaluate),
};

fn evaluate(view: &NodeInput<'_>, days: u32) -> Reading {
    if view.facts.labels.get("eks.amazonaws.com/compute-type") != Some("auto") {
        return Reading::NOT_APPLICABLE;
    }
    match view.facts.created {
        None => Reading::UNSEEN,
        Some(created) if created < days_before(view.today, days) => {
            Reading::failed(format!("a node runs since {created}, longer than {days} days"))
        }
        Some(_) => Reading::passed_if(true),
    }
}

//! Checks that the provider replaces its nodes as often as it promises.

use super::signal::{NodeInput, Reading, Reads, Signal, SignalFunction, Threshold};
use crate::model::days_before;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "node-age",
    layer: Some("node-os"),
    attribution: Attribution::Operator,
    reach: Reach::Duty,
    reads: &[Reads::Nodes],
    rule: "A node of EKS Auto Mode is not older than the threshold, because EKS Auto Mode patches nodes by replacing them. Does not \
           apply to other nodes, which can be patched in place.",
    source: "https://docs.aws.amazon.com/eks/latest/userguide/automode.html: a node exists for at most 21 days",
    threshold: Some(Threshold { default: 21, least: 1, most: 365, unit: "days" }),
    passed: "its nodes are replaced in time",
    failed: "a node is older than its provider promises",
    unseen: "not all of its nodes are EKS Auto Mode nodes with a creation time",
    remedy: "find what blocks the replacement of the node",
    evaluate: SignalFunction::Node(evaluate),
};

fn evaluate(input: &NodeInput<'_>, days: u32) -> Reading {
    if input.facts.labels.get("eks.amazonaws.com/compute-type") != Some("auto") {
        return Reading::NOT_APPLICABLE;
    }
    match input.facts.created {
        None => Reading::UNSEEN,
        Some(created) if created < days_before(input.today, days) => {
            Reading::failed(format!("a node has existed since {created}, longer than {days} days"))
        }
        Some(_) => Reading::passed_if(true),
    }
}

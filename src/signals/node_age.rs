//! Whether the provider replaces the nodes that it runs as often as it promises.

use super::facts::days_before;
use super::signal::{Look, NodeView, Reads, Seen, Signal, Threshold};
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
    look: Look::Node(look),
};

fn look(view: &NodeView<'_>, days: u32) -> Seen {
    if view.facts.labels.get("eks.amazonaws.com/compute-type") != Some("auto") {
        return Seen::NOT_APPLICABLE;
    }
    match view.facts.created {
        None => Seen::UNSEEN,
        Some(created) if created < days_before(view.today, days) => {
            Seen::failed(format!("a node runs since {created}, longer than {days} days"))
        }
        Some(_) => Seen::passed_if(true),
    }
}

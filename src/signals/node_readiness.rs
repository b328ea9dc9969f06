//! Whether nodes work, or are repaired.

use super::signal::{NodeInput, Reading, Reads, Signal, SignalFunction, Threshold};
use crate::facts::Readiness;
use crate::model::days_before;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "node-readiness",
    layer: Some("platform-runtime"),
    attribution: Attribution::Operator,
    reach: Reach::Part,
    reads: &[Reads::Nodes],
    rule: "No node has been without the condition Ready for longer than the threshold: nodes fail, and are to be repaired or \
           replaced.",
    source: "https://kubernetes.io/docs/reference/node/node-status/#condition; AKS and GKE repair or replace such nodes",
    threshold: Some(Threshold { default: 1, least: 1, most: 30, unit: "days" }),
    passed: "its nodes are ready",
    failed: "a node is not ready for long",
    unseen: "its nodes do not show whether they are ready",
    remedy: "repair the node, or remove it",
    evaluate: SignalFunction::Node(evaluate),
};

fn evaluate(view: &NodeInput<'_>, days: u32) -> Reading {
    match view.facts.readiness {
        Readiness::Unknown => Reading::UNSEEN,
        Readiness::Not(since) if since < days_before(view.today, days) => {
            Reading::failed(format!("a node is not ready since {since}, longer than {days} day(s)"))
        }
        Readiness::Ready | Readiness::Not(_) => Reading::passed_if(true),
    }
}

//! Checks that nodes are ready, or are repaired soon.

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
    rule: "No node has been without Ready=True for longer than the threshold. A node that fails must be repaired or replaced.",
    source: "https://kubernetes.io/docs/reference/node/node-status/#condition; AKS and GKE repair or replace such nodes",
    threshold: Some(Threshold { default: 1, least: 1, most: 30, unit: "days" }),
    passed: "its nodes are ready",
    failed: "a node has not been ready for a long time",
    unseen: "its nodes do not have the condition Ready",
    remedy: "repair or remove the node",
    evaluate: SignalFunction::Node(evaluate),
};

fn evaluate(input: &NodeInput<'_>, days: u32) -> Reading {
    match input.facts.readiness {
        Readiness::Unknown => Reading::UNSEEN,
        Readiness::Not(since) if since < days_before(input.today, days) => {
            Reading::failed(format!("a node has not been ready since {since}, longer than {days} day(s)"))
        }
        Readiness::Ready | Readiness::Not(_) => Reading::passed_if(true),
    }
}

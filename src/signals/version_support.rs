//! Checks that the cluster runs a version of Kubernetes that gets patches.

use super::signal::{ClusterInput, Reading, Reads, Signal, SignalFunction, Threshold};
use super::support::supported_until;
use crate::model::days_before;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "version-support",
    layer: Some("control-plane"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::ServerVersion],
    rule: "The minor version of the API server gets patches from the community, or stopped getting them at most the threshold ago. \
           The result is about the customer duty, because a managed control plane still needs upgrades by the customer. Builds of a \
           provider (EKS, GKE, OpenShift) are supported for longer: they are Unknown unless a threshold is set.",
    source: "https://kubernetes.io/releases/patch-releases/; EKS, GKE and AKS documents on versions: the customer starts or \
             schedules upgrades. If you pay for extended support, set the threshold to its length",
    threshold: Some(Threshold { default: 0, least: 0, most: 730, unit: "days" }),
    passed: "the Kubernetes version gets patches",
    failed: "the Kubernetes version no longer gets patches",
    unseen: "the end of support of the Kubernetes version is unknown",
    remedy: "upgrade the control plane",
    evaluate: SignalFunction::Cluster(evaluate),
};

fn evaluate(input: &ClusterInput, days: u32) -> Reading {
    let Some(server) = input.server else { return Reading::UNSEEN };
    if server.of_provider && days == 0 {
        return Reading::unseen("the provider sets the end of support for its own builds");
    }
    match supported_until(server) {
        None => Reading::UNSEEN,
        Some(until) if until < days_before(input.today, days) => {
            Reading::failed(format!("the community support of Kubernetes {server} ended on {until}"))
        }
        Some(_) => Reading::passed_if(true),
    }
}

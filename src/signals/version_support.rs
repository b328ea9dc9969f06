//! Whether the cluster runs a version of Kubernetes that gets patches.

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
    rule: "The minor version of the API server gets patches from the community, or ceased to no longer ago than the threshold. It \
           speaks of the customer's half: managed is not upgraded. Of builds of a provider (EKS, GKE, OpenShift) nothing is known unless a \
           threshold is set: they are supported for longer.",
    source: "https://kubernetes.io/releases/patch-releases/; EKS, GKE and AKS documents on versions: the customer starts or \
             schedules upgrades. Where extended support is paid for, set the threshold to its length",
    threshold: Some(Threshold { default: 0, least: 0, most: 730, unit: "days" }),
    passed: "the version of Kubernetes gets patches",
    failed: "the version of Kubernetes gets no patches any more",
    unseen: "it is not known until when the version of Kubernetes gets patches",
    remedy: "upgrade the control plane",
    evaluate: SignalFunction::Cluster(evaluate),
};

fn evaluate(view: &ClusterInput, days: u32) -> Reading {
    let Some(server) = view.server else { return Reading::UNSEEN };
    if server.of_provider && days == 0 {
        return Reading::unseen("the provider supports its builds until a day of its own");
    }
    match supported_until(server) {
        None => Reading::UNSEEN,
        Some(until) if until < days_before(view.today, days) => {
            Reading::failed(format!("Kubernetes {server} gets no patches from the community since {until}"))
        }
        Some(_) => Reading::passed_if(true),
    }
}

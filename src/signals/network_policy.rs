//! Checks that NetworkPolicies restrict ingress to the pods of a workload.

use super::signal::{Reading, Reads, Segmentation, Signal, SignalFunction, WorkloadInput};
use crate::facts::HostAccess;
use crate::model::{Attribution, Reach, SignalVerdict};

pub(super) const SIGNAL: Signal = Signal {
    id: "network-policy",
    layer: Some("network-segmentation"),
    attribution: Attribution::Customer,
    reach: Reach::Duty,
    reads: &[Reads::NetworkPolicies],
    rule: "Each pod is selected by a NetworkPolicy for ingress, and by none that allows all addresses or all pods on all ports. \
           Otherwise the result is Unknown if another policy API is served (Antrea, Calico, Cilium, Consul, Istio, Kuma, Linkerd or \
           AdminNetworkPolicy). It is also Unknown for pods that use the network of their node. The signal does not check that the \
           network plugin enforces policies.",
    source: "https://kubernetes.io/docs/concepts/services-networking/network-policies/: pods that no policy selects accept traffic \
             from anywhere; NSA/CISA Kubernetes Hardening Guide 1.2, network separation",
    threshold: None,
    passed: "NetworkPolicies restrict ingress to its pods",
    failed: "no NetworkPolicy restricts ingress to its pods, or one allows all ingress",
    unseen: "no NetworkPolicy restricts ingress to its pods, but another policy API is served that can",
    remedy: "add a NetworkPolicy with policyTypes: [Ingress]",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    if input.facts.iter().any(|facts| facts.host.contains(HostAccess::HOST_NETWORK)) {
        return Reading::unseen("its pods use the network of their node, which NetworkPolicies do not restrict");
    }
    match input.segmentation {
        Segmentation::Yes => Reading::passed_if(true),
        Segmentation::No => Reading::passed_if(false),
        Segmentation::MaybeOtherwise => Reading::UNSEEN,
        Segmentation::Unreadable => Reading::new(SignalVerdict::Unreadable),
    }
}

//! Whether NetworkPolicies say who may reach the pods of a workload.

use super::signal::{Reading, Reads, Segmentation, Signal, SignalFunction, WorkloadInput};
use crate::facts::HostAccess;
use crate::model::{Attribution, Reach, SignalVerdict};

pub(super) const SIGNAL: Signal = Signal {
    id: "network-policy",
    layer: Some("network-segmentation"),
    attribution: Attribution::Customer,
    reach: Reach::Duty,
    reads: &[Reads::NetworkPolicies],
    rule: "Each pod is selected by a NetworkPolicy about incoming traffic, and by none that lets every address or every pod in by \
           every port. Where that is not so, but another policy API is served (of Antrea, Calico, Cilium, Consul, Istio, Kuma or \
           Linkerd, or AdminNetworkPolicy), it is Unknown; so it is for pods that share the network of their node. Whether the \
           network plugin enforces policies is not seen.",
    source: "https://kubernetes.io/docs/concepts/services-networking/network-policies/: pods that no policy selects take traffic \
             from anywhere; NSA/CISA Kubernetes Hardening Guide 1.2, network separation",
    threshold: None,
    passed: "NetworkPolicies say who may reach its pods",
    failed: "no NetworkPolicy says who may reach its pods, or one lets everybody in",
    unseen: "no NetworkPolicy selects its pods, and another policy API is served that may",
    remedy: "add a NetworkPolicy with policyTypes: [Ingress]",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    if view.facts.iter().any(|facts| facts.host.contains(HostAccess::HOST_NETWORK)) {
        return Reading::unseen("its pods share the network of their node, for which NetworkPolicies do not hold");
    }
    match view.segmentation {
        Segmentation::Yes => Reading::passed_if(true),
        Segmentation::No => Reading::passed_if(false),
        Segmentation::MaybeOtherwise => Reading::UNSEEN,
        Segmentation::Unreadable => Reading::new(SignalVerdict::Unreadable),
    }
}

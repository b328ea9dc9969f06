//! Whether NetworkPolicies say who may reach the pods of a workload.

use super::signal::{Look, Reads, Seen, Segmented, Signal, View};
use crate::model::{Attribution, HostAccess, Reach, Verdict};

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
    look: Look::Workload(look),
};

fn look(view: &View<'_>, _: u32) -> Seen {
    if view.facts.iter().any(|facts| facts.host.contains(HostAccess::HostNetwork)) {
        return Seen::unseen("its pods share the network of their node, for which NetworkPolicies do not hold");
    }
    match view.segmented {
        Segmented::Yes => Seen::passed_if(true),
        Segmented::No => Seen::passed_if(false),
        Segmented::MaybeOtherwise => Seen::UNSEEN,
        Segmented::Unreadable => Seen::new(Verdict::Unreadable),
    }
}

//! Checks that the API server supports the versions of the kubelets.

use super::signal::{NodeInput, Reading, Reads, Signal, SignalFunction, Threshold};
use crate::facts::KubernetesVersion;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "kubelet-skew",
    layer: Some("platform-runtime"),
    attribution: Attribution::Operator,
    reach: Reach::Part,
    reads: &[Reads::Nodes, Reads::ServerVersion],
    rule: "The kubelet of each node is not newer than the API server, and older by at most the threshold. Virtual kubelets report a \
           version of their own and are Unknown.",
    source: "https://kubernetes.io/releases/version-skew-policy/#kubelet: up to three minor versions older, never newer",
    threshold: Some(Threshold { default: 3, least: 1, most: 3, unit: "minor versions" }),
    passed: "its nodes run kubelet versions that the API server supports",
    failed: "a node runs a kubelet version that the API server does not support",
    unseen: "the version of a kubelet or of the API server is unknown",
    remedy: "upgrade the nodes",
    evaluate: SignalFunction::Node(evaluate),
};

/// The part of a version that marks a virtual kubelet, such as `v1.25.0-vk-azure-aci-1.6.2`:
/// <https://github.com/virtual-kubelet/virtual-kubelet>.
const VIRTUAL: &str = "-vk-";

fn evaluate(input: &NodeInput<'_>, skew: u32) -> Reading {
    if input.facts.kubelet_version.contains(VIRTUAL) {
        return Reading::unseen("a virtual kubelet reports a version of its own");
    }
    let kubelet = KubernetesVersion::parse(&input.facts.kubelet_version);
    let Some((kubelet, server)) = kubelet.zip(input.server) else { return Reading::UNSEEN };
    let oldest = server.minor.saturating_sub(skew);
    if kubelet.major == server.major && (oldest..=server.minor).contains(&kubelet.minor) {
        return Reading::passed_if(true);
    }
    Reading::failed(format!("a kubelet has version {kubelet}, the API server has version {server}"))
}

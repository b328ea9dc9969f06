//! Whether kubelets are of versions that go with the API server.

use super::signal::{NodeInput, Reading, Reads, Signal, SignalFunction, Threshold};
use crate::facts::KubernetesVersion;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "kubelet-skew",
    layer: Some("platform-runtime"),
    attribution: Attribution::Operator,
    reach: Reach::Part,
    reads: &[Reads::Nodes, Reads::ServerVersion],
    rule: "The kubelet of each node is not newer than the API server, and no more minor versions older than the threshold. Virtual \
           kubelets tell a version of their own.",
    source: "https://kubernetes.io/releases/version-skew-policy/#kubelet: up to three minor versions older, never newer",
    threshold: Some(Threshold { default: 3, least: 1, most: 3, unit: "minor versions" }),
    passed: "the kubelets of its nodes go with the API server",
    failed: "a kubelet does not go with the API server",
    unseen: "the versions of its kubelets or of the API server are not known",
    remedy: "upgrade the nodes",
    evaluate: SignalFunction::Node(evaluate),
};

/// The mark of virtual kubelets in their versions, such as `v1.25.0-vk-azure-aci-1.6.2`:
/// <https://github.com/virtual-kubelet/virtual-kubelet>.
const VIRTUAL: &str = "-vk-";

fn evaluate(view: &NodeInput<'_>, skew: u32) -> Reading {
    if view.facts.kubelet_version.contains(VIRTUAL) {
        return Reading::unseen("a virtual kubelet tells a version of its own");
    }
    let kubelet = KubernetesVersion::parse(&view.facts.kubelet_version);
    let Some((kubelet, server)) = kubelet.zip(view.server) else { return Reading::UNSEEN };
    let oldest = server.minor.saturating_sub(skew);
    if kubelet.major == server.major && (oldest..=server.minor).contains(&kubelet.minor) {
        return Reading::passed_if(true);
    }
    Reading::failed(format!("a kubelet is of version {kubelet}, the API server of {server}"))
}

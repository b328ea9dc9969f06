//! Whether the containers of a workload run with as few privileges as they can.

use super::signal::{Look, Reads, Seen, Signal, View};
use crate::model::{Attribution, HostAccess, HostAccesses, Reach, Shortcoming};

pub(super) const SIGNAL: Signal = Signal {
    id: "security-context",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Duty,
    reads: &[Reads::Templates],
    rule: "Each container, those that only initialise included, runs as another user than root, cannot gain privileges, drops all \
           capabilities and has a seccomp profile; none is privileged or shares processes, memory, network, ports or folders of its node. \
           Agents of nodes that are known to need that are left out.",
    source: "https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted",
    threshold: None,
    passed: "its containers run with restricted privileges",
    failed: "its containers have more privileges than they need",
    unseen: "its pod template cannot be read",
    remedy: "set securityContext as Pod Security restricted asks",
    look: Look::Workload(look),
};

/// What keeps a template from being restricted, and its words, the weightiest first.
const SHARES_HOST: [(HostAccess, &str); 5] = [
    (HostAccess::Privileged, "a container is privileged"),
    (HostAccess::HostPid, "it shares the processes of its node (hostPID)"),
    (HostAccess::HostIpc, "it shares the memory of its node (hostIPC)"),
    (HostAccess::HostNetwork, "it shares the network of its node (hostNetwork)"),
    (HostAccess::HostPort, "it listens on a port of its node (hostPort)"),
];
const UNDONE: [(Shortcoming, &str); 5] = [
    (Shortcoming::MountsHost, "it mounts a folder of its node (hostPath)"),
    (Shortcoming::MayRunAsRoot, "a container may run as root (runAsNonRoot)"),
    (Shortcoming::MayEscalate, "a container may gain privileges (allowPrivilegeEscalation)"),
    (Shortcoming::KeepsCapabilities, "a container keeps capabilities (capabilities.drop)"),
    (Shortcoming::NoSeccompProfile, "a container has no seccomp profile (seccompProfile)"),
];

fn look(view: &View<'_>, _: u32) -> Seen {
    if view.facts.is_empty() {
        return Seen::UNSEEN;
    }
    let host = view.facts.iter().fold(HostAccesses::default(), |all, facts| all.union(facts.host));
    if host.contains(HostAccess::KnownAgent) {
        return Seen::NOT_APPLICABLE;
    }
    let has = |shortcoming| view.facts.iter().any(|facts| facts.shortcomings.contains(shortcoming));
    let shares = SHARES_HOST.into_iter().filter(|(access, _)| host.contains(*access)).map(|(_, words)| words);
    let undone = UNDONE.into_iter().filter(|(shortcoming, _)| has(*shortcoming)).map(|(_, words)| words);
    shares.chain(undone).next().map_or_else(|| Seen::passed_if(true), Seen::failed)
}

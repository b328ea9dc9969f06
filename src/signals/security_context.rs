//! Checks that the containers of a workload run with restricted privileges.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::{HostAccess, Shortcomings};
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "security-context",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Duty,
    reads: &[Reads::Templates],
    rule: "Each container, including init containers, does not run as root, cannot gain privileges, drops all capabilities and has a \
           seccomp profile. None is privileged or shares processes, memory, network, ports or directories of its node. Does not apply \
           to known node agents that need such access.",
    source: "https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted",
    threshold: None,
    passed: "its containers run with restricted privileges",
    failed: "its containers have more privileges than they need",
    unseen: "its pod template cannot be read",
    remedy: "set securityContext as Pod Security level restricted requires",
    evaluate: SignalFunction::Workload(evaluate),
};

/// Access to the node that the level restricted does not allow, with its message. The most severe comes first.
const SHARES_HOST: [(HostAccess, &str); 5] = [
    (HostAccess::PRIVILEGED, "a container is privileged"),
    (HostAccess::HOST_PID, "it shares the processes of its node (hostPID)"),
    (HostAccess::HOST_IPC, "it shares the memory of its node (hostIPC)"),
    (HostAccess::HOST_NETWORK, "it shares the network of its node (hostNetwork)"),
    (HostAccess::HOST_PORT, "it listens on a port of its node (hostPort)"),
];
/// Missing settings that the level restricted requires, with their messages. The most severe comes first.
const MISSING: [(Shortcomings, &str); 5] = [
    (Shortcomings::MOUNTS_HOST, "it mounts a directory of its node (hostPath)"),
    (Shortcomings::MAY_RUN_AS_ROOT, "a container may run as root (runAsNonRoot)"),
    (Shortcomings::MAY_ESCALATE, "a container may gain privileges (allowPrivilegeEscalation)"),
    (Shortcomings::KEEPS_CAPABILITIES, "a container does not drop all capabilities (capabilities.drop)"),
    (Shortcomings::NO_SECCOMP_PROFILE, "a container has no seccomp profile (seccompProfile)"),
];

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    if input.facts.is_empty() {
        return Reading::UNSEEN;
    }
    let host = input.facts.iter().fold(HostAccess::default(), |all, facts| all.union(facts.host));
    if host.contains(HostAccess::KNOWN_AGENT) {
        return Reading::NOT_APPLICABLE;
    }
    let has = |shortcoming| input.facts.iter().any(|facts| facts.shortcomings.contains(shortcoming));
    let shares = SHARES_HOST.into_iter().filter(|(access, _)| host.contains(*access)).map(|(_, message)| message);
    let missing = MISSING.into_iter().filter(|(shortcoming, _)| has(*shortcoming)).map(|(_, message)| message);
    shares.chain(missing).next().map_or_else(|| Reading::passed_if(true), Reading::failed)
}

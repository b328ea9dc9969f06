//! Checks that Pod Security is enforced in the namespace of a workload.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::HostAccess;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "pod-security",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Namespaces],
    rule: "The label pod-security.kubernetes.io/enforce of the namespace is baseline or restricted. The signal does not see a default \
           of the API server (PodSecurityConfiguration) or other admission controllers: disable it if they enforce the same. Does \
           not apply to known node agents that need more access.",
    source: "https://kubernetes.io/docs/concepts/security/pod-security-admission/; NSA/CISA Kubernetes Hardening Guide 1.2, \
             pod security enforcement",
    threshold: None,
    passed: "Pod Security is enforced in its namespace",
    failed: "no label of its namespace enforces Pod Security",
    unseen: "its Namespace is not read",
    remedy: "label the namespace pod-security.kubernetes.io/enforce: baseline",
    evaluate: SignalFunction::Workload(evaluate),
};

/// The label of a namespace with the enforced level of Pod Security.
pub const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    if input.facts.iter().any(|facts| facts.host.contains(HostAccess::KNOWN_AGENT)) {
        return Reading::NOT_APPLICABLE;
    }
    let Some(labels) = input.namespace_labels else { return Reading::UNSEEN };
    Reading::passed_if(labels.get(ENFORCE).is_some_and(|level| matches!(level, "baseline" | "restricted")))
}

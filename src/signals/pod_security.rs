//! Whether Pod Security keeps pods of the namespace from the host.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::HostAccess;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "pod-security",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Namespaces],
    rule: "The label pod-security.kubernetes.io/enforce of the namespace is baseline or restricted. A default of the API server \
           (PodSecurityConfiguration) and what else may admit pods are not seen: where they do it, switch the signal off. Agents of \
           nodes that are known to need more are left out.",
    source: "https://kubernetes.io/docs/concepts/security/pod-security-admission/; NSA/CISA Kubernetes Hardening Guide 1.2, \
             pod security enforcement",
    threshold: None,
    passed: "Pod Security is enforced in its namespace",
    failed: "no label of its namespace has Pod Security enforced",
    unseen: "its namespace cannot be seen",
    remedy: "label the namespace pod-security.kubernetes.io/enforce: baseline",
    evaluate: SignalFunction::Workload(evaluate),
};

/// The label of a namespace that says which level of Pod Security is enforced there.
pub const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    if view.facts.iter().any(|facts| facts.host.contains(HostAccess::KNOWN_AGENT)) {
        return Reading::NOT_APPLICABLE;
    }
    let Some(labels) = view.namespace_labels else { return Reading::UNSEEN };
    Reading::passed_if(labels.get(ENFORCE).is_some_and(|level| matches!(level, "baseline" | "restricted")))
}

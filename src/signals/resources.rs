//! Whether a workload says what it needs, and cannot take the memory of others.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::Shortcomings;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "resources",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Templates],
    rule: "Each container that goes on running requests memory and processor time and has a limit of memory, or its pod does as a \
           whole. Defaults of a LimitRange are not seen.",
    source: "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/; NSA/CISA Kubernetes Hardening Guide \
             1.2, resource policies",
    threshold: None,
    passed: "its containers say what they need and at most take",
    failed: "a container has no requests or no limit of memory",
    unseen: "its pod template cannot be read",
    remedy: "set resources.requests and resources.limits.memory",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    if view.facts.is_empty() {
        return Reading::UNSEEN;
    }
    let has = |shortcoming| view.facts.iter().any(|facts| facts.shortcomings.contains(shortcoming));
    if has(Shortcomings::NO_MEMORY_LIMIT) {
        return Reading::failed("a container has no limit of memory");
    }
    if has(Shortcomings::NO_REQUESTS) {
        return Reading::failed("a container requests no memory or no processor time");
    }
    Reading::passed_if(true)
}

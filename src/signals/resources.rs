//! Checks that the containers of a workload have resource requests and a memory limit.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::Shortcomings;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "resources",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Templates],
    rule: "Each container, except init containers that end, requests memory and CPU and has a memory limit, or the pod does as a \
           whole. The signal does not see defaults of a LimitRange.",
    source: "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/; NSA/CISA Kubernetes Hardening Guide \
             1.2, resource policies",
    threshold: None,
    passed: "its containers have resource requests and a memory limit",
    failed: "a container has no resource requests or no memory limit",
    unseen: "its pod template cannot be read",
    remedy: "set resources.requests and resources.limits.memory",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    if input.facts.is_empty() {
        return Reading::UNSEEN;
    }
    let has = |shortcoming| input.facts.iter().any(|facts| facts.shortcomings.contains(shortcoming));
    if has(Shortcomings::NO_MEMORY_LIMIT) {
        return Reading::failed("a container has no memory limit");
    }
    if has(Shortcomings::NO_REQUESTS) {
        return Reading::failed("a container requests no memory or no CPU");
    }
    Reading::passed_if(true)
}

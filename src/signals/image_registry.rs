//! Checks that the images of a workload come from allowed registries.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::Shortcomings;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "image-registry",
    layer: Some("image-supply-chain"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Templates],
    rule: "Each image comes from one of the allowedRegistries in the configuration file. Does not apply if none is configured.",
    source: "NSA/CISA Kubernetes Hardening Guide 1.2, building secure container images: use trusted registries",
    threshold: None,
    passed: "its images come from allowed registries",
    failed: "an image comes from a registry that is not allowed",
    unseen: "its pod template cannot be read",
    remedy: "use an image from an allowed registry",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    if !input.registries_known {
        return Reading::NOT_APPLICABLE;
    }
    if input.facts.is_empty() {
        return Reading::UNSEEN;
    }
    Reading::passed_if(!input.facts.iter().any(|facts| facts.shortcomings.contains(Shortcomings::FOREIGN_REGISTRY)))
}

//! Whether a workload's images come from where they may come from.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::Shortcomings;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "image-registry",
    layer: Some("image-supply-chain"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Templates],
    rule: "Each image comes from one of allowedRegistries of the configuration file. Does not apply where none is configured.",
    source: "NSA/CISA Kubernetes Hardening Guide 1.2, building secure container images: use trusted registries",
    threshold: None,
    passed: "its images come from allowed registries",
    failed: "an image comes from a registry that is not allowed",
    unseen: "its pod template cannot be read",
    remedy: "use an image of an allowed registry",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    if !view.registries_known {
        return Reading::NOT_APPLICABLE;
    }
    if view.facts.is_empty() {
        return Reading::UNSEEN;
    }
    Reading::passed_if(!view.facts.iter().any(|facts| facts.shortcomings.contains(Shortcomings::FOREIGN_REGISTRY)))
}

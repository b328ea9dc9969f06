//! Checks that the images of a workload are pinned by digest.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::Shortcomings;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "image-pinning",
    layer: Some("image-supply-chain"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Templates],
    rule: "Each image is referenced by its digest.",
    source: "https://kubernetes.io/docs/concepts/containers/images/#image-digests: a tag can be moved to another image",
    threshold: None,
    passed: "its images are pinned by digest",
    failed: "an image is referenced by a tag, which can be moved to another image",
    unseen: "its pod template cannot be read",
    remedy: "reference images by digest: name@sha256:...",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    if input.facts.is_empty() {
        return Reading::UNSEEN;
    }
    Reading::passed_if(!input.facts.iter().any(|facts| facts.shortcomings.contains(Shortcomings::UNPINNED_IMAGE)))
}

//! Whether a workload runs the images that were looked at, and no others under their names.

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::Shortcomings;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "image-pinning",
    layer: Some("image-supply-chain"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Templates],
    rule: "Each image is named by its digest.",
    source: "https://kubernetes.io/docs/concepts/containers/images/#image-digests: a tag may be moved to another image",
    threshold: None,
    passed: "its images are pinned by digest",
    failed: "an image is named by a tag, which can be moved to another image",
    unseen: "its pod template cannot be read",
    remedy: "name images by digest: name@sha256:...",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    if view.facts.is_empty() {
        return Reading::UNSEEN;
    }
    Reading::passed_if(!view.facts.iter().any(|facts| facts.shortcomings.contains(Shortcomings::UNPINNED_IMAGE)))
}

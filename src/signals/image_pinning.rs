//! Whether a workload runs the images that were looked at, and no others under their names.

use super::signal::{Look, Reads, Seen, Signal, View};
use crate::model::{Attribution, Reach, Shortcoming};

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
    look: Look::Workload(look),
};

fn look(view: &View<'_>, _: u32) -> Seen {
    if view.facts.is_empty() {
        return Seen::UNSEEN;
    }
    Seen::passed_if(!view.facts.iter().any(|facts| facts.shortcomings.contains(Shortcoming::UnpinnedImage)))
}

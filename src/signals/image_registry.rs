//! Whether a workload's images come from where they may come from.

use super::signal::{Look, Reads, Seen, Signal, View};
use crate::model::{Attribution, Reach, Shortcoming};

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
    look: Look::Workload(look),
};

fn look(view: &View<'_>, _: u32) -> Seen {
    if !view.registries_known {
        return Seen::NOT_APPLICABLE;
    }
    if view.facts.is_empty() {
        return Seen::UNSEEN;
    }
    Seen::passed_if(!view.facts.iter().any(|facts| facts.shortcomings.contains(Shortcoming::ForeignRegistry)))
}

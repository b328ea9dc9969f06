//! Checks that the party that holds a provider duty has valid evidence for it.

use super::signal::{Reads, Signal, SignalFunction};
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "provider-evidence",
    layer: None,
    attribution: Attribution::Provider,
    reach: Reach::Duty,
    reads: &[Reads::Assignments],
    rule: "The party that holds the provider duty has evidence (SOC 2, ISO 27001, PCI AOC ...) that covers the layer and has not \
           expired. Expired evidence is Stale. The signal does not apply to customer duties.",
    source: "PCI DSS 4.0.1, 12.8.4; CSA CCM 4, STA; a report about a period is valid for 12 months after its end",
    threshold: None,
    passed: "evidence of the holder covers the layer",
    failed: "the evidence of the holder has expired",
    unseen: "the holder has no evidence for the layer",
    remedy: "add the current report to evidence of the party in spec.parties",
    evaluate: SignalFunction::Evidence,
};

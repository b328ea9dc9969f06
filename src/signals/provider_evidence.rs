//! Whether the party that holds a provider duty has shown that it does it.

use super::signal::{Reads, Signal, SignalFunction};
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "provider-evidence",
    layer: None,
    attribution: Attribution::Provider,
    reach: Reach::Duty,
    reads: &[Reads::Assignments],
    rule: "The party that holds the provider duty has evidence (SOC 2, ISO 27001, PCI AOC ...) that covers the layer and has not \
           ended. Evidence that has ended is stale. It never speaks of a customer duty.",
    source: "PCI DSS 4.0.1, 12.8.4; CSA CCM 4, STA; a report about a period counts for 12 months after its end",
    threshold: None,
    passed: "evidence of the holder covers it",
    failed: "the evidence of the holder has ended",
    unseen: "nobody has shown evidence of it",
    remedy: "add the current report to evidence of the party",
    evaluate: SignalFunction::Evidence,
};

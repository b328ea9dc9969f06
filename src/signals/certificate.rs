//! Whether the certificates by which a workload is reached are renewed in time.

use super::facts::{CertificateFacts, FactKind, Facts, days_after};
use super::signal::{Look, Reads, Seen, Signal, Threshold, View};
use crate::matrix::Signal as Shown;
use crate::model::{Attribution, Reach, Verdict};

pub(super) const SIGNAL: Signal = Signal {
    id: "certificate",
    layer: Some("network-exposure"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Facts(FactKind::Certificates)],
    rule: "Each Certificate of cert-manager that fills the Secret of an Ingress leading to the workload is Ready, and good for longer \
           than the threshold.",
    source: "https://cert-manager.io/docs/usage/certificate/: a certificate is renewed when two thirds of its time have passed",
    threshold: Some(Threshold { default: 14, least: 1, most: 365, unit: "days" }),
    passed: "the certificates of its Ingresses are renewed in time",
    failed: "a certificate of its Ingresses is not renewed",
    unseen: "no Certificate fills the Secrets of its Ingresses",
    remedy: "see the events of the Certificate",
    look: Look::Workload(look),
};

fn look(view: &View<'_>, days: u32) -> Seen {
    if !view.signals.contains(Shown::Published) {
        return Seen::NOT_APPLICABLE;
    }
    if let Err(seen) = view.read(FactKind::Certificates) {
        return seen;
    }
    let certificates = view.namespace.of(FactKind::Certificates).filter_map(|(name, facts)| match facts {
        Facts::Certificate(certificate) if view.tls_secrets.contains(&certificate.secret) => Some((name, certificate)),
        _ => None,
    });
    let seen = certificates.map(|(name, certificate)| {
        let CertificateFacts { ready, until, .. } = certificate;
        match (ready, until) {
            (_, Some(until)) if *until <= days_after(view.today, days) => {
                Seen::failed(format!("Certificate {name} is good until {until} only"))
            }
            (Some(false), _) => Seen::failed(format!("Certificate {name} is not ready")),
            (Some(true), Some(_)) => Seen::passed_if(true),
            _ => Seen::unseen(format!("Certificate {name} has not been issued yet")),
        }
    });
    // A failure outweighs one that is not issued yet, and that one that is good.
    let weight = |seen: &Seen| match seen.verdict {
        Verdict::Failed => 2,
        Verdict::Unseen => 1,
        _ => 0,
    };
    seen.max_by_key(weight).unwrap_or(Seen::UNSEEN)
}

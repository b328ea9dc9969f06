//! Whether the certificates by which a workload is reached are renewed in time.

use super::signal::{Reading, Reads, Signal, SignalFunction, Threshold, WorkloadInput};
use crate::facts::{CertificateFacts, FactKind, Facts};
use crate::matrix::LayerTriggers;
use crate::model::days_before;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "certificate",
    layer: Some("network-exposure"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Facts(FactKind::Certificates)],
    rule: "Each Certificate of cert-manager that fills the Secret of an Ingress leading to the workload is Ready, has not ended, \
           and was renewed no later than the threshold after its renewalTime. Days count, not hours.",
    source: "https://cert-manager.io/docs/usage/certificate/: a certificate is renewed when two thirds of its time have passed",
    threshold: Some(Threshold { default: 1, least: 1, most: 30, unit: "days" }),
    passed: "the certificates of its Ingresses are renewed in time",
    failed: "a certificate of its Ingresses is not renewed",
    unseen: "no Certificate fills the Secrets of its Ingresses",
    remedy: "see the events of the Certificate",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, days: u32) -> Reading {
    if !view.triggers.contains(LayerTriggers::PUBLISHED) {
        return Reading::NOT_APPLICABLE;
    }
    if let Err(seen) = view.read(FactKind::Certificates) {
        return seen;
    }
    let certificates = view.namespace.of(FactKind::Certificates).filter_map(|(name, facts)| match facts {
        Facts::Certificate(certificate) if view.tls_secrets.contains(&certificate.secret) => Some((name, certificate)),
        _ => None,
    });
    let seen = certificates.map(|(name, certificate)| {
        let CertificateFacts { ready, until, renewal, .. } = certificate;
        let is_late = renewal.is_some_and(|day| day < days_before(view.today, days));
        match (ready, until) {
            (_, None) => Reading::unseen(format!("Certificate {name} has not been issued yet")),
            (_, Some(until)) if *until < view.today || is_late => {
                Reading::failed(format!("Certificate {name} was not renewed and is good until {until}"))
            }
            (Some(false), Some(_)) => Reading::failed(format!("Certificate {name} is not ready")),
            (_, Some(_)) => Reading::passed_if(true),
        }
    });
    Reading::worst_of(seen).unwrap_or(Reading::UNSEEN)
}

//! Checks that the TLS certificates of a workload's Ingresses are renewed in time.

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
    rule: "Each Certificate of cert-manager that writes the TLS Secret of an Ingress to the workload is Ready, has not expired, and \
           was renewed at most the threshold after its renewalTime, counted in days.",
    source: "https://cert-manager.io/docs/usage/certificate/: a certificate is renewed after two thirds of its duration",
    threshold: Some(Threshold { default: 1, least: 1, most: 30, unit: "days" }),
    passed: "the certificates of its Ingresses are renewed in time",
    failed: "a certificate of its Ingresses is not renewed",
    unseen: "no Certificate writes the TLS Secrets of its Ingresses",
    remedy: "check the Events of the Certificate",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, days: u32) -> Reading {
    if !input.triggers.contains(LayerTriggers::PUBLISHED) {
        return Reading::NOT_APPLICABLE;
    }
    if let Err(reading) = input.read(FactKind::Certificates) {
        return reading;
    }
    let certificates = input.namespace.of(FactKind::Certificates).filter_map(|(name, facts)| match facts {
        Facts::Certificate(certificate) if input.tls_secrets.contains(&certificate.secret) => Some((name, certificate)),
        _ => None,
    });
    let readings = certificates.map(|(name, certificate)| {
        let CertificateFacts { ready, until, renewal, .. } = certificate;
        let is_late = renewal.is_some_and(|day| day < days_before(input.today, days));
        match (ready, until) {
            (_, None) => Reading::unseen(format!("Certificate {name} has not been issued yet")),
            (_, Some(until)) if *until < input.today || is_late => {
                Reading::failed(format!("Certificate {name} was not renewed and is valid until {until}"))
            }
            (Some(false), Some(_)) => Reading::failed(format!("Certificate {name} is not ready")),
            (_, Some(_)) => Reading::passed_if(true),
        }
    });
    Reading::worst_of(readings).unwrap_or(Reading::UNSEEN)
}

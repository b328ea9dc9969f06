//! Checks that the storage classes of a workload's volumes encrypt them.

use std::sync::Arc;

use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::{FactKind, Facts, StorageClassFacts, VolumeClaim};
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "storage-encryption",
    layer: Some("data-protection"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Facts(FactKind::Claims), Reads::Facts(FactKind::StorageClasses)],
    rule: "No storage class of its claims disables encryption. A class of a service that always encrypts (Google, Azure) passes. Any \
           other class without an encryption parameter is Unknown.",
    source: "https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/parameters.md (encrypted, default false unless \
             the account encrypts by default); https://cloud.google.com/docs/security/encryption/default-encryption; \
             https://learn.microsoft.com/azure/virtual-machines/disk-encryption",
    threshold: None,
    passed: "its storage classes encrypt volumes",
    failed: "a storage class of its volumes does not encrypt",
    unseen: "its storage classes do not show if they encrypt volumes",
    remedy: "use a StorageClass with parameters.encrypted: \"true\"",
    evaluate: SignalFunction::Workload(evaluate),
};

/// The provisioners whose volumes are always encrypted at rest.
const ALWAYS_ENCRYPTED: [&str; 5] = [
    "pd.csi.storage.gke.io",
    "filestore.csi.storage.gke.io",
    "disk.csi.azure.com",
    "file.csi.azure.com",
    "blob.csi.azure.com",
];

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    let claims: Vec<&VolumeClaim> = input.facts.iter().flat_map(|facts| &facts.claims).collect();
    if claims.is_empty() {
        return Reading::NOT_APPLICABLE;
    }
    for kind in [FactKind::Claims, FactKind::StorageClasses] {
        if let Err(reading) = input.read(kind) {
            return reading;
        }
    }
    let readings = claims.into_iter().map(|claim| class_of(input, claim).map_or(Reading::UNSEEN, encrypts));
    Reading::worst_of(readings).unwrap_or(Reading::NOT_APPLICABLE)
}

/// Returns the storage class of a claim, if both are known.
fn class_of<'a>(input: &'a WorkloadInput<'_>, claim: &VolumeClaim) -> Option<(&'a Arc<str>, &'a StorageClassFacts)> {
    let named = match claim {
        VolumeClaim::PerPod(class) => class.clone(),
        VolumeClaim::Named(name) => match input.namespace.get(FactKind::Claims, name)? {
            Facts::Claim(class) => class.clone(),
            _ => None,
        },
    };
    input.cluster.of(FactKind::StorageClasses).find_map(|(name, facts)| match facts {
        Facts::StorageClass(class) if named.as_ref().map_or(class.is_default, |named| named == name) => {
            Some((name, class))
        }
        _ => None,
    })
}

fn encrypts((name, class): (&Arc<str>, &StorageClassFacts)) -> Reading {
    match class.encrypted {
        Some(true) => Reading::passed_if(true),
        Some(false) => Reading::failed(format!("StorageClass {name} does not encrypt")),
        None if ALWAYS_ENCRYPTED.contains(&&*class.provisioner) => Reading::passed_if(true),
        None => Reading::UNSEEN,
    }
}

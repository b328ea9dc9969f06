//! Whether the storage classes of a workload's volumes encrypt, where that can be told.

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
    rule: "No storage class of its claims switches encryption off. One of a service that always encrypts (Google, Azure) passes; \
           of others that say nothing, nothing is known.",
    source: "https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/parameters.md (encrypted, default false unless \
             the account encrypts by default); https://cloud.google.com/docs/security/encryption/default-encryption; \
             https://learn.microsoft.com/azure/virtual-machines/disk-encryption",
    threshold: None,
    passed: "its storage classes encrypt",
    failed: "a storage class of its volumes does not encrypt",
    unseen: "its storage classes do not say whether they encrypt",
    remedy: "use a class with parameters.encrypted: \"true\"",
    evaluate: SignalFunction::Workload(evaluate),
};

/// What makes volumes that are always encrypted at rest.
const ALWAYS: [&str; 5] = [
    "pd.csi.storage.gke.io",
    "filestore.csi.storage.gke.io",
    "disk.csi.azure.com",
    "file.csi.azure.com",
    "blob.csi.azure.com",
];

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    let claims: Vec<&VolumeClaim> = view.facts.iter().flat_map(|facts| &facts.claims).collect();
    if claims.is_empty() {
        return Reading::NOT_APPLICABLE;
    }
    for kind in [FactKind::Claims, FactKind::StorageClasses] {
        if let Err(seen) = view.read(kind) {
            return seen;
        }
    }
    let seen = claims.into_iter().map(|claim| class_of(view, claim).map_or(Reading::UNSEEN, encrypts));
    Reading::worst_of(seen).unwrap_or(Reading::NOT_APPLICABLE)
}

/// The class of a claim, if it is known.
fn class_of<'a>(view: &'a WorkloadInput<'_>, claim: &VolumeClaim) -> Option<(&'a Arc<str>, &'a StorageClassFacts)> {
    let named = match claim {
        VolumeClaim::PerPod(class) => class.clone(),
        VolumeClaim::Named(name) => match view.namespace.get(FactKind::Claims, name)? {
            Facts::Claim(class) => class.clone(),
            _ => None,
        },
    };
    view.cluster.of(FactKind::StorageClasses).find_map(|(name, facts)| match facts {
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
        None if ALWAYS.contains(&&*class.provisioner) => Reading::passed_if(true),
        None => Reading::UNSEEN,
    }
}

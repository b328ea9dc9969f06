//! PersistentVolumeClaims and StorageClasses.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::storage::v1 as storage;
use kube::Resource;
use serde::Deserialize;

use super::meta::Bare;
use super::{Extract, Extraction, Slim};
use crate::facts::{Delta, FactKind, Facts, ListedKind, StorageClassFacts};

/// A PersistentVolumeClaim, reduced to the fields that the operator reads.
pub type PersistentVolumeClaim = Slim<core::PersistentVolumeClaim, ClaimSpec>;

/// The decoded part of the spec of a claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSpec {
    storage_class_name: Option<String>,
}

impl Extract for PersistentVolumeClaim {
    const KIND: ListedKind = ListedKind::Facts(FactKind::Claims);

    fn delta(&self, _: &Extraction) -> Delta {
        let class = self.spec.storage_class_name.as_deref().map(Into::into);
        Delta::Facts(FactKind::Claims, self.object_name(), Some(Facts::Claim(class)))
    }
}

/// A StorageClass, reduced to the fields that the operator reads.
pub type StorageClass = Bare<storage::StorageClass, ClassBody>;

/// The decoded part of a StorageClass.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClassBody {
    provisioner: String,
    parameters: Option<BTreeMap<String, String>>,
}

/// The annotation of the class for claims that name none.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

impl StorageClass {
    fn facts(&self) -> StorageClassFacts {
        let ClassBody { provisioner, parameters } = &self.body;
        let encrypted = parameters.iter().flatten().find(|(key, _)| key.eq_ignore_ascii_case("encrypted"));
        let annotations = self.meta().annotations.as_ref();
        StorageClassFacts {
            provisioner: provisioner.as_str().into(),
            encrypted: encrypted.map(|(_, value)| value.eq_ignore_ascii_case("true")),
            is_default: annotations.and_then(|all| all.get(DEFAULT)).is_some_and(|value| value == "true"),
        }
    }
}

impl Extract for StorageClass {
    const KIND: ListedKind = ListedKind::Facts(FactKind::StorageClasses);

    fn delta(&self, _: &Extraction) -> Delta {
        Delta::Facts(FactKind::StorageClasses, self.object_name(), Some(Facts::StorageClass(self.facts())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::facts::ObjectName;

    fn class(object: Value) -> StorageClassFacts {
        let class: StorageClass = serde_json::from_value(object).unwrap();
        match class.delta(&Extraction::default()) {
            Delta::Facts(FactKind::StorageClasses, name, Some(Facts::StorageClass(facts)))
                if name == ObjectName::cluster("fast") =>
            {
                facts
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_class_shows_what_makes_its_volumes_and_whether_it_encrypts() {
        let mut object = json!({
            "metadata": { "name": "fast", "annotations": { "storageclass.kubernetes.io/is-default-class": "true" } },
            "provisioner": "ebs.csi.aws.com",
            "parameters": { "type": "gp3", "encrypted": "true" },
        });
        let expected =
            StorageClassFacts { provisioner: "ebs.csi.aws.com".into(), encrypted: Some(true), is_default: true };
        assert_eq!(class(object.clone()), expected);
        object["parameters"]["encrypted"] = json!("false");
        assert_eq!(class(object).encrypted, Some(false));
        let silent = class(json!({ "metadata": { "name": "fast" }, "provisioner": "p" }));
        assert_eq!((silent.encrypted, silent.is_default), (None, false));
    }

    #[test]
    fn a_claim_shows_its_class() {
        let claim = |spec: Value| -> Delta {
            let object = json!({ "metadata": { "name": "data", "namespace": "shop" }, "spec": spec });
            serde_json::from_value::<PersistentVolumeClaim>(object).unwrap().delta(&Extraction::default())
        };
        let is = |delta: Delta, expected: Option<&str>| matches!(delta, Delta::Facts(FactKind::Claims, _, Some(Facts::Claim(class))) if class.as_deref() == expected);
        assert!(is(claim(json!({ "storageClassName": "fast" })), Some("fast")));
        assert!(is(claim(json!({})), None));
    }
}

//! Objects of the kinds of custom signals. Paths of rules can lead to any field, so the JSON text of an object is kept
//! and only decoded if it is small enough.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::meta::{Plain, labels, object_name, resource};
use crate::facts::Delta;
use crate::signals::CustomObjects;

/// An object of a kind that custom signals evaluate.
#[derive(Clone, Debug)]
pub struct CustomObject {
    metadata: ObjectMeta,
    text: Box<RawValue>,
}

impl<'de> Deserialize<'de> for CustomObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Plain { metadata, .. } = serde_json::from_str::<Plain<IgnoredAny>>(text.get()).map_err(D::Error::custom)?;
        Ok(Self { metadata, text })
    }
}

resource!(CustomObject);

impl CustomObject {
    /// Returns the change for an object that was added or updated.
    #[must_use]
    pub fn delta(&self, objects: &CustomObjects) -> Delta {
        let name = object_name(&self.metadata);
        let facts = objects.facts(&name.namespace, &labels(self.metadata.labels.as_ref()), self.text.get());
        Delta::Facts(objects.fact_kind(), name, facts)
    }
}

//! Objects of kinds that signals of the configuration look at: all of them is decoded, for expressions may look anywhere.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::dynamic::dynamic_resource;
use super::meta::{labels, object_name, slim_metadata};
use crate::inventory::Delta;
use crate::signals::CustomObjects;

/// An object of a kind that signals of the configuration look at.
#[derive(Clone, Debug)]
pub struct CustomObject {
    metadata: ObjectMeta,
    object: Value,
}

impl<'de> Deserialize<'de> for CustomObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Value::deserialize(deserializer)?;
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            return Err(D::Error::missing_field("metadata"));
        };
        // Who manages which field is by far the largest part of many objects, and tells nothing of them.
        metadata.remove("managedFields");
        let metadata = slim_metadata(&object["metadata"]).map_err(D::Error::custom)?;
        Ok(Self { metadata, object })
    }
}

dynamic_resource!(CustomObject);

impl CustomObject {
    /// The change that the object as it stands amounts to.
    #[must_use]
    pub fn delta(&self, objects: &CustomObjects) -> Delta {
        let name = object_name(&self.metadata);
        let facts = objects.facts(&name.namespace, &labels(self.metadata.labels.as_ref()), &self.object);
        Delta::Facts(objects.fact_kind(), name, facts)
    }

    /// The change that the deletion of the object amounts to.
    #[must_use]
    pub fn deletion(&self, objects: &CustomObjects) -> Delta {
        Delta::Facts(objects.fact_kind(), object_name(&self.metadata), None)
    }
}

//! Objects with the part of their metadata that the operator reads.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::facts::{Labels, ObjectName};

/// An object of a kind; the marker `K` distinguishes kinds with the same parts. The operator decodes the part `S` of the spec, the part `T` of the status, and
/// some metadata.
#[derive(Debug, Deserialize)]
#[serde(bound = "S: Default + Deserialize<'de>, T: Default + Deserialize<'de>")]
pub struct Slim<K, S, T = IgnoredAny> {
    #[serde(deserialize_with = "slim_metadata", default)]
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    /// The decoded part of the spec.
    pub spec: S,
    #[serde(default)]
    /// The decoded part of the status.
    pub status: T,
    #[serde(skip)]
    kind: PhantomData<fn() -> K>,
}

impl<K, S: Clone, T: Clone> Clone for Slim<K, S, T> {
    fn clone(&self) -> Self {
        let Self { metadata, spec, status, kind } = self;
        Self { metadata: metadata.clone(), spec: spec.clone(), status: status.clone(), kind: *kind }
    }
}

/// The metadata that the operator reads. Managed fields, by far the largest part, are skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct SlimMeta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    generation: Option<i64>,
    generate_name: Option<String>,
    creation_timestamp: Option<Time>,
}

pub(super) fn slim_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let slim = SlimMeta::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: slim.name,
        namespace: slim.namespace,
        uid: slim.uid,
        resource_version: slim.resource_version,
        labels: slim.labels,
        annotations: slim.annotations,
        owner_references: slim.owner_references,
        generation: slim.generation,
        generate_name: slim.generate_name,
        creation_timestamp: slim.creation_timestamp,
        ..ObjectMeta::default()
    })
}

/// Implements `kube::Resource` for a type with metadata. Group, version and plural come from the table of kinds.
macro_rules! resource {
    ($type:ty $(, $parameter:ident)*) => {
        impl<$($parameter),*> kube::Resource for $type {
            type DynamicType = kube::core::ApiResource;
            type Scope = kube::core::DynamicResourceScope;

            fn kind(resource: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
                resource.kind.as_str().into()
            }

            fn group(resource: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
                resource.group.as_str().into()
            }

            fn version(resource: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
                resource.version.as_str().into()
            }

            fn plural(resource: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
                resource.plural.as_str().into()
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

pub(super) use resource;

resource!(Slim<K, S, T>, K, S, T);

/// An object of a kind without a spec; the marker `K` distinguishes kinds with the same parts. The operator decodes the part `B` of its top-level fields.
#[derive(Debug, Deserialize)]
#[serde(bound = "B: Deserialize<'de>")]
pub struct Bare<K, B> {
    #[serde(deserialize_with = "slim_metadata", default)]
    metadata: ObjectMeta,
    /// The decoded part.
    #[serde(flatten)]
    pub body: B,
    #[serde(skip)]
    kind: PhantomData<fn() -> K>,
}

impl<K, B: Clone> Clone for Bare<K, B> {
    fn clone(&self) -> Self {
        let Self { metadata, body, kind } = self;
        Self { metadata: metadata.clone(), body: body.clone(), kind: *kind }
    }
}

impl<K, B> Bare<K, B> {
    pub(super) fn object_name(&self) -> ObjectName {
        object_name(&self.metadata)
    }
}

resource!(Bare<K, B>, K, B);

/// An object of a kind whose parts no other kind has.
pub type Plain<S, T = IgnoredAny> = Slim<(), S, T>;

impl<K, S, T> Slim<K, S, T> {
    pub(super) fn name(&self) -> Arc<str> {
        self.metadata.name.as_deref().unwrap_or_default().into()
    }

    pub(super) fn object_name(&self) -> ObjectName {
        object_name(&self.metadata)
    }

    pub(super) fn labels(&self) -> Labels {
        labels(self.metadata.labels.as_ref())
    }
}

/// Returns the namespace and the name of an object; each is empty if it is not set.
#[must_use]
pub fn object_name(metadata: &ObjectMeta) -> ObjectName {
    ObjectName {
        namespace: metadata.namespace.as_deref().unwrap_or_default().into(),
        name: metadata.name.as_deref().unwrap_or_default().into(),
    }
}

/// A part of an object of our own kinds that may have been written under another schema.
#[derive(Clone, Debug)]
pub struct Readable<T>(pub Result<T, String>);

impl<T> Default for Readable<T> {
    fn default() -> Self {
        Self(Err("it is missing".to_owned()))
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Readable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(T::deserialize(value).map_err(|error| error.to_string())))
    }
}

pub(super) fn labels(map: Option<&BTreeMap<String, String>>) -> Labels {
    map.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// Deserializes a field; null is the default, like a missing field.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

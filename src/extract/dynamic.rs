//! Objects of kinds that are known at run time only: optional APIs, and kinds that the operator is told of.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::meta::slim_metadata;
use crate::facts::Facts;

/// An object of which only `S` is decoded of the spec, `T` of the status, and the metadata that counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "S: Default + Deserialize<'de>, T: Default + Deserialize<'de>")]
pub struct Dynamic<S, T = IgnoredAny> {
    #[serde(deserialize_with = "slim_metadata", default)]
    pub(super) metadata: ObjectMeta,
    /// The part of the spec.
    #[serde(default)]
    pub spec: S,
    /// The part of the status.
    #[serde(default)]
    pub status: T,
}

/// What counts of an object that is read for signals only.
pub trait FactsOf {
    /// The facts; none where the object does not count.
    fn facts(&self) -> Option<Facts>;
}

/// Makes a type with metadata one of a kind that is known at run time only.
macro_rules! dynamic_resource {
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

pub(super) use dynamic_resource;

dynamic_resource!(Dynamic<S, T>, S, T);

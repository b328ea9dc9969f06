//! Objects of kinds that are only known at run time: optional APIs and configured kinds.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::meta::slim_metadata;
use crate::facts::Facts;

/// An object of which the operator decodes the part `S` of the spec, the part `T` of the status, and some metadata.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "S: Default + Deserialize<'de>, T: Default + Deserialize<'de>")]
pub struct Dynamic<S, T = IgnoredAny> {
    #[serde(deserialize_with = "slim_metadata", default)]
    pub(super) metadata: ObjectMeta,
    /// The decoded part of the spec.
    #[serde(default)]
    pub spec: S,
    /// The decoded part of the status.
    #[serde(default)]
    pub status: T,
}

/// An object that only signals read.
pub trait FactsOf {
    /// Extracts the facts; `None` if no signal uses the object.
    fn facts(&self) -> Option<Facts>;
}

/// Implements `kube::Resource` with a kind that is only known at run time, for a type with metadata.
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

//! Objects of kinds that are known at run time only: optional APIs, and kinds that the operator is told of.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::Deserialize;

use super::meta::slim_metadata;

/// An object of which only `S` is decoded of the spec, and the metadata that counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "S: Default + Deserialize<'de>")]
pub struct Dynamic<S> {
    #[serde(deserialize_with = "slim_metadata", default)]
    pub(super) metadata: ObjectMeta,
    /// The part of the spec.
    #[serde(default)]
    pub spec: S,
}

impl<S> kube::Resource for Dynamic<S> {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

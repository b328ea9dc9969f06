//! Objects with as much of their metadata as counts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::inventory::ObjectName;
use crate::model::{Labels, WorkloadKind};

/// An object of the Kubernetes kind `K`, of which only `S` is decoded of the spec, `T` of the status, and the metadata
/// that counts.
#[derive(Debug, Deserialize)]
#[serde(bound = "S: Default + Deserialize<'de>, T: Default + Deserialize<'de>")]
pub struct Slim<K, S, T = IgnoredAny> {
    #[serde(deserialize_with = "slim_metadata", default)]
    metadata: ObjectMeta,
    #[serde(default)]
    /// The part of the spec.
    pub spec: S,
    #[serde(default)]
    /// The part of the status.
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

/// The metadata that counts. Managed fields, by far the largest part, are skipped over.
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
}

fn slim_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let SlimMeta { name, namespace, uid, resource_version, labels, annotations, owner_references, generation } =
        SlimMeta::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        labels,
        annotations,
        owner_references,
        generation,
        ..ObjectMeta::default()
    })
}

impl<K: kube::Resource<DynamicType = ()>, S, T> kube::Resource for Slim<K, S, T> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<K, S, T> Slim<K, S, T> {
    pub(super) fn name(&self) -> Arc<str> {
        self.metadata.name.as_deref().unwrap_or_default().into()
    }

    pub(super) fn object_name(&self) -> ObjectName {
        ObjectName { namespace: self.metadata.namespace.as_deref().unwrap_or_default().into(), name: self.name() }
    }

    pub(super) fn labels(&self) -> Labels {
        labels(self.metadata.labels.as_ref())
    }

    /// Whether an object of one of the kinds that are workloads controls this one: then that is the workload.
    ///
    /// What another kind controls is a workload by itself, so that it is not overlooked.
    pub(super) fn is_child_of_workload(&self) -> bool {
        let mut owners = self.metadata.owner_references.iter().flatten();
        owners.any(|owner| {
            let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
            owner.controller == Some(true)
                && WorkloadKind::ALL.iter().any(|kind| (kind.group(), kind.name()) == (group, &*owner.kind))
        })
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

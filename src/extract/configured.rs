//! Workloads of configured kinds, with a pod template at a configured path.

use kube::core::{ApiResource, GroupVersionKind};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Extraction;
use super::meta::{Plain, labels};
use super::ownership::{Ownership, key, ownership, uid};
use super::pod_template::PodTemplate;
use crate::facts::{Delta, Labels, WorkloadFacts, WorkloadKind, WorkloadObject};
use crate::matrix::LayerTriggers;
use crate::signals::FieldPath;

/// A kind of workload that is not built in, such as a Rollout of `argoproj.io`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConfiguredKind {
    /// Its API group.
    pub group: String,
    /// The version of the group to watch.
    pub version: String,
    /// The kind, as its API definition spells it.
    pub kind: String,
    /// The plural of the kind, as in URLs and permissions.
    pub plural: String,
    /// The path of the pod template: field names separated by dots, starting with the spec, such as `spec.template`.
    #[serde(deserialize_with = "path_in_spec")]
    pub template: FieldPath,
}

impl ConfiguredKind {
    /// Returns the kind of the workloads.
    #[must_use]
    pub fn workload_kind(&self) -> WorkloadKind {
        WorkloadKind::of(&self.group, &self.kind)
    }

    /// Returns the resource to watch.
    #[must_use]
    pub fn resource(&self) -> ApiResource {
        let kind = GroupVersionKind::gvk(&self.group, &self.version, &self.kind);
        ApiResource::from_gvk_with_plural(&kind, &self.plural)
    }

    /// Extracts the facts of a workload with these labels from its spec; `None` without a readable template.
    fn facts(&self, spec: &Value, labels: Labels, extraction: &Extraction) -> Option<WorkloadFacts> {
        let (holder, field) = self.holder_of_template(spec)?;
        let template = PodTemplate::deserialize(holder.get(field)?).ok().filter(PodTemplate::has_containers)?;
        let claims = holder.get("volumeClaimTemplates").and_then(Value::as_array);
        let mut facts = template.facts(labels, extraction);
        if claims.is_some_and(|claims| !claims.is_empty()) {
            facts.triggers.insert(LayerTriggers::STORAGE);
        }
        Some(facts)
    }

    /// Returns the object in a spec that contains the pod template, and the name of its field.
    fn holder_of_template<'a>(&'a self, spec: &'a Value) -> Option<(&'a Value, &'a str)> {
        let fields = self.template.fields()?;
        // The first field is the spec.
        let [_, path @ .., field] = &*fields else { return None };
        let holder = path.iter().try_fold(spec, |value, field| value.get(field))?;
        Some((holder, field))
    }
}

/// Deserializes a path and rejects paths outside of the spec: only the spec is decoded.
fn path_in_spec<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FieldPath, D::Error> {
    let path: Option<FieldPath> = String::deserialize(deserializer)?.parse().ok();
    let is_in_spec = |path: &FieldPath| path.fields().is_some_and(|fields| matches!(*fields, ["spec", _, ..]));
    path.filter(is_in_spec).ok_or_else(|| {
        D::Error::custom(
            "the template must be a path of field names separated by dots that starts with spec, such as spec.template",
        )
    })
}

/// An object of a configured kind.
pub type ConfiguredWorkload = Plain<Value>;

impl ConfiguredWorkload {
    /// Returns the change for an object that was added or updated. Without a readable template at the path the object
    /// is not evaluated, and the objects that it controls are parts of it, as for a kind that is not configured. The
    /// template can have a sibling `volumeClaimTemplates`, as in a StatefulSet.
    #[must_use]
    pub fn delta(&self, kind: &ConfiguredKind, extraction: &Extraction) -> Delta {
        let workload_kind = kind.workload_kind();
        let object = match ownership(&self.metadata, &workload_kind, &kind.version) {
            Ownership::Child(_) => None,
            Ownership::Workload { part_of, identity } => {
                let facts = kind.facts(&self.spec, labels(self.metadata.labels.as_ref()), extraction);
                facts.map(|facts| Box::new(WorkloadObject { facts, part_of, identity, uid: uid(&self.metadata) }))
            }
        };
        Delta::Workload(key(&self.metadata, workload_kind), object)
    }
}

#[cfg(test)]
mod tests;

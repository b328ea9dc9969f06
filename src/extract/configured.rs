//! Workloads of kinds that the operator is told of, with a pod template at a path.

use kube::core::{ApiResource, GroupVersionKind};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Extraction;
use super::dynamic::Dynamic;
use super::meta::labels;
use super::ownership::{Ownership, key, ownership};
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
    /// The kind as its definition spells it.
    pub kind: String,
    /// The plural of the kind, as in addresses and permissions.
    pub plural: String,
    /// Where the pod template is: names of fields separated by dots, from the spec on, such as `spec.template`.
    #[serde(deserialize_with = "path_in_spec")]
    pub template: FieldPath,
}

impl ConfiguredKind {
    /// The kind of the workloads.
    #[must_use]
    pub fn workload_kind(&self) -> WorkloadKind {
        WorkloadKind::of(&self.group, &self.kind)
    }

    /// The resource to watch.
    #[must_use]
    pub fn resource(&self) -> ApiResource {
        let kind = GroupVersionKind::gvk(&self.group, &self.version, &self.kind);
        ApiResource::from_gvk_with_plural(&kind, &self.plural)
    }

    /// What a spec shows of a workload with these labels, none where there is no template that can be read.
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

    /// Returns the object in a spec that has the pod template, and the name of its field there.
    fn holder_of_template<'a>(&'a self, spec: &'a Value) -> Option<(&'a Value, &'a str)> {
        let fields = self.template.fields()?;
        // The first field is the spec.
        let [_, path @ .., field] = &*fields else { return None };
        let holder = path.iter().try_fold(spec, |value, field| value.get(field))?;
        Some((holder, field))
    }
}

/// Refuses paths outside the spec, which is all that is decoded.
fn path_in_spec<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FieldPath, D::Error> {
    let path: Option<FieldPath> = String::deserialize(deserializer)?.parse().ok();
    let is_in_spec = |path: &FieldPath| path.fields().is_some_and(|fields| matches!(*fields, ["spec", _, ..]));
    path.filter(is_in_spec).ok_or_else(|| {
        D::Error::custom(
            "the template must be names of fields separated by dots, from the spec on, such as spec.template",
        )
    })
}

/// An object of a configured kind.
pub type ConfiguredWorkload = Dynamic<Value>;

impl ConfiguredWorkload {
    /// The change that the object as it stands amounts to. Where there is no template at the path, or one that cannot be
    /// read, the object itself does not count: what it controls is attributed to it, as with a kind that nobody
    /// configured. Beside the template there may be `volumeClaimTemplates`, as in a StatefulSet.
    #[must_use]
    pub fn delta(&self, kind: &ConfiguredKind, extraction: &Extraction) -> Delta {
        let workload_kind = kind.workload_kind();
        let object = match ownership(&self.metadata, &workload_kind, &kind.version) {
            Ownership::Dropped(_) => None,
            Ownership::Of { part_of, identity } => {
                let facts = kind.facts(&self.spec, labels(self.metadata.labels.as_ref()), extraction);
                facts.map(|facts| Box::new(WorkloadObject { facts, part_of, identity }))
            }
        };
        Delta::Workload(key(&self.metadata, workload_kind), object)
    }

    /// The change that the deletion of the object amounts to.
    #[must_use]
    pub fn deletion(&self, kind: &ConfiguredKind) -> Delta {
        Delta::Workload(key(&self.metadata, kind.workload_kind()), None)
    }
}

#[cfg(test)]
mod tests;

//! The result of a custom signal for one object.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value as Json;

use super::CompiledSignal;
use super::path::{FieldPath, Object};
use super::rule::{Met, all};
use super::selector::WrittenSelector;
use crate::facts::{CustomFinding, CustomTarget, KindAndName, Selector, WorkloadReference};
use crate::model::shorten;

/// The maximum number of workloads that one object can be about.
const REFERENCES: usize = 256;
/// The maximum length of a name in a reference in bytes. The API server accepts no longer names.
const NAME: usize = 253;
/// The maximum length of a reason in bytes.
const REASON: usize = 200;

/// A reference in an object: `targetRef` of a VerticalPodAutoscaler, or an owner reference.
#[derive(Deserialize)]
struct ObjectRef {
    kind: String,
    name: String,
    namespace: Option<String>,
}

/// Returns the result for an object that cannot be evaluated. It can hide a failure of any workload.
pub(super) fn unknown(signal: u16, why: &str) -> CustomFinding {
    CustomFinding { signal, about: CustomTarget::All, outcome: Err(shorten(why, REASON).into()), until: None }
}

impl CompiledSignal {
    /// Evaluates an object. `namespace` is empty for an object of the cluster, and `signal` is the position of the signal.
    pub(super) fn evaluate(&self, signal: u16, namespace: &str, object: &Object) -> CustomFinding {
        let about = match (&self.references, &self.pod_selector) {
            (Some(path), _) => references(path, namespace, object)
                .map(CustomTarget::Workloads)
                .map_err(|why| format!("references: {why}")),
            (None, Some(path)) => {
                pods(path, object).map(CustomTarget::Pods).map_err(|why| format!("podSelector: {why}"))
            }
            (None, None) => Ok(CustomTarget::All),
        };
        let about = match about {
            Ok(about) => about,
            Err(why) => return unknown(signal, &why),
        };
        let rules = self.rules.iter().map(|rule| rule.evaluate(object));
        let (outcome, until) = match rules.fold(Ok(Met::Yes), all) {
            Ok(Met::Yes) => (Ok(true), None),
            Ok(Met::Until(day)) => (Ok(true), Some(day)),
            Ok(Met::No) => (Ok(false), None),
            Err(why) => (Err(shorten(&why, REASON).into()), None),
        };
        CustomFinding { signal, about, outcome, until }
    }
}

fn references(path: &FieldPath, namespace: &str, object: &Object) -> Result<BTreeSet<WorkloadReference>, String> {
    let mut written: Vec<&Json> = Vec::new();
    for value in path.all(object)? {
        match value {
            Json::Array(list) => written.extend(list),
            one => written.push(one),
        }
    }
    if written.len() > REFERENCES {
        return Err(format!("{path} has more than {REFERENCES} references"));
    }
    let references = written.into_iter().map(|value| reference(path, value, namespace));
    references.filter_map(Result::transpose).collect()
}

/// Decodes a reference. Returns none for a reference to another namespace, because an object must not affect other namespaces.
fn reference(path: &FieldPath, value: &Json, namespace: &str) -> Result<Option<WorkloadReference>, String> {
    // serde also decodes a struct from a list.
    let written = value.is_object().then(|| ObjectRef::deserialize(value).ok()).flatten();
    let ObjectRef { kind, name, namespace: target } =
        written.ok_or_else(|| format!("{path} has something other than references with kind and name"))?;
    if [Some(&kind), Some(&name), target.as_ref()].into_iter().flatten().any(|text| text.len() > NAME) {
        return Err(format!("{path} has a reference with more than {NAME} bytes, which is not a valid name"));
    }
    let namespace = match target {
        Some(target) if !namespace.is_empty() && target != namespace => return Ok(None),
        None if namespace.is_empty() => {
            return Err(format!("{path} needs a namespace in each reference of an object of the cluster"));
        }
        target => target.as_deref().unwrap_or(namespace).into(),
    };
    Ok(Some(WorkloadReference { namespace, object: KindAndName { kind: kind.into(), name: name.into() } }))
}

fn pods(path: &FieldPath, object: &Object) -> Result<Option<Selector>, String> {
    let values = path.all(object)?;
    let [value] = *values else { return Err(format!("{path} leads to {} values instead of one", values.len())) };
    let written = WrittenSelector::from_json(value)
        .ok_or_else(|| format!("{path} is not a label selector with matchLabels or matchExpressions"))?;
    Ok(written.selector())
}

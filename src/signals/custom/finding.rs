//! The result of a custom signal for one object.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value as Json;

use super::Ready;
use super::path::{FieldPath, Object};
use super::rule::{Met, all};
use super::selector::WrittenSelector;
use crate::facts::{CustomFinding, CustomTarget, KindAndName, Selector, WorkloadReference};
use crate::model::shorten;

/// The most workloads that one object can be about.
const REFERENCES: usize = 256;
/// The most bytes of a name in a reference: the API server accepts no longer one.
const NAME: usize = 253;
/// The most bytes of a reason.
const REASON: usize = 200;

/// A reference in an object: `targetRef` of a VerticalPodAutoscaler, or an owner reference.
#[derive(Deserialize)]
struct Written {
    kind: String,
    name: String,
    namespace: Option<String>,
}

/// Returns the result for an object that cannot be evaluated. It may hide a failure of any workload.
pub(super) fn unknown(signal: u16, why: &str) -> CustomFinding {
    CustomFinding { signal, about: CustomTarget::All, outcome: Err(shorten(why, REASON).into()), until: None }
}

impl Ready {
    /// Evaluates an object of a namespace, which is empty for an object of the cluster. `signal` is the position of the signal.
    pub(super) fn find(&self, signal: u16, namespace: &str, object: &Object) -> CustomFinding {
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

/// Reads a reference. Returns none if it leads to another namespace than that of the object, which has no say there.
fn reference(path: &FieldPath, value: &Json, namespace: &str) -> Result<Option<WorkloadReference>, String> {
    // A struct could also be decoded from a list.
    let written = value.is_object().then(|| Written::deserialize(value).ok()).flatten();
    let Written { kind, name, namespace: of } =
        written.ok_or_else(|| format!("{path} has something other than references with kind and name"))?;
    if [Some(&kind), Some(&name), of.as_ref()].into_iter().flatten().any(|text| text.len() > NAME) {
        return Err(format!("{path} has a reference with more than {NAME} bytes, which no object can have"));
    }
    let namespace = match of {
        Some(of) if !namespace.is_empty() && of != namespace => return Ok(None),
        None if namespace.is_empty() => {
            return Err(format!("{path} needs a namespace in each reference of an object of the cluster"));
        }
        of => of.as_deref().unwrap_or(namespace).into(),
    };
    Ok(Some(WorkloadReference { namespace, object: KindAndName { kind: kind.into(), name: name.into() } }))
}

fn pods(path: &FieldPath, object: &Object) -> Result<Option<Selector>, String> {
    let values = path.all(object)?;
    let [value] = *values else { return Err(format!("{path} leads to {} values instead of one", values.len())) };
    let written = WrittenSelector::of(value)
        .ok_or_else(|| format!("{path} is not a label selector with matchLabels or matchExpressions"))?;
    Ok(written.read())
}

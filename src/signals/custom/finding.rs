//! What a signal of the configuration finds in one object.

use std::collections::BTreeSet;

use cel::Value;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value as Json;

use super::Ready;
use super::expression::{Expression, Object};
use super::selector::WrittenSelector;
use crate::facts::{CustomFinding, CustomTarget, KindAndName, Selector, WorkloadReference};
use crate::model::{day, shorten};

/// The most workloads that one object can speak of.
const REFERENCES: usize = 256;
/// The most bytes of a name in a reference: no object has a longer one.
const NAME: usize = 253;
/// The most bytes of what is told of an error.
const ERROR: usize = 200;

/// A reference as objects write it: `targetRef` of a VerticalPodAutoscaler, or an owner reference.
#[derive(Deserialize)]
struct Written {
    kind: String,
    name: String,
    namespace: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Written),
    More(Vec<Written>),
}

/// Returns the result for an object that cannot be evaluated. It is about all workloads: it may hide a failure of any of them.
pub(super) fn unknown(signal: u16, why: &str) -> CustomFinding {
    CustomFinding { signal, about: CustomTarget::All, outcome: Err(shorten(why, ERROR).into()), day: None }
}

impl Ready {
    /// What the signal at this position finds in an object of a namespace, which is empty for one of the cluster.
    pub(super) fn find(&self, signal: u16, namespace: &str, object: &Object) -> CustomFinding {
        self.try_find(signal, namespace, object)
            .unwrap_or_else(|(field, why)| unknown(signal, &format!("{field}: {why}")))
    }

    fn try_find(&self, signal: u16, namespace: &str, object: &Object) -> Result<CustomFinding, (&'static str, String)> {
        let about = match (&self.references, &self.pod_selector) {
            (Some(references), _) => references_of(references, namespace, object)
                .map(CustomTarget::Workloads)
                .map_err(|why| ("references", why))?,
            (None, Some(pods)) => pods_of(pods, object).map(CustomTarget::Pods).map_err(|why| ("podSelector", why))?,
            (None, None) => CustomTarget::All,
        };
        let about_these = |why: String| CustomFinding { about: about.clone(), ..unknown(signal, &why) };
        match self.expression.evaluate(object) {
            Ok(Value::Bool(true)) => {}
            // Whenever that was found out, it is a failure.
            Ok(Value::Bool(false)) => return Ok(CustomFinding { signal, about, outcome: Ok(false), day: None }),
            Ok(_) => return Ok(about_these("expression: it comes to something else than true or false".to_owned())),
            Err(why) => return Ok(about_these(format!("expression: {why}"))),
        }
        let day = match self.seen_at.as_ref().map(|seen_at| day_of(seen_at, object)).transpose() {
            Ok(day) => day,
            Err(why) => return Ok(about_these(format!("seenAt: {why}"))),
        };
        Ok(CustomFinding { signal, about, outcome: Ok(true), day })
    }
}

fn json(expression: &Expression, object: &Object) -> Result<Json, String> {
    expression.evaluate(object)?.json().map_err(|_| "it comes to something that no object can hold".to_owned())
}

fn references_of(
    expression: &Expression,
    namespace: &str,
    object: &Object,
) -> Result<BTreeSet<WorkloadReference>, String> {
    let written: OneOrMore = serde_json::from_value(json(expression, object)?)
        .map_err(|_| "it comes to something else than references with kind and name".to_owned())?;
    let written = match written {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    };
    if written.len() > REFERENCES {
        return Err(format!("it comes to more than {REFERENCES} references"));
    }
    let texts = written.iter().flat_map(|one| [Some(&one.kind), Some(&one.name), one.namespace.as_ref()]).flatten();
    if texts.into_iter().any(|text| text.len() > NAME) {
        return Err(format!("it comes to a reference with more than {NAME} bytes, which nothing is called"));
    }
    let reference = |Written { kind, name, namespace: of }: Written| match of {
        // Whoever may write in a namespace has no say about another.
        Some(of) if !namespace.is_empty() && of != namespace => None,
        None if namespace.is_empty() => {
            Some(Err("a reference of an object of the cluster needs a namespace".to_owned()))
        }
        of => Some(Ok(WorkloadReference {
            namespace: of.as_deref().unwrap_or(namespace).into(),
            object: KindAndName { kind: kind.into(), name: name.into() },
        })),
    };
    written.into_iter().filter_map(reference).collect()
}

fn pods_of(expression: &Expression, object: &Object) -> Result<Option<Selector>, String> {
    let written = WrittenSelector::of(json(expression, object)?);
    let written =
        written.ok_or("it comes to something else than a label selector with matchLabels or matchExpressions")?;
    Ok(written.read())
}

fn day_of(expression: &Expression, object: &Object) -> Result<Date, String> {
    let Value::String(text) = expression.evaluate(object)? else {
        return Err("it comes to something else than a time such as 2026-11-29T06:00:00Z".to_owned());
    };
    let time: Timestamp =
        text.parse().map_err(|_| "it comes to a text that is no time such as 2026-11-29T06:00:00Z".to_owned())?;
    Ok(day(time))
}

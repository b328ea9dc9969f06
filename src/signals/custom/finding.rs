//! What a signal of the configuration finds in one object.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::Value;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value as Json;

use super::Ready;
use super::expression::{Expression, Object};
use super::selector::WrittenSelector;
use crate::model::{Selector, WorkloadFacts, WorkloadKey, day, shorten};
use crate::signals::facts::Subject;

/// The most workloads that one object can speak of.
const REFERENCES: usize = 256;
/// The most bytes of a name in a reference: no object has a longer one.
const NAME: usize = 253;
/// The most bytes of what is told of an error.
const ERROR: usize = 200;

/// What a signal finds in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The position of the signal among those that look at the kind.
    pub signal: u16,
    /// The workloads that the object speaks of.
    pub about: About,
    /// Whether it is as it has to be, or why that cannot be told.
    pub outcome: Result<bool, Arc<str>>,
    /// The day on which that was found out, where the signal asks for it.
    pub day: Option<Date>,
}

/// The workloads that an object speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// All of its namespace, or of the cluster where it lies in none.
    All,
    /// These, or what these make at the moment.
    Workloads(BTreeSet<Reference>),
    /// Those whose pods have these labels; all when there is none.
    Pods(Option<Selector>),
}

/// A workload, or an object that is made by one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its kind and name.
    pub subject: Subject,
}

impl About {
    /// Whether a workload with this template is among them. `children` are the objects that it is made of at the moment.
    #[must_use]
    pub fn concerns(&self, workload: &WorkloadKey, facts: &WorkloadFacts, children: &[Subject]) -> bool {
        match self {
            Self::All => true,
            Self::Pods(pods) => pods.as_ref().is_none_or(|pods| pods.matches(&facts.pods.template)),
            Self::Workloads(references) => references.iter().any(|Reference { namespace, subject }| {
                *namespace == workload.namespace && subject.is_of(workload, children)
            }),
        }
    }
}

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

impl Finding {
    /// Nothing can be told of the object, nor whom it is about: it may hide a failure of any of them.
    pub(super) fn unknown(signal: u16, why: &str) -> Self {
        Self { signal, about: About::All, outcome: Err(shorten(why, ERROR).into()), day: None }
    }
}

impl Ready {
    /// What the signal at this position finds in an object of a namespace, which is empty for one of the cluster.
    pub(super) fn find(&self, signal: u16, namespace: &str, object: &Object) -> Finding {
        self.try_find(signal, namespace, object)
            .unwrap_or_else(|(field, why)| Finding::unknown(signal, &format!("{field}: {why}")))
    }

    fn try_find(&self, signal: u16, namespace: &str, object: &Object) -> Result<Finding, (&'static str, String)> {
        let about = match (&self.references, &self.pod_selector) {
            (Some(references), _) => {
                references_of(references, namespace, object).map(About::Workloads).map_err(|why| ("references", why))?
            }
            (None, Some(pods)) => pods_of(pods, object).map(About::Pods).map_err(|why| ("podSelector", why))?,
            (None, None) => About::All,
        };
        let about_these = |why: String| Finding { about: about.clone(), ..Finding::unknown(signal, &why) };
        match self.expression.evaluate(object) {
            Ok(Value::Bool(true)) => {}
            // Whenever that was found out, it is a failure.
            Ok(Value::Bool(false)) => return Ok(Finding { signal, about, outcome: Ok(false), day: None }),
            Ok(_) => return Ok(about_these("expression: it comes to something else than true or false".to_owned())),
            Err(why) => return Ok(about_these(format!("expression: {why}"))),
        }
        let day = match self.seen_at.as_ref().map(|seen_at| day_of(seen_at, object)).transpose() {
            Ok(day) => day,
            Err(why) => return Ok(about_these(format!("seenAt: {why}"))),
        };
        Ok(Finding { signal, about, outcome: Ok(true), day })
    }
}

fn json(expression: &Expression, object: &Object) -> Result<Json, String> {
    expression.evaluate(object)?.json().map_err(|_| "it comes to something that no object can hold".to_owned())
}

fn references_of(expression: &Expression, namespace: &str, object: &Object) -> Result<BTreeSet<Reference>, String> {
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
        of => Some(Ok(Reference {
            namespace: of.as_deref().unwrap_or(namespace).into(),
            subject: Subject { kind: kind.into(), name: name.into() },
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

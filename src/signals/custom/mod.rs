//! Signals that the operator is told of: kinds that it never heard of, and what to look for in them.

mod cost;
mod expression;
mod finding;
mod look;
mod selector;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Deserialize;

pub use expression::BadExpression;
pub(super) use look::{ActiveCustom, look};
pub use selector::WrittenSelector;

use crate::facts::{CustomKind, FactKind, Facts, Labels, Selector};
use crate::model::{Attribution, Reach};
use expression::{Expression, Object};

/// A signal of the configuration: which objects are looked at, what has to be true of them, and of which duty they speak.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CustomSignal {
    /// Its name in statuses, metrics and Events.
    pub name: String,
    /// The API group of the kind.
    pub group: String,
    /// The version of the group to watch.
    pub version: String,
    /// The kind as its definition spells it.
    pub kind: String,
    /// The plural of the kind, as in addresses and permissions.
    pub plural: String,
    /// Whether its objects lie in namespaces.
    #[serde(default)]
    pub scope: KindScope,
    /// The labels of the objects that count; all do when there is none.
    #[serde(default)]
    pub selector: Option<WrittenSelector>,
    /// The layer that it speaks of.
    pub layer: String,
    /// Whose doing it shows.
    pub duty: Attribution,
    /// How much is shown when it passes.
    #[serde(default)]
    pub shows: Reach,
    /// What has to be true of each `object`, in CEL.
    pub expression: String,
    /// The workloads that an object speaks of, in CEL: a reference with `kind` and `name`, or a list of them.
    #[serde(default)]
    pub references: Option<String>,
    /// The pods that an object speaks of, in CEL: a label selector.
    #[serde(default)]
    pub pod_selector: Option<String>,
    /// When that was found out which an object tells, in CEL: a time as objects have it.
    #[serde(default)]
    pub seen_at: Option<String>,
    /// How many days that counts.
    #[serde(default)]
    pub max_age_days: Option<u32>,
    /// What was seen where an object is not as it has to be, in words.
    #[serde(default)]
    pub failed: Option<String>,
    /// What to do about that, in words.
    #[serde(default)]
    pub remedy: Option<String>,
}

/// Where the objects of a kind lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum KindScope {
    /// In namespaces.
    #[default]
    Namespaced,
    /// In none.
    Cluster,
}

/// Why a signal of the configuration cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCustomSignal {
    /// Another signal has its name.
    #[error("name: {name:?} is the name of another signal; write a name of its own")]
    SameName {
        /// The name.
        name: String,
    },
    /// An expression cannot be used.
    #[error("{field}: {why}")]
    Expression {
        /// The field that holds it.
        field: &'static str,
        /// Why.
        why: BadExpression,
    },
    /// Another signal looks at the kind in another way.
    #[error("version, kind, scope: {name} of the same group and plural has others; write the same")]
    OtherKind {
        /// The other signal.
        name: String,
    },
    /// An age without a time.
    #[error("{given}: it says nothing without {missing}; write both, or none")]
    Alone {
        /// The field that is there.
        given: &'static str,
        /// The field that is not.
        missing: &'static str,
    },
    /// Two ways to tell which workloads are meant.
    #[error("podSelector: references tells already which workloads an object speaks of; write one of them")]
    TwoTargets,
}

/// A kind that signals of the configuration look at.
#[derive(Debug)]
pub struct CustomObjects {
    /// Its number.
    kind: CustomKind,
    /// Its group, version, plural and kind, as the first signal that looks at it says.
    pub of: CustomSignal,
    signals: Vec<Ready>,
}

/// A signal whose expressions are read.
#[derive(Debug)]
struct Ready {
    signal: CustomSignal,
    selector: Option<Selector>,
    expression: Expression,
    references: Option<Expression>,
    pod_selector: Option<Expression>,
    seen_at: Option<Expression>,
}

impl Ready {
    fn new(signal: &CustomSignal) -> Result<Self, BadCustomSignal> {
        let read =
            |field, text: &str| Expression::parse(text).map_err(|why| BadCustomSignal::Expression { field, why });
        let read_if = |field, text: &Option<String>| text.as_deref().map(|text| read(field, text)).transpose();
        if signal.references.is_some() && signal.pod_selector.is_some() {
            return Err(BadCustomSignal::TwoTargets);
        }
        match (&signal.seen_at, signal.max_age_days) {
            (Some(_), None) => return Err(BadCustomSignal::Alone { given: "seenAt", missing: "maxAgeDays" }),
            (None, Some(_)) => return Err(BadCustomSignal::Alone { given: "maxAgeDays", missing: "seenAt" }),
            _ => {}
        }
        Ok(Self {
            selector: signal.selector.as_ref().and_then(WrittenSelector::read),
            expression: read("expression", &signal.expression)?,
            references: read_if("references", &signal.references)?,
            pod_selector: read_if("podSelector", &signal.pod_selector)?,
            seen_at: read_if("seenAt", &signal.seen_at)?,
            signal: signal.clone(),
        })
    }
}

impl CustomObjects {
    /// The kinds that signals look at, each with all that look at it.
    ///
    /// # Errors
    ///
    /// The position of the first signal that cannot be meant, and why.
    pub fn of(signals: &[CustomSignal]) -> Result<Vec<Arc<Self>>, (usize, BadCustomSignal)> {
        let mut kinds: Vec<Self> = Vec::new();
        for (index, signal) in signals.iter().enumerate() {
            let ready = Ready::new(signal).map_err(|why| (index, why))?;
            let is_same = |kind: &&mut Self| (&kind.of.group, &kind.of.plural) == (&signal.group, &signal.plural);
            if let Some(known) = kinds.iter_mut().find(is_same) {
                let CustomSignal { version, kind, scope, name, .. } = &known.of;
                if (version, kind, scope) != (&signal.version, &signal.kind, &signal.scope) {
                    return Err((index, BadCustomSignal::OtherKind { name: name.clone() }));
                }
                known.signals.push(ready);
            } else {
                let kind = CustomKind::new(kinds.len(), signal.scope == KindScope::Cluster);
                kinds.push(Self { kind, of: signal.clone(), signals: vec![ready] });
            }
        }
        Ok(kinds.into_iter().map(Arc::new).collect())
    }

    /// The kind among those that are read for signals only.
    #[must_use]
    pub const fn fact_kind(&self) -> FactKind {
        FactKind::Custom(self.kind)
    }

    /// What its signals find in an object with these labels, which is given as JSON; none where none of them looks at it.
    #[must_use]
    pub fn facts(&self, namespace: &str, labels: &Labels, object: &str) -> Option<Facts> {
        let is_looked_at = |ready: &Ready| ready.selector.as_ref().is_none_or(|selector| selector.matches(labels));
        let looking: Vec<_> = (0_u16..).zip(&self.signals).filter(|(_, ready)| is_looked_at(ready)).collect();
        if looking.is_empty() {
            return None;
        }
        // The object comes from whoever may write it: what the library for CEL does not expect is to hurt nobody else.
        let found = catch_unwind(AssertUnwindSafe(|| {
            let object = Object::new(object, &self.of);
            let find = |(position, ready): &(u16, &Ready)| match &object {
                Ok(object) => ready.find(*position, namespace, object),
                Err(error) => finding::unknown(*position, error),
            };
            looking.iter().map(find).collect()
        }));
        let unknown = |(position, _): &(u16, &Ready)| finding::unknown(*position, "it cannot be evaluated");
        Some(Facts::Custom(found.unwrap_or_else(|_| looking.iter().map(unknown).collect())))
    }

    /// The signals that look at it, each with its position among them.
    pub(super) fn signals(&self) -> impl Iterator<Item = (u16, &CustomSignal)> {
        (0..).zip(self.signals.iter().map(|ready| &ready.signal))
    }
}

/// The kinds that signals look at are the same when the signals are.
impl PartialEq for CustomObjects {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.signals().eq(other.signals())
    }
}

impl Eq for CustomObjects {}

/// The names that several signals have.
pub(super) fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<(usize, &'a str)> {
    let mut known = BTreeSet::new();
    names.enumerate().find(|(_, name)| !known.insert(*name))
}

#[cfg(test)]
mod tests;

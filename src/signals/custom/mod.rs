//! Custom signals: kinds and rules from the configuration file.

mod evaluate;
mod finding;
mod path;
mod rule;
mod selector;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

pub(super) use evaluate::{ActiveCustom, evaluate};
use finding::unknown;
pub use path::{BadPath, FieldPath};
pub use rule::{BadRule, WrittenRule};
pub use selector::WrittenSelector;

use crate::facts::{CustomKind, FactKind, Facts, Labels, Selector};
use crate::model::{Attribution, Reach};
use path::Object;
use rule::Rule;

/// The maximum number of rules of a signal.
const RULES: usize = 16;

/// A custom signal: a kind, the rules that its objects must meet, and the duty that they are evidence of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CustomSignal {
    /// The name in statuses, metrics and Events.
    pub name: String,
    /// The API group of the kind.
    pub group: String,
    /// The version of the group to watch.
    pub version: String,
    /// The kind as in its definition.
    pub kind: String,
    /// The plural of the kind, as in API paths and RBAC rules.
    pub plural: String,
    /// The scope of the kind.
    #[serde(default)]
    pub scope: KindScope,
    /// The labels of the objects to evaluate; none for all objects.
    #[serde(default)]
    pub selector: Option<WrittenSelector>,
    /// The layer of the duty.
    pub layer: String,
    /// The side that owes the duty.
    pub duty: Attribution,
    /// The part of the duty that a pass shows.
    #[serde(default)]
    pub shows: Reach,
    /// The rules, all of which an object must meet.
    pub rules: Vec<WrittenRule>,
    /// The path to the workloads that an object is about: a reference with `kind` and `name`, or a list of them.
    #[serde(default)]
    pub references: Option<String>,
    /// The path to a label selector of the pods that an object is about.
    #[serde(default)]
    pub pod_selector: Option<String>,
    /// The message for an object that does not meet a rule.
    #[serde(default)]
    pub failed: Option<String>,
    /// The advice for such an object.
    #[serde(default)]
    pub remedy: Option<String>,
}

/// The scope of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum KindScope {
    /// Its objects are in namespaces.
    #[default]
    Namespaced,
    /// Its objects are in no namespace.
    Cluster,
}

/// An error in a custom signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCustomSignal {
    /// Another signal has the same name.
    #[error("name: {name:?} is the name of another signal; write a name of its own")]
    SameName {
        /// The name.
        name: String,
    },
    /// The number of rules is not valid.
    #[error("rules: there are {count}; write 1 to {RULES}, such as {{path: status.phase, equals: Ready}}")]
    Rules {
        /// The number of rules.
        count: usize,
    },
    /// A rule is not valid.
    #[error("rules[{index}]: {why}")]
    Rule {
        /// The position of the rule, from 0.
        index: usize,
        /// The error.
        why: BadRule,
    },
    /// A path outside the rules is not valid.
    #[error("{field}: {why}")]
    Path {
        /// The field that has the path.
        field: &'static str,
        /// The error.
        why: BadPath,
    },
    /// Another signal describes the same kind differently.
    #[error("version, kind, scope: {name} has the same group and plural with others; write the same in both signals")]
    OtherKind {
        /// The other signal.
        name: String,
    },
    /// The signal has both `references` and `podSelector`.
    #[error("podSelector: references already says which workloads an object is about; write one of the two")]
    TwoTargets,
}

/// A kind that custom signals evaluate.
#[derive(Debug)]
pub struct CustomObjects {
    /// The number of the kind.
    kind: CustomKind,
    /// The first signal that evaluates the kind. All signals have its group, version, plural, kind and scope.
    pub of: CustomSignal,
    signals: Vec<CompiledSignal>,
}

/// A valid signal with parsed rules and paths.
#[derive(Debug)]
struct CompiledSignal {
    signal: CustomSignal,
    selector: Option<Selector>,
    rules: Vec<Rule>,
    references: Option<FieldPath>,
    pod_selector: Option<FieldPath>,
}

impl CompiledSignal {
    fn new(signal: &CustomSignal) -> Result<Self, BadCustomSignal> {
        if signal.references.is_some() && signal.pod_selector.is_some() {
            return Err(BadCustomSignal::TwoTargets);
        }
        if !(1..=RULES).contains(&signal.rules.len()) {
            return Err(BadCustomSignal::Rules { count: signal.rules.len() });
        }
        let rule = |(index, rule)| Rule::new(rule).map_err(|why| BadCustomSignal::Rule { index, why });
        let path = |field, text: &Option<String>| {
            let path = text.as_deref().map(str::parse).transpose();
            path.map_err(|why| BadCustomSignal::Path { field, why })
        };
        Ok(Self {
            selector: signal.selector.as_ref().and_then(WrittenSelector::selector),
            rules: signal.rules.iter().enumerate().map(rule).collect::<Result<_, _>>()?,
            references: path("references", &signal.references)?,
            pod_selector: path("podSelector", &signal.pod_selector)?,
            signal: signal.clone(),
        })
    }
}

impl CustomObjects {
    /// Returns the kinds that signals evaluate, each with all of its signals.
    ///
    /// # Errors
    ///
    /// The position of the first signal that is not valid, and the error.
    pub fn of(signals: &[CustomSignal]) -> Result<Vec<Arc<Self>>, (usize, BadCustomSignal)> {
        let mut kinds: Vec<Self> = Vec::new();
        for (index, signal) in signals.iter().enumerate() {
            let compiled = CompiledSignal::new(signal).map_err(|why| (index, why))?;
            let is_same = |kind: &&mut Self| (&kind.of.group, &kind.of.plural) == (&signal.group, &signal.plural);
            if let Some(known) = kinds.iter_mut().find(is_same) {
                let CustomSignal { version, kind, scope, name, .. } = &known.of;
                if (version, kind, scope) != (&signal.version, &signal.kind, &signal.scope) {
                    return Err((index, BadCustomSignal::OtherKind { name: name.clone() }));
                }
                known.signals.push(compiled);
            } else {
                let kind = CustomKind::new(kinds.len(), signal.scope == KindScope::Cluster);
                kinds.push(Self { kind, of: signal.clone(), signals: vec![compiled] });
            }
        }
        Ok(kinds.into_iter().map(Arc::new).collect())
    }

    /// Returns the kind as one that only signals read.
    #[must_use]
    pub const fn fact_kind(&self) -> FactKind {
        FactKind::Custom(self.kind)
    }

    /// Evaluates an object, given as its labels and JSON. Returns none if no signal selects it.
    #[must_use]
    pub fn facts(&self, namespace: &str, labels: &Labels, object: &str) -> Option<Facts> {
        let is_selected =
            |signal: &CompiledSignal| signal.selector.as_ref().is_none_or(|selector| selector.matches(labels));
        let selecting: Vec<_> = (0_u16..).zip(&self.signals).filter(|(_, signal)| is_selected(signal)).collect();
        if selecting.is_empty() {
            return None;
        }
        let object = Object::decode(object, &self.of);
        let evaluate = |(position, signal): (u16, &CompiledSignal)| match &object {
            Ok(object) => signal.evaluate(position, namespace, object),
            Err(why) => unknown(position, why),
        };
        Some(Facts::Custom(selecting.into_iter().map(evaluate).collect()))
    }

    /// Returns the signals that evaluate the kind, with their positions.
    pub(super) fn signals(&self) -> impl Iterator<Item = (u16, &CustomSignal)> {
        (0..).zip(self.signals.iter().map(|compiled| &compiled.signal))
    }
}

/// Compares the signals. Everything else is derived from them.
impl PartialEq for CustomObjects {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.signals().eq(other.signals())
    }
}

impl Eq for CustomObjects {}

/// Returns the first repeated name, with the position of the repetition.
pub(super) fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<(usize, &'a str)> {
    let mut seen = BTreeSet::new();
    names.enumerate().find(|(_, name)| !seen.insert(*name))
}

#[cfg(test)]
mod tests;

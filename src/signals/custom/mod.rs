//! Custom signals: kinds and rules from the configuration file.

mod finding;
mod look;
mod path;
mod rule;
mod selector;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use finding::unknown;
pub(super) use look::{ActiveCustom, look};
pub use path::{BadPath, FieldPath};
pub use rule::{BadRule, WrittenRule};
pub use selector::WrittenSelector;

use crate::facts::{CustomKind, FactKind, Facts, Labels, Selector};
use crate::model::{Attribution, Reach};
use path::Object;
use rule::Rule;

/// The most rules of a signal.
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
    /// The kind as its definition spells it.
    pub kind: String,
    /// The plural of the kind, as in addresses and permissions.
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
    /// How much of the duty a pass shows.
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

/// Why a custom signal cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCustomSignal {
    /// Another signal has the same name.
    #[error("name: {name:?} is the name of another signal; write a name of its own")]
    SameName {
        /// The name.
        name: String,
    },
    /// There are no rules, or too many.
    #[error("rules: there are {count}; write 1 to {RULES}, such as {{path: status.phase, equals: Ready}}")]
    Rules {
        /// The number of rules.
        count: usize,
    },
    /// A rule cannot be used.
    #[error("rules[{index}]: {why}")]
    Rule {
        /// The position of the rule, from 0.
        index: usize,
        /// Why.
        why: BadRule,
    },
    /// A path beside the rules cannot be used.
    #[error("{field}: {why}")]
    Path {
        /// The field that has the path.
        field: &'static str,
        /// Why.
        why: BadPath,
    },
    /// Another signal describes the same kind differently.
    #[error("version, kind, scope: {name} has the same group and plural with others; write the same in both signals")]
    OtherKind {
        /// The other signal.
        name: String,
    },
    /// The signal says in two ways which workloads its objects are about.
    #[error("podSelector: references already says which workloads an object is about; write one of the two")]
    TwoTargets,
}

/// A kind that custom signals evaluate.
#[derive(Debug)]
pub struct CustomObjects {
    /// Its number.
    kind: CustomKind,
    /// The first signal that evaluates it: its group, version, plural and kind are those of all.
    pub of: CustomSignal,
    signals: Vec<Ready>,
}

/// A signal that can be evaluated.
#[derive(Debug)]
struct Ready {
    signal: CustomSignal,
    selector: Option<Selector>,
    rules: Vec<Rule>,
    references: Option<FieldPath>,
    pod_selector: Option<FieldPath>,
}

impl Ready {
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
            selector: signal.selector.as_ref().and_then(WrittenSelector::read),
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
    /// The position of the first signal that cannot be used, and why.
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

    /// Returns the kind as one of those that are read for signals only.
    #[must_use]
    pub const fn fact_kind(&self) -> FactKind {
        FactKind::Custom(self.kind)
    }

    /// Evaluates an object with these labels, given as JSON; returns none if no signal selects it.
    #[must_use]
    pub fn facts(&self, namespace: &str, labels: &Labels, object: &str) -> Option<Facts> {
        let is_selected = |ready: &Ready| ready.selector.as_ref().is_none_or(|selector| selector.matches(labels));
        let selecting: Vec<_> = (0_u16..).zip(&self.signals).filter(|(_, ready)| is_selected(ready)).collect();
        if selecting.is_empty() {
            return None;
        }
        let object = Object::decode(object, &self.of);
        let find = |(position, ready): (u16, &Ready)| match &object {
            Ok(object) => ready.find(position, namespace, object),
            Err(why) => unknown(position, why),
        };
        Some(Facts::Custom(selecting.into_iter().map(find).collect()))
    }

    /// Returns the signals that evaluate the kind, each with its position among them.
    pub(super) fn signals(&self) -> impl Iterator<Item = (u16, &CustomSignal)> {
        (0..).zip(self.signals.iter().map(|ready| &ready.signal))
    }
}

/// Compares the signals: everything else follows from them.
impl PartialEq for CustomObjects {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.signals().eq(other.signals())
    }
}

impl Eq for CustomObjects {}

/// Returns the first name that occurs a second time, with its position.
pub(super) fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> Option<(usize, &'a str)> {
    let mut known = BTreeSet::new();
    names.enumerate().find(|(_, name)| !known.insert(*name))
}

#[cfg(test)]
mod tests;

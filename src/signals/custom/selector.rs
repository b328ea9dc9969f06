//! Label selectors in the configuration and in watched objects. Unknown fields are errors, because a selector without them could
//! select everything.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::api::Operator;
use crate::facts::{Requirement, Selector};
use crate::model::requirement;

/// The maximum number of requirements of a selector.
const REQUIREMENTS: usize = 64;

/// A label selector as written in YAML or JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct WrittenSelector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<WrittenRequirement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRequirement {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

impl WrittenSelector {
    /// Converts the selector. Returns none if it is empty and selects everything.
    pub(super) fn selector(&self) -> Option<Selector> {
        let labels = self.match_labels.iter();
        let labels = labels.map(|(key, value)| Requirement::In(key.clone(), vec![value.clone()]));
        let expressions = self
            .match_expressions
            .iter()
            .map(|written| requirement(written.key.clone(), written.operator, written.values.clone()));
        Selector::new(labels.chain(expressions).collect())
    }

    /// Decodes a selector from a value of an object. Returns none for anything else, such as the selector of a Service.
    pub(super) fn from_json(value: &Json) -> Option<Self> {
        // serde also decodes a struct from a list.
        let written = value.is_object().then(|| Self::deserialize(value).ok()).flatten()?;
        let requirements = written.match_labels.len()
            + written.match_expressions.iter().map(|written| 1 + written.values.len()).sum::<usize>();
        (requirements <= REQUIREMENTS).then_some(written)
    }
}

//! Label selectors as the configuration and objects of others write them: read strictly, for one that is misread selects everything.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::api::Operator;
use crate::facts::{Requirement, Selector};
use crate::model::requirement;

/// The most requirements of a selector.
const REQUIREMENTS: usize = 64;

/// A label selector as it is written.
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
    /// What it amounts to, none when it is empty.
    pub(super) fn read(&self) -> Option<Selector> {
        let labels = self.match_labels.iter();
        let labels = labels.map(|(key, value)| Requirement::In(key.clone(), vec![value.clone()]));
        let expressions = self
            .match_expressions
            .iter()
            .map(|written| requirement(written.key.clone(), written.operator, written.values.clone()));
        Selector::new(labels.chain(expressions).collect())
    }

    /// The selector that a value of an object is; none where it is something else, such as the labels of a Service's selector.
    pub(super) fn of(json: Json) -> Option<Self> {
        // A list would be taken for the fields of a selector in their order.
        let written: Self = json.is_object().then(|| serde_json::from_value(json).ok()).flatten()?;
        let requirements = written.match_labels.len()
            + written.match_expressions.iter().map(|written| 1 + written.values.len()).sum::<usize>();
        (requirements <= REQUIREMENTS).then_some(written)
    }
}

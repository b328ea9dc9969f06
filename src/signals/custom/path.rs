//! Paths to values in an object, such as `status.conditions[type=Ready].status`.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use super::CustomSignal;
use crate::model::shorten;

/// The maximum length of a path in bytes.
const LENGTH: usize = 512;
/// The maximum size of an object as JSON in bytes. The decoded object needs several times as much memory.
const OBJECT_BYTES: usize = 256 * 1024;
/// The maximum number of values that all paths together can visit in one object: a few milliseconds of CPU time.
const VISITS: usize = 100_000;
/// The maximum length in bytes of a quote from a path or a decoder in an error message.
const QUOTED: usize = 160;

/// A path to values in an object, from the root of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    text: String,
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Goes to a field: `.phase`, or `["example.com/phase"]` for a name that contains a dot.
    Field(String),
    /// Goes to every element of a list: `[*]`.
    Every,
    /// Goes to the elements of a list in which a field has this text: `[type=Ready]`.
    Where { field: String, value: String },
}

/// An error in a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// The text is too long.
    #[error("the path has more than {LENGTH} bytes; write a shorter one")]
    TooLong,
    /// The text contains something other than steps.
    #[error(
        "the path cannot be read at {rest:?}; write it like spec.encrypted, metadata.labels[\"example.com/tier\"], \
         spec.disks[*].encrypted or status.conditions[type=Ready].status"
    )]
    Syntax {
        /// The rest of the text, from the first byte that is not part of a step.
        rest: String,
    },
}

impl FromStr for FieldPath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        if text.len() > LENGTH {
            return Err(BadPath::TooLong);
        }
        let syntax = |rest: &str| BadPath::Syntax { rest: shorten(rest, QUOTED) };
        let (first, mut rest) = field(text).ok_or_else(|| syntax(text))?;
        let mut steps = vec![first];
        while !rest.is_empty() {
            let (step, after) = next_step(rest).ok_or_else(|| syntax(rest))?;
            steps.push(step);
            rest = after;
        }
        Ok(Self { text: text.to_owned(), steps })
    }
}

/// Splits a field off the start of a text: a name, or a key in brackets and quotes.
fn field(text: &str) -> Option<(Step, &str)> {
    let (name, rest) = match text.strip_prefix("[\"") {
        Some(key) => key.split_once("\"]")?,
        None => text.split_at(text.find(|c| !is_in_name(c)).unwrap_or(text.len())),
    };
    (!name.is_empty()).then(|| (Step::Field(name.to_owned()), rest))
}

fn is_in_name(c: char) -> bool {
    !matches!(c, '.' | '[' | ']' | '"' | '=' | '*') && !c.is_whitespace() && !c.is_control()
}

/// Splits a step off the start of a text that follows another step.
fn next_step(text: &str) -> Option<(Step, &str)> {
    if let Some(name) = text.strip_prefix('.') {
        return field(name).filter(|_| !name.starts_with('['));
    }
    if text.starts_with("[\"") {
        return field(text);
    }
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    if inside == "*" {
        return Some((Step::Every, rest));
    }
    let (field, value) = inside.split_once('=')?;
    let is_valid = !field.is_empty() && field.chars().all(is_in_name) && !value.is_empty() && !value.contains('"');
    is_valid.then(|| (Step::Where { field: field.to_owned(), value: value.to_owned() }, rest))
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The reason why a path does not lead to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// A field on the path is absent or null.
    Missing,
    /// A value on the path is of another type than the next step needs.
    OtherType {
        /// The type that the step needs.
        needed: &'static str,
        /// The type of the value.
        found: &'static str,
    },
}

impl FieldPath {
    /// Returns the names of the fields if the path has no step into a list.
    #[must_use]
    pub fn fields(&self) -> Option<Vec<&str>> {
        let mut fields = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let Step::Field(name) = step else { return None };
            fields.push(name.as_str());
        }
        Some(fields)
    }

    /// Returns the values at the path, in order: any number if the path leads through a list, otherwise one.
    ///
    /// # Errors
    ///
    /// An error if all paths together visit too many values of the object.
    pub(super) fn values<'a>(&self, object: &'a Object) -> Result<Vec<Result<&'a Json, Gap>>, String> {
        let mut values = vec![Ok(&object.json)];
        for step in &self.steps {
            object.visit(values.len())?;
            let mut next = Vec::new();
            for value in values {
                match value {
                    Ok(value) => step.follow(value, object, &mut next)?,
                    Err(gap) => next.push(Err(gap)),
                }
            }
            values = next;
        }
        let not_null = |value: Result<&'a Json, Gap>| value.and_then(|value| present(Some(value)));
        Ok(values.into_iter().map(not_null).collect())
    }

    /// Returns the values at the path.
    ///
    /// # Errors
    ///
    /// The path and the reason why a value cannot be read.
    pub(super) fn all<'a>(&self, object: &'a Object) -> Result<Vec<&'a Json>, String> {
        let values = self.values(object)?.into_iter();
        values.map(|value| value.map_err(|gap| self.explain(gap))).collect()
    }

    /// Returns the message for a value that cannot be read.
    pub(super) fn explain(&self, gap: Gap) -> String {
        match gap {
            Gap::Missing => format!("{self} is missing"),
            Gap::OtherType { needed, found } => format!("{self} needs {needed}, but there is {found}"),
        }
    }
}

impl Step {
    /// Adds the values to which the step leads from one value.
    fn follow<'a>(
        &self,
        from: &'a Json,
        object: &'a Object,
        values: &mut Vec<Result<&'a Json, Gap>>,
    ) -> Result<(), String> {
        match (self, list_of(from)) {
            (Self::Field(name), _) => values.push(field_of(from, name)),
            (_, Err(gap)) => values.push(Err(gap)),
            (_, Ok(list)) => {
                object.visit(list.len())?;
                values.extend(list.iter().filter_map(|element| self.select(element)));
            }
        }
        Ok(())
    }

    /// Returns a list element if the step leads to it.
    fn select<'a>(&self, element: &'a Json) -> Option<Result<&'a Json, Gap>> {
        let Self::Where { field, value } = self else { return Some(Ok(element)) };
        match field_of(element, field) {
            Ok(Json::String(text)) => (text == value).then_some(Ok(element)),
            Ok(other) => Some(Err(Gap::OtherType { needed: "text", found: type_of(other) })),
            Err(Gap::Missing) => None,
            Err(gap) => Some(Err(gap)),
        }
    }
}

fn list_of(value: &Json) -> Result<&[Json], Gap> {
    match value {
        Json::Array(list) => Ok(list),
        Json::Null => Err(Gap::Missing),
        _ => Err(Gap::OtherType { needed: "a list", found: type_of(value) }),
    }
}

fn field_of<'a>(value: &'a Json, name: &str) -> Result<&'a Json, Gap> {
    match value {
        Json::Object(fields) => present(fields.get(name)),
        Json::Null => Err(Gap::Missing),
        _ => Err(Gap::OtherType { needed: "an object", found: type_of(value) }),
    }
}

/// Treats null like a field that is absent, as the API server does.
fn present(value: Option<&Json>) -> Result<&Json, Gap> {
    value.filter(|value| !value.is_null()).ok_or(Gap::Missing)
}

/// Returns the type of a value, for messages.
pub(super) const fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// An object that paths lead through.
pub(super) struct Object {
    json: Json,
    /// The number of values that paths can still visit.
    left: Cell<usize>,
}

impl Object {
    /// Decodes an object from JSON.
    ///
    /// # Errors
    ///
    /// An error if the object is too large or too deeply nested.
    pub(super) fn decode(text: &str, signal: &CustomSignal) -> Result<Self, String> {
        if text.len() > OBJECT_BYTES {
            return Err(format!("it has more than {} KiB", OBJECT_BYTES / 1024));
        }
        let mut json: Json = serde_json::from_str(text).map_err(|error| shorten(&error.to_string(), QUOTED))?;
        if let Json::Object(fields) = &mut json {
            // The items of a list can omit both.
            fields.entry("apiVersion").or_insert_with(|| format!("{}/{}", signal.group, signal.version).into());
            fields.entry("kind").or_insert_with(|| signal.kind.as_str().into());
        }
        Ok(Self { json, left: Cell::new(VISITS) })
    }

    /// Counts values that a path visits.
    fn visit(&self, values: usize) -> Result<(), String> {
        let left = self.left.get().checked_sub(values);
        self.left.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| format!("its rules visit more than {VISITS} values"))
    }
}

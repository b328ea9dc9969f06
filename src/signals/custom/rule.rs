//! Rules that the objects of a custom signal must meet.

use std::fmt;

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;

use super::path::{BadPath, FieldPath, Gap, Object, type_of};
use crate::model::{day, shorten};

/// The maximum number of values of `in`.
const VALUES: usize = 64;
/// The maximum of `newerThan` in days.
const DAYS: u32 = 3650;
/// The maximum length in bytes of a quote in an error message.
const QUOTED: usize = 64;

/// A rule in the configuration file: a path and exactly one operator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WrittenRule {
    /// The path to the values, such as `status.phase`.
    pub path: String,
    /// The text, number or boolean that every value must equal.
    #[serde(default)]
    pub equals: Option<Json>,
    /// The texts, numbers and booleans. Every value must equal one of them.
    #[serde(default)]
    pub r#in: Option<Vec<Json>>,
    /// True if every value must exist, false if none must exist.
    #[serde(default)]
    pub exists: Option<bool>,
    /// The maximum age of every time, in whole days: `30d` or `720h`.
    #[serde(default)]
    pub newer_than: Option<String>,
}

/// An error in a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// The path is not valid.
    #[error("path: {0}")]
    Path(#[from] BadPath),
    /// There is no operator, or more than one.
    #[error("it has {count} operators; write exactly one of equals, in, exists, newerThan")]
    Operators {
        /// The number of operators.
        count: usize,
    },
    /// A value cannot be compared.
    #[error("{field}: {found} cannot be compared; write text, a number or a boolean, such as Ready, 3 or true")]
    Value {
        /// The operator.
        field: &'static str,
        /// The type of the value.
        found: &'static str,
    },
    /// The list of values is empty or too long.
    #[error("in: it has {count} values; write 1 to {VALUES}")]
    Values {
        /// The number of values.
        count: usize,
    },
    /// The age is not a number of days.
    #[error(
        "newerThan: {text:?} is not a whole number of days from 1 to {DAYS}; write days or hours, such as 30d or 720h"
    )]
    Age {
        /// The age as written.
        text: String,
    },
}

/// A rule that can be evaluated.
#[derive(Debug)]
pub(super) struct Rule {
    path: FieldPath,
    check: Check,
}

/// The condition on the values at the path of a rule.
#[derive(Debug)]
enum Check {
    /// Equal to one of these values, which are all comparable.
    OneOf(Vec<Json>),
    Exists(bool),
    /// At most this number of days old.
    NewerThan(u32),
}

/// The result of a rule for one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    No,
    Yes,
    /// Met until the end of this day, in UTC.
    Until(Date),
}

impl Rule {
    pub(super) fn new(written: &WrittenRule) -> Result<Self, BadRule> {
        let WrittenRule { path, equals, r#in, exists, newer_than } = written;
        let path = path.parse()?;
        let checks = [
            equals.as_ref().map(|value| Check::one_of("equals", std::slice::from_ref(value))),
            r#in.as_ref().map(|values| Check::one_of("in", values)),
            exists.map(|exists| Ok(Check::Exists(exists))),
            newer_than.as_ref().map(|age| Check::newer_than(age)),
        ];
        let mut checks: Vec<_> = checks.into_iter().flatten().collect();
        match (checks.len(), checks.pop()) {
            (1, Some(check)) => Ok(Self { path, check: check? }),
            (count, _) => Err(BadRule::Operators { count }),
        }
    }

    /// Evaluates the rule.
    ///
    /// # Errors
    ///
    /// The reason why the result is unknown.
    pub(super) fn evaluate(&self, object: &Object) -> Result<Met, String> {
        let values = self.path.values(object)?;
        let of_values = values.into_iter().map(|value| self.meets(value)).reduce(all);
        of_values.unwrap_or_else(|| match self.check {
            Check::Exists(wanted) => Ok(if wanted { Met::No } else { Met::Yes }),
            _ => Err(format!("{} leads to no list element", self.path)),
        })
    }

    /// Evaluates the rule for one of the values at its path.
    fn meets(&self, value: Result<&Json, Gap>) -> Result<Met, String> {
        let explained = value.map_err(|gap| self.path.explain(gap));
        let is_met = match &self.check {
            Check::Exists(wanted) if value == Err(Gap::Missing) => !wanted,
            Check::Exists(wanted) => explained.map(|_| *wanted)?,
            Check::NewerThan(days) => return self.last_day(explained?, *days).map(Met::Until),
            Check::OneOf(expected) => self.is_one_of(expected, explained?)?,
        };
        Ok(if is_met { Met::Yes } else { Met::No })
    }

    fn is_one_of(&self, expected: &[Json], value: &Json) -> Result<bool, String> {
        let found = type_of(value);
        let mut needed = expected.iter().map(type_of);
        if needed.clone().all(|needed| needed != found) {
            let needed = needed.next().unwrap_or("a value");
            return Err(self.path.explain(Gap::OtherType { needed, found }));
        }
        Ok(expected.iter().any(|expected| is_equal(expected, value)))
    }

    /// Returns the last day on which a time is at most `days` days old.
    fn last_day(&self, value: &Json, days: u32) -> Result<Date, String> {
        let time: Option<Timestamp> = value.as_str().and_then(|text| text.parse().ok());
        let time = time.ok_or_else(|| format!("{} is not a time such as 2026-11-29T06:00:00Z", self.path))?;
        Ok(day(time).checked_add(Span::new().days(i64::from(days))).unwrap_or(Date::MAX))
    }
}

/// Combines two results. One that is not met takes precedence, then one that is unknown.
pub(super) fn all(one: Result<Met, String>, other: Result<Met, String>) -> Result<Met, String> {
    match (one, other) {
        (Ok(Met::No), _) | (_, Ok(Met::No)) => Ok(Met::No),
        (Err(why), _) | (_, Err(why)) => Err(why),
        (Ok(Met::Until(one)), Ok(Met::Until(other))) => Ok(Met::Until(one.min(other))),
        (Ok(Met::Until(day)), _) | (_, Ok(Met::Until(day))) => Ok(Met::Until(day)),
        (Ok(Met::Yes), Ok(Met::Yes)) => Ok(Met::Yes),
    }
}

impl Check {
    fn one_of(field: &'static str, values: &[Json]) -> Result<Self, BadRule> {
        if !(1..=VALUES).contains(&values.len()) {
            return Err(BadRule::Values { count: values.len() });
        }
        let is_comparable = |value: &&Json| value.is_boolean() || value.is_number() || value.is_string();
        match values.iter().find(|value| !is_comparable(value)) {
            Some(value) => Err(BadRule::Value { field, found: type_of(value) }),
            None => Ok(Self::OneOf(values.to_vec())),
        }
    }

    fn newer_than(text: &str) -> Result<Self, BadRule> {
        let days = days(text).filter(|days| (1..=DAYS).contains(days));
        days.map(Self::NewerThan).ok_or_else(|| BadRule::Age { text: shorten(text, QUOTED) })
    }
}

/// Parses a duration as days.
fn days(text: &str) -> Option<u32> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u32 = count.parse().ok().filter(|_| !count.starts_with('+'))?;
    match unit {
        "d" => Some(count),
        "h" if count.is_multiple_of(24) => Some(count / 24),
        _ => None,
    }
}

fn is_equal(one: &Json, other: &Json) -> bool {
    one == other || ((one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64())
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, check } = self;
        match check {
            Check::OneOf(values) => {
                let operator = if values.len() == 1 { "equals" } else { "is one of" };
                let values: Vec<String> = values.iter().map(Json::to_string).collect();
                write!(formatter, "{path} {operator} {}", values.join(", "))
            }
            Check::Exists(true) => write!(formatter, "{path} exists"),
            Check::Exists(false) => write!(formatter, "{path} does not exist"),
            Check::NewerThan(days) => write!(formatter, "{path} is at most {days} days old"),
        }
    }
}

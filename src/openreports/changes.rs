//! What to write so that the Reports of a namespace are as they should be.

use std::collections::{BTreeMap, HashMap};

use super::RESULT_ID;
use super::report::{Report, Timestamp};

/// What is known of an own Report as the API server holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The version of the object.
    pub resource_version: String,
    /// The digest of what it says, times aside; none where somebody else may have changed it.
    pub digest: Option<String>,
    /// Its results by their numbers, and when each was found, in seconds since 1970. Sorted.
    pub since: Vec<(u64, i64)>,
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// There is nothing to report in it any more.
    Delete {
        /// The name of the Report.
        name: String,
        /// The version of the object as it is known.
        resource_version: String,
    },
    /// It has to say this.
    Apply(Box<Report>),
}

/// What to write where these Reports are to be and those are known. `now` is in seconds since 1970: the time of what was not
/// reported before.
///
/// What goes comes first: a result that moves to another Report is in none for a moment, never in two, which readers might
/// take for one.
#[must_use]
pub fn changes(reports: Vec<Report>, known: &BTreeMap<String, Known>, now: i64) -> Vec<Change> {
    let is_to_be = |name: &String| reports.iter().any(|report| report.name() == name);
    let going = known
        .iter()
        .filter(|(name, _)| !is_to_be(name))
        .map(|(name, known)| Change::Delete { name: name.clone(), resource_version: known.resource_version.clone() });
    let mut changes: Vec<Change> = going.collect();
    let is_other =
        |report: &Report| known.get(report.name()).and_then(|known| known.digest.as_deref()) != Some(report.digest());
    let others: Vec<Report> = reports.into_iter().filter(is_other).collect();
    if others.is_empty() {
        return changes;
    }
    let since: HashMap<u64, i64> = known.values().flat_map(|known| known.since.iter().copied()).collect();
    changes.extend(others.into_iter().map(|mut report| {
        for result in &mut report.results {
            let known = result.properties.get(RESULT_ID).and_then(|id| number(id)).and_then(|id| since.get(&id));
            result.timestamp = Some(Timestamp { seconds: known.copied().unwrap_or(now), nanos: 0 });
        }
        Change::Apply(Box::new(report))
    }));
    changes
}

impl Known {
    /// What is known of a Report that was written, as this version of the object.
    #[must_use]
    pub fn written(report: &Report, resource_version: String) -> Self {
        let since = report.results.iter().filter_map(|result| {
            let id = result.properties.get(RESULT_ID)?;
            Some((id.as_str(), result.timestamp?.seconds))
        });
        Self { resource_version, digest: Some(report.digest().to_owned()), since: Self::times(since) }
    }

    /// The times of results by the texts of their numbers.
    pub fn times<'a>(times: impl Iterator<Item = (&'a str, i64)>) -> Vec<(u64, i64)> {
        let mut times: Vec<(u64, i64)> = times.filter_map(|(id, seconds)| Some((number(id)?, seconds))).collect();
        times.sort_unstable();
        times
    }
}

/// The number of a result from its property.
fn number(id: &str) -> Option<u64> {
    u64::from_str_radix(id, 16).ok()
}

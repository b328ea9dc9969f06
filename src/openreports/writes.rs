//! What to write so that the Reports of a namespace are as they should be.

use super::ROUND;
use super::published::PublishedReports;
use super::report::{Report, Timestamp};

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum ReportWrite {
    /// There is nothing to report in it any more.
    Delete {
        /// The name of the Report.
        name: String,
        /// The version of the object as it is known.
        resource_version: String,
    },
    /// It has to say this.
    Apply {
        /// All of it.
        report: Box<Report>,
        /// Whether one of its name is known as the operator's: what somebody else has changed in it is undone.
        is_own: bool,
    },
}

/// What to write where these Reports are to be and those are known, at most [`ROUND`] changes. `now` is in seconds since 1970: the time of what was not
/// reported before.
///
/// What goes comes first: a result that moves to another Report is in none for a moment, never in two, which readers might
/// take for one.
#[must_use]
pub fn report_writes(reports: Vec<Report>, known: &PublishedReports, now: i64) -> Vec<ReportWrite> {
    let is_to_be = |name: &str| reports.iter().any(|report| report.name() == name);
    let going = known.iter().filter(|(name, _)| !is_to_be(name)).map(|(name, known)| ReportWrite::Delete {
        name: name.to_owned(),
        resource_version: known.resource_version.clone(),
    });
    let mut changes: Vec<ReportWrite> = going.collect();
    for mut report in reports {
        let before = known.get(report.name());
        if before.is_some_and(|known| known.matches(&report)) {
            continue;
        }
        for result in &mut report.results {
            let since = result.numbers.iter().find_map(|id| known.since(*id));
            result.timestamp = Some(Timestamp { seconds: since.unwrap_or(now), nanos: 0 });
        }
        changes.push(ReportWrite::Apply { report: Box::new(report), is_own: before.is_some() });
    }
    changes.truncate(ROUND);
    changes
}

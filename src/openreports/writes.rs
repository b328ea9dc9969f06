//! Computes the writes that bring the Reports of a namespace up to date.

use super::ROUND;
use super::published::PublishedReports;
use super::report::{Report, Timestamp};

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub enum ReportWrite {
    /// Deletes a Report that has no results any more.
    Delete {
        /// The name of the Report.
        name: String,
        /// The last known resource version of the object.
        resource_version: String,
    },
    /// Creates or replaces a Report.
    Apply {
        /// The complete Report.
        report: Box<Report>,
        /// True if the operator already owns a Report with this name: the write overwrites changes by others.
        is_own: bool,
    },
}

/// Returns the writes that turn the published Reports into `reports`, at most [`ROUND`].
///
/// Results that were not reported before get the time `now`, in seconds since 1970. Deletes come first: a result that moves to
/// another Report is in neither for a moment, but never in both, which readers could show as one.
#[must_use]
pub fn report_writes(reports: Vec<Report>, published: &PublishedReports, now: i64) -> Vec<ReportWrite> {
    let is_wanted = |name: &str| reports.iter().any(|report| report.name() == name);
    let deletes = published.iter().filter(|(name, _)| !is_wanted(name)).map(|(name, report)| ReportWrite::Delete {
        name: name.to_owned(),
        resource_version: report.resource_version.clone(),
    });
    let mut writes: Vec<ReportWrite> = deletes.collect();
    for mut report in reports {
        let current = published.get(report.name());
        if current.is_some_and(|current| current.matches(&report)) {
            continue;
        }
        for result in &mut report.results {
            let since = result.ids.iter().find_map(|id| published.since(*id));
            result.timestamp = Some(Timestamp { seconds: since.unwrap_or(now), nanos: 0 });
        }
        writes.push(ReportWrite::Apply { report: Box::new(report), is_own: current.is_some() });
    }
    writes.truncate(ROUND);
    writes
}

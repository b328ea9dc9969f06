//! The Reports of the operator that the API server stores, with the times of their results.

use std::collections::{BTreeMap, HashSet};

use super::RESULT_ID;
use super::report::Report;
use crate::facts::PublishedReport;
use crate::facts::published_report::report_labels;

/// The Reports of the operator in a namespace, as last read or written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedReports {
    reports: BTreeMap<String, PublishedReport>,
    /// The times of results that are in no Report at the moment, by ID: somebody removed them, or the next write adds them again.
    /// In seconds since 1970.
    earlier: BTreeMap<u64, i64>,
}

impl PublishedReport {
    /// Converts a Report that was written, with the resource version from the API server.
    #[must_use]
    pub fn written(report: &Report, resource_version: String) -> Self {
        let since = report.results.iter().filter_map(|result| {
            let id = result.properties.get(RESULT_ID)?;
            Some((id.as_str(), result.timestamp?.seconds))
        });
        Self {
            resource_version,
            digest: Some(report.digest().to_owned()),
            labels: report_labels(report.metadata.labels.as_ref()),
            since: Self::times(since),
        }
    }

    /// Returns true if the stored Report has the same content and labels as `report`.
    pub(super) fn matches(&self, report: &Report) -> bool {
        self.digest.as_deref() == Some(report.digest()) && self.labels == report_labels(report.metadata.labels.as_ref())
    }
}

impl PublishedReports {
    /// Returns a Report by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&PublishedReport> {
        self.reports.get(name)
    }

    /// Returns all Reports, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PublishedReport)> {
        self.reports.iter().map(|(name, report)| (name.as_str(), report))
    }

    /// Returns true if there are no Reports and no times.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.earlier.is_empty()
    }

    /// Adds a Report. The times of a Report that it replaces are kept.
    pub fn insert(&mut self, name: String, report: PublishedReport) {
        if let Some(before) = self.reports.insert(name, report) {
            self.keep_times(before);
        }
    }

    /// Removes a Report and keeps its times. Returns false if there was no such Report.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(report) = self.reports.remove(name) else { return false };
        self.keep_times(report);
        true
    }

    /// Drops the times of results that are in no Report. Called when all Reports are up to date.
    pub fn settle(&mut self) {
        self.earlier.clear();
    }

    /// Drops the times of results that are not in `reports`, the Reports to write.
    pub fn keep_times_of(&mut self, reports: &[Report]) {
        if !self.earlier.is_empty() {
            let ids: HashSet<u64> =
                reports.iter().flat_map(|report| &report.results).flat_map(|result| result.ids).collect();
            self.earlier.retain(|id, _| ids.contains(id));
        }
    }

    /// Returns when the result with this ID was found, in seconds since 1970. The time from before somebody changed a Report takes
    /// precedence.
    #[must_use]
    pub fn since(&self, id: u64) -> Option<i64> {
        let times = |report: &PublishedReport| {
            let position = report.since.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            Some(report.since.get(position)?.1)
        };
        self.earlier.get(&id).copied().or_else(|| self.reports.values().find_map(times))
    }

    /// Returns true if a Report has a name that starts with `prefix` and the digit of a half.
    pub(super) fn has_splits(&self, prefix: &str) -> bool {
        let first = self.reports.range(format!("{prefix}0")..).next();
        first.is_some_and(|(name, _)| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['0', '1'])))
    }

    fn keep_times(&mut self, report: PublishedReport) {
        for (id, seconds) in report.since {
            self.earlier.entry(id).or_insert(seconds);
        }
    }
}

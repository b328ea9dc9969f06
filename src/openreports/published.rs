//! The Reports of the operator as the API server stores them, and the times of their results.

use std::collections::{BTreeMap, HashSet};

use super::RESULT_ID;
use super::report::Report;
use crate::facts::PublishedReport;
use crate::facts::published_report::report_labels;

/// What is known of the own Reports of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedReports {
    known: BTreeMap<String, PublishedReport>,
    /// When results were found that somebody has taken away, or that are in no Report until the next one is written.
    earlier: BTreeMap<u64, i64>,
}

impl PublishedReport {
    /// What is known of a Report that was written, as this version of the object.
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

    /// Whether a Report is to say nothing else.
    pub(super) fn matches(&self, report: &Report) -> bool {
        self.digest.as_deref() == Some(report.digest()) && self.labels == report_labels(report.metadata.labels.as_ref())
    }
}

impl PublishedReports {
    /// What is known of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&PublishedReport> {
        self.known.get(name)
    }

    /// Those that are known, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PublishedReport)> {
        self.known.iter().map(|(name, known)| (name.as_str(), known))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.earlier.is_empty()
    }

    /// Takes one in. The times of what it replaces are kept.
    pub fn insert(&mut self, name: String, known: PublishedReport) {
        if let Some(before) = self.known.insert(name, known) {
            self.keep_times(before);
        }
    }

    /// One is gone; returns whether it was known. Its times are kept.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(known) = self.known.remove(name) else { return false };
        self.keep_times(known);
        true
    }

    /// All is as it has to be: the times of what is in no Report are of nothing any more.
    pub fn settle(&mut self) {
        self.earlier.clear();
    }

    /// Forgets the times of what is in none of these Reports, which are to be.
    pub fn keep_times_of(&mut self, reports: &[Report]) {
        if !self.earlier.is_empty() {
            let numbers: HashSet<u64> =
                reports.iter().flat_map(|report| &report.results).flat_map(|result| result.numbers).collect();
            self.earlier.retain(|id, _| numbers.contains(id));
        }
    }

    /// When a result was found that has or had this number. What was known before somebody changed it comes first.
    #[must_use]
    pub fn since(&self, id: u64) -> Option<i64> {
        let times = |known: &PublishedReport| {
            let place = known.since.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            Some(known.since.get(place)?.1)
        };
        self.earlier.get(&id).copied().or_else(|| self.known.values().find_map(times))
    }

    /// Whether there are Reports whose names begin so, with another digit.
    pub(super) fn has_splits(&self, prefix: &str) -> bool {
        let first = self.known.range(format!("{prefix}0")..).next();
        first.is_some_and(|(name, _)| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['0', '1'])))
    }

    fn keep_times(&mut self, known: PublishedReport) {
        for (id, seconds) in known.since {
            self.earlier.entry(id).or_insert(seconds);
        }
    }
}

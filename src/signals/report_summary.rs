//! What reports of others say of a workload.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::signal::{Reading, WorkloadInput};
use crate::facts::{FactKind, KindAndName, ResultCounts};
use crate::model::days_before;

/// What all reports of a kind say of a workload together.
#[derive(Default)]
pub(super) struct ReportSummary {
    pub(super) outcome: ResultCounts,
    /// The day of the oldest of them.
    oldest: Option<Date>,
    /// Whether one of them has no day.
    is_undated: bool,
    /// Whether each container of all that runs has a report of its own.
    pub(super) every_container: bool,
}

impl ReportSummary {
    /// Passed, unless it is older than so many days, or nobody knows how old.
    pub(super) fn unless_older(&self, today: Date, days: u32, what: &str) -> Reading {
        match self.oldest {
            Some(day) if day < days_before(today, days) => {
                Reading::stale(format!("{what} is of {day}, older than {days} days"))
            }
            Some(_) if !self.is_undated => Reading::passed_if(true),
            _ => Reading::unseen(format!("{what} has no date")),
        }
    }
}

/// What the reports of a kind say of a workload, or of the ReplicaSets that it runs at the moment. Otherwise what a signal that
/// reads them saw.
pub(super) fn summarize(view: &WorkloadInput<'_>, kind: FactKind) -> Result<ReportSummary, Reading> {
    view.read(kind)?;
    let itself = KindAndName::of(view.key);
    let wanted = view.facts.iter().map(|facts| usize::from(facts.containers)).max().unwrap_or_default();
    let mut found = ReportSummary { every_container: true, ..ReportSummary::default() };
    let mut any = false;
    for subject in view.children.iter().chain([&itself]) {
        let mut containers = BTreeSet::new();
        for report in view.namespace.reports_about(kind, subject) {
            any = true;
            found.outcome = found.outcome.and(report.about.get(subject).copied().unwrap_or_default());
            found.oldest = [found.oldest, report.day].into_iter().flatten().min();
            found.is_undated |= report.day.is_none();
            containers.extend(&report.container);
        }
        // Where ReplicaSets run the workload, nobody reports of itself.
        if *subject != itself || view.children.is_empty() {
            found.every_container &= containers.len() >= wanted;
        }
    }
    if any { Ok(found) } else { Err(Reading::UNSEEN) }
}

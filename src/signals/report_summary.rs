//! Summarizes the reports of scanners and policy engines about a workload.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::signal::{Reading, WorkloadInput};
use crate::facts::{FactKind, KindAndName, ResultCounts};
use crate::model::days_before;

/// The sum of all reports of a kind about a workload.
#[derive(Default)]
pub(super) struct ReportSummary {
    pub(super) outcome: ResultCounts,
    /// The date of the oldest report.
    oldest: Option<Date>,
    /// True if a report has no date.
    is_undated: bool,
    /// True if each running container has a report of its own.
    pub(super) every_container: bool,
}

impl ReportSummary {
    /// Returns a pass, unless a report is older than `days` or has no date. `name` is the subject of the message.
    pub(super) fn unless_older(&self, today: Date, days: u32, name: &str) -> Reading {
        match self.oldest {
            Some(day) if day < days_before(today, days) => {
                Reading::stale(format!("{name} is from {day}, older than {days} days"))
            }
            Some(_) if !self.is_undated => Reading::passed_if(true),
            _ => Reading::unseen(format!("{name} has no date")),
        }
    }
}

/// Sums up the reports of a kind about a workload or its current ReplicaSets. Returns the reading of the signal as error if there
/// are none or they cannot be read.
pub(super) fn summarize(input: &WorkloadInput<'_>, kind: FactKind) -> Result<ReportSummary, Reading> {
    input.read(kind)?;
    let itself = KindAndName::of(input.key);
    let expected = input.facts.iter().map(|facts| usize::from(facts.containers)).max().unwrap_or_default();
    let mut summary = ReportSummary { every_container: true, ..ReportSummary::default() };
    let mut any = false;
    for subject in input.children.iter().chain([&itself]) {
        let mut containers = BTreeSet::new();
        for report in input.namespace.reports_about(kind, subject) {
            any = true;
            summary.outcome = summary.outcome.and(report.about.get(subject).copied().unwrap_or_default());
            summary.oldest = [summary.oldest, report.day].into_iter().flatten().min();
            summary.is_undated |= report.day.is_none();
            containers.extend(&report.container);
        }
        // If ReplicaSets run the workload, the reports are about them and not about the workload.
        if *subject != itself || input.children.is_empty() {
            summary.every_container &= containers.len() >= expected;
        }
    }
    if any { Ok(summary) } else { Err(Reading::UNSEEN) }
}

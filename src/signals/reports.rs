//! What reports of others say of a workload.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::facts::{FactKind, Outcome, Subject, days_before};
use super::signal::{Seen, View};

/// What all reports of a kind say of a workload together.
#[derive(Default)]
pub(super) struct Found {
    pub(super) outcome: Outcome,
    /// The day of the oldest of them.
    oldest: Option<Date>,
    /// Whether one of them has no day.
    is_undated: bool,
    /// Whether each container of all that runs has a report of its own.
    pub(super) every_container: bool,
}

impl Found {
    /// Passed, unless it is older than so many days, or nobody knows how old.
    pub(super) fn unless_older(&self, today: Date, days: u32, what: &str) -> Seen {
        match self.oldest {
            Some(day) if day < days_before(today, days) => {
                Seen::stale(format!("{what} is of {day}, older than {days} days"))
            }
            Some(_) if !self.is_undated => Seen::passed_if(true),
            _ => Seen::unseen(format!("{what} has no date")),
        }
    }
}

/// What the reports of a kind say of a workload, or of the ReplicaSets that it runs at the moment. Otherwise what a signal that
/// reads them saw.
pub(super) fn about(view: &View<'_>, kind: FactKind) -> Result<Found, Seen> {
    view.read(kind)?;
    let itself = Subject::of(view.key);
    let wanted = view.facts.iter().map(|facts| usize::from(facts.containers)).max().unwrap_or_default();
    let mut found = Found { every_container: true, ..Found::default() };
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
    if any { Ok(found) } else { Err(Seen::UNSEEN) }
}

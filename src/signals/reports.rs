//! What reports of others say of a workload.

use jiff::civil::Date;

use super::facts::{FactKind, Facts, Outcome, ReportFacts, Subject, days_before};
use super::signal::{Seen, View};

/// What all reports of a kind say of a workload together.
pub(super) struct Found {
    pub(super) outcome: Outcome,
    /// The day of the oldest of them.
    day: Option<Date>,
}

impl Found {
    /// Passed, unless it is older than so many days.
    pub(super) fn unless_older(&self, today: Date, days: u32, what: &str) -> Seen {
        match self.day {
            Some(day) if day < days_before(today, days) => {
                Seen::stale(format!("{what} is of {day}, older than {days} days"))
            }
            _ => Seen::passed_if(true),
        }
    }
}

/// What the reports of a kind say of a workload, or of the ReplicaSet that it runs at the moment. Otherwise what a signal that
/// reads them saw.
pub(super) fn about(view: &View<'_>, kind: FactKind) -> Result<Found, Seen> {
    view.read(kind)?;
    let itself = Subject { kind: view.key.kind.name().into(), name: view.key.name.clone() };
    let mut found: Option<Found> = None;
    for (_, facts) in view.namespace.of(kind) {
        let Facts::Report(ReportFacts { about, day }) = facts else { continue };
        for subject in view.children.iter().chain([&itself]) {
            let Some(outcome) = about.get(subject) else { continue };
            found = Some(match found {
                None => Found { outcome: *outcome, day: *day },
                Some(known) => {
                    Found { outcome: known.outcome.and(*outcome), day: known.day.min(*day).or(known.day).or(*day) }
                }
            });
        }
    }
    found.ok_or(Seen::UNSEEN)
}

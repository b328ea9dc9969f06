//! Events that remind of a date.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::assignment::{Assignment, Deadline, DeadlineKind};
use super::message::shorten;
use super::transition::Note;

/// Maximum number of dates that an Event names.
const NAMED: usize = 5;

/// Returns the reminders to emit for dates within 30 days, and the next `status.reminded`.
///
/// Each date gives one reminder. `reminded` loses a date that is not within 30 days any more. New dates of one kind share an
/// Event.
#[must_use]
pub fn reminders(assignment: &Assignment, reminded: &[String]) -> (Vec<Note>, Vec<String>) {
    let mut notes: Vec<Note> = Vec::new();
    let mut next: Vec<String> = Vec::new();
    for (kind, reason) in [(DeadlineKind::Evidence, "EvidenceExpiring"), (DeadlineKind::Review, "ReviewDue")] {
        let entry = |date: &Date| format!("{reason}/{date}");
        let near: Vec<&Deadline> =
            assignment.deadlines.iter().filter(|deadline| deadline.kind == kind && !deadline.passed).collect();
        let new: Vec<&Deadline> =
            near.iter().copied().filter(|deadline| !reminded.contains(&entry(&deadline.date))).collect();
        if let Some(first) = new.first() {
            notes.push(Note { warning: true, reason, about: None, date: Some(first.date), note: text(kind, &new) });
        }
        let dates: BTreeSet<Date> = near.iter().map(|deadline| deadline.date).collect();
        next.extend(dates.iter().map(entry));
    }
    (notes, next)
}

fn text(kind: DeadlineKind, new: &[&Deadline]) -> String {
    let dates = new.iter().take(NAMED).map(|Deadline { date, subject, .. }| match kind {
        DeadlineKind::Review => date.to_string(),
        _ => format!("{} on {date}", shorten(subject, 80)),
    });
    let dates = dates.collect::<Vec<_>>().join(", ");
    match (kind, new.len().saturating_sub(NAMED)) {
        (DeadlineKind::Review, _) => {
            format!("The review is due on {dates}. Read the assignment and set spec.review.lastAt.")
        }
        (_, 0) => format!("Evidence ends: {dates}. Add the next report to the party."),
        (_, more) => format!("Evidence ends: {dates}, and {more} more. Add the next reports to the parties."),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::testing::namespaced;
    use super::*;

    fn deadline(kind: DeadlineKind, day: i8, subject: &str, passed: bool) -> Deadline {
        Deadline { date: date(2026, 12, day), kind, subject: subject.into(), passed }
    }

    #[test]
    fn what_has_passed_and_what_is_no_reminder_is_not_told() {
        let deadlines = vec![
            deadline(DeadlineKind::Review, 1, "", true),
            deadline(DeadlineKind::Evidence, 1, "aws", true),
            deadline(DeadlineKind::Agreement, 2, "msp", false),
            deadline(DeadlineKind::Exception, 2, "backup-recovery", false),
        ];
        assert_eq!(reminders(&Assignment { deadlines, ..namespaced("shop") }, &[]), (vec![], vec![]));
    }

    #[test]
    fn another_date_is_told_beside_one_that_was_told() {
        let with = |days: &[i8]| {
            let deadlines = days.iter().map(|day| deadline(DeadlineKind::Evidence, *day, "aws", false)).collect();
            Assignment { deadlines, ..namespaced("shop") }
        };
        let (_, reminded) = reminders(&with(&[1]), &[]);
        let (notes, reminded) = reminders(&with(&[1, 9]), &reminded);
        assert_eq!(notes.iter().map(|note| note.date).collect::<Vec<_>>(), [Some(date(2026, 12, 9))]);
        let (notes, reminded) = reminders(&with(&[9]), &reminded);
        assert_eq!((notes.len(), reminded), (0, vec!["EvidenceExpiring/2026-12-09".to_owned()]));
    }

    #[test]
    fn a_reminder_says_what_to_write_on_which_day_and_names_no_layer() {
        let long = "p".repeat(500);
        let deadlines =
            vec![deadline(DeadlineKind::Evidence, 1, &long, false), deadline(DeadlineKind::Review, 2, "", false)];
        let (notes, _) = reminders(&Assignment { deadlines, ..namespaced("shop") }, &[]);
        for (note, (day, part)) in
            notes.iter().zip([("2026-12-01", "Add the next report"), ("2026-12-02", "set spec.review.lastAt")])
        {
            assert!(note.warning && note.about.is_none(), "{note:?}");
            assert!(note.note.contains(day) && note.note.contains(part) && note.note.len() < 200, "{}", note.note);
        }
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn each_date_is_told_once_and_forgotten_when_it_is_no_longer_near() {
        let deadlines = vec![
            deadline(DeadlineKind::Evidence, 1, "aws", false),
            deadline(DeadlineKind::Evidence, 1, "gcp", false),
            deadline(DeadlineKind::Review, 5, "", false),
            deadline(DeadlineKind::Review, 6, "", true),
            deadline(DeadlineKind::Agreement, 7, "integrator", false),
        ];
        let assignment = Assignment { deadlines, ..namespaced("shop") };
        let (notes, reminded) = reminders(&assignment, &[]);
        assert_eq!(notes.iter().map(|note| note.reason).collect::<Vec<_>>(), ["EvidenceExpiring", "ReviewDue"]);
        assert!(notes[0].note.contains("aws") && notes[0].note.contains("2026-12-01"), "{}", notes[0].note);
        assert_eq!(reminded, ["EvidenceExpiring/2026-12-01", "ReviewDue/2026-12-05"]);
        assert_eq!(reminders(&assignment, &reminded), (vec![], reminded.clone()));
        let reviewed = Assignment { deadlines: vec![], ..assignment };
        assert_eq!(reminders(&reviewed, &reminded), (vec![], vec![]));
    }
}

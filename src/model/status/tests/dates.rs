//! Dates in a status: the condition `Current`, the next change and the review.

use jiff::civil::{Date, date};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;

use super::{Given, condition, verdict};
use crate::api::AssignmentStatus;
use crate::matrix::Duty;
use crate::model::assignment::DeadlineKind::{self, Agreement, Evidence, Exception};
use crate::model::evaluation::State::Owned;
use crate::model::testing::{found, minute, namespaced, roll_up};
use crate::model::{Assignment, Deadline, Review, RollUp};

const DAY: Date = date(2026, 12, 1);

fn deadline(kind: DeadlineKind, subject: &str, passed: bool) -> Deadline {
    Deadline { date: DAY, kind, subject: subject.into(), passed }
}

fn given(change: impl FnOnce(&mut Assignment)) -> Given {
    let mut assignment = namespaced("shop");
    change(&mut assignment);
    let roll_up = roll_up([found(&[("application-code", Duty::Customer, Owned)])]);
    Given { assignment: Some(assignment), ..Given::namespaced(roll_up) }
}

fn with(deadlines: &[Deadline]) -> AssignmentStatus {
    given(|assignment| assignment.deadlines = deadlines.to_vec()).status()
}

#[rstest]
#[case::a_review_that_is_due(
    deadline(DeadlineKind::Review, "", false),
    "The review is due on 2026-12-01. Read the assignment and set spec.review.lastAt."
)]
#[case::a_review_that_lapsed(
    deadline(DeadlineKind::Review, "", true),
    "The review was due on 2026-12-01, and the duties have lapsed. Read the assignment and set spec.review.lastAt."
)]
#[case::an_agreement_that_ends(deadline(Agreement, "msp", false), "The agreement with msp ends on 2026-12-01.")]
#[case::an_agreement_that_ended(deadline(Agreement, "msp", true), "The agreement with msp ended on 2026-12-01.")]
#[case::evidence_that_ends(deadline(Evidence, "aws", false), "The evidence of aws ends on 2026-12-01.")]
#[case::evidence_that_ended(deadline(Evidence, "aws", true), "The evidence of aws ended on 2026-12-01.")]
#[case::an_exception_that_ends(
    deadline(Exception, "backup-recovery", false),
    "The exception for backup-recovery ends on 2026-12-01."
)]
#[case::an_exception_that_ended(
    deadline(Exception, "backup-recovery", true),
    "The exception for backup-recovery ended on 2026-12-01."
)]
fn what_has_lapsed_or_is_about_to_is_told_with_its_day(#[case] deadline: Deadline, #[case] message: &str) {
    let status = with(std::slice::from_ref(&deadline));
    let reason = if deadline.passed { "Lapsed" } else { "AboutToLapse" };
    assert_eq!(verdict(&status, "Current"), ("False", reason));
    assert_eq!(condition(&status, "Current").message, message);
}

#[test]
fn nothing_is_due_while_no_day_is_near() {
    assert_eq!(verdict(&with(&[]), "Current"), ("True", "NothingDue"));
}

#[test]
fn one_thing_that_has_lapsed_weighs_more_than_what_is_about_to() {
    let status = with(&[deadline(Evidence, "aws", false), deadline(Exception, "backup-recovery", true)]);
    assert_eq!(verdict(&status, "Current"), ("False", "Lapsed"));
    assert_eq!(condition(&status, "Current").message.lines().count(), 2);
}

#[test]
fn at_most_five_days_are_named_and_the_others_counted() {
    let many: Vec<Deadline> = (0..8).map(|n| deadline(Evidence, &format!("p{n}-{}", "x".repeat(300)), false)).collect();
    let message = condition(&with(&many), "Current").message.clone();
    assert_eq!(message.lines().count(), 6, "{message}");
    assert!(message.ends_with("and 3 more") && message.len() < 800, "{message}");
    assert_eq!(condition(&with(&many[..5]), "Current").message.lines().count(), 5);
}

#[test]
fn current_is_unknown_only_where_the_object_cannot_be_read() {
    let due = || given(|assignment| assignment.deadlines = vec![deadline(Evidence, "aws", false)]);
    assert_eq!(verdict(&due().not_parsing().status(), "Current"), ("Unknown", "SchemaOutdated"));
    let given = due().without_workloads_readable();
    assert_eq!(verdict(&given.status(), "Current"), ("False", "AboutToLapse"), "days pass all the same");
}

#[test]
fn the_time_of_current_moves_only_with_its_status() {
    let first = with(&[]);
    let due = given(|assignment| assignment.deadlines = vec![deadline(Evidence, "aws", false)]);
    let second = due.after(&first, minute(1));
    let ended = given(|assignment| assignment.deadlines = vec![deadline(Evidence, "aws", true)]);
    let third = ended.after(&second, minute(2));
    let times = [&first, &second, &third].map(|status| condition(status, "Current").last_transition_time.clone());
    assert_eq!(times, [0, 1, 1].map(|at| Time(minute(at))));
}

#[test]
fn the_next_day_on_which_something_changes_and_the_digest_are_shown() {
    let status = given(|assignment| {
        assignment.next_change = Some(DAY);
        assignment.digest = "5f0c".into();
    })
    .status();
    assert_eq!(status.next_review.as_deref(), Some("2026-12-01"));
    assert_eq!(status.duties_digest.as_deref(), Some("5f0c"));
    let nothing = given(|_| {}).after(&status, minute(1));
    assert_eq!(nothing.next_review, None, "nothing changes by itself any more");
}

#[rstest]
#[case::missing(Review::Missing, None)]
#[case::current(Review::Current(DAY), Some("2026-12-01"))]
#[case::due(Review::Due(DAY), Some("2026-12-01"))]
#[case::lapsed(Review::Lapsed(DAY), Some("2026-12-01"))]
fn the_summary_has_the_day_on_which_the_review_is_due(#[case] review: Review, #[case] due: Option<&str>) {
    let status = given(|assignment| assignment.review = review).status();
    assert_eq!(status.summary.unwrap().review_due.as_deref(), due);
}

#[test]
fn days_that_were_known_stay_while_the_object_cannot_be_read() {
    let before = given(|assignment| {
        assignment.next_change = Some(DAY);
        assignment.digest = "5f0c".into();
    })
    .status();
    let after = Given::namespaced(RollUp::default()).not_parsing().after(&before, minute(1));
    assert_eq!((after.next_review, after.duties_digest), (before.next_review, before.duties_digest));
}

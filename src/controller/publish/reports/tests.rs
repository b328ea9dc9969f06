//! PublishedReport Reports, and outcomes of writes.

use rstest::rstest;

use kube::core::Status;
use tokio::time::timeout;

use super::*;
use crate::facts::{FactKind, ListedKind};

const R: &str = "responsibility-operator";

fn name(name: &str) -> ObjectName {
    ObjectName { namespace: "shop".into(), name: name.into() }
}

fn version(version: &str) -> PublishedReport {
    let digest = Some("5f0c".to_owned());
    PublishedReport { resource_version: version.to_owned(), digest, labels: BTreeMap::new(), since: vec![(1, 100)] }
}

/// Records that a Report was written or deleted.
fn wrote(reports: &mut Reports, known: Option<PublishedReport>) {
    let mut round =
        Round { written: vec![(R.to_owned(), known)], outcome: WriteOutcome::Written(()), is_partial: false };
    reports.record_written(&"shop".into(), &mut round);
}

fn digest(reports: &Reports) -> Option<&str> {
    reports.own("shop")?.get(R)?.digest.as_deref()
}

fn since(reports: &Reports) -> Option<i64> {
    reports.own("shop")?.since(1)
}

#[test]
fn what_was_written_is_no_news_when_the_watch_tells_it_before_or_after_the_answer() {
    let mut reports = Reports::new(true);
    wrote(&mut reports, Some(version("7")));
    assert!(!reports.record(&name(R), version("7"), true), "after it");
    assert!(reports.record(&name(R), version("9"), true), "before it");
    wrote(&mut reports, Some(version("9")));
    assert_eq!(digest(&reports), Some("5f0c"));
    assert!(!reports.record(&name(R), version("7"), true), "late");
    assert_eq!(reports.own("shop").unwrap().get(R).unwrap().resource_version, "9");
}

#[test]
fn the_digest_of_what_somebody_else_changed_is_not_believed_while_this_process_leads() {
    let mut reports = Reports::new(true);
    assert!(reports.record(&name(R), version("7"), false));
    assert_eq!(digest(&reports), Some("5f0c"), "of an earlier process");
    assert!(reports.record(&name(R), version("8"), false));
    assert_eq!(digest(&reports), Some("5f0c"), "of the one that leads");
    assert!(reports.record(&name(R), version("9"), true));
    assert_eq!(digest(&reports), None);
    // A response with an older version than the last watch event is ignored.
    wrote(&mut reports, Some(version("7")));
    assert_eq!(digest(&reports), None);
}

#[test]
fn a_result_keeps_its_time_whatever_somebody_does_to_its_report_until_all_is_as_it_should_be() {
    let mut reports = Reports::new(true);
    let other = |resource_version: &str, since: Vec<(u64, i64)>| PublishedReport { since, ..version(resource_version) };
    reports.record(&name(R), version("7"), true);
    reports.record(&name(R), other("8", vec![(1, 900)]), true);
    assert_eq!(since(&reports), Some(100), "another time was written");
    reports.record(&name(R), other("9", vec![]), true);
    assert!(reports.remove(&name(R), true), "it was deleted");
    assert_eq!(since(&reports), Some(100));
    wrote(&mut reports, Some(other("10", vec![(2, 200)])));
    assert_eq!(since(&reports), None, "it is in no Report any more");
    // Nobody keeps times who does not write.
    reports.record(&name(R), other("11", vec![]), false);
    assert!(reports.remove(&name(R), false));
    assert_eq!(reports.namespaces().count(), 0);
}

#[tokio::test]
async fn what_the_watch_tells_during_a_round_is_later_than_what_the_round_wrote() {
    let under_way = || {
        let mut reports = Reports::new(true);
        let task = reports.writes.spawn(async { Round::failed(String::new()) });
        reports.writing.insert(task.id(), ("shop".into(), Instant::now()));
        reports
    };
    let mut deleted = under_way();
    assert!(!deleted.remove(&name(R), true), "somebody deletes what was written a moment ago");
    wrote(&mut deleted, Some(version("7")));
    assert!(deleted.own("shop").is_none());
    wrote(&mut deleted, Some(version("9")));
    assert!(deleted.own("shop").is_some(), "of a later round");

    let mut made = under_way();
    made.record(&name(R), version("7"), true);
    made.record(&name(R), version("9"), true);
    wrote(&mut made, None);
    assert!(made.own("shop").is_some(), "somebody made what was deleted a moment ago");
    made.remove(&name(R), true);
    made.record(&name(R), version("11"), true);
    wrote(&mut made, Some(version("10")));
    assert_eq!(made.own("shop").unwrap().get(R).unwrap().resource_version, "11");
}

#[test]
fn times_are_kept_while_a_round_is_not_at_its_end() {
    for (outcome, is_partial) in [(WriteOutcome::Conflict, false), (WriteOutcome::Written(()), true)] {
        let mut reports = Reports::new(true);
        reports.record(&name(R), version("7"), true);
        let mut round = Round { written: vec![(R.to_owned(), None)], outcome, is_partial };
        reports.record_written(&"shop".into(), &mut round);
        assert_eq!(since(&reports), Some(100));
        reports.stop_writes();
        assert_eq!(reports.namespaces().count(), 0);
    }
}

#[test]
fn what_is_gone_is_forgotten_once_whoever_tells_it() {
    let mut reports = Reports::new(true);
    for other in [R, "s"] {
        reports.record(&name(other), version("7"), true);
    }
    let mut listed = Listed::empty(ListedKind::Facts(FactKind::Reports), None);
    listed.names.insert(name("s"));
    assert_eq!(reports.missing_from(&listed), [name(R)]);
    assert!(reports.remove(&name(R), true) && !reports.remove(&name(R), true));
    assert!(reports.remove(&name("s"), true));
    reports.settle(&"shop".into());
    assert_eq!(reports.namespaces().count(), 0);
    reports.record(&name(R), version("9"), true);
    wrote(&mut reports, None);
    assert!(!reports.remove(&name(R), true), "deleted by the operator");
    assert_eq!(reports.namespaces().count(), 0);
}

/// Records a failed write in a namespace. Returns true if it is a new failure.
fn fails(reports: &mut Reports, namespace: &str, code: u16, message: &str) -> bool {
    let status = Status { code, message: message.to_owned(), ..Status::default() };
    let WriteOutcome::Failed(failure) = outcome(&CallError::Api(kube::Error::Api(Box::new(status))), true) else {
        panic!("the outcome is not a failure")
    };
    reports.is_new_failure(&namespace.into(), &failure)
}

#[test]
fn a_failure_is_said_once_for_all_namespaces_and_its_end_when_it_ends_for_all() {
    let mut reports = Reports::new(true);
    let forbidden = |namespace: &str, verb: &str| {
        format!(
            "reports \"r\" is forbidden: User \"x\" cannot {verb} resource \"reports\" in the namespace \"{namespace}\""
        )
    };
    assert!(fails(&mut reports, "shop", 403, &forbidden("shop", "patch")));
    assert!(!fails(&mut reports, "bank", 403, &forbidden("bank", "patch")));
    assert!(fails(&mut reports, "bank", 403, &forbidden("bank", "create")), "another right is missing");
    assert!(fails(&mut reports, "bank", 500, "out of order"));
    assert!(!fails(&mut reports, "shop", 403, &forbidden("shop", "patch")), "in turns with others");
    assert!(!reports.is_last_failure_over(&"other".into()), "it did not fail there");
    assert!(!reports.is_last_failure_over(&"shop".into()), "it fails elsewhere");
    assert!(reports.is_last_failure_over(&"bank".into()) && !reports.is_last_failure_over(&"bank".into()));
    assert!(fails(&mut reports, "shop", 403, &forbidden("shop", "patch")), "it began again");
    // A conflict with another writer's Report in one namespace hides neither other conflicts nor later failures.
    let conflict = |reports: &mut Reports, namespace: &str| {
        let status = Status { code: 409, message: "conflict".to_owned(), ..Status::default() };
        let WriteOutcome::Failed(failure) = outcome(&CallError::Api(kube::Error::Api(Box::new(status))), false) else {
            panic!("the outcome is not a failure")
        };
        reports.is_new_failure(&namespace.into(), &failure)
    };
    assert!(conflict(&mut reports, "shop") && conflict(&mut reports, "bank") && !conflict(&mut reports, "bank"));
    assert!(fails(&mut reports, "third", 403, &forbidden("third", "patch")), "nobody fails so any more");
}

#[tokio::test(start_paused = true)]
async fn changes_are_gathered_and_nothing_is_looked_at_where_reports_are_off() {
    let (on, off) = (&mut Reports::new(true), &mut Reports::new(false));
    let begun = Instant::now();
    for reports in [&mut *on, &mut *off] {
        reports.enqueue(&"shop".into(), begun);
        reports.enqueue(&"shop".into(), begun + GATHER / 2);
    }
    assert_eq!(&*on.queue.next().await, "shop");
    assert_eq!(begun.elapsed(), GATHER);
    assert!(timeout(Duration::from_hours(1), off.queue.next()).await.is_err());
}

#[rstest]
#[case::another_version(409, "reports", "the object has been modified", true, "conflict")]
#[case::somebody_elses(409, "reports", "conflict with \"kubectl\": .results", false, "failed")]
#[case::no_namespace(404, "namespaces", "namespaces \"shop\" not found", true, "gone")]
#[case::not_served(404, "", "the server could not find the requested resource", true, "not_served")]
#[case::going(
    403,
    "reports",
    "unable to create new content in namespace shop because it is being terminated",
    true,
    "gone"
)]
#[case::no_right(403, "reports", "may not", true, "failed")]
#[case::refused(422, "reports", "invalid", true, "failed")]
fn a_refusal_is_a_failure_unless_there_is_nothing_to_mend(
    #[case] code: u16,
    #[case] kind: &str,
    #[case] message: &str,
    #[case] is_own: bool,
    #[case] expected: &str,
) {
    let status = serde_json::json!({ "code": code, "message": message, "details": { "kind": kind } });
    let status: Status = serde_json::from_value(status).unwrap();
    let outcome = outcome(&CallError::Api(kube::Error::Api(Box::new(status))), is_own);
    assert_eq!(outcome.name(), expected);
    if let WriteOutcome::Failed(Failure { error, .. }) = outcome {
        assert!(error.contains(message), "{error}");
    }
}

//! Fulfilment in a status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;

use super::{Given, condition, verdict};
use crate::api::{AssignmentStatus, Fulfilment, FulfilmentCounts};
use crate::model::SignalVerdict::{Failed, Passed, Stale, Unreadable, Unseen};
use crate::model::testing::{added_up, cluster, deployment, matrix, members, minute, roll_up, seen_of};
use crate::model::{Evaluation, RollUp};

fn status_of(found: impl IntoIterator<Item = Evaluation>) -> AssignmentStatus {
    Given::namespaced(roll_up(found)).status()
}

fn rows(status: &AssignmentStatus) -> Vec<(&str, &str, Fulfilment, i64)> {
    let rows = status.unfulfilled.iter();
    rows.map(|row| (row.layer.as_str(), row.signal.as_str(), row.fulfilment, row.workloads)).collect()
}

#[test]
fn each_failure_is_a_row_with_its_signal_its_party_and_what_to_do() {
    let failing = seen_of(&[("age", Failed), ("image", Failed), ("context", Passed)]);
    let status = status_of([failing.clone(), failing, seen_of(&[("age", Failed)])]);
    let expected = [("node-os", "age", Fulfilment::Unfulfilled, 3), ("node-os", "image", Fulfilment::Unfulfilled, 2)];
    assert_eq!(rows(&status), expected);
    let row = &status.unfulfilled[0];
    assert_eq!((row.party.as_deref(), row.message.as_str()), (Some("team"), "age failed; age is to be mended"));
    assert_eq!((row.examples.len(), row.omitted), (3, None));
    let summary = status.summary.unwrap();
    assert_eq!(summary.unfulfilled_layers, 1);
    let expected = FulfilmentCounts { fulfilled: 2, unfulfilled: 3, unknown: 1, ..FulfilmentCounts::default() };
    assert_eq!(summary.fulfilment, expected);
}

#[test]
fn what_is_too_old_is_a_row_of_its_own_where_nothing_newer_fails() {
    let status = status_of([seen_of(&[("age", Stale)])]);
    assert_eq!(rows(&status), [("node-os", "age", Fulfilment::Stale, 1)]);
    assert_eq!(verdict(&status, "Fulfilled"), ("Unknown", "EvidenceStale"));
    let outweighed = status_of([seen_of(&[("age", Stale), ("image", Failed)])]);
    assert_eq!(rows(&outweighed), [("node-os", "image", Fulfilment::Unfulfilled, 1)]);
}

#[test]
fn a_row_keeps_the_time_at_which_the_failure_was_first_seen() {
    let failing = || Given::namespaced(roll_up([seen_of(&[("age", Failed)])]));
    let first = failing().status();
    let both = seen_of(&[("age", Failed), ("image", Failed)]);
    let later = Given::namespaced(roll_up([both])).after(&first, minute(7));
    let since: Vec<&Time> = later.unfulfilled.iter().map(|row| &row.since).collect();
    assert_eq!(since, [&Time(minute(0)), &Time(minute(7))]);
    assert_eq!(failing().after(&first, minute(9)), first, "what is the same is not written");
}

#[rstest]
#[case::all_done(&[("age", Passed), ("context", Passed)], ("True", "AllDutiesFulfilled"))]
#[case::one_is_not(&[("age", Passed), ("context", Failed)], ("False", "DutiesUnfulfilled"))]
#[case::nothing_shows_one(&[("age", Passed), ("context", Unseen)], ("Unknown", "NotAllSeen"))]
#[case::one_cannot_be_read(&[("age", Passed), ("context", Unreadable)], ("Unknown", "NotAllSeen"))]
#[case::nothing_is_seen(&[], ("Unknown", "NotAllSeen"))]
fn the_condition_is_true_only_when_every_duty_is_seen_to_be_done(
    #[case] results: &[(&str, crate::model::SignalVerdict)],
    #[case] expected: (&str, &str),
) {
    let status = status_of([seen_of(results)]);
    assert_eq!(verdict(&status, "Fulfilled"), expected);
    assert_eq!(verdict(&status, "Covered"), ("True", "AllDutiesOwned"), "owners are another matter");
}

#[test]
fn the_condition_names_what_failed_and_whose_it_was() {
    let status = status_of([seen_of(&[("age", Failed)])]);
    let expected = "node-os (customer duty, held by team): age failed; age is to be mended";
    assert_eq!(condition(&status, "Fulfilled").message, expected);
}

#[test]
fn without_inputs_nothing_is_said_and_the_last_rows_stay() {
    let given = Given::namespaced(roll_up([seen_of(&[("age", Failed)])]));
    let first = given.status();
    let blind = Given::namespaced(roll_up([])).without_workloads_readable().after(&first, minute(1));
    assert_eq!(verdict(&blind, "Fulfilled"), ("Unknown", "InventoryIncomplete"));
    assert_eq!(blind.unfulfilled, first.unfulfilled);
    assert_eq!(verdict(&Given::namespaced(roll_up([])).status(), "Fulfilled"), ("Unknown", "MatchesNothing"));
}

#[test]
fn failures_of_platform_layers_are_told_to_the_cluster_assignments_where_there_are_some() {
    let keyed = [(deployment("shop", "web"), seen_of(&[("age", Failed), ("context", Failed)]))];
    let status = Given::namespaced(added_up(&members(keyed), true)).status();
    assert_eq!(rows(&status), [("workload-configuration", "context", Fulfilment::Unfulfilled, 1)]);
    let summary = status.summary.unwrap();
    assert_eq!((summary.platform_unfulfilled, summary.fulfilment.unfulfilled), (1, 2));
}

#[test]
fn failures_of_any_number_of_parties_fit_into_a_status_and_the_counts_stay_exact() {
    let of_party = |number: usize| {
        let mut found = seen_of(&[("age", Failed), ("context", Failed)]);
        for duty in &mut found.duties {
            duty.holder = Some(format!("party-{number:03}-{}", "p".repeat(50)).into());
        }
        found
    };
    let status = status_of((0..400).map(of_party));
    let size = serde_json::to_vec(&status).unwrap().len();
    assert!(size <= crate::model::STATUS_LIMIT && size > crate::model::STATUS_LIMIT / 2, "{size} bytes");
    let shown = i64::try_from(status.unfulfilled.len()).unwrap();
    assert_eq!(status.truncated, Some(800 - shown));
    assert_eq!(status.summary.unwrap().fulfilment.unfulfilled, 800);
}

#[test]
fn a_cluster_assignment_names_the_holders_of_platform_duties_only() {
    let of_party = |party: &str| {
        let mut found = seen_of(&[("age", Failed), ("context", Failed)]);
        found.duties.iter_mut().for_each(|duty| duty.holder = Some(party.into()));
        found
    };
    let keyed = ["one", "two"].map(|party| (deployment(party, "web"), of_party(party)));
    let roll_up = RollUp::new(matrix(), &cluster("platform").id, &members(keyed), false);
    let status = Given::cluster(roll_up).status();
    let parties: Vec<_> = status.unfulfilled.iter().map(|row| (row.layer.as_str(), row.party.as_deref())).collect();
    let expected = [("workload-configuration", None), ("node-os", Some("one")), ("node-os", Some("two"))];
    assert_eq!(parties, expected);
    assert_eq!(status.unfulfilled[0].workloads, 2);
}

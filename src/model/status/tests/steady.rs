//! Unchanged statuses: an equal status is not written.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;

use super::bounds::large;
use super::{Given, condition, verdict};
use crate::api::GapReason::{LayerUnowned, UnknownParty};
use crate::api::{Announcement, AssignmentStatus, GapState, OpenState};
use crate::matrix::{Duty, ServiceModel};
use crate::model::RollUp;
use crate::model::testing::{Workload, found_gaps, matrix, minute, namespaced, roll_up};

fn gaps() -> RollUp {
    roll_up([found_gaps(&[("application-code", LayerUnowned), ("node-os", UnknownParty)])])
}

/// A status after a round trip through the API server.
fn stored(status: &AssignmentStatus) -> AssignmentStatus {
    serde_json::from_value(serde_json::to_value(status).unwrap()).unwrap()
}

#[rstest]
#[case::gaps(Given::namespaced(gaps()))]
#[case::nothing_selected(Given::namespaced(RollUp::default()))]
#[case::no_services(Given::namespaced(gaps()).without_services_readable())]
#[case::no_workloads(Given::namespaced(RollUp::default()).without_workloads_readable())]
#[case::no_such_model(Given::namespaced(gaps()).naming_no_service_model())]
#[case::not_parsing(Given::namespaced(RollUp::default()).not_parsing())]
#[case::real_workloads(Given::cluster(roll_up(
    ServiceModel::ALL.map(|model| Workload::under(model).with(namespaced("shop")).evaluate())
)))]
#[case::too_many_rows(Given::namespaced(large()))]
fn the_same_input_gives_the_same_status_at_any_later_time(#[case] given: Given) {
    let first = given.status();
    let later = given.after(&stored(&first), minute(60 * 24 * 365));
    assert_eq!(later, first);
    let after_something_else = Given::namespaced(gaps()).after(&AssignmentStatus::default(), minute(0));
    let changed = given.after(&stored(&after_something_else), minute(1));
    assert_eq!(given.after(&stored(&changed), minute(2)), changed);
}

#[test]
fn another_input_gives_another_status() {
    let first = Given::namespaced(gaps()).status();
    assert_ne!(Given::namespaced(RollUp::default()).after(&first, minute(0)), first);
    assert_ne!(Given::namespaced(gaps()).but(|given| given.generation = 2).after(&first, minute(0)), first);
}

#[rstest]
#[case::unreadable_workloads(Given::namespaced(RollUp::default()).without_workloads_readable())]
#[case::both(Given::namespaced(RollUp::default()).without_workloads_readable().without_services_readable())]
#[case::an_object_that_does_not_parse(Given::namespaced(RollUp::default()).not_parsing())]
fn while_nothing_can_be_said_counts_and_rows_keep_their_values(#[case] given: Given) {
    let before = Given::namespaced(large()).status();
    assert!(before.truncated.is_some());
    let after = given.after(&before, minute(1));
    assert_eq!(after.summary, before.summary);
    assert_eq!(after.unowned_layers, before.unowned_layers);
    assert_eq!(after.truncated, before.truncated);
    assert_eq!(condition(&after, "Consistent").status, "Unknown");
    assert_eq!(condition(&after, "Covered").status, "Unknown");
    assert_eq!(condition(&after, "Ready").status, "False");
    let first = given.status();
    assert_eq!((first.summary, first.unowned_layers), (None, vec![]), "there was nothing to keep");
}

#[test]
fn what_can_be_read_again_is_published_again() {
    let before = Given::namespaced(gaps()).status();
    let meanwhile = Given::namespaced(RollUp::default()).without_workloads_readable().after(&before, minute(1));
    let after = Given::namespaced(gaps()).after(&meanwhile, minute(2));
    assert_eq!(after.summary, before.summary);
    assert_eq!(after.unowned_layers, before.unowned_layers, "with the time since when there is a gap");
    for kind in ["Consistent", "Covered", "InventoryComplete", "Ready"] {
        assert_eq!(verdict(&after, kind), verdict(&before, kind), "{kind}");
        assert_eq!(condition(&after, kind).last_transition_time, Time(minute(2)), "{kind} was another meanwhile");
    }
}

#[test]
fn without_services_the_gaps_that_are_known_are_published() {
    let before = Given::namespaced(RollUp::default()).status();
    let given = Given::namespaced(gaps()).without_services_readable();
    let after = given.after(&before, minute(1));
    assert_eq!(after.unowned_layers.len(), 2);
    assert_eq!(after.summary.unwrap().workloads, 1);
}

#[test]
fn a_service_model_that_is_not_found_has_no_effect_on_the_rows() {
    let status = Given::namespaced(gaps()).naming_no_service_model().status();
    assert_eq!(status.unowned_layers, Given::namespaced(gaps()).status().unowned_layers);
}

#[test]
fn what_events_told_is_carried_over() {
    let announcement =
        Announcement { layer: "node-os".to_owned(), duty: Duty::Provider, state: OpenState::Gap(GapState::Lapsed) };
    let before =
        AssignmentStatus { announced: Some(vec![announcement]), transitions: 41, ..Given::namespaced(gaps()).status() };
    for given in [
        Given::namespaced(gaps()),
        Given::namespaced(RollUp::default()),
        Given::namespaced(RollUp::default()).without_workloads_readable(),
    ] {
        let after = given.after(&before, minute(1));
        assert_eq!((&after.announced, after.transitions), (&before.announced, 41));
    }
    let first = Given::namespaced(gaps()).status();
    assert_eq!((first.announced, first.transitions), (None, 0));
}

#[test]
fn the_version_of_the_matrix_is_shown() {
    let status = Given::namespaced(gaps()).status();
    assert_eq!(status.matrix_version.as_deref(), Some(matrix().version()));
}

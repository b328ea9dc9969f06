//! Rows of `status.unownedLayers`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;

use super::Given;
use crate::api::GapReason::{
    self, LayerUnowned, NotAccepted, OverlappingAssignments, SharedLayerHalfOwned, UnknownParty,
};
use crate::api::{AssignmentStatus, UnownedLayer};
use crate::facts::{WorkloadKey, WorkloadKind};
use crate::matrix::{Duty, ServiceModel};
use crate::model::evaluation::State::Gap;
use crate::model::settings::ProviderDuties;
use crate::model::testing::{Workload, added_up, deployment, found, found_gaps, members, minute, namespaced, roll_up};
use crate::model::{Evaluation, RollUp};

const CODE: &str = "application-code";

fn rows(status: &AssignmentStatus) -> Vec<(&str, Duty, GapReason, i64)> {
    status.unowned_layers.iter().map(|row| (row.layer.as_str(), row.duty, row.reason, row.workloads)).collect()
}

#[test]
fn rows_are_by_layer_duty_and_reason_in_matrix_order() {
    let of_node_os = found(&[
        ("node-os", Duty::Customer, Gap(LayerUnowned)),
        ("node-os", Duty::Provider, Gap(UnknownParty)),
        ("access-control", Duty::Customer, Gap(LayerUnowned)),
    ]);
    let of_code = found_gaps(&[(CODE, LayerUnowned), ("access-control", LayerUnowned)]);
    let invalid = found_gaps(&[(CODE, UnknownParty)]);
    let status = Given::namespaced(roll_up([of_node_os, of_code.clone(), invalid, of_code])).status();
    assert_eq!(
        rows(&status),
        [
            ("access-control", Duty::Customer, LayerUnowned, 3),
            (CODE, Duty::Customer, UnknownParty, 1),
            (CODE, Duty::Customer, LayerUnowned, 2),
            ("node-os", Duty::Provider, UnknownParty, 1),
            ("node-os", Duty::Customer, LayerUnowned, 1),
        ]
    );
}

#[test]
fn a_row_says_what_is_owed_and_what_to_write_within_160_bytes() {
    let mut contested = found_gaps(&[("node-os", NotAccepted)]);
    contested.duties[0].subject = Some("p".repeat(63).into());
    let status = Given::namespaced(roll_up([contested])).status();
    let message = &status.unowned_layers[0].message;
    assert!(message.len() <= 160, "{} bytes: {message}", message.len());
    assert!(message.contains("does not accept this duty. Name your own party"), "{message}");
    let of_half = found(&[("node-os", Duty::Customer, Gap(SharedLayerHalfOwned))]);
    let message = Given::namespaced(roll_up([of_half])).status().unowned_layers.remove(0).message;
    let start = "Only the provider duty has an owner, not the customer duty. Add an entry to spec.duties with customer: PARTY. Duty: chooses the channel, rolls nodes within t";
    assert!(message.starts_with(start) && message.ends_with("..."), "{message}");
    assert_eq!(message.len(), 160);
}

#[test]
fn a_conflict_of_parties_with_long_names_says_what_to_write() {
    let mut contested = found_gaps(&[(CODE, OverlappingAssignments)]);
    contested.duties[0].subject = Some(["a", "b"].map(|name| name.repeat(63)).join(", ").into());
    let message = Given::namespaced(roll_up([contested])).status().unowned_layers.remove(0).message;
    assert!(message.len() <= 160, "{} bytes: {message}", message.len());
    assert!(message.contains("Keep one entry, or narrow the selectors"), "{message}");
}

#[test]
fn a_row_is_about_the_party_of_its_first_workload() {
    let gap_of = |party: &str| {
        let mut found = found_gaps(&[(CODE, UnknownParty)]);
        found.duties[0].subject = Some(party.into());
        found
    };
    let [first, second] = [deployment("shop", "a"), deployment("shop", "b")];
    for [of_first, of_second] in [["adam", "zoe"], ["zoe", "adam"]] {
        let all = members([(second.clone(), gap_of(of_second)), (first.clone(), gap_of(of_first))]);
        let status = Given::namespaced(added_up(&all, false)).status();
        let [row] = &status.unowned_layers[..] else { panic!("one row: {status:?}") };
        assert!(row.message.contains(of_first) && !row.message.contains(of_second), "{}", row.message);
        assert_eq!(row.workloads, 2);
    }
}

fn key(namespace: &str, kind: WorkloadKind, name: &str) -> WorkloadKey {
    WorkloadKey { kind, ..deployment(namespace, name) }
}

/// Row of workloads with the same gap, whose order in the input does not matter.
fn row_of(keys: &[WorkloadKey], given: impl FnOnce(RollUp) -> Given) -> UnownedLayer {
    let all = members(keys.iter().rev().map(|key| (key.clone(), found_gaps(&[(CODE, LayerUnowned)]))));
    given(added_up(&all, false)).status().unowned_layers.remove(0)
}

#[rstest]
#[case::one(1, &["Deployment/a"], None)]
#[case::three(3, &["Deployment/a", "Deployment/b", "Deployment/c"], None)]
#[case::four(4, &["Deployment/a", "Deployment/b", "Deployment/c"], Some(1))]
#[case::many(26, &["Deployment/a", "Deployment/b", "Deployment/c"], Some(23))]
fn a_row_names_at_most_three_workloads_and_counts_the_others(
    #[case] count: u8,
    #[case] examples: &[&str],
    #[case] omitted: Option<i64>,
) {
    let keys: Vec<_> = (0..count).map(|n| deployment("shop", &char::from(b'a' + n).to_string())).collect();
    let row = row_of(&keys, Given::namespaced);
    assert_eq!(row.examples, examples);
    assert_eq!(row.omitted, omitted);
    assert_eq!(row.workloads, i64::from(count));
}

#[test]
fn examples_of_different_findings_are_the_first_of_all() {
    let keyed = ["e", "a", "d", "b", "c"].map(|name| {
        // A gap in another layer makes this a different evaluation.
        let other = if name < "d" { "access-control" } else { "node-os" };
        (deployment("shop", name), found_gaps(&[(CODE, LayerUnowned), (other, LayerUnowned)]))
    });
    let status = Given::namespaced(added_up(&members(keyed), false)).status();
    let row = status.unowned_layers.iter().find(|row| row.layer == CODE).unwrap();
    assert_eq!(row.examples, ["Deployment/a", "Deployment/b", "Deployment/c"]);
    assert_eq!((row.workloads, row.omitted), (5, Some(2)));
}

#[test]
fn examples_are_ordered_by_namespace_kind_and_name_and_in_the_cluster_kind_name_the_namespace() {
    let keys = [
        key("bank", WorkloadKind::StatefulSet, "z"),
        key("shop", WorkloadKind::CronJob, "b"),
        key("shop", WorkloadKind::Deployment, "a"),
        key("shop", WorkloadKind::Deployment, "c"),
    ];
    let row = row_of(&keys, Given::cluster);
    assert_eq!(row.examples, ["bank/StatefulSet/z", "shop/CronJob/b", "shop/Deployment/a"]);
    let row = row_of(&keys[1..], Given::namespaced);
    assert_eq!(row.examples, ["CronJob/b", "Deployment/a", "Deployment/c"]);
}

#[test]
fn since_is_kept_for_each_layer_duty_and_reason() {
    let given = |found: &[Evaluation]| Given::namespaced(roll_up(found.to_vec()));
    let since = |status: &AssignmentStatus| -> Vec<(String, Duty, GapReason, Time)> {
        let row = |row: &UnownedLayer| (row.layer.clone(), row.duty, row.reason, row.since.clone());
        status.unowned_layers.iter().map(row).collect()
    };
    let dated = |layer: &str, duty, reason, at| (layer.to_owned(), duty, reason, Time(minute(at)));
    let unowned = found_gaps(&[("node-os", LayerUnowned)]);
    let first = given(std::slice::from_ref(&unowned)).status();
    assert_eq!(since(&first), [dated("node-os", Duty::Customer, LayerUnowned, 0)]);

    let other_reason = found_gaps(&[("node-os", UnknownParty)]);
    let other_duty = found(&[("node-os", Duty::Provider, Gap(LayerUnowned))]);
    let other_layer = found_gaps(&[(CODE, LayerUnowned)]);
    let more = given(&[unowned.clone(), unowned.clone(), other_reason, other_duty, other_layer.clone()]);
    let second = more.after(&first, minute(1));
    assert_eq!(
        since(&second),
        [
            dated(CODE, Duty::Customer, LayerUnowned, 1),
            dated("node-os", Duty::Provider, LayerUnowned, 1),
            dated("node-os", Duty::Customer, UnknownParty, 1),
            dated("node-os", Duty::Customer, LayerUnowned, 0),
        ]
    );

    let closed = given(&[other_layer]).after(&second, minute(2));
    assert_eq!(since(&closed), [dated(CODE, Duty::Customer, LayerUnowned, 1)]);
    let again = given(&[unowned]).after(&closed, minute(3));
    assert_eq!(since(&again), [dated("node-os", Duty::Customer, LayerUnowned, 3)]);
}

/// A workload with a gap in every owed duty of every layer.
fn everything_unowned() -> Evaluation {
    Workload::under(ServiceModel::Caas)
        .with_provider_duties(ProviderDuties::Require)
        .with(namespaced("shop"))
        .evaluate()
}

#[test]
fn platform_gaps_are_counted_and_not_listed_where_cluster_assignments_take_in_the_namespace() {
    let found = everything_unowned();
    let all = members([(deployment("shop", "a"), found.clone()), (deployment("shop", "b"), found)]);
    let status = |elsewhere: bool| Given::namespaced(added_up(&all, elsewhere)).status();
    let platform = [
        "cloud-network",
        "platform-runtime",
        "node-os",
        "control-plane",
        "logging-detection",
        "physical-infrastructure",
    ];
    let (here, elsewhere) = (status(false), status(true));
    let listed = |status: &AssignmentStatus| {
        platform.map(|layer| rows(status).iter().filter(|(name, ..)| *name == layer).count())
    };
    assert_eq!(listed(&here), [1, 2, 2, 2, 2, 1]);
    assert_eq!(listed(&elsewhere), [0; 6]);
    let [here_summary, elsewhere_summary] = [&here, &elsewhere].map(|status| status.summary.clone().unwrap());
    assert_eq!((here_summary.platform_gaps, elsewhere_summary.platform_gaps), (0, 2 * 10));
    assert_eq!(here_summary.unowned_layers - elsewhere_summary.unowned_layers, 6);
    assert_eq!(here_summary.duties, elsewhere_summary.duties, "the totals are the same");
    let others = |status: &AssignmentStatus| -> Vec<UnownedLayer> {
        status.unowned_layers.iter().filter(|row| !platform.contains(&row.layer.as_str())).cloned().collect()
    };
    assert_eq!(others(&here), others(&elsewhere));
    assert_eq!(others(&here).len(), 8, "seven layers, of which incident response owes both duties");
}

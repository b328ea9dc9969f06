//! Rows of `status.risks`.

use jiff::civil::date;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;

use super::Given;
use crate::api::GapReason::LayerUnowned;
use crate::api::{AssignmentStatus, RiskReason};
use crate::facts::AssignmentId;
use crate::matrix::{Duty, LayerTriggers, ServiceModel};
use crate::model::evaluation::State::{Gap, Owned};
use crate::model::testing::{
    Workload, added_up, cluster, deployment, found, layer, matrix, members, minute, namespaced, roll_up,
};
use crate::model::{Assignment, Directory, Evaluation, Review, Risk, RollUp, STATUS_LIMIT};

/// A workload with a risk of its own and an owned duty.
fn risky(reason: RiskReason, about: Option<&str>) -> Evaluation {
    let risk = Risk { reason, layer: about.map(layer), assignment: None, subject: Some("aws".into()) };
    Evaluation { risks: vec![risk], ..found(&[("application-code", Duty::Customer, Owned)]) }
}

fn rows(status: &AssignmentStatus) -> Vec<(RiskReason, Option<&str>, i64)> {
    status.risks.iter().map(|risk| (risk.reason, risk.layer.as_deref(), risk.workloads)).collect()
}

#[test]
fn rows_are_by_reason_and_layer_and_count_workloads() {
    let without = RiskReason::ProviderClaimWithoutEvidence;
    let status = Given::namespaced(roll_up([
        risky(without, Some("node-os")),
        risky(RiskReason::BlanketProviderAssignment, None),
        risky(without, Some("control-plane")),
        risky(without, Some("node-os")),
    ]))
    .status();
    let expected = [
        (RiskReason::BlanketProviderAssignment, None, 1),
        (without, Some("node-os"), 2),
        (without, Some("control-plane"), 1),
    ];
    assert_eq!(rows(&status), expected);
    assert_eq!(status.summary.unwrap().risks, 3);
    assert!(status.risks.iter().all(|risk| risk.message.contains("aws") && risk.message.len() <= 160));
}

#[rstest]
#[case::three(3, &["Deployment/a", "Deployment/b", "Deployment/c"], None)]
#[case::many(26, &["Deployment/a", "Deployment/b", "Deployment/c"], Some(23))]
fn a_row_names_at_most_three_workloads_and_counts_the_others(
    #[case] count: u8,
    #[case] examples: &[&str],
    #[case] omitted: Option<i64>,
) {
    let keyed = (0..count).map(|n| deployment("shop", &char::from(b'a' + n).to_string()));
    let all = members(keyed.map(|key| (key, risky(RiskReason::ImpossibleOnDeclaredCompute, None))));
    let risk = Given::namespaced(added_up(&all, false)).status().risks.remove(0);
    assert_eq!(
        (risk.examples, risk.omitted, risk.workloads),
        (examples.iter().map(|&e| e.to_owned()).collect(), omitted, i64::from(count))
    );
    let of_cluster = Given::cluster(added_up(&all, false)).status().risks.remove(0);
    assert_eq!(of_cluster.examples[0], "shop/Deployment/a");
}

/// A risk of the assignment itself does not name workloads.
#[test]
fn a_risk_of_the_assignment_has_no_examples_and_counts_no_workload() {
    let review = Risk { reason: RiskReason::ReviewMissing, layer: None, assignment: None, subject: None };
    let roll_up = roll_up([found(&[("application-code", Duty::Customer, Owned)])]).with_assignment_risks(vec![review]);
    let status = Given::namespaced(roll_up).status();
    assert_eq!(rows(&status), [(RiskReason::ReviewMissing, None, 0)]);
    assert_eq!((status.risks[0].examples.len(), status.risks[0].omitted), (0, None));
}

#[test]
fn since_is_kept_for_each_reason_and_layer() {
    let without = RiskReason::ProviderClaimWithoutEvidence;
    let given = |found: &[Evaluation]| Given::namespaced(roll_up(found.to_vec()));
    let since = |status: &AssignmentStatus| status.risks.iter().map(|risk| risk.since.clone()).collect::<Vec<_>>();
    let first = given(&[risky(without, Some("node-os"))]).status();
    assert_eq!(since(&first), [Time(minute(0))]);
    let more = [
        risky(RiskReason::SegmentationAssumed, Some("node-os")),
        risky(without, Some("node-os")),
        risky(without, Some("node-os")),
        risky(without, Some("control-plane")),
        risky(without, None),
    ];
    let second = given(&more).after(&first, minute(1));
    let expected = [
        (without, None, 1),
        (without, Some("node-os"), 0),
        (without, Some("control-plane"), 1),
        (RiskReason::SegmentationAssumed, Some("node-os"), 1),
    ];
    let seen: Vec<_> =
        second.risks.iter().map(|risk| (risk.reason, risk.layer.as_deref(), risk.since.clone())).collect();
    assert_eq!(seen, expected.map(|(reason, layer, at)| (reason, layer, Time(minute(at)))));
    let gone = given(&[risky(without, None)]).after(&second, minute(2));
    assert_eq!(since(&gone), [Time(minute(1))]);
    let again = given(&[risky(without, Some("node-os"))]).after(&gone, minute(3));
    assert_eq!(since(&again), [Time(minute(3))]);
}

#[test]
fn while_nothing_can_be_said_risks_keep_their_values() {
    let before = Given::namespaced(roll_up([risky(RiskReason::SegmentationAssumed, None)])).status();
    for given in [
        Given::namespaced(RollUp::default()).without_workloads_readable(),
        Given::namespaced(RollUp::default()).not_parsing(),
    ] {
        assert_eq!(given.after(&before, minute(1)).risks, before.risks);
        assert_eq!(given.status().risks, []);
    }
}

#[test]
fn a_status_without_a_risk_has_no_field_for_them() {
    let status = Given::namespaced(roll_up([found(&[("application-code", Duty::Customer, Owned)])])).status();
    assert!(serde_json::to_value(&status).unwrap().get("risks").is_none());
}

// Assignments that list a risk

fn roll_up_of(id: &AssignmentId, found: Evaluation, platform_elsewhere: bool) -> Vec<RiskReason> {
    let all = members([(deployment("shop", "web"), found)]);
    RollUp::new(matrix(), id, &all, platform_elsewhere).risks.into_keys().map(|(reason, _)| reason).collect()
}

#[test]
fn a_risk_of_a_claim_is_told_to_whoever_makes_it_and_to_nobody_else() {
    let claiming = namespaced("claiming").provider(&["application-code"], "aws");
    let found = Workload::under(ServiceModel::Caas).with(claiming.clone()).with(namespaced("other")).evaluate();
    let reasons = |id: &AssignmentId| roll_up_of(id, found.clone(), false);
    assert_eq!(reasons(&claiming.id), [RiskReason::ProviderClaimsCustomerLayer]);
    assert_eq!(reasons(&namespaced("other").id), []);
    assert_eq!(reasons(&cluster("claiming").id), [], "a different assignment with the same name");
}

#[rstest]
#[case::of_a_workload_layer(RiskReason::SegmentationAssumed, Some("network-segmentation"), true)]
#[case::of_a_platform_layer(RiskReason::SegmentationAssumed, Some("node-os"), false)]
#[case::of_no_layer(RiskReason::BlanketProviderAssignment, None, true)]
#[case::of_the_pods_own_doing(RiskReason::HostAccessDefeatsProviderNodes, Some("node-os"), true)]
fn where_cluster_assignments_take_in_the_namespace_it_is_told_of_risks(
    #[case] reason: RiskReason,
    #[case] about: Option<&str>,
    #[case] listed: bool,
) {
    let id = namespaced("shop").id;
    let expected = if listed { vec![reason] } else { vec![] };
    assert_eq!(roll_up_of(&id, risky(reason, about), true), expected);
    assert_eq!(roll_up_of(&id, risky(reason, about), false), [reason]);
}

// Bounds

/// More risks and gaps than fit into a status, in workloads with the longest names.
fn large(gaps: usize) -> RollUp {
    let namespace = "n".repeat(63);
    let layers: Vec<&str> = matrix().layers().map(|(_, layer)| layer.name.as_str()).collect();
    let risks = RiskReason::ALL.iter().flat_map(|reason| layers.iter().map(move |name| (*reason, *name)));
    let risk = |(reason, name): (RiskReason, &str)| Risk {
        reason,
        layer: Some(layer(name)),
        assignment: None,
        subject: Some("p".repeat(63).into()),
    };
    let duties: Vec<_> = layers[..gaps].iter().map(|name| (*name, Duty::Customer, Gap(LayerUnowned))).collect();
    let found = Evaluation { risks: risks.map(risk).collect(), ..found(&duties) };
    let keyed = (0..5).map(|number| (deployment(&namespace, &format!("{number}-{}", "w".repeat(200))), found.clone()));
    added_up(&members(keyed), false)
}

#[test]
fn examples_give_way_then_risks_from_the_end_and_no_row_of_a_gap() {
    let status = Given::cluster(large(22)).status();
    let size = serde_json::to_vec(&status).unwrap().len();
    assert!(size <= STATUS_LIMIT, "{size} bytes");
    let all = i64::try_from(RiskReason::ALL.len() * 22).unwrap();
    let kept = i64::try_from(status.risks.len()).unwrap();
    assert!(kept > 0 && kept < all, "{kept} of {all}");
    assert_eq!(status.truncated, Some(all - kept));
    assert_eq!(status.summary.as_ref().unwrap().risks, all, "the count is of all");
    assert_eq!(status.unowned_layers.len(), 22);
    assert!(status.unowned_layers.iter().all(|row| row.examples.is_empty() && row.omitted == Some(5)));
    assert!(status.risks.iter().all(|risk| risk.examples.is_empty() && risk.omitted == Some(5)));
    let first: Vec<_> = large(0).risks.into_keys().take(status.risks.len()).map(|(reason, _)| reason).collect();
    assert_eq!(status.risks.iter().map(|risk| risk.reason).collect::<Vec<_>>(), first);
}

#[test]
fn a_risk_of_the_assignment_omits_nothing_when_examples_give_way() {
    let review = Risk { reason: RiskReason::ServiceModelContradicted, layer: None, assignment: None, subject: None };
    let status = Given::cluster(large(0).with_assignment_risks(vec![review])).status();
    let of_assignment = &status.risks[0];
    assert_eq!((of_assignment.workloads, of_assignment.omitted), (0, None));
    assert!(status.risks[1].omitted.is_some());
}

/// Risks of an unreviewed assignment, from the object to the row.
#[test]
fn risks_of_an_assignment_and_of_its_workloads_are_in_one_list_by_their_weight() {
    let shop: Assignment =
        namespaced("shop").party("aws", crate::api::Role::Provider).provider(&["storage-platform"], "aws");
    let workload = Workload::under(ServiceModel::Caas).showing(&[LayerTriggers::STORAGE]).with(shop.clone()).evaluate();
    let directory = Directory::default();
    let risks = crate::model::assignment_risks(matrix(), &shop, &directory, 1);
    let roll_up = roll_up([workload]).with_assignment_risks(risks);
    let status = Given::namespaced(roll_up).status();
    let expected = [
        (RiskReason::CustomerDutiesEmpty, None, 0),
        (RiskReason::ProviderClaimWithoutEvidence, Some("storage-platform"), 1),
        (RiskReason::ReviewMissing, None, 0),
    ];
    assert_eq!(rows(&status), expected);
    let reviewed = shop.reviewed(Review::Due(date(2026, 12, 1)));
    let risks = crate::model::assignment_risks(matrix(), &reviewed, &directory, 1);
    let due = risks.iter().find(|risk| risk.reason == RiskReason::ReviewDue).unwrap();
    assert_eq!(due.subject.as_deref(), Some("2026-12-01"));
}

//! `status.summary`.

use rstest::rstest;

use super::Given;
use crate::api::GapReason::{LayerUnowned, OverlappingAssignments, ReviewLapsed, SharedLayerHalfOwned, UnknownParty};
use crate::api::{DutyCounts, Role, Summary};
use crate::matrix::ServiceModel::{Caas, Iaas, OnPremises};
use crate::matrix::{Duty, LayerTriggers, ServiceModel};
use crate::model::evaluation::State::{Assumed, Excepted, Gap, Owned, Unknown};
use crate::model::testing::{Workload, all_layers, found, found_gaps, namespaced, roll_up};
use crate::model::{Catalogue, Evaluation, RollUp};

fn summary(found: impl IntoIterator<Item = Evaluation>) -> Summary {
    Given::namespaced(roll_up(found)).status().summary.unwrap()
}

const fn sum(duties: &DutyCounts) -> i64 {
    let DutyCounts { owned, assumed, excepted, unknown, unowned, invalid, conflicted, lapsed } = *duties;
    owned + assumed + excepted + unknown + unowned + invalid + conflicted + lapsed
}

#[test]
fn each_state_has_its_count() {
    let one = found(&[
        ("access-control", Duty::Customer, Owned),
        ("application-code", Duty::Customer, Gap(LayerUnowned)),
        ("node-os", Duty::Provider, Assumed),
        ("node-os", Duty::Customer, Gap(UnknownParty)),
        ("cloud-network", Duty::Customer, Gap(OverlappingAssignments)),
    ]);
    let other = found(&[
        ("node-os", Duty::Provider, Owned),
        ("node-os", Duty::Customer, Gap(SharedLayerHalfOwned)),
        ("access-control", Duty::Customer, Unknown),
        ("application-code", Duty::Customer, Gap(ReviewLapsed)),
        ("backup-recovery", Duty::Customer, Excepted),
    ]);
    let summary = summary([one.clone(), other, one]);
    let expected = DutyCounts {
        owned: 2 + 1,
        assumed: 2,
        unknown: 1,
        unowned: 2 + 1,
        invalid: 2,
        conflicted: 2,
        lapsed: 1,
        excepted: 1,
    };
    assert_eq!(summary.duties, expected);
    assert_eq!((summary.workloads, summary.layers, summary.unowned_layers), (3, 5, 3));
    assert_eq!(summary.unowned_layer_names.as_deref(), Some("application-code,cloud-network,node-os"));
}

#[test]
fn the_counts_of_the_duties_add_up_to_the_duties_of_all_workloads() {
    let shop = || {
        namespaced("shop")
            .party("team", Role::Customer)
            .customer(&["application-code", "node-os"], "team")
            .provider(&["node-os", "access-control"], "aws")
    };
    let workloads: Vec<Evaluation> = [Some(Caas), Some(OnPremises), Some(ServiceModel::Saas), None]
        .into_iter()
        .flat_map(|model| {
            let plain = Workload::under(model).with(shop());
            let published = plain.clone().showing(&[LayerTriggers::PUBLISHED, LayerTriggers::STORAGE]);
            let contested = plain
                .clone()
                .with(namespaced("other").party("zoe", Role::Customer).customer(&["application-code"], "zoe"));
            [plain, published, contested].map(|workload| workload.evaluate())
        })
        .collect();
    let duties: usize = workloads.iter().map(|found| found.duties.len()).sum();
    let summary = summary(workloads);
    assert_eq!(sum(&summary.duties), i64::try_from(duties).unwrap());
    let DutyCounts { owned, assumed, unknown, unowned, invalid, conflicted, .. } = summary.duties;
    assert!([owned, assumed, unknown, unowned, invalid, conflicted].iter().all(|count| *count > 0));
    assert_eq!(summary.workloads, 12);
}

#[rstest]
#[case::no_workload(&[], None)]
#[case::one_model(&[Some(Caas), Some(Caas)], Some("CaaS"))]
#[case::two_models(&[Some(Caas), Some(Iaas)], Some("Mixed"))]
#[case::none(&[None], Some("Undetermined"))]
#[case::none_for_some(&[Some(Caas), None], Some("Mixed"))]
fn the_model_is_the_one_of_all_workloads(#[case] models: &[Option<ServiceModel>], #[case] expected: Option<&str>) {
    let found = models.iter().map(|model| Workload::under(*model).with(namespaced("shop")).evaluate());
    assert_eq!(summary(found).model.as_deref(), expected);
}

#[test]
fn the_names_of_the_unowned_layers_fit_into_256_characters_and_say_how_many_are_left_out() {
    let names = |layers: &[&str]| {
        let gaps: Vec<_> = layers.iter().map(|layer| (*layer, LayerUnowned)).collect();
        summary([found_gaps(&gaps)]).unowned_layer_names
    };
    let all = all_layers();
    assert_eq!(names(&[]), None);
    assert_eq!(names(&all[..2]).as_deref(), Some("data-classification,data-protection"));
    assert!(names(&all).unwrap().contains(",+"), "22 names are longer");
    for without in 0..all.len() {
        let some = [&all[..without], &all[without + 1..]].concat();
        for count in 1..=some.len() {
            let text = names(&some[..count]).unwrap();
            assert!(text.len() <= 256, "{} characters: {text}", text.len());
            let shown: Vec<&str> = text.split(',').collect();
            let (shown, excluded) = match shown.split_last() {
                Some((last, shown)) if last.starts_with('+') => (shown, last[1..].parse().unwrap()),
                _ => (&shown[..], 0),
            };
            assert_eq!(shown, &some[..shown.len()]);
            assert_eq!(shown.len() + excluded, count);
        }
    }
}

#[test]
fn a_layer_with_gaps_in_both_duties_is_one_unowned_layer() {
    let both = found(&[("node-os", Duty::Provider, Gap(LayerUnowned)), ("node-os", Duty::Customer, Gap(LayerUnowned))]);
    let summary = summary([both, found_gaps(&[("node-os", UnknownParty)])]);
    assert_eq!((summary.layers, summary.unowned_layers), (1, 1));
    assert_eq!(summary.unowned_layer_names.as_deref(), Some("node-os"));
}

#[test]
fn an_assignment_that_selects_nothing_has_a_summary_of_zeros() {
    let status = Given::namespaced(RollUp::default()).status();
    assert_eq!(status.summary, Some(Summary::default()));
    assert!(status.unowned_layers.is_empty());
}

#[test]
fn a_model_of_the_clusters_own_is_shown_by_its_name() {
    let spec = serde_json::json!({ "extends": "ManagedNodes" });
    let definition = crate::model::define("rosa", &serde_json::from_value(spec).unwrap());
    let matrix = std::sync::Arc::new(crate::matrix::Matrix::extended(vec![definition]));
    let model = crate::model::ModelClaim::Known(matrix.find_model("rosa").unwrap());
    let claiming = crate::model::Assignment { model: Some(model), ..crate::model::testing::cluster("platform") };
    let found = Workload::under(None).in_matrix(&matrix).with(claiming).evaluate();
    let given = Given::cluster(roll_up([found]));
    let subject = crate::model::StatusInput {
        id: &given.id,
        generation: Some(1),
        acceptance: &given.acceptance,
        completeness: &given.completeness,
        roll_up: &given.roll_up,
        catalogue: &Catalogue::default(),
        assignment: None,
    };
    let status = crate::model::status(&matrix, &subject, &crate::api::AssignmentStatus::default(), super::minute(0));
    assert_eq!(status.summary.unwrap().model.as_deref(), Some("rosa"));
}

/// Counts that decide which missing inputs matter. They count workloads, not evaluations.
#[test]
fn workloads_that_depend_on_nodes_or_on_own_models_are_counted() {
    let mut depending = found_gaps(&[]);
    depending.model.from_nodes = true;
    depending.model.uses_custom_model = true;
    let total = roll_up([depending.clone(), depending, found_gaps(&[])]);
    assert_eq!((total.workloads, total.from_nodes, total.uses_custom_model), (3, 2, 2));
}

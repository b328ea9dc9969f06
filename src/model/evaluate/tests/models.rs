//! Layers of a workload, and its service model.

use rstest::rstest;

use crate::api::GapReason::LayerUnowned;
use crate::api::Role;
use crate::matrix::ServiceModel::{Caas, Iaas, ManagedNodes, OnPremises, Paas, Saas};
use crate::matrix::{Duty, LayerSet, LayerTriggers, ModelSet, Owed, ServiceModel};
use crate::model::Assignment;
use crate::model::evaluation::State::{self, Gap, Owned, Unknown};
use crate::model::evaluation::{DutyState, Evaluation};
use crate::model::testing::{Workload, cluster, layers, matrix, names, namespaced};

const EVERYWHERE: [&str; 5] =
    ["data-classification", "user-accounts", "access-control", "client-devices", "workload-configuration"];

const EVERY_SIGNAL: [LayerTriggers; 5] = [
    LayerTriggers::STORAGE,
    LayerTriggers::SECRETS,
    LayerTriggers::EXTERNAL_SERVICES,
    LayerTriggers::PUBLISHED,
    LayerTriggers::HOST_NETWORK,
];

/// A workload that has all 22 layers.
fn with_every_layer(default: impl Into<Option<ServiceModel>>) -> Workload {
    Workload::under(default).showing(&EVERY_SIGNAL).with(namespaced("devices").declaring(&["client-devices"]))
}

fn models(evaluation: &Evaluation) -> Vec<ServiceModel> {
    evaluation.model.models.ids().map(|model| ServiceModel::ALL[model.index()]).collect()
}

/// Evaluated duties, by layer.
fn evaluated(evaluation: &Evaluation) -> Owed {
    Owed { provider: evaluation.layers_owing(Duty::Provider), customer: evaluation.layers_owing(Duty::Customer) }
}

fn union(models: &[ServiceModel]) -> Owed {
    models.iter().fold(Owed::default(), |all, model| all.union(matrix().owed(*model)))
}

#[test]
fn the_duties_owed_are_those_of_the_model() {
    for model in ServiceModel::ALL {
        let evaluation = with_every_layer(model).evaluate();
        assert_eq!(models(&evaluation), [model]);
        assert_eq!(evaluated(&evaluation), matrix().owed(model), "{model}");
    }
}

/// Cluster assignments, and the models whose duties are owed. The default is `CaaS`.
#[rstest]
#[case::none_leaves_the_default(&[], &[Caas])]
#[case::one_that_claims_nothing_leaves_the_default(&[cluster("a")], &[Caas])]
#[case::one_replaces_it_by_more(&[cluster("a").with_model(OnPremises)], &[OnPremises])]
#[case::one_replaces_it_by_less(&[cluster("a").with_model(Saas)], &[Saas])]
#[case::several_at_the_same_rank_are_a_union(
    &[cluster("a").with_model(ManagedNodes), cluster("b").with_model(Iaas)],
    &[Iaas, ManagedNodes]
)]
#[case::a_namespace_selector_outranks_none(
    &[cluster("a").with_model(OnPremises), cluster("b").with_namespace_selector().with_model(Paas)],
    &[Paas]
)]
#[case::a_selector_outranks_a_namespace_selector(
    &[
        cluster("a").with_namespace_selector().with_model(Paas),
        cluster("b").with_selector().with_model(Iaas),
        cluster("c").with_model(OnPremises),
    ],
    &[Iaas]
)]
#[case::a_higher_rank_that_claims_nothing_does_not_count(
    &[cluster("a").with_model(Paas), cluster("b").with_selector()],
    &[Paas]
)]
#[case::a_name_that_is_not_found_has_no_effect(&[cluster("a").with_model_not_found()], &[Caas])]
#[case::a_higher_rank_that_is_not_found_has_no_effect(
    &[cluster("a").with_model(Paas), cluster("b").with_selector().with_model_not_found()],
    &[Paas]
)]
fn a_claim_of_the_cluster_replaces_the_default(#[case] assignments: &[Assignment], #[case] expected: &[ServiceModel]) {
    let workload = assignments.iter().fold(with_every_layer(Caas), |workload, a| workload.with(a.clone()));
    let evaluation = workload.evaluate();
    assert_eq!(models(&evaluation), expected);
    assert_eq!(evaluated(&evaluation), union(expected));
}

#[test]
fn a_claim_of_the_cluster_determines_the_model_where_there_is_no_default() {
    let evaluation = with_every_layer(None).with(cluster("a").with_model(Paas)).evaluate();
    assert_eq!(evaluated(&evaluation), matrix().owed(Paas));
}

#[rstest]
fn a_claim_in_a_namespace_adds_its_customer_duties_and_nothing_else(
    #[values(OnPremises, Iaas, Caas, ManagedNodes, Paas, Saas)] found: ServiceModel,
    #[values(OnPremises, Iaas, Caas, ManagedNodes, Paas, Saas)] claimed: ServiceModel,
    #[values(true, false)] by_cluster: bool,
) {
    let determined = if by_cluster {
        with_every_layer(None).with(cluster("platform").with_model(found))
    } else {
        with_every_layer(found)
    };
    let claiming = namespaced("claiming").with_selector().with_model(claimed);
    let owed = evaluated(&determined.with(claiming).evaluate());
    assert_eq!(owed.provider, matrix().owed(found).provider);
    assert_eq!(owed.customer, union(&[found, claimed]).customer);
}

#[test]
fn the_models_name_a_namespaced_claim_only_where_it_adds_something() {
    let claiming = |model| models(&with_every_layer(Caas).with(namespaced("a").with_model(model)).evaluate());
    assert_eq!(claiming(Saas), [Caas]);
    assert_eq!(claiming(OnPremises), [OnPremises, Caas]);
}

#[test]
fn the_models_named_do_not_depend_on_the_order_of_namespaced_claims() {
    let [more, less] = [namespaced("more").with_model(OnPremises), namespaced("less").with_model(Caas)];
    let of = |one: &Assignment, other: &Assignment| {
        models(&with_every_layer(Saas).with(one.clone()).with(other.clone()).evaluate())
    };
    assert_eq!(of(&more, &less), [OnPremises, Caas, Saas]);
    assert_eq!(of(&less, &more), [OnPremises, Caas, Saas]);
}

/// Namespaced assignments, and the models that apply if nothing else determines one.
#[rstest]
#[case::one(&[namespaced("a").with_model(ManagedNodes)], &[ManagedNodes])]
#[case::several_at_the_same_rank(&[namespaced("a").with_model(Saas), namespaced("b").with_model(Iaas)], &[Iaas, Saas])]
#[case::beside_one_of_the_cluster_that_claims_nothing(
    &[namespaced("a").with_model(Caas), cluster("b")],
    &[Caas]
)]
#[case::beside_one_of_the_cluster_that_is_not_found(
    &[namespaced("a").with_model(Caas), cluster("b").with_model_not_found()],
    &[Caas]
)]
fn a_claim_in_a_namespace_is_taken_where_nothing_else_tells(
    #[case] assignments: &[Assignment],
    #[case] expected: &[ServiceModel],
) {
    let workload = assignments.iter().fold(with_every_layer(None), |workload, a| workload.with(a.clone()));
    let evaluation = workload.evaluate();
    assert_eq!(models(&evaluation), expected);
    assert_eq!(evaluated(&evaluation), union(expected));
}

#[rstest]
#[case::none(&[namespaced("a").with_model(Caas), cluster("b").with_model(Caas)], false)]
#[case::of_a_namespace(&[namespaced("a").with_model_not_found()], false)]
#[case::of_the_cluster(&[cluster("a").with_model_not_found()], true)]
#[case::of_the_cluster_beside_one_that_is_found(
    &[cluster("a").with_model_not_found(), cluster("b").with_selector().with_model(Caas)],
    true
)]
fn a_model_that_is_not_found_makes_the_workload_uncertain_when_the_cluster_names_it(
    #[case] assignments: &[Assignment],
    #[case] expected: bool,
) {
    let workload = assignments.iter().fold(Workload::under(Caas), |workload, a| workload.with(a.clone()));
    assert_eq!(workload.evaluate().model.not_found, expected);
}

#[rstest]
#[case::nothing_claims_one(namespaced("shop"))]
#[case::the_claim_is_not_found(namespaced("shop").with_model_not_found())]
fn under_an_unknown_model_only_what_is_the_customers_everywhere_is_evaluated(#[case] shop: Assignment) {
    let shop = shop
        .party("team", Role::Customer)
        .party("aws", Role::Provider)
        .customer(&["access-control", "application-code"], "team")
        .provider(&["physical-infrastructure", "node-os"], "aws");
    let evaluation = with_every_layer(None).with(shop).evaluate();
    assert!(evaluation.model.is_undetermined());
    assert_eq!(evaluation.duties.len(), 22, "one duty for each layer");
    assert_eq!(evaluation.layers_owing(Duty::Provider), LayerSet::empty());
    let judged: Vec<&DutyState> = evaluation.duties.iter().filter(|found| found.state != Unknown).collect();
    assert_eq!(names(judged.iter().map(|found| found.layer)), EVERYWHERE);
    for found in judged {
        let expected = if layers(&["access-control"]).has(found.layer) { Owned } else { Gap(LayerUnowned) };
        assert_eq!(found.state, expected, "{:?}", names([found.layer]));
    }
}

#[test]
fn under_a_known_model_nothing_is_unknown() {
    for model in ServiceModel::ALL {
        let evaluation = with_every_layer(model).evaluate();
        assert_eq!(evaluation.layers_in(State::Unknown), Vec::<&str>::new());
    }
}

#[test]
fn a_workload_has_the_layers_that_its_signals_show() {
    for model in [Some(Caas), None] {
        let evaluation = Workload::under(model).showing(&[LayerTriggers::SECRETS]).evaluate();
        let expected = matrix().present(LayerTriggers::SECRETS, ModelSet::empty(), LayerSet::empty());
        assert_eq!(evaluation.layers(), expected);
    }
}

#[rstest]
#[case::in_the_namespace(namespaced("declaring"))]
#[case::in_the_cluster(cluster("declaring"))]
fn a_layer_is_declared_by_any_assignment_that_selects_the_workload(#[case] declaring: Assignment) {
    let declaring = declaring.declaring(&["client-devices", "external-services"]);
    let workload = Workload::under(Caas).with(namespaced("shop"));
    let added = |workload: Workload| workload.evaluate().layers().difference(Workload::under(Caas).evaluate().layers());
    assert_eq!(added(workload.clone().with(declaring.clone())), layers(&["client-devices", "external-services"]));
    assert_eq!(added(workload.beside(declaring)), LayerSet::empty(), "it does not select the workload");
}

#[test]
fn naming_a_layer_in_duties_declares_nothing() {
    let naming =
        cluster("preset").party("aws", Role::Provider).provider(&["client-devices", "storage-platform"], "aws");
    assert_eq!(Workload::under(Caas).with(naming).evaluate().layers(), Workload::under(Caas).evaluate().layers());
}

#[test]
fn duties_are_listed_in_matrix_order_the_providers_first() {
    let evaluation = with_every_layer(Caas).evaluate();
    assert!(evaluation.duties.is_sorted_by_key(|found| (found.layer, found.duty)));
    assert!(Duty::Provider < Duty::Customer);
}

/// A result without a service model, or with one that does not exist, is not certain.
#[test]
fn an_evaluation_is_certain_only_where_nothing_is_unknown() {
    let certain = |workload: Workload| workload.evaluate().is_certain();
    let shop = || namespaced("shop").customer(&["application-code"], "team");
    assert!(certain(Workload::under(Caas).with(shop())));
    assert!(!certain(Workload::under(None).with(shop())));
    assert!(!certain(Workload::under(Caas).with(cluster("own").with_model_not_found())));
}

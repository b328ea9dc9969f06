//! Service models from nodes, configuration and claims.

use rstest::rstest;

use crate::api::RiskReason::{ServiceModelContradicted, ServiceModelSelfDeclared};
use crate::facts::{Requirement, Selector};
use crate::matrix::ServiceModel::{self, Caas, Iaas, ManagedNodes, OnPremises, Saas};
use crate::matrix::{Duty, LayerSet, LayerTriggers, ModelSet, Owed, Plane};
use crate::model::Assignment;
use crate::model::evaluation::{Evaluation, State};
use crate::model::testing::{Workload, cluster, matrix, names, namespaced};

const EVERY_SIGNAL: [LayerTriggers; 5] = [
    LayerTriggers::STORAGE,
    LayerTriggers::SECRETS,
    LayerTriggers::EXTERNAL_SERVICES,
    LayerTriggers::PUBLISHED,
    LayerTriggers::HOST_NETWORK,
];

/// A workload with all 22 layers and default settings.
fn with_every_layer() -> Workload {
    Workload::under(None).showing(&EVERY_SIGNAL).with(namespaced("devices").declaring(&["client-devices"]))
}

fn owed(evaluation: &Evaluation) -> Owed {
    Owed { provider: evaluation.layers_owing(Duty::Provider), customer: evaluation.layers_owing(Duty::Customer) }
}

fn union(models: &[ServiceModel]) -> Owed {
    models.iter().fold(Owed::default(), |all, model| all.union(matrix().owed(*model)))
}

fn of_plane(plane: Plane) -> LayerSet {
    matrix().layers().filter(|(_, layer)| layer.plane == plane).map(|(id, _)| id).collect()
}

fn set(models: &[ServiceModel]) -> ModelSet {
    models.iter().copied().collect()
}

#[rstest]
#[case::one(&[Iaas])]
#[case::two(&[OnPremises, Iaas])]
#[case::managed_ones(&[Caas, ManagedNodes])]
fn the_duties_are_the_union_over_the_models_of_the_nodes(#[case] nodes: &[ServiceModel]) {
    let evaluation = with_every_layer().on_nodes(nodes).evaluate();
    assert_eq!(owed(&evaluation), union(nodes));
    assert_eq!(evaluation.model.models, set(nodes));
    assert!(evaluation.model.from_nodes);
}

#[test]
fn nodes_count_and_the_default_does_not_where_all_of_them_show_something() {
    let evaluation = with_every_layer().configured(|settings| settings.default_model = Some(OnPremises));
    assert_eq!(owed(&evaluation.on_nodes(&[ManagedNodes]).evaluate()), union(&[ManagedNodes]));
}

/// Two Auto Mode nodes and a self-managed one: both duties of node-os are owed.
#[test]
fn a_layer_that_one_node_gives_to_the_provider_and_another_to_the_customer_owes_both_duties() {
    let mixed = with_every_layer().beside_managed_nodes().on_nodes(&[ManagedNodes, Iaas]);
    assert_eq!(mixed.duties_of("node-os"), [Duty::Provider, Duty::Customer]);
    let pinned = with_every_layer().beside_managed_nodes().on_nodes(&[ManagedNodes]);
    assert_eq!(pinned.duties_of("node-os"), [Duty::Provider]);
}

/// With a managed control plane, the customer does not run etcd, even on its own machines.
#[rstest]
fn with_a_managed_control_plane_the_layers_of_its_plane_take_caas(
    #[values(
        &[OnPremises], &[Iaas], &[OnPremises, Iaas], &[OnPremises, Caas], &[OnPremises, ManagedNodes], &[ManagedNodes],
        &[Caas]
    )]
    nodes: &[ServiceModel],
    #[values(true, false)] by_configuration: bool,
) {
    let workload = with_every_layer().on_nodes(nodes);
    let workload = if by_configuration {
        workload.configured(|settings| settings.managed_control_plane = true)
    } else {
        workload.beside_managed_nodes()
    };
    let found = owed(&workload.evaluate());
    let raised: Vec<ServiceModel> =
        nodes.iter().map(|model| if [OnPremises, Iaas].contains(model) { Caas } else { *model }).collect();
    let cluster = of_plane(Plane::Cluster);
    assert_eq!(found.intersection(cluster), union(&raised).intersection(cluster));
    for plane in [Plane::Node, Plane::Workload] {
        assert_eq!(found.intersection(of_plane(plane)), union(nodes).intersection(of_plane(plane)), "{plane:?}");
    }
    assert_eq!(workload.duties_of("control-plane"), [Duty::Provider, Duty::Customer]);
}

/// EKS node group and hybrid nodes.
#[test]
fn hybrid_nodes_own_their_hardware_and_share_the_control_plane() {
    let hybrid = with_every_layer().beside_managed_nodes().on_nodes(&[Caas, OnPremises]);
    for layer in ["physical-infrastructure", "node-os", "control-plane"] {
        assert_eq!(hybrid.duties_of(layer), [Duty::Provider, Duty::Customer], "{layer}");
    }
    let alone = with_every_layer().beside_managed_nodes().on_nodes(&[OnPremises]);
    assert_eq!(alone.duties_of("physical-infrastructure"), [Duty::Customer]);
    assert_eq!(alone.duties_of("control-plane"), [Duty::Provider, Duty::Customer]);
}

#[test]
fn a_claim_of_the_cluster_is_taken_as_it_is_whatever_runs_the_control_plane() {
    let claimed = with_every_layer().beside_managed_nodes().on_nodes(&[Caas]).with(cluster("a").with_model(OnPremises));
    let evaluation = claimed.evaluate();
    assert_eq!(owed(&evaluation), union(&[OnPremises]));
    assert!(!evaluation.model.from_nodes);
}

// Nodes without a model

#[rstest]
#[case::no_nodes(with_every_layer())]
#[case::one_that_shows_nothing(with_every_layer().on_unknown_node())]
#[case::one_of_several(with_every_layer().on_nodes(&[Caas]).beside_managed_nodes().on_unknown_node())]
fn without_a_default_nothing_can_be_said(#[case] workload: Workload) {
    let evaluation = workload.evaluate();
    assert!(evaluation.model.is_undetermined());
    assert_eq!(
        evaluation.layers_in(State::Unknown).len(),
        17,
        "one duty for each layer that is not always the customer's"
    );
    assert_eq!(evaluation.duties.len(), 22);
    assert!(evaluation.model.from_nodes, "it would be another with other nodes");
}

#[rstest]
#[case::no_nodes(Workload::under(Iaas), &[Iaas])]
#[case::one_that_shows_nothing(Workload::under(Iaas).on_unknown_node(), &[Iaas])]
#[case::one_of_several(Workload::under(Iaas).on_nodes(&[OnPremises]).on_unknown_node(), &[OnPremises, Iaas])]
fn the_default_stands_for_each_node_that_shows_nothing(#[case] workload: Workload, #[case] models: &[ServiceModel]) {
    let evaluation = workload.evaluate();
    assert_eq!(evaluation.model.models, set(models));
    assert_eq!(evaluation.layers_in(State::Unknown), Vec::<&str>::new());
}

#[test]
fn a_claim_of_the_cluster_needs_no_nodes() {
    let claimed = with_every_layer().on_nodes(&[Caas]).on_unknown_node().with(cluster("a").with_model(ManagedNodes));
    assert_eq!(owed(&claimed.evaluate()), union(&[ManagedNodes]));
}

// Claims that contradict the nodes

/// Layers for which the customer owes duties under `ManagedNodes` but not under `SaaS`.
const TAKEN_BY_SAAS: [&str; 7] = [
    "application-code",
    "image-supply-chain",
    "network-segmentation",
    "network-exposure",
    "cloud-network",
    "control-plane",
    "storage-platform",
];

fn listed(workload: &Workload, assignment: &Assignment) -> Vec<String> {
    workload.listed_risks(&assignment.id, ServiceModelContradicted).into_iter().flatten().collect()
}

/// Returns a cluster assignment that claims `SaaS` for the workloads with a label that a tenant writes.
fn saas_by_label() -> Assignment {
    let selector = Selector::new(vec![Requirement::Exists("saas".to_owned())]);
    Assignment { selector, ..cluster("saas").with_model(Saas) }
}

#[test]
fn a_label_that_selects_a_claim_with_fewer_duties_than_the_default_is_a_risk() {
    let workload =
        with_every_layer().configured(|settings| settings.default_model = Some(ManagedNodes)).with(saas_by_label());
    assert_eq!(listed(&workload, &saas_by_label()), TAKEN_BY_SAAS);
    let some_nodes = with_every_layer().on_nodes(&[ManagedNodes]).on_unknown_node().with(saas_by_label());
    assert_eq!(listed(&some_nodes, &saas_by_label()), TAKEN_BY_SAAS, "one node shows its model");
}

#[test]
fn a_label_that_selects_a_claim_with_fewer_duties_than_the_claim_for_all_workloads_is_a_risk() {
    let base = cluster("base").with_model(ManagedNodes);
    let workload = with_every_layer().with(base.clone()).with(saas_by_label());
    assert_eq!(listed(&workload, &saas_by_label()), TAKEN_BY_SAAS);
    let alone = with_every_layer().with(saas_by_label());
    assert_eq!(listed(&alone, &saas_by_label()), Vec::<String>::new(), "nothing else shows a model");
    let same = Assignment { model: base.model.clone(), ..saas_by_label() };
    assert_eq!(listed(&with_every_layer().with(base).with(same.clone()), &same), Vec::<String>::new());
}

#[rstest]
#[case::of_a_namespace(namespaced("claiming").with_model(Saas))]
#[case::of_the_cluster(cluster("claiming").with_model(Saas))]
fn a_claim_that_takes_customer_duties_away_is_told_which(#[case] claiming: Assignment) {
    let before = with_every_layer().on_nodes(&[ManagedNodes]);
    let workload = before.clone().with(claiming.clone());
    assert_eq!(listed(&workload, &claiming), TAKEN_BY_SAAS);
    assert_eq!(
        listed(&workload, &namespaced("devices")),
        Vec::<String>::new(),
        "an assignment without the claim does not list it"
    );
    let expected = if claiming.id.is_cluster() { union(&[Saas]) } else { union(&[ManagedNodes]) };
    assert_eq!(owed(&workload.evaluate()), expected);
}

#[test]
fn only_layers_that_the_workload_has_are_named() {
    let claiming = namespaced("claiming").with_model(Saas);
    let workload = Workload::under(None).on_nodes(&[ManagedNodes]).with(claiming.clone());
    let absent = ["network-exposure", "storage-platform"];
    let expected: Vec<&str> = TAKEN_BY_SAAS.into_iter().filter(|layer| !absent.contains(layer)).collect();
    assert_eq!(listed(&workload, &claiming), expected);
}

#[rstest]
#[case::the_same(namespaced("claiming").with_model(ManagedNodes))]
#[case::more(namespaced("claiming").with_model(OnPremises))]
#[case::more_by_the_cluster(cluster("claiming").with_model(Caas))]
#[case::nothing(namespaced("claiming"))]
fn a_claim_that_takes_nothing_away_is_no_contradiction(#[case] claiming: Assignment) {
    let workload = with_every_layer().on_nodes(&[ManagedNodes]).with(claiming.clone());
    assert_eq!(listed(&workload, &claiming), Vec::<String>::new());
}

/// A claim of a cluster assignment does not contradict the configured default.
#[test]
fn a_claim_of_the_cluster_does_not_contradict_a_default_and_one_of_a_namespace_does() {
    for (claiming, contradicts) in [(cluster("a").with_model(Saas), false), (namespaced("a").with_model(Saas), true)] {
        let workload = Workload::under(ManagedNodes).with(claiming.clone());
        assert_eq!(!listed(&workload, &claiming).is_empty(), contradicts, "{}", claiming.id);
    }
}

#[test]
fn a_claim_in_a_namespace_contradicts_what_the_cluster_claims() {
    let claiming = namespaced("claiming").with_model(Saas);
    let workload = with_every_layer().with(cluster("platform").with_model(ManagedNodes)).with(claiming.clone());
    assert_eq!(listed(&workload, &claiming), TAKEN_BY_SAAS);
    assert_eq!(listed(&workload, &cluster("platform")), Vec::<String>::new());
}

#[test]
fn a_claim_that_does_not_count_is_no_contradiction() {
    let low = cluster("low").with_model(Saas);
    let high = cluster("high").with_selector().with_model(ManagedNodes);
    let workload = with_every_layer().on_nodes(&[ManagedNodes]).with(low.clone()).with(high);
    assert_eq!(listed(&workload, &low), Vec::<String>::new());
}

/// Workloads for which the claim of a namespaced assignment applies to nodes without a model.
#[rstest]
#[case::nothing_tells(with_every_layer(), &[Saas])]
#[case::no_node_tells(with_every_layer().on_unknown_node(), &[Saas])]
#[case::some_nodes_tell(with_every_layer().on_nodes(&[Caas]).on_unknown_node(), &[Caas, Saas])]
fn a_claim_in_a_namespace_stands_for_nodes_that_show_nothing(
    #[case] workload: Workload,
    #[case] models: &[ServiceModel],
) {
    let claiming = namespaced("claiming").with_model(Saas);
    let workload = workload.with(claiming.clone());
    assert_eq!(owed(&workload.evaluate()), union(models));
    assert_eq!(workload.evaluate().model.models, set(models));
    assert_eq!(workload.listed_risks(&claiming.id, ServiceModelSelfDeclared), [None]);
    let contradicted = !listed(&workload, &claiming).is_empty();
    assert_eq!(contradicted, models.len() == 2, "what the other nodes show stays owed");
}

#[rstest]
#[case::nodes_tell(with_every_layer().on_nodes(&[Caas]))]
#[case::the_default_tells(Workload::under(Caas))]
#[case::the_cluster_tells(with_every_layer().with(cluster("platform").with_model(Caas)))]
fn a_claim_beside_something_that_tells_is_not_self_declared(#[case] workload: Workload) {
    let claiming = namespaced("claiming").with_model(Saas);
    let workload = workload.with(claiming.clone());
    assert_eq!(workload.listed_risks(&claiming.id, ServiceModelSelfDeclared), []);
}

#[test]
fn the_layers_that_are_the_customers_everywhere_are_judged_on_unknown_nodes() {
    let evaluation = with_every_layer().on_unknown_node().evaluate();
    let judged = evaluation.duties.iter().filter(|found| found.state != State::Unknown).map(|found| found.layer);
    assert_eq!(
        names(judged),
        ["data-classification", "user-accounts", "access-control", "client-devices", "workload-configuration"]
    );
}

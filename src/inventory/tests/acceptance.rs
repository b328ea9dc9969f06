//! Tests of the model's examples: from objects to gaps, risks and conditions.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::build::{
    cluster, facts_of, inventory_under, itself, key, load_balancer, named, namespaced, node, on_nodes, showing, written,
};
use super::generate::days_from_today;
use crate::api::GapReason::{
    AgreementMissing, LayerUnowned, NotAccepted, NotTransferable, ReviewLapsed, SharedLayerHalfOwned,
};
use crate::api::{AssignmentStatus, GapReason, RiskReason};
use crate::facts::{AssignmentId, Delta, NodeFacts, ServiceFacts, WorkloadFacts, WorkloadKey};
use crate::inventory::{ChangeSet, Inventory};
use crate::matrix::{Duty, LayerTriggers, Matrix, ServiceModel};
use crate::model::{Completeness, DutyState, RollUp, State, StatusInput, status};

/// Sorts layers in the order of the matrix.
pub(super) fn in_order(layers: &[&str]) -> Vec<String> {
    let of_matrix = Matrix::built_in().layers().map(|(_, layer)| layer.name.clone());
    let sorted: Vec<String> = of_matrix.filter(|name| layers.contains(&name.as_str())).collect();
    assert_eq!(sorted.len(), layers.len(), "a layer is unknown or twice: {layers:?}");
    sorted
}

/// Returns the layer of each duty that `wanted` accepts, in the order of the matrix.
pub(super) fn layers_of(inventory: &Inventory, key: &WorkloadKey, wanted: impl Fn(&DutyState) -> bool) -> Vec<String> {
    let found = super::shown::evaluations(inventory).remove(key).unwrap_or_else(|| panic!("{key} was not evaluated"));
    let duties = found.duties.iter().filter(|duty| wanted(duty));
    duties.map(|duty| inventory.matrix().layer(duty.layer).name.clone()).collect()
}

pub(super) fn in_state(inventory: &Inventory, key: &WorkloadKey, state: State) -> Vec<String> {
    layers_of(inventory, key, |duty| duty.state == state)
}

/// Returns the layers of a workload.
pub(super) fn layers(inventory: &Inventory, key: &WorkloadKey) -> Vec<String> {
    let mut layers = layers_of(inventory, key, |_| true);
    layers.dedup();
    layers
}

/// Returns the layers of its gaps by reason.
pub(super) fn gaps(inventory: &Inventory, key: &WorkloadKey) -> BTreeMap<GapReason, Vec<String>> {
    let reasons = GapReason::ALL.iter().map(|reason| (*reason, in_state(inventory, key, State::Gap(*reason))));
    reasons.filter(|(_, layers)| !layers.is_empty()).collect()
}

/// Returns the layers of the risks of an assignment by reason. The list is empty for a risk without a layer.
pub(super) fn risks(inventory: &Inventory, id: &AssignmentId) -> BTreeMap<RiskReason, Vec<String>> {
    let mut risks: BTreeMap<RiskReason, Vec<String>> = BTreeMap::new();
    for (reason, layer) in roll_up(inventory, id).risks.into_keys() {
        let layers = risks.entry(reason).or_default();
        layers.extend(layer.map(|layer| inventory.matrix().layer(layer).name.clone()));
    }
    risks
}

pub(super) fn roll_up(inventory: &Inventory, id: &AssignmentId) -> RollUp {
    inventory.roll_up(id).unwrap()
}

/// Returns a party with a contact.
pub(super) fn party(name: &str, role: &str) -> Value {
    json!({ "name": name, "role": role, "contact": { "escalation": "#oncall" } })
}

/// Returns the status and the reason of the condition `Covered`.
fn covered(inventory: &Inventory, id: &AssignmentId) -> (String, String) {
    let assignment = inventory.assignment(id).unwrap();
    let subject = StatusInput {
        id,
        generation: Some(1),
        acceptance: &assignment.acceptance(),
        completeness: &Completeness::default(),
        roll_up: &roll_up(inventory, id),
        catalogue: inventory.catalogue(),
        assignment: Some(assignment),
    };
    let status = status(inventory.matrix(), &subject, &AssignmentStatus::default(), jiff::Timestamp::UNIX_EPOCH);
    let condition = status.conditions.into_iter().find(|condition| condition.type_ == "Covered").unwrap();
    (condition.status, condition.reason)
}

fn web() -> WorkloadKey {
    key("Deployment", "shop", "web")
}

fn shop() -> AssignmentId {
    namespaced("shop", "shop")
}

fn everything() -> Vec<&'static str> {
    Matrix::built_in().layers().map(|(_, layer)| layer.name.as_str()).collect()
}

/// Returns an index of managed Kubernetes with a Deployment that uses a PVC, a Secret and the variable `DATABASE_URL`,
/// and with a LoadBalancer Service.
fn full(assignment: Value) -> Inventory {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let facts = showing("web", &[LayerTriggers::STORAGE, LayerTriggers::SECRETS, LayerTriggers::EXTERNAL_SERVICES]);
    inventory.apply(itself(web(), facts));
    inventory.apply(Delta::Service(named("shop", "web"), Some(load_balancer("web"))));
    inventory.apply(written(&shop(), assignment));
    inventory
}

#[test]
fn the_provider_handles_everything() {
    let inventory = full(json!({
        "declares": ["client-devices"],
        "parties": [party("aws", "Provider")],
        "duties": [{ "layers": everything(), "provider": "aws" }],
    }));
    let not_transferable = in_order(&[
        "data-classification",
        "data-protection",
        "user-accounts",
        "access-control",
        "client-devices",
        "workload-configuration",
    ]);
    let no_agreement = in_order(&[
        "application-code",
        "image-supply-chain",
        "network-segmentation",
        "cloud-network",
        "backup-recovery",
    ]);
    let half_owned = in_order(&[
        "identity-infrastructure",
        "secrets-and-keys",
        "network-exposure",
        "platform-runtime",
        "node-os",
        "control-plane",
        "storage-platform",
        "logging-detection",
        "incident-response",
        "external-services",
    ]);
    let expected = BTreeMap::from([
        (NotTransferable, not_transferable.clone()),
        (AgreementMissing, no_agreement.clone()),
        (SharedLayerHalfOwned, half_owned.clone()),
    ]);
    assert_eq!(gaps(&inventory, &web()), expected);
    assert_eq!(roll_up(&inventory, &shop()).unowned_layers().len(), 21);
    assert_eq!(covered(&inventory, &shop()), ("False".to_owned(), "GapsFound".to_owned()));
    let owned = in_state(&inventory, &web(), State::Owned);
    assert_eq!(owned.len(), 11);
    assert!(owned.contains(&"physical-infrastructure".to_owned()));
    let mut claimed = [not_transferable, no_agreement].concat();
    claimed.sort_by_key(|name| Matrix::built_in().find(name));
    let expected = BTreeMap::from([
        (RiskReason::BlanketProviderAssignment, vec![]),
        (RiskReason::CustomerDutiesEmpty, vec![]),
        (RiskReason::ProviderClaimsCustomerLayer, claimed),
        (RiskReason::ProviderClaimWithoutEvidence, owned),
        (RiskReason::ReviewMissing, vec![]),
    ]);
    assert_eq!(risks(&inventory, &shop()), expected);
}

#[test]
fn a_team_holds_every_customer_duty_and_nobody_speaks_of_the_provider() {
    let inventory = full(json!({
        "declares": ["client-devices"],
        "parties": [party("team", "Customer")],
        "duties": [{ "layers": everything(), "customer": "team" }],
        "review": { "lastAt": "2026-11-01" },
    }));
    assert_eq!(gaps(&inventory, &web()), BTreeMap::new());
    let found = roll_up(&inventory, &shop());
    assert_eq!((found.duties.owned, found.duties.assumed, found.listed_assumed), (21, 11, 11));
    assert_eq!(covered(&inventory, &shop()), ("True".to_owned(), "CoveredByAssumption".to_owned()));
    let expected = BTreeMap::from([
        (RiskReason::CustomerClaimsProviderLayer, in_order(&["physical-infrastructure"])),
        (RiskReason::Unacknowledged, vec![]),
    ]);
    assert_eq!(risks(&inventory, &shop()), expected);
}

#[test]
fn a_load_balancer_that_is_added_later_brings_four_layers_with_gaps() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(web(), facts_of("web")));
    inventory.apply(written(&shop(), json!({})));
    let before = layers(&inventory, &web());
    assert_eq!(before.len(), 13);
    let changed = inventory.apply(Delta::Service(named("shop", "web"), Some(load_balancer("web"))));
    assert!(changed.assignments.contains(&shop()));
    let added: Vec<String> = layers(&inventory, &web()).into_iter().filter(|layer| !before.contains(layer)).collect();
    let expected = in_order(&["network-exposure", "user-accounts", "identity-infrastructure", "data-protection"]);
    assert_eq!(added, expected);
    let unowned = &gaps(&inventory, &web())[&LayerUnowned];
    assert!(expected.iter().all(|layer| unowned.contains(layer)), "{unowned:?}");
}

#[test]
fn a_service_that_opens_no_way_in_brings_nothing() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(web(), facts_of("web")));
    inventory.apply(written(&shop(), json!({})));
    let service = ServiceFacts { published: false, ..load_balancer("web") };
    inventory.apply(Delta::Service(named("shop", "web"), Some(service)));
    assert_eq!(layers(&inventory, &web()).len(), 13);
}

// Nodes

fn joined(nodes: &[(&str, NodeFacts)]) -> Inventory {
    let mut inventory = inventory_under(None);
    for (name, facts) in nodes {
        inventory.apply(Delta::Node((*name).into(), Some(facts.clone())));
    }
    inventory.apply(written(&shop(), json!({})));
    inventory
}

fn auto() -> NodeFacts {
    node(&[("eks.amazonaws.com/compute-type", "auto")])
}

fn duties_of(inventory: &Inventory, name: &str) -> Vec<Duty> {
    let found = super::shown::evaluations(inventory).remove(&web()).unwrap();
    let layer = Matrix::built_in().find(name).unwrap();
    found.duties.iter().filter(|duty| duty.layer == layer).map(|duty| duty.duty).collect()
}

#[test]
fn on_nodes_of_both_kinds_the_node_os_owes_both_duties_and_on_those_of_the_provider_its_own() {
    let own = NodeFacts { provider_id: "aws:///eu-central-1a/i-1".into(), ..NodeFacts::default() };
    let mut inventory = joined(&[("auto-1", auto()), ("auto-2", auto()), ("own", own)]);
    let placed = |shows: &[(&str, &str)]| WorkloadFacts { placement: on_nodes(shows), ..facts_of("web") };
    inventory.apply(itself(web(), placed(&[])));
    assert_eq!(duties_of(&inventory, "node-os"), [Duty::Provider, Duty::Customer]);
    let of_node_os = |state: State| in_state(&inventory, &web(), state).contains(&"node-os".to_owned());
    assert!(of_node_os(State::Gap(LayerUnowned)) && of_node_os(State::Assumed), "the customer half is the gap");
    inventory.apply(itself(web(), placed(&[("eks.amazonaws.com/compute-type", "auto")])));
    assert_eq!(duties_of(&inventory, "node-os"), [Duty::Provider]);
    assert!(!gaps(&inventory, &web())[&LayerUnowned].contains(&"node-os".to_owned()));
}

#[test]
fn an_eks_node_group_and_hybrid_nodes() {
    let hybrid = node(&[("eks.amazonaws.com/compute-type", "hybrid")]);
    let mut inventory = joined(&[("group", node(&[("eks.amazonaws.com/nodegroup", "main")])), ("hybrid", hybrid)]);
    inventory.apply(itself(web(), facts_of("web")));
    for layer in ["physical-infrastructure", "node-os", "control-plane"] {
        assert_eq!(duties_of(&inventory, layer), [Duty::Provider, Duty::Customer], "{layer}");
    }
    inventory.apply(Delta::Node("group".into(), None));
    assert_eq!(duties_of(&inventory, "physical-infrastructure"), [Duty::Customer]);
    assert_eq!(duties_of(&inventory, "control-plane"), [Duty::Provider, Duty::Customer], "never the customer's alone");
}

#[test]
fn a_tenant_that_writes_saas_on_eks_loses_no_duty() {
    let mut inventory = joined(&[("group", node(&[("eks.amazonaws.com/nodegroup", "main")]))]);
    inventory.apply(itself(web(), facts_of("web")));
    let before = super::shown::evaluations(&inventory).remove(&web()).unwrap();
    inventory.apply(written(&shop(), json!({ "serviceModel": "SaaS" })));
    let after = super::shown::evaluations(&inventory).remove(&web()).unwrap();
    assert_eq!(after.duties, before.duties);
    let expected = in_order(&[
        "application-code",
        "image-supply-chain",
        "network-segmentation",
        "cloud-network",
        "platform-runtime",
        "node-os",
        "control-plane",
    ]);
    assert_eq!(risks(&inventory, &shop())[&RiskReason::ServiceModelContradicted], expected);
}

#[test]
fn a_pool_that_is_scaled_to_zero_says_nothing_new() {
    let gpu = || node(&[("cloud.google.com/gke-nodepool", "gpu"), ("pool", "gpu")]);
    let mut inventory = joined(&[("main", node(&[("cloud.google.com/gke-nodepool", "main")]))]);
    inventory.apply(itself(web(), WorkloadFacts { placement: on_nodes(&[("pool", "gpu")]), ..facts_of("web") }));
    let before = super::shown::shown(&inventory);
    for _ in 0..2 {
        for facts in [Some(gpu()), None] {
            let changed = inventory.apply(Delta::Node("gpu-1".into(), facts));
            assert_eq!(changed, ChangeSet::default());
        }
    }
    assert_eq!(super::shown::shown(&inventory), before);
}

// Parties

#[test]
fn the_platform_team_is_not_volunteered() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(web(), facts_of("web")));
    inventory.apply(written(
        &cluster("platform"),
        json!({
            "parties": [party("platform-team", "Customer")],
            "duties": [{ "layers": ["node-os"], "customer": "platform-team" }],
        }),
    ));
    let naming = json!({ "duties": [{ "layers": ["data-classification"], "customer": "platform-team" }] });
    inventory.apply(written(&shop(), naming));
    assert_eq!(gaps(&inventory, &web())[&NotAccepted], ["data-classification"]);
    inventory.apply(Delta::Assignment(cluster("platform"), None));
    assert_eq!(gaps(&inventory, &web())[&GapReason::UnknownParty], ["data-classification"]);
}

#[test]
fn two_assignments_that_name_different_customers_conflict_for_that_duty_only() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(web(), facts_of("web")));
    for team in ["team-a", "team-b"] {
        let naming = json!({
            "parties": [party(team, "Customer")],
            "duties": [{ "layers": ["application-code"], "customer": team }],
        });
        inventory.apply(written(&namespaced("shop", team), naming));
    }
    let gaps = gaps(&inventory, &web());
    assert_eq!(gaps[&GapReason::OverlappingAssignments], ["application-code"]);
    assert_eq!(gaps.keys().collect::<Vec<_>>(), [&GapReason::OverlappingAssignments, &LayerUnowned]);
}

// Days

/// The review was due 30 days before yesterday: its grace period has ended today.
#[test]
fn duties_lapse_the_day_after_the_last_day_of_grace() {
    let last_at = days_from_today(-31 - 365).to_string();
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(Delta::Day(days_from_today(-1)));
    inventory.apply(itself(web(), facts_of("web")));
    let team = json!({
        "parties": [party("team", "Customer")],
        "duties": [{ "layers": ["application-code", "node-os"], "customer": "team" }],
        "review": { "lastAt": last_at },
    });
    inventory.apply(written(&shop(), team));
    assert_eq!(in_state(&inventory, &web(), State::Owned), in_order(&["application-code", "node-os"]));
    assert!(risks(&inventory, &shop()).contains_key(&RiskReason::ReviewDue));
    let changed = inventory.apply(Delta::Day(days_from_today(0)));
    assert!(changed.assignments.contains(&shop()));
    assert_eq!(gaps(&inventory, &web())[&ReviewLapsed], in_order(&["application-code", "node-os"]));
    assert_eq!(in_state(&inventory, &web(), State::Owned), Vec::<String>::new());
}

/// The end of the evidence in a cluster assignment changes the duties in namespaces.
#[rstest]
#[case::on_its_last_day(0, State::Owned)]
#[case::the_day_after(1, State::Assumed)]
fn evidence_that_ends_in_the_cluster_is_assumed_in_namespaces(#[case] days: i64, #[case] state: State) {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(web(), facts_of("web")));
    let evidence = json!([{ "type": "ISO27001", "validUntil": days_from_today(0).to_string() }]);
    let directory = json!({ "parties": [{ "name": "aws", "role": "Provider", "evidence": evidence }] });
    inventory.apply(written(&cluster("directory"), directory));
    inventory.apply(written(&shop(), json!({ "duties": [{ "layers": ["node-os"], "provider": "aws" }] })));
    inventory.apply(Delta::Day(days_from_today(days)));
    assert!(in_state(&inventory, &web(), state).contains(&"node-os".to_owned()));
    let lapsed = risks(&inventory, &shop()).contains_key(&RiskReason::EvidenceLapsed);
    assert_eq!(lapsed, days > 0);
}

#[test]
fn an_exception_ends_with_its_day() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(web(), showing("web", &[LayerTriggers::STORAGE])));
    let until = days_from_today(3).to_string();
    let exception = json!({ "layer": "backup-recovery", "reason": "a cache", "approvedBy": "cto", "until": until });
    inventory.apply(written(&shop(), json!({ "exceptions": [exception] })));
    let excepted = |inventory: &Inventory| in_state(inventory, &web(), State::Excepted);
    assert_eq!(excepted(&inventory), ["backup-recovery"]);
    inventory.apply(Delta::Day(days_from_today(3)));
    assert_eq!(excepted(&inventory), ["backup-recovery"]);
    inventory.apply(Delta::Day(days_from_today(4)));
    assert_eq!(excepted(&inventory), Vec::<String>::new());
    assert!(gaps(&inventory, &web())[&LayerUnowned].contains(&"backup-recovery".to_owned()));
    assert!(risks(&inventory, &shop()).contains_key(&RiskReason::ExceptionExpired));
}

// Audience

#[test]
fn platform_gaps_are_told_to_the_cluster_assignments_where_some_take_the_namespace_in() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(web(), facts_of("web")));
    inventory.apply(written(&shop(), json!({})));
    let unowned = |inventory: &Inventory, id: &AssignmentId| {
        let layers = roll_up(inventory, id).unowned_layers();
        layers.ids().map(|layer| inventory.matrix().layer(layer).name.clone()).collect::<Vec<_>>()
    };
    let all = unowned(&inventory, &shop());
    let platform = in_order(&["cloud-network", "platform-runtime", "node-os", "control-plane", "logging-detection"]);
    assert!(platform.iter().all(|layer| all.contains(layer)));
    let elsewhere = json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "bank" } } });
    inventory.apply(written(&cluster("platform"), elsewhere));
    assert_eq!(unowned(&inventory, &shop()), all, "it takes in another namespace");
    inventory.apply(written(&cluster("platform"), json!({})));
    let own: Vec<String> = all.iter().filter(|layer| !platform.contains(layer)).cloned().collect();
    assert_eq!(unowned(&inventory, &shop()), own);
    assert_eq!(roll_up(&inventory, &shop()).platform_gaps, platform.len());
    assert_eq!(unowned(&inventory, &cluster("platform")), all, "all gaps of the workloads it selects");
}

//! Compiling assignments.

mod dates;
mod digests;

use jiff::civil::{Date, date};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::api::Role;
use crate::facts::Labels;
use crate::matrix::{LayerId, ServiceModel};
use crate::model::testing::{declared, empty};
use crate::model::{Acceptance, define};

fn id(namespace: Option<&str>) -> AssignmentId {
    AssignmentId { namespace: namespace.map(Into::into), name: "main".into() }
}

const TODAY: Date = date(2026, 11, 24);

fn compiled_on(today: Date, namespace: Option<&str>, spec: Value) -> Assignment {
    let spec: ClusterResponsibilityAssignmentSpec = serde_json::from_value(spec).unwrap();
    compile(Matrix::built_in(), today, id(namespace), &spec)
}

fn compiled(spec: Value) -> Assignment {
    compiled_on(TODAY, Some("shop"), spec)
}

fn compiled_for_cluster(spec: Value) -> Assignment {
    compiled_on(TODAY, None, spec)
}

fn layer(name: &str) -> LayerId {
    Matrix::built_in().find(name).unwrap()
}

fn layers(names: &[&str]) -> LayerSet {
    names.iter().map(|name| layer(name)).collect()
}

/// Declaration of a party with only a role.
fn bare_party(role: Role) -> PartyDeclaration {
    PartyDeclaration { reachable: false, acknowledged: false, ..declared(role) }
}

/// Layer, duty and party of each claim, sorted.
fn claims_of(assignment: &Assignment) -> Vec<(&str, Duty, &str)> {
    let name = |id| Matrix::built_in().layer(id).name.as_str();
    assignment.claims.iter().map(|claim| (name(claim.layer), claim.duty, &*claim.party)).collect()
}

/// Returns the only claim about the customer duty of a layer.
fn customer_claim<'a>(assignment: &'a Assignment, name: &str) -> &'a Claim {
    let claims: Vec<&Claim> = assignment.claims_about(layer(name), Duty::Customer).collect();
    assert_eq!(claims.len(), 1, "{claims:?}");
    claims[0]
}

/// Returns the layers whose customer claim has an agreement.
fn under_agreement(assignment: &Assignment) -> LayerSet {
    let customer = assignment.claims.iter().filter(|claim| claim.duty == Duty::Customer);
    customer.filter(|claim| claim.agreement != AgreementCover::Missing).map(|claim| claim.layer).collect()
}

fn agreement() -> Value {
    json!({ "uri": "https://contracts.example.com/42", "type": "Contract" })
}

fn agreement_on(layers: &[&str]) -> Value {
    json!({ "uri": "https://contracts.example.com/42", "layers": layers })
}

fn with_duties(duties: &Value) -> Assignment {
    compiled(json!({ "duties": duties }))
}

#[test]
fn an_empty_spec_without_content() {
    let without_content = |found: Assignment| Assignment { digest: found.digest, ..empty(found.id) };
    for found in [compiled(json!({})), compiled_for_cluster(json!({}))] {
        assert_eq!(found, without_content(found.clone()));
    }
}

// Claims

#[test]
fn claims_are_sorted_by_layer_in_matrix_order_and_duty() {
    let assignment = with_duties(&json!([
        { "layers": ["physical-infrastructure", "node-os"], "provider": "aws" },
        { "layers": ["node-os", "data-classification"], "customer": "shop-team" },
    ]));
    let expected = [
        ("data-classification", Duty::Customer, "shop-team"),
        ("node-os", Duty::Provider, "aws"),
        ("node-os", Duty::Customer, "shop-team"),
        ("physical-infrastructure", Duty::Provider, "aws"),
    ];
    assert_eq!(claims_of(&assignment), expected);
    assert_eq!(customer_claim(&assignment, "node-os").party, "shop-team".into());
    assert_eq!(assignment.claims_about(layer("physical-infrastructure"), Duty::Customer).count(), 0);
}

#[test]
fn an_entry_with_both_halves_is_a_claim_for_each() {
    let assignment = with_duties(&json!([{ "layers": ["node-os"], "provider": "aws", "customer": "platform-team" }]));
    let expected = [("node-os", Duty::Provider, "aws"), ("node-os", Duty::Customer, "platform-team")];
    assert_eq!(claims_of(&assignment), expected);
}

#[test]
fn a_party_that_is_named_twice_for_a_duty_is_one_claim() {
    let assignment = with_duties(&json!([
        { "layers": ["node-os", "control-plane"], "customer": "platform-team" },
        { "layers": ["node-os"], "customer": "platform-team", "agreement": agreement() },
    ]));
    let expected = [("node-os", Duty::Customer, "platform-team"), ("control-plane", Duty::Customer, "platform-team")];
    assert_eq!(claims_of(&assignment), expected);
}

// Accountable parties

#[rstest]
#[case::nobody(None, None, None)]
#[case::the_default(Some("ciso"), None, Some("ciso"))]
#[case::of_the_duty(None, Some("cto"), Some("cto"))]
#[case::the_duty_overrides_the_default(Some("ciso"), Some("cto"), Some("cto"))]
fn the_accountable_party_of_a_duty_overrides_the_default(
    #[case] default: Option<&str>,
    #[case] of_duty: Option<&str>,
    #[case] expected: Option<&str>,
) {
    let assignment = compiled(json!({
        "accountable": default,
        "duties": [
            { "layers": ["node-os"], "customer": "msp", "accountable": of_duty },
            { "layers": ["application-code"], "customer": "shop-team" },
        ],
    }));
    assert_eq!(customer_claim(&assignment, "node-os").accountable.as_deref(), expected);
    assert_eq!(customer_claim(&assignment, "application-code").accountable.as_deref(), default);
}

// Agreements

#[test]
fn without_an_agreement_no_claim_has_one() {
    let assignment =
        with_duties(&json!([{ "layers": ["node-os", "control-plane"], "provider": "a", "customer": "b" }]));
    assert!(assignment.claims.iter().all(|claim| claim.agreement == AgreementCover::Missing));
}

#[test]
fn an_agreement_covers_the_layers_of_its_entry_when_it_lists_none() {
    let assignment = with_duties(&json!([
        { "layers": ["node-os", "control-plane"], "customer": "msp", "agreement": agreement() },
        { "layers": ["application-code"], "customer": "msp" },
    ]));
    assert_eq!(under_agreement(&assignment), layers(&["node-os", "control-plane"]));
}

#[test]
fn an_agreement_that_lists_layers_covers_these_alone() {
    let assignment = with_duties(&json!([
        { "layers": ["node-os", "control-plane"], "customer": "msp", "agreement": agreement_on(&["control-plane"]) },
    ]));
    assert_eq!(under_agreement(&assignment), layers(&["control-plane"]));
}

#[rstest]
#[case::the_same_party("msp", true)]
#[case::another_party("shop-team", false)]
#[case::another_party_whose_name_begins_alike("msp-2", false)]
fn an_agreement_holds_for_other_entries_of_the_same_party(#[case] party: &str, #[case] covered: bool) {
    let entry = json!({ "layers": ["application-code", "access-control"], "customer": party });
    let agreement = agreement_on(&["node-os", "application-code"]);
    let with_agreement = json!({ "layers": ["node-os"], "customer": "msp", "agreement": agreement });
    let expected = if covered { layers(&["node-os", "application-code"]) } else { layers(&["node-os"]) };
    assert_eq!(under_agreement(&with_duties(&json!([entry, with_agreement]))), expected);
    assert_eq!(under_agreement(&with_duties(&json!([with_agreement, entry]))), expected);
}

#[test]
fn agreements_of_a_party_add_up() {
    let assignment = with_duties(&json!([
        { "layers": ["node-os"], "customer": "msp", "agreement": agreement() },
        { "layers": ["control-plane"], "customer": "msp", "agreement": agreement() },
        { "layers": ["application-code"], "customer": "msp" },
    ]));
    assert_eq!(under_agreement(&assignment), layers(&["node-os", "control-plane"]));
}

#[test]
fn an_agreement_counts_for_both_duties_of_its_party() {
    let assignment = with_duties(&json!([
        { "layers": ["node-os"], "provider": "msp", "agreement": agreement() },
        { "layers": ["node-os"], "customer": "msp" },
    ]));
    assert_eq!(assignment.claims.iter().map(|claim| claim.agreement).collect::<Vec<_>>(), [AgreementCover::Entry; 2]);
}

// Undefined layers

#[test]
fn unknown_layers_are_reported_once_in_order_and_have_no_effect() {
    let assignment = compiled_for_cluster(json!({
        "declares": ["client-devices", "example.com/z"],
        "parties": [{ "name": "msp", "role": "ThirdParty", "accepts": ["node-os", "example.com/a"] }],
        "duties": [
            { "layers": ["example.com/z", "node-os", "Node-OS"], "customer": "msp" },
            { "layers": ["example.com/q"], "provider": "aws", "agreement": agreement_on(&["example.com/b"]) },
        ],
    }));
    let unknown = ["Node-OS", "example.com/a", "example.com/b", "example.com/q", "example.com/z"].map(str::to_owned);
    assert_eq!(assignment.unknown_layers, unknown);
    assert_eq!(assignment.acceptance(), Acceptance::Accepted { unknown_layers: unknown.to_vec() });
    assert_eq!(assignment.declares, layers(&["client-devices"]));
    assert_eq!(assignment.parties["msp"].accepts, Some(layers(&["node-os"])));
    assert_eq!(claims_of(&assignment), [("node-os", Duty::Customer, "msp")]);
}

#[test]
fn known_layers_are_not_reported() {
    let names: Vec<&str> = Matrix::built_in().layers().map(|(_, layer)| layer.name.as_str()).collect();
    let assignment = compiled(json!({ "declares": names, "duties": [{ "layers": names, "customer": "shop-team" }] }));
    assert_eq!(assignment.declares.len(), 22);
    assert_eq!(
        claims_of(&assignment),
        names.iter().map(|name| (*name, Duty::Customer, "shop-team")).collect::<Vec<_>>()
    );
    assert_eq!(assignment.acceptance(), Acceptance::Accepted { unknown_layers: vec![] });
}

#[test]
fn naming_a_layer_in_duties_declares_nothing() {
    let duties = json!([{ "layers": ["client-devices", "node-os"], "customer": "shop-team" }]);
    assert_eq!(with_duties(&duties).declares, LayerSet::empty());
    let declared = compiled(json!({ "declares": ["client-devices"], "duties": duties }));
    assert_eq!(declared.declares, layers(&["client-devices"]));
}

// Service models

#[rstest]
#[case("OnPremises", ServiceModel::OnPremises)]
#[case("IaaS", ServiceModel::Iaas)]
#[case("CaaS", ServiceModel::Caas)]
#[case("ManagedNodes", ServiceModel::ManagedNodes)]
#[case("PaaS", ServiceModel::Paas)]
#[case("FaaS", ServiceModel::Faas)]
#[case("SaaS", ServiceModel::Saas)]
fn a_built_in_service_model_is_claimed_by_its_name(#[case] name: &str, #[case] model: ServiceModel) {
    let assignment = compiled(json!({ "serviceModel": name }));
    assert_eq!(assignment.model, Some(ModelClaim::Known(model.into())));
    assert_eq!(assignment.acceptance(), Acceptance::Accepted { unknown_layers: vec![] });
    assert_eq!(compiled_for_cluster(json!({ "serviceModel": name })).model, assignment.model);
}

#[rstest]
fn a_service_model_of_another_name_is_not_found(#[values("eks-hardened", "iaas", "IAAS", "Iaas", "")] name: &str) {
    let assignment = compiled(json!({ "serviceModel": name, "declares": ["example.com/a"] }));
    assert_eq!(assignment.model, Some(ModelClaim::NotFound(name.to_owned())));
    assert_eq!(assignment.acceptance(), Acceptance::ServiceModelNotFound(name.to_owned()));
}

#[test]
fn a_service_model_of_the_cluster_is_claimed_by_its_name_if_it_can_be_used() {
    let cell = |owes: &str| json!([{ "layer": "access-control", "owes": owes, "source": "contract" }]);
    let layers = json!([{
        "name": "example.com/ai", "meaning": "models", "plane": "Workload", "concern": "Workload",
        "presence": "Declared", "owes": "Customer", "source": "policy",
    }]);
    let fine = json!({ "extends": "CaaS", "cells": cell("Shared"), "layers": layers });
    let lazy = json!({ "extends": "CaaS", "cells": cell("Provider") });
    let defined =
        [("fine", fine), ("lazy", lazy)].map(|(name, spec)| define(name, &serde_json::from_value(spec).unwrap()));
    let matrix = Matrix::extended(defined.into());
    let claimed = |name: &str| {
        let spec = json!({ "serviceModel": name, "declares": ["example.com/ai"] });
        compile(&matrix, TODAY, id(None), &serde_json::from_value(spec).unwrap())
    };
    assert_eq!(claimed("fine").model, Some(ModelClaim::Known(matrix.find_model("fine").unwrap())));
    assert_eq!(claimed("fine").declares, matrix.find("example.com/ai").into_iter().collect());
    assert_eq!(claimed("fine").acceptance(), Acceptance::Accepted { unknown_layers: vec![] });
    let Acceptance::ServiceModelInvalid { name, why } = claimed("lazy").acceptance() else { panic!("it is retained") };
    assert!(name == "lazy" && why.contains("retained"), "{why}");
    assert_eq!(claimed("absent").acceptance(), Acceptance::ServiceModelNotFound("absent".to_owned()));
}

// Selectors

#[rstest]
#[case(json!(null))]
#[case(json!({}))]
#[case(json!({ "matchLabels": {} }))]
#[case(json!({ "matchExpressions": [] }))]
#[case(json!({ "matchLabels": {}, "matchExpressions": [] }))]
fn an_empty_selector_is_no_selector(#[case] selector: Value) {
    assert_eq!(compiled(json!({ "selector": selector })).selector, None);
    assert_eq!(compiled_for_cluster(json!({ "namespaceSelector": selector })).namespace_selector, None);
}

#[test]
fn labels_and_expressions_of_a_selector_are_all_required() {
    let assignment = compiled(json!({ "selector": {
        "matchLabels": { "app": "web", "team": "shop" },
        "matchExpressions": [
            { "key": "tier", "operator": "In", "values": ["front", "back"] },
            { "key": "zone", "operator": "NotIn", "values": ["test"] },
            { "key": "release", "operator": "Exists" },
            { "key": "canary", "operator": "DoesNotExist" },
        ],
    } }));
    let expected = Selector::new(vec![
        Requirement::In("app".into(), vec!["web".into()]),
        Requirement::In("team".into(), vec!["shop".into()]),
        Requirement::In("tier".into(), vec!["front".into(), "back".into()]),
        Requirement::NotIn("zone".into(), vec!["test".into()]),
        Requirement::Exists("release".into()),
        Requirement::DoesNotExist("canary".into()),
    ]);
    assert_eq!(assignment.selector, expected);
    assert_eq!(assignment.namespace_selector, None);
}

#[rstest]
#[case::in_list("In", &["front", "x"], [true, false, false])]
#[case::not_in_list("NotIn", &["front"], [false, true, true])]
#[case::exists("Exists", &[], [true, true, false])]
#[case::does_not_exist("DoesNotExist", &[], [false, false, true])]
fn an_operator_selects_as_that_of_the_api_server(
    #[case] operator: &str,
    #[case] values: &[&str],
    #[case] expected: [bool; 3],
) {
    let expression = json!({ "key": "tier", "operator": operator, "values": values });
    let selector = compiled(json!({ "selector": { "matchExpressions": [expression] } })).selector.unwrap();
    let objects: [Labels; 3] =
        [[("tier", "front")], [("tier", "back")], [("app", "web")]].map(|labels| labels.into_iter().collect());
    assert_eq!(objects.map(|labels| selector.matches(&labels)), expected);
}

#[test]
fn a_cluster_assignment_selects_namespaces_and_workloads_apart() {
    let assignment = compiled_for_cluster(json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
        "selector": { "matchExpressions": [{ "key": "app", "operator": "Exists" }] },
    }));
    let namespaces = Requirement::In("kubernetes.io/metadata.name".into(), vec!["kube-system".into()]);
    assert_eq!(assignment.namespace_selector, Selector::new(vec![namespaces]));
    assert_eq!(assignment.selector, Selector::new(vec![Requirement::Exists("app".into())]));
    assert!(assignment.id.is_cluster());
}

#[test]
fn a_cluster_assignment_says_of_duties_what_a_namespaced_one_says() {
    let spec = json!({
        "serviceModel": "CaaS",
        "accountable": "ciso",
        "parties": [{ "name": "msp", "role": "ThirdParty" }],
        "duties": [{ "layers": ["node-os"], "provider": "aws", "customer": "msp", "agreement": agreement() }],
    });
    assert_eq!(compiled_for_cluster(spec.clone()), Assignment { id: id(None), ..compiled(spec) });
}

// Parties

#[test]
fn parties_are_known_by_name_with_their_role_and_what_they_accept() {
    let assignment = compiled_for_cluster(json!({ "parties": [
        { "name": "platform-team", "role": "Customer", "accepts": ["control-plane", "node-os"] },
        { "name": "aws", "role": "Provider", "contact": { "email": "aws@example.com" } },
        { "name": "msp", "role": "ThirdParty", "accepts": [] },
    ] }));
    let expected = [
        ("aws".into(), PartyDeclaration { acknowledged: false, ..declared(Role::Provider) }),
        ("msp".into(), PartyDeclaration { accepts: Some(LayerSet::empty()), ..bare_party(Role::ThirdParty) }),
        (
            "platform-team".into(),
            PartyDeclaration { accepts: Some(layers(&["node-os", "control-plane"])), ..bare_party(Role::Customer) },
        ),
    ];
    assert_eq!(assignment.parties, BTreeMap::from(expected));
    assert_eq!(assignment.claims, []);
}

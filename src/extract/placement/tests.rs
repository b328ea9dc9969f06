//! Tests of the extracted placements.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn placement(spec: Value) -> Placement {
    serde_json::from_value::<PodSpec>(spec).unwrap().placement(None)
}

#[test]
fn a_template_that_asks_for_nothing_is_placed_anywhere() {
    assert_eq!(placement(json!({})), Placement::default());
    let nothing = json!({
        "nodeName": "",
        "nodeSelector": {},
        "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [] } },
        "tolerations": [],
        "schedulerName": "default-scheduler",
    });
    assert_eq!(placement(nothing), Placement::default());
    assert_eq!(placement(json!({ "affinity": null, "nodeSelector": null, "tolerations": null })), Placement::default());
}

#[test]
fn the_node_selector_is_a_set_of_labels() {
    let expected =
        Placement { node_selector: [("pool", "a"), ("disk", "ssd")].into_iter().collect(), ..Placement::default() };
    assert_eq!(placement(json!({ "nodeSelector": { "pool": "a", "disk": "ssd" } })), expected);
}

#[test]
fn a_node_that_is_named_is_the_only_one() {
    let expected = Placement { node_name: Some("node-1".into()), ..Placement::default() };
    assert_eq!(placement(json!({ "nodeName": "node-1" })), expected);
}

// Node affinity

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

fn terms(terms: &Value) -> Option<Box<[NodeTerm]>> {
    placement(json!({ "affinity": { "nodeAffinity": { (REQUIRED): { "nodeSelectorTerms": terms } } } })).affinity
}

/// Returns the only term of an affinity.
fn term(term: &Value) -> NodeTerm {
    let [term] = &*terms(&json!([term])).unwrap() else { panic!("not one term") };
    term.clone()
}

/// Returns a term that no node can meet, without other requirements.
fn impossible() -> NodeTerm {
    NodeTerm { impossible: true, ..NodeTerm::default() }
}

#[test]
fn preferences_do_not_count() {
    let preferred =
        json!([{ "weight": 1, "preference": { "matchExpressions": [{ "key": "a", "operator": "Exists" }] } }]);
    let affinity = json!({ "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": preferred } });
    assert_eq!(placement(json!({ "affinity": affinity })), Placement::default());
}

/// Without an affinity every node matches; without terms no node matches.
#[test]
fn no_affinity_is_something_else_than_one_without_terms() {
    assert_eq!(placement(json!({ "affinity": {} })).affinity, None);
    assert_eq!(placement(json!({ "affinity": { "nodeAffinity": {} } })).affinity, None);
    assert_eq!(terms(&json!([])), Some([].into()));
    assert_eq!(terms(&json!(null)), Some([].into()));
}

#[test]
fn an_empty_term_stays_a_term() {
    let empty = NodeTerm::default();
    assert_eq!(terms(&json!([{}])), Some([empty.clone()].into()));
    assert_eq!(terms(&json!([{ "matchExpressions": [], "matchFields": null }])), Some([empty].into()));
}

#[test]
fn terms_are_alternatives_and_the_expressions_of_one_belong_together() {
    let found = terms(&json!([
        { "matchExpressions": [{ "key": "a", "operator": "Exists" }, { "key": "b", "operator": "DoesNotExist" }] },
        { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["node-1"] }] },
    ]));
    let labels = [("a".into(), NodeRequirement::Exists), ("b".into(), NodeRequirement::DoesNotExist)].into();
    let name = [NodeRequirement::In(["node-1".into()].into())].into();
    let expected = [NodeTerm { labels, ..NodeTerm::default() }, NodeTerm { name, ..NodeTerm::default() }];
    assert_eq!(found, Some(expected.into()));
}

#[rstest]
#[case("In", json!(["a", "b"]), NodeRequirement::In(["a".into(), "b".into()].into()))]
#[case("NotIn", json!(["a"]), NodeRequirement::NotIn(["a".into()].into()))]
#[case("Exists", json!(null), NodeRequirement::Exists)]
#[case("DoesNotExist", json!([]), NodeRequirement::DoesNotExist)]
#[case("Gt", json!(["8"]), NodeRequirement::Gt(8))]
#[case("Lt", json!(["-1"]), NodeRequirement::Lt(-1))]
fn each_operator_on_a_label_is_understood(
    #[case] operator: &str,
    #[case] values: Value,
    #[case] expected: NodeRequirement,
) {
    let found = term(&json!({ "matchExpressions": [{ "key": "cpus", "operator": operator, "values": values }] }));
    assert_eq!(found, NodeTerm { labels: [("cpus".into(), expected)].into(), ..NodeTerm::default() });
}

#[rstest]
#[case::bound_is_no_number("Gt", json!(["many"]))]
#[case::bound_is_no_integer("Lt", json!(["1.5"]))]
#[case::no_bound("Gt", json!([]))]
#[case::two_bounds("Lt", json!(["1", "2"]))]
#[case::nothing_to_be_in("In", json!([]))]
#[case::nothing_not_to_be_in("NotIn", json!(null))]
#[case::unknown_operator("Matches", json!(["a"]))]
#[case::no_operator("", json!(["a"]))]
#[case::operator_in_small_letters("in", json!(["a"]))]
fn a_term_with_an_expression_that_the_scheduler_refuses_is_impossible(#[case] operator: &str, #[case] values: Value) {
    let refused = json!({ "key": "cpus", "operator": operator, "values": values });
    assert_eq!(term(&json!({ "matchExpressions": [refused] })), impossible());
    let beside = term(&json!({ "matchExpressions": [{ "key": "a", "operator": "Exists" }, refused] }));
    assert!(beside.impossible, "{beside:?}");
}

#[test]
fn an_impossible_term_leaves_the_others_as_they_are() {
    let found = terms(&json!([
        { "matchExpressions": [{ "key": "cpus", "operator": "Gt", "values": ["many"] }] },
        { "matchExpressions": [{ "key": "pool", "operator": "Exists" }] },
    ]));
    let possible = NodeTerm { labels: [("pool".into(), NodeRequirement::Exists)].into(), ..NodeTerm::default() };
    assert_eq!(found, Some([impossible(), possible].into()));
}

#[rstest]
#[case("metadata.name", "In", Some(NodeRequirement::In(["node-1".into()].into())))]
#[case("metadata.name", "NotIn", Some(NodeRequirement::NotIn(["node-1".into()].into())))]
#[case("metadata.name", "Exists", None)]
#[case("metadata.name", "Gt", None)]
#[case("metadata.namespace", "In", None)]
#[case("spec.unschedulable", "NotIn", None)]
fn the_name_is_the_only_field_and_it_is_compared(
    #[case] field: &str,
    #[case] operator: &str,
    #[case] expected: Option<NodeRequirement>,
) {
    let found = term(&json!({ "matchFields": [{ "key": field, "operator": operator, "values": ["node-1"] }] }));
    let understood = |requirement| NodeTerm { name: [requirement].into(), ..NodeTerm::default() };
    assert_eq!(found, expected.map_or_else(impossible, understood));
}

// Tolerations

fn toleration(key: Option<&str>, value: Option<&str>, effect: Option<TaintEffect>) -> Toleration {
    Toleration { key: key.map(Into::into), value: value.map(Into::into), effect }
}

#[rstest]
#[case::exists(json!({ "key": "gpu", "operator": "Exists" }), toleration(Some("gpu"), None, None))]
#[case::equal(json!({ "key": "gpu", "operator": "Equal", "value": "a" }), toleration(Some("gpu"), Some("a"), None))]
#[case::equal_by_default(json!({ "key": "gpu", "value": "a" }), toleration(Some("gpu"), Some("a"), None))]
#[case::equal_to_nothing(json!({ "key": "gpu", "operator": "Equal" }), toleration(Some("gpu"), Some(""), None))]
#[case::empty_operator(json!({ "key": "gpu", "operator": "", "value": "a" }), toleration(Some("gpu"), Some("a"), None))]
#[case::everything(json!({ "operator": "Exists" }), toleration(None, None, None))]
#[case::empty_key(json!({ "key": "", "operator": "Exists", "effect": "" }), toleration(None, None, None))]
#[case::no_schedule(
    json!({ "operator": "Exists", "effect": "NoSchedule" }), toleration(None, None, Some(TaintEffect::NoSchedule))
)]
#[case::for_a_while(
    json!({ "key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }),
    toleration(Some("gpu"), None, Some(TaintEffect::NoExecute))
)]
#[case::above_a_number(json!({ "key": "sla", "operator": "Gt", "value": "950" }), toleration(Some("sla"), None, None))]
#[case::below_a_number(json!({ "key": "sla", "operator": "Lt", "value": "950" }), toleration(Some("sla"), None, None))]
fn a_toleration_is_understood(#[case] written: Value, #[case] expected: Toleration) {
    assert_eq!(*placement(json!({ "tolerations": [written] })).tolerations, [expected]);
}

#[rstest]
fn a_toleration_of_taints_that_keep_nobody_away_does_not_count(
    #[values("PreferNoSchedule", "NoScheduling", "noschedule")] effect: &str,
) {
    let written = json!([{ "operator": "Exists", "effect": effect }, { "key": "gpu", "operator": "Exists" }]);
    assert_eq!(*placement(json!({ "tolerations": written })).tolerations, [toleration(Some("gpu"), None, None)]);
}

// Fargate

#[rstest]
#[case(json!({ "eks.amazonaws.com/fargate-profile": "shop" }), true)]
#[case(json!({ "eks.amazonaws.com/fargate-profile": "" }), true)]
#[case(json!({ "eks.amazonaws.com/fargate": "shop" }), false)]
#[case(json!({}), false)]
fn the_label_of_a_profile_shows_fargate(#[case] labels: Value, #[case] fargate: bool) {
    let labels: BTreeMap<String, String> = serde_json::from_value(labels).unwrap();
    let found = PodSpec::default().placement(Some(&labels));
    assert_eq!(found, Placement { fargate, ..Placement::default() });
}

#[rstest]
#[case("fargate-scheduler", true)]
#[case("default-scheduler", false)]
#[case("my-fargate-scheduler", false)]
fn the_scheduler_shows_fargate(#[case] scheduler: &str, #[case] fargate: bool) {
    assert_eq!(placement(json!({ "schedulerName": scheduler })), Placement { fargate, ..Placement::default() });
}

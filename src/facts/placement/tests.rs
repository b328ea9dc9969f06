//! Tests of the nodes that the pods of a template can be scheduled on.

use std::sync::Arc;

use rstest::rstest;

use super::*;

fn values(values: &[&str]) -> Box<[Arc<str>]> {
    values.iter().map(|value| Arc::from(*value)).collect()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn node(pairs: &[(&str, &str)]) -> NodeFacts {
    NodeFacts { labels: labels(pairs), ..NodeFacts::default() }
}

fn tainted(key: &str, value: &str, effect: TaintEffect) -> NodeFacts {
    let taint = Taint { key: key.into(), value: value.into(), effect };
    NodeFacts { taints: [taint].into(), ..NodeFacts::default() }
}

fn term(requirements: &[(&str, NodeRequirement)]) -> NodeTerm {
    let labels = requirements.iter().map(|(key, requirement)| (Arc::from(*key), requirement.clone())).collect();
    NodeTerm { labels, ..NodeTerm::default() }
}

fn required(terms: &[NodeTerm]) -> Placement {
    Placement { affinity: Some(terms.into()), ..Placement::default() }
}

#[test]
fn a_pod_that_asks_for_nothing_may_land_on_any_node_without_taints() {
    let anywhere = Placement::default();
    assert!(anywhere.admits("n", &node(&[])));
    assert!(anywhere.admits("n", &node(&[("pool", "gpu")])));
    assert!(!anywhere.admits("n", &tainted("dedicated", "", TaintEffect::NoSchedule)));
}

#[rstest]
#[case::all_labels(&[("pool", "gpu"), ("zone", "a"), ("arch", "arm64")], true)]
#[case::one_label_is_missing(&[("pool", "gpu")], false)]
#[case::one_label_is_another(&[("pool", "gpu"), ("zone", "b")], false)]
#[case::no_labels(&[], false)]
fn a_node_has_all_labels_of_the_node_selector(#[case] shows: &[(&str, &str)], #[case] admitted: bool) {
    let placement = Placement { node_selector: labels(&[("pool", "gpu"), ("zone", "a")]), ..Placement::default() };
    assert_eq!(placement.admits("n", &node(shows)), admitted);
}

/// Each case has a requirement on the label `gen`, and true for each node that meets it: the node without the label and
/// the nodes with the values 1, 2, 10 and x.
#[rstest]
#[case::in_list(NodeRequirement::In(values(&["1", "x"])), [false, true, false, false, true])]
#[case::in_no_list(NodeRequirement::In(values(&[])), [false; 5])]
#[case::not_in_list(NodeRequirement::NotIn(values(&["1", "x"])), [true, false, true, true, false])]
#[case::exists(NodeRequirement::Exists, [false, true, true, true, true])]
#[case::does_not_exist(NodeRequirement::DoesNotExist, [true, false, false, false, false])]
#[case::greater_as_a_number(NodeRequirement::Gt(1), [false, false, true, true, false])]
#[case::less_as_a_number(NodeRequirement::Lt(10), [false, true, true, false, false])]
fn a_requirement_is_met_as_the_scheduler_has_it(#[case] requirement: NodeRequirement, #[case] expected: [bool; 5]) {
    let placement = required(&[term(&[("gen", requirement)])]);
    let nodes =
        [node(&[]), node(&[("gen", "1")]), node(&[("gen", "2")]), node(&[("gen", "10")]), node(&[("gen", "x")])];
    assert_eq!(nodes.map(|node| placement.admits("n", &node)), expected);
}

#[test]
fn all_requirements_of_a_term_hold_and_one_term_is_enough() {
    let in_zone = |zone: &str| ("zone", NodeRequirement::In(values(&[zone])));
    let gpu = || ("gpu", NodeRequirement::Exists);
    let placement = required(&[term(&[in_zone("a"), gpu()]), term(&[in_zone("b")])]);
    assert!(placement.admits("n", &node(&[("zone", "a"), ("gpu", "")])));
    assert!(!placement.admits("n", &node(&[("zone", "a")])));
    assert!(placement.admits("n", &node(&[("zone", "b")])));
    assert!(!placement.admits("n", &node(&[("gpu", "")])));
}

#[test]
fn an_empty_term_matches_nothing_and_takes_nothing_from_the_others() {
    let any = node(&[("zone", "a")]);
    let zone = || term(&[("zone", NodeRequirement::Exists)]);
    assert!(!required(&[NodeTerm::default()]).admits("n", &any));
    assert!(required(&[NodeTerm::default(), zone()]).admits("n", &any));
    assert!(!required(&[]).admits("n", &any), "no term at all");
    assert!(!required(&[NodeTerm { impossible: true, ..zone() }]).admits("n", &any));
}

#[rstest]
#[case::by_name(NodeRequirement::In(values(&["n1", "n2"])), [true, true, false])]
#[case::by_other_names(NodeRequirement::NotIn(values(&["n1"])), [false, true, true])]
fn fields_match_the_name_of_the_node(#[case] requirement: NodeRequirement, #[case] expected: [bool; 3]) {
    let placement = required(&[NodeTerm { name: [requirement].into(), ..NodeTerm::default() }]);
    // A label of the same key is not the field.
    let node = node(&[("metadata.name", "n1")]);
    assert_eq!(["n1", "n2", "n3"].map(|name| placement.admits(name, &node)), expected);
}

#[test]
fn names_and_labels_of_a_term_both_hold() {
    let name = [NodeRequirement::In(values(&["n1"]))].into();
    let placement = required(&[NodeTerm { name, ..term(&[("gpu", NodeRequirement::Exists)]) }]);
    assert!(placement.admits("n1", &node(&[("gpu", "")])));
    assert!(!placement.admits("n1", &node(&[])));
    assert!(!placement.admits("n2", &node(&[("gpu", "")])));
}

#[test]
fn selector_affinity_and_tolerations_all_hold() {
    let tolerations = [Toleration { key: Some("gpu".into()), ..Toleration::default() }].into();
    let affinity = required(&[term(&[("zone", NodeRequirement::Exists)])]);
    let placement = Placement { node_selector: labels(&[("pool", "gpu")]), tolerations, ..affinity };
    let all = NodeFacts {
        labels: labels(&[("pool", "gpu"), ("zone", "a")]),
        ..tainted("gpu", "yes", TaintEffect::NoSchedule)
    };
    assert!(placement.admits("n", &all));
    assert!(!placement.admits("n", &NodeFacts { labels: labels(&[("pool", "gpu")]), ..all.clone() }));
    assert!(!placement.admits("n", &NodeFacts { labels: labels(&[("zone", "a")]), ..all.clone() }));
    assert!(!Placement { tolerations: Box::default(), ..placement }.admits("n", &all));
}

/// Each case has a toleration by key, value and effect, and true if it tolerates `gpu=yes:NoSchedule` and
/// `gpu=yes:NoExecute`.
#[rstest]
#[case::everything(None, None, None, [true, true])]
#[case::the_key(Some("gpu"), None, None, [true, true])]
#[case::another_key(Some("gpus"), None, None, [false, false])]
#[case::the_value(Some("gpu"), Some("yes"), None, [true, true])]
#[case::another_value(Some("gpu"), Some("no"), None, [false, false])]
#[case::an_empty_value(Some("gpu"), Some(""), None, [false, false])]
#[case::one_effect(Some("gpu"), None, Some(TaintEffect::NoSchedule), [true, false])]
#[case::the_other_effect(None, None, Some(TaintEffect::NoExecute), [false, true])]
fn a_toleration_is_for_a_key_a_value_and_an_effect(
    #[case] key: Option<&str>,
    #[case] value: Option<&str>,
    #[case] effect: Option<TaintEffect>,
    #[case] expected: [bool; 2],
) {
    let toleration = Toleration { key: key.map(Arc::from), value: value.map(Arc::from), effect };
    let placement = Placement { tolerations: [toleration].into(), ..Placement::default() };
    let effects = [TaintEffect::NoSchedule, TaintEffect::NoExecute];
    assert_eq!(effects.map(|effect| placement.admits("n", &tainted("gpu", "yes", effect))), expected);
}

#[test]
fn every_taint_is_tolerated_by_some_toleration() {
    let taint = |key: &str| Taint { key: key.into(), value: "".into(), effect: TaintEffect::NoSchedule };
    let node = NodeFacts { taints: [taint("a"), taint("b")].into(), ..NodeFacts::default() };
    let tolerating = |keys: &[&str]| {
        let one = |key: &&str| Toleration { key: Some(Arc::from(*key)), ..Toleration::default() };
        Placement { tolerations: keys.iter().map(one).collect(), ..Placement::default() }
    };
    assert!(!tolerating(&["a"]).admits("n", &node));
    assert!(tolerating(&["b", "a"]).admits("n", &node));
}

#[rstest]
#[case::not_ready("node.kubernetes.io/not-ready", true)]
#[case::cordoned("node.kubernetes.io/unschedulable", true)]
#[case::not_initialised("node.cloudprovider.kubernetes.io/uninitialized", true)]
#[case::shut_down("node.cloudprovider.kubernetes.io/shutdown", true)]
#[case::karpenter("karpenter.sh/disrupted", true)]
#[case::autoscaler_startup("startup-taint.cluster-autoscaler.kubernetes.io/gpu", true)]
#[case::autoscaler_ignore("ignore-taint.cluster-autoscaler.kubernetes.io/gpu", true)]
#[case::autoscaler("cluster-autoscaler.kubernetes.io/scale-down", true)]
#[case::to_be_deleted("ToBeDeletedByClusterAutoscaler", true)]
#[case::candidate("DeletionCandidateOfClusterAutoscaler", true)]
#[case::agent("ebs.csi.aws.com/agent-not-ready", true)]
#[case::another_agent("node.cilium.io/agent-not-ready", true)]
#[case::control_plane("node-role.kubernetes.io/control-plane", false)]
#[case::dedicated("dedicated", false)]
#[case::fargate("eks.amazonaws.com/compute-type", false)]
#[case::like_a_prefix("example.com/node.kubernetes.io/not-ready", false)]
#[case::like_a_key("ToBeDeletedByClusterAutoscaler2", false)]
#[case::not_as_a_name("agent-not-ready", false)]
#[case::karpenter_of_others("karpenter.k8s.aws/special", false)]
fn passing_taints_keep_nobody_away(
    #[case] key: &str,
    #[case] passing: bool,
    #[values(TaintEffect::NoSchedule, TaintEffect::NoExecute)] effect: TaintEffect,
) {
    assert_eq!(Placement::default().admits("n", &tainted(key, "", effect)), passing);
    assert!(
        Placement { tolerations: [Toleration::default()].into(), ..Placement::default() }
            .admits("n", &tainted(key, "", effect))
    );
}

#[test]
fn a_pod_that_is_bound_to_a_node_is_on_that_one_whatever_it_asks_for() {
    let bound = Placement {
        node_name: Some("n1".into()),
        node_selector: labels(&[("pool", "gpu")]),
        affinity: Some([].into()),
        ..Placement::default()
    };
    assert!(bound.admits("n1", &tainted("dedicated", "", TaintEffect::NoExecute)));
    assert!(!bound.admits("n2", &node(&[("pool", "gpu")])));
}

#[test]
fn a_workload_that_forgets_the_node_of_its_pod_keeps_what_the_pod_asked_for() {
    let asked = Placement { node_selector: labels(&[("pool", "gpu")]), ..Placement::default() };
    let bound = Placement { node_name: Some("n1".into()), ..asked.clone() };
    let mut facts = crate::facts::WorkloadFacts { placement: Arc::new(bound), ..Default::default() };
    facts.unbind();
    assert_eq!(*facts.placement, asked);
    facts.unbind();
    assert_eq!(*facts.placement, asked);
}

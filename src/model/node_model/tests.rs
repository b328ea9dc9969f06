//! Classification of nodes, rule by rule.

use rstest::rstest;

use super::*;
use crate::facts::{Taint, TaintEffect};
use crate::matrix::ServiceModel::{Caas, Iaas, ManagedNodes, OnPremises};

/// Node with labels, taints, provider ID and kubelet version. The default values do not match a rule.
#[derive(Clone, Debug, Default)]
struct Node {
    name: &'static str,
    labels: Vec<(&'static str, &'static str)>,
    taints: Vec<(&'static str, &'static str)>,
    provider: &'static str,
    kubelet: &'static str,
}

impl Node {
    fn facts(&self) -> NodeFacts {
        let taint = |(key, value): &(&'static str, &'static str)| Taint {
            key: (*key).into(),
            value: (*value).into(),
            effect: TaintEffect::NoSchedule,
        };
        NodeFacts {
            labels: self.labels.iter().copied().collect(),
            taints: self.taints.iter().map(taint).collect(),
            provider_id: self.provider.into(),
            kubelet_version: self.kubelet.into(),
            ..NodeFacts::default()
        }
    }
}

/// A node without properties.
fn unknown() -> Node {
    Node { name: "node-1", provider: "openstack:///1", kubelet: "v1.37.1", ..Node::default() }
}

fn labelled(key: &'static str, value: &'static str) -> Node {
    Node { labels: vec![(key, value)], ..unknown() }
}

fn tainted(key: &'static str, value: &'static str) -> Node {
    Node { taints: vec![(key, value)], ..unknown() }
}

fn provided(provider: &'static str) -> Node {
    Node { provider, ..unknown() }
}

fn on_kubelet(kubelet: &'static str) -> Node {
    Node { kubelet, ..unknown() }
}

fn classify(node: &Node, visible: bool) -> NodeClass {
    NodeModels::default().classify(node.name, &node.facts(), visible)
}

const AUTO: (&str, &str) = ("eks.amazonaws.com/compute-type", "auto");
const HYBRID: (&str, &str) = ("eks.amazonaws.com/compute-type", "hybrid");
const FARGATE: (&str, &str) = ("eks.amazonaws.com/compute-type", "fargate");

/// Each rule in the order of the table, with a node that only this rule matches.
fn by_rule() -> Vec<(Node, Option<ServiceModel>)> {
    vec![
        (labelled(AUTO.0, AUTO.1), Some(ManagedNodes)),
        (labelled(HYBRID.0, HYBRID.1), Some(OnPremises)),
        (labelled(FARGATE.0, FARGATE.1), Some(ManagedNodes)),
        (tainted(FARGATE.0, FARGATE.1), Some(ManagedNodes)),
        (Node { name: "fargate-ip-10-0-0-1.ec2.internal", ..unknown() }, Some(ManagedNodes)),
        (Node { name: "gk3-autopilot-1", ..unknown() }, Some(ManagedNodes)),
        (labelled("hypershift.openshift.io/nodePool", "pool"), Some(ManagedNodes)),
        (tainted("virtual-kubelet.io/provider", "azure"), Some(ManagedNodes)),
        (tainted("virtual-kubelet.io/provider", "other"), None),
        (labelled("eks.amazonaws.com/nodegroup", "main"), Some(Caas)),
        (Node { kubelet: "v1.37.1-eks-3abbec1", ..labelled("karpenter.sh/nodepool", "default") }, Some(Caas)),
        (labelled("cloud.google.com/gke-nodepool", "main"), Some(Caas)),
        (labelled("kubernetes.azure.com/cluster", "any"), Some(Caas)),
        (on_kubelet("v1.37.1-eks-3abbec1"), Some(Caas)),
        (on_kubelet("v1.37.1-gke.1500"), Some(Caas)),
        (provided("aws:///eu-central-1a/i-1"), Some(Iaas)),
        (provided("gce://project/zone/name"), Some(Iaas)),
        (provided("azure:///subscriptions/1"), Some(Iaas)),
        (provided("kind://docker/kind/node"), Some(OnPremises)),
        (provided("k3s://node"), Some(OnPremises)),
        (provided(""), Some(OnPremises)),
    ]
}

#[test]
fn every_rule_of_the_table_says_what_a_node_shows() {
    assert_eq!(by_rule().len(), NodeModels::built_in().len(), "a node for each rule");
    for (rule, (node, expected)) in NodeModels::built_in().iter().zip(by_rule()) {
        assert!(rule.matches(node.name, &node.facts(), true), "{rule:?} does not match {node:?}");
        assert_eq!(classify(&node, true).model, expected, "{node:?}");
        assert!(!rule.source.is_empty(), "{rule:?}");
    }
}

/// If two rules match a node, the first applies. Two rules that need different values, names or providers cannot both match.
#[test]
fn the_first_rule_that_holds_decides() {
    let rules = NodeModels::built_in();
    let mut compared = 0;
    for (first, (one, expected)) in by_rule().into_iter().enumerate() {
        for (second, (other, _)) in by_rule().into_iter().enumerate().skip(first + 1) {
            let both = Node {
                name: if one.name == unknown().name { other.name } else { one.name },
                labels: one.labels.iter().chain(&other.labels).copied().collect(),
                taints: one.taints.iter().chain(&other.taints).copied().collect(),
                provider: if one.provider == unknown().provider { other.provider } else { one.provider },
                kubelet: if one.kubelet == unknown().kubelet { other.kubelet } else { one.kubelet },
            };
            let matches = |rule: usize| rules[rule].matches(both.name, &both.facts(), true);
            if (0..first).any(matches) || !matches(first) || !matches(second) {
                continue;
            }
            compared += 1;
            assert_eq!(classify(&both, true).model, expected, "{both:?}");
        }
    }
    assert!(compared > 150, "{compared} pairs");
}

/// Nodes with similar properties.
#[rstest]
#[case::nothing(&unknown())]
#[case::another_compute_type(&labelled("eks.amazonaws.com/compute-type", "ec2"))]
#[case::a_taint_of_another_value(&tainted(FARGATE.0, "auto"))]
#[case::fargate_within_the_name(&Node { name: "my-fargate-1", ..unknown() })]
#[case::gk3_within_the_name(&Node { name: "not-gk3-1", ..unknown() })]
#[case::another_virtual_kubelet(&tainted("virtual-kubelet.io/provider", "admiralty"))]
#[case::karpenter_of_another_cloud(&labelled("karpenter.sh/nodepool", "default"))]
#[case::a_label_like_that_of_azure(&labelled("example.com/kubernetes.azure.com", "x"))]
#[case::a_kubelet_like_that_of_eks(&on_kubelet("v1.37.1-eks"))]
#[case::a_kubelet_like_that_of_gke(&on_kubelet("v1.37.1-gke-1"))]
#[case::another_cloud(&provided("openstack:///1"))]
#[case::a_cloud_within_the_provider(&provided("my-aws://1"))]
fn everything_else_is_undetermined(#[case] node: &Node, #[values(true, false)] visible: bool) {
    assert_eq!(classify(node, visible), NodeClass::default());
}

/// Virtual nodes of Azure are managed. Other virtual kubelets are undetermined, even on Azure.
#[test]
fn a_virtual_kubelet_is_not_taken_for_the_cloud_of_its_cluster() {
    let on_azure =
        Node { labels: vec![("kubernetes.azure.com/cluster", "x")], ..tainted("virtual-kubelet.io/provider", "other") };
    assert_eq!(classify(&on_azure, false).model, None);
}

#[test]
fn a_node_without_provider_is_ones_own_only_where_the_control_plane_is_visible() {
    assert_eq!(classify(&provided(""), true).model, Some(OnPremises));
    assert_eq!(classify(&provided(""), false).model, None);
    assert_eq!(classify(&provided("kind://x"), false).model, Some(OnPremises));
    assert_eq!(
        classify(&provided("aws://x"), true).model,
        Some(Iaas),
        "the control plane of kops or kubeadm is visible too"
    );
}

#[test]
fn managed_nodes_and_hybrid_ones_show_that_the_provider_runs_the_control_plane() {
    for (node, model) in by_rule() {
        let expected = matches!(model, Some(Caas | ManagedNodes)) || node.labels.contains(&HYBRID);
        assert_eq!(classify(&node, true).managed_control_plane, expected, "{node:?}");
    }
}

#[test]
fn fargate_is_told_from_other_managed_nodes() {
    let fargate = by_rule().into_iter().filter(|(node, _)| classify(node, true).fargate).count();
    assert_eq!(fargate, 3, "by label, by taint and by name");
    assert!(!classify(&labelled(AUTO.0, AUTO.1), true).fargate);
    assert!(classify(&tainted(FARGATE.0, FARGATE.1), true).fargate);
}

#[test]
fn configured_rules_come_first() {
    let rule = NodeRule {
        label: Some("example.com/pool".into()),
        value: Some("edge".into()),
        model: Some(OnPremises),
        managed_control_plane: true,
        ..NodeRule::default()
    };
    let models = NodeModels::with(vec![rule]);
    let classify = |node: &Node| models.classify(node.name, &node.facts(), false);
    let edge = Node { labels: vec![("example.com/pool", "edge"), AUTO], ..unknown() };
    let expected = NodeClass { model: Some(OnPremises), managed_control_plane: true, fargate: false };
    assert_eq!(classify(&edge), expected);
    let other = Node { labels: vec![("example.com/pool", "main"), AUTO], ..unknown() };
    assert_eq!(classify(&other).model, Some(ManagedNodes), "the built-in rules hold behind them");
}

#[test]
fn a_configured_rule_can_leave_a_node_undetermined() {
    let rule = NodeRule { name: Some("lab-".into()), ..NodeRule::default() };
    let lab = Node { name: "lab-1", ..provided("aws://x") };
    assert_eq!(NodeModels::with(vec![rule]).classify(lab.name, &lab.facts(), false), NodeClass::default());
    assert_eq!(classify(&lab, false).model, Some(Iaas));
}

#[test]
fn rules_are_read_as_they_are_documented_and_misspelt_ones_are_refused() {
    let read = |text: &str| serde_saphyr::from_str::<Vec<NodeRule>>(text);
    let rules = read("- {providerID: 'equinix://', controlPlaneVisible: true, model: IaaS, source: ours}").unwrap();
    let expected = NodeRule {
        provider_id: Some("equinix://".into()),
        control_plane_visible: true,
        model: Some(Iaas),
        source: "ours".into(),
        ..NodeRule::default()
    };
    assert_eq!(rules, [expected]);
    assert!(read("- {providerId: 'equinix://', model: IaaS}").is_err());
    assert!(read("- {label: a, model: Iaas}").is_err());
}

// Several nodes

fn class(model: Option<ServiceModel>) -> NodeClass {
    NodeClass { model, ..NodeClass::default() }
}

fn models(models: &[ServiceModel]) -> ModelSet {
    models.iter().copied().collect()
}

#[test]
fn nodes_come_to_the_models_of_all_of_them() {
    let of = |classes: &[NodeClass]| SchedulableNodes::of(classes.iter().copied(), false);
    assert_eq!(of(&[]), SchedulableNodes::default());
    let two = of(&[class(Some(Caas)), class(Some(OnPremises)), class(Some(Caas))]);
    assert_eq!(two, SchedulableNodes { models: models(&[Caas, OnPremises]), ..SchedulableNodes::default() });
    let some = of(&[class(Some(Caas)), class(None)]);
    assert_eq!(some, SchedulableNodes { models: models(&[Caas]), undetermined: true, ..SchedulableNodes::default() });
}

#[test]
fn the_control_plane_is_managed_whichever_node_shows_it() {
    assert!(SchedulableNodes::of([class(Some(OnPremises))], true).managed_control_plane);
    assert!(SchedulableNodes::of([], true).managed_control_plane);
    assert!(!SchedulableNodes::of([class(Some(OnPremises))], false).managed_control_plane);
}

#[test]
fn only_where_all_nodes_are_fargate_it_is_fargate() {
    let fargate = NodeClass { fargate: true, ..class(Some(ManagedNodes)) };
    let of = |classes: &[NodeClass]| SchedulableNodes::of(classes.iter().copied(), true).fargate;
    assert!(of(&[fargate, fargate]));
    assert!(!of(&[fargate, class(Some(ManagedNodes))]));
    assert!(!of(&[class(Some(ManagedNodes)), fargate]));
    assert!(!of(&[]));
    let pod = SchedulableNodes::fargate();
    assert_eq!((pod.models, pod.undetermined, pod.fargate), (models(&[ManagedNodes]), false, true));
    assert!(pod.managed_control_plane);
    assert!(pod.union(pod).fargate && !pod.union(SchedulableNodes::default()).fargate);
}

#[test]
fn parts_come_to_what_they_come_to_together() {
    let one = SchedulableNodes::of([class(Some(Caas))], true);
    let other = SchedulableNodes::of([class(None), class(Some(Iaas))], false);
    let both = SchedulableNodes {
        models: models(&[Iaas, Caas]),
        undetermined: true,
        fargate: false,
        managed_control_plane: true,
    };
    assert_eq!(one.union(other), both);
    assert_eq!(other.union(one), both);
}

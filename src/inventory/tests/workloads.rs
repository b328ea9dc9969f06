//! Tests of workloads with several objects, excluded namespaces, routes, policies and unassigned namespaces.

use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::build::{
    cluster, facts_of, inventory_under, itself, key, load_balancer, named, namespaced, node, on_nodes, part, showing,
    written,
};
use super::shown::evaluations;
use super::{app, labels};
use crate::facts::{
    Delta, GrantFacts, HostAccess, IngressRules, Listed, ListedKind, NamespaceFacts, ObjectName, PolicyCoverage,
    PolicyFacts, Requirement, RouteFacts, RouteKind, Selector, ServiceFacts, ValueDigest, WorkloadFacts, WorkloadKey,
};
use crate::inventory::ChangeSet;
use crate::inventory::Inventory;
use crate::matrix::{Duty, LayerId, LayerTriggers, Matrix, ServiceModel};
use crate::model::Evaluation;

fn layer(name: &str) -> LayerId {
    Matrix::built_in().find(name).unwrap()
}

fn found(inventory: &Inventory, key: &WorkloadKey) -> Arc<Evaluation> {
    evaluations(inventory).remove(key).unwrap_or_else(|| panic!("{key} was not evaluated"))
}

fn has(inventory: &Inventory, key: &WorkloadKey, name: &str) -> bool {
    found(inventory, key).duties.iter().any(|found| found.layer == layer(name))
}

/// Returns an index with an assignment in the namespace `shop` and one in `bank`, which select all workloads.
fn shop_and_bank() -> Inventory {
    let mut inventory = inventory_under(ServiceModel::Caas);
    for namespace in ["shop", "bank"] {
        inventory.apply(written(&namespaced(namespace, "all"), json!({})));
    }
    inventory
}

#[test]
fn a_namespace_that_is_left_out_is_counted_and_comes_back_when_it_is_named() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let everywhere = cluster("everywhere");
    inventory.apply(written(&everywhere, json!({})));
    inventory.apply(itself(key("Deployment", "kube-system", "dns"), facts_of("dns")));
    assert_eq!(inventory.workloads(), (1, 1));
    assert_eq!(inventory.roll_up(&everywhere).unwrap().workloads, 0);
    let system = cluster("system");
    let named = json!({ "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } });
    inventory.apply(written(&system, json!({ "namespaceSelector": named })));
    assert_eq!(inventory.workloads(), (1, 0));
    assert_eq!(inventory.roll_up(&system).unwrap().workloads, 1);
    inventory.apply(Delta::Assignment(system, None));
    assert_eq!(inventory.workloads(), (1, 1));
}

/// The template of a workload replaces the facts of its children, which can come from earlier revisions.
#[test]
fn an_owner_with_a_template_of_its_own_is_known_by_that_and_by_what_its_live_parts_add() {
    let mut inventory = shop_and_bank();
    let owner = key("Rollout.argoproj.io", "shop", "web");
    let revision = key("ReplicaSet", "shop", "web-1");
    let shown =
        |inventory: &Inventory| ["storage-platform", "secrets-and-keys"].map(|name| has(inventory, &owner, name));
    inventory.apply(part(revision.clone(), &owner, showing("web", &[LayerTriggers::STORAGE])));
    assert_eq!(shown(&inventory), [true, false]);
    inventory.apply(itself(owner.clone(), showing("web", &[LayerTriggers::SECRETS])));
    assert_eq!(shown(&inventory), [true, true]);
    let idle = WorkloadFacts { idle: true, ..showing("web", &[LayerTriggers::STORAGE]) };
    inventory.apply(part(revision.clone(), &owner, idle));
    assert_eq!(shown(&inventory), [false, true], "an old revision without pods");
    assert_eq!(inventory.workloads(), (1, 0));
    inventory.apply(Delta::Workload(owner.clone(), None));
    assert_eq!(shown(&inventory), [true, false]);
    inventory.apply(Delta::Workload(revision, None));
    assert_eq!(inventory.workloads(), (0, 0));
}

/// An assignment that names an excluded namespace includes all its workloads, also those that it does not select.
#[test]
fn a_namespace_comes_back_for_all_that_select_its_workloads() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let (everywhere, system) = (cluster("everywhere"), cluster("system"));
    inventory.apply(written(&everywhere, json!({})));
    inventory.apply(itself(key("Deployment", "kube-system", "dns"), facts_of("dns")));
    let selecting = |operator: &str, value: &str| {
        let namespaces = json!({ "key": "kubernetes.io/metadata.name", "operator": operator, "values": [value] });
        let nothing = json!({ "matchLabels": { "app": "absent" } });
        written(&system, json!({ "namespaceSelector": { "matchExpressions": [namespaces] }, "selector": nothing }))
    };
    inventory.apply(selecting("NotIn", "shop"));
    assert_eq!(inventory.roll_up(&everywhere).unwrap().workloads, 0, "it takes the namespace in without naming it");
    inventory.apply(selecting("In", "kube-system"));
    assert_eq!(inventory.roll_up(&everywhere).unwrap().workloads, 1);
    inventory.apply(selecting("NotIn", "shop"));
    assert_eq!(inventory.roll_up(&everywhere).unwrap().workloads, 0);
}

/// The controller of a Rollout adds the hash of a revision to the selector of its Service. The template has no such
/// label.
#[test]
fn a_service_that_selects_the_children_only_leads_to_the_owner_all_the_same() {
    let mut inventory = shop_and_bank();
    let owner = key("Rollout.argoproj.io", "shop", "web");
    inventory.apply(itself(owner.clone(), facts_of("web")));
    inventory.apply(part(key("ReplicaSet", "shop", "web-1"), &owner, facts_of("web-hash-1")));
    assert!(!has(&inventory, &owner, "network-exposure"));
    inventory.apply(Delta::Service(named("shop", "web"), Some(load_balancer("web-hash-1"))));
    assert!(has(&inventory, &owner, "network-exposure"));
    inventory.apply(Delta::Service(named("shop", "web"), None));
    assert!(!has(&inventory, &owner, "network-exposure"));
}

#[test]
fn children_of_an_owner_are_one_workload_with_the_facts_of_all() {
    let mut inventory = shop_and_bank();
    let owner = key("Cluster.postgresql.cnpg.io", "shop", "pg");
    let [first, second] = ["pg-1", "pg-2"].map(|name| key("Pod", "shop", name));
    inventory.apply(part(first.clone(), &owner, showing("pg", &[LayerTriggers::STORAGE])));
    inventory.apply(part(second.clone(), &owner, showing("pg", &[LayerTriggers::SECRETS])));
    assert_eq!(inventory.workloads(), (1, 0));
    assert!(has(&inventory, &owner, "storage-platform") && has(&inventory, &owner, "secrets-and-keys"));
    inventory.apply(Delta::Workload(first, None));
    assert!(!has(&inventory, &owner, "storage-platform") && has(&inventory, &owner, "secrets-and-keys"));
    inventory.apply(Delta::Workload(second, None));
    assert_eq!(inventory.workloads(), (0, 0), "it exists while it has a child");
    assert_eq!(inventory.roll_up(&namespaced("shop", "all")).unwrap().workloads, 0);
}

#[test]
fn a_selector_matches_a_workload_when_any_of_its_children_matches() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let one = namespaced("shop", "one");
    inventory.apply(written(&one, json!({ "selector": { "matchLabels": { "app": "primary" } } })));
    let owner = key("Cluster.postgresql.cnpg.io", "shop", "pg");
    inventory.apply(part(key("Pod", "shop", "pg-1"), &owner, facts_of("replica")));
    assert_eq!(inventory.roll_up(&one).unwrap().workloads, 0);
    inventory.apply(part(key("Pod", "shop", "pg-2"), &owner, facts_of("primary")));
    assert_eq!(inventory.roll_up(&one).unwrap().workloads, 1);
    inventory.apply(part(key("Pod", "shop", "pg-2"), &owner, facts_of("replica")));
    assert_eq!(inventory.roll_up(&one).unwrap().workloads, 0);
}

#[test]
fn a_child_that_comes_and_goes_changes_nothing_while_others_show_the_same() {
    let mut inventory = shop_and_bank();
    let owner = key("SparkApplication.sparkoperator.k8s.io", "shop", "etl");
    let executor = |number: usize| key("Pod", "shop", &format!("etl-{number}"));
    inventory.apply(part(executor(0), &owner, showing("etl", &[LayerTriggers::SECRETS])));
    for number in 1..20 {
        let changed = inventory.apply(part(executor(number), &owner, showing("etl", &[LayerTriggers::SECRETS])));
        assert_eq!(changed, ChangeSet::default());
    }
    for number in 1..20 {
        let changed = inventory.apply(Delta::Workload(executor(number), None));
        assert_eq!(changed, ChangeSet::default());
    }
    assert_eq!(inventory.workloads(), (1, 0));
}

#[test]
fn an_object_that_is_adopted_moves_to_its_owner_and_back() {
    let mut inventory = shop_and_bank();
    let workloads = |inventory: &Inventory| evaluations(inventory).into_keys().collect::<Vec<_>>();
    let (pod, owner) = (key("Pod", "shop", "pg-1"), key("Cluster.postgresql.cnpg.io", "shop", "pg"));
    inventory.apply(itself(pod.clone(), facts_of("pg")));
    assert_eq!(workloads(&inventory), std::slice::from_ref(&pod));
    inventory.apply(part(pod.clone(), &owner, facts_of("pg")));
    assert_eq!(workloads(&inventory), [owner]);
    inventory.apply(itself(pod.clone(), facts_of("pg")));
    assert_eq!(workloads(&inventory), std::slice::from_ref(&pod));
    assert_eq!(inventory.workloads(), (1, 0));
    let listed = Listed::empty(ListedKind::Workloads(pod.kind), None);
    inventory.apply(Delta::Relisted(listed));
    assert_eq!(inventory.workloads(), (0, 0));
}

#[test]
fn parts_that_land_on_different_nodes_owe_the_duties_of_both() {
    let mut inventory = shop_and_bank();
    inventory
        .apply(Delta::Node("auto".into(), Some(node(&[("eks.amazonaws.com/compute-type", "auto"), ("pool", "auto")]))));
    let own = crate::facts::NodeFacts { provider_id: "aws://zone/i".into(), ..node(&[("pool", "own")]) };
    inventory.apply(Delta::Node("own".into(), Some(own)));
    let owner = key("SparkApplication.sparkoperator.k8s.io", "shop", "etl");
    let on = |pool: &str| WorkloadFacts { placement: on_nodes(&[("pool", pool)]), ..facts_of("etl") };
    let owed = |inventory: &Inventory| {
        let found = found(inventory, &owner);
        let duties = found.duties.iter().filter(|found| found.layer == layer("node-os"));
        duties.map(|found| found.duty).collect::<Vec<_>>()
    };
    inventory.apply(part(key("Pod", "shop", "driver"), &owner, on("auto")));
    assert_eq!(owed(&inventory), [Duty::Provider]);
    inventory.apply(part(key("Pod", "shop", "executor"), &owner, on("own")));
    assert_eq!(owed(&inventory), [Duty::Provider, Duty::Customer]);
}

#[test]
fn one_part_that_reaches_into_its_node_is_enough() {
    let mut inventory = inventory_under(ServiceModel::ManagedNodes);
    inventory.apply(written(&namespaced("shop", "all"), json!({})));
    let owner = key("SparkApplication.sparkoperator.k8s.io", "shop", "etl");
    let host = HostAccess::PRIVILEGED;
    inventory.apply(part(key("Pod", "shop", "driver"), &owner, facts_of("etl")));
    assert_eq!(found(&inventory, &owner).risks, []);
    inventory.apply(part(key("Pod", "shop", "executor"), &owner, WorkloadFacts { host, ..facts_of("etl") }));
    let reasons: Vec<_> = found(&inventory, &owner).risks.iter().map(|risk| risk.reason).collect();
    assert_eq!(reasons, [crate::api::RiskReason::HostAccessDefeatsProviderNodes]);
}

// Routes to a workload from outside of the cluster

fn web() -> WorkloadKey {
    key("Deployment", "shop", "web")
}

/// Returns an index with a workload of the shop and a Service that is not published.
fn with_service(selector: &str) -> Inventory {
    let mut inventory = shop_and_bank();
    inventory.apply(itself(web(), facts_of("web")));
    let service = ServiceFacts { published: false, ..load_balancer(selector) };
    inventory.apply(Delta::Service(named("shop", "web"), Some(service)));
    inventory
}

fn route(kind: RouteKind, from: &str, to: ObjectName) -> Delta {
    Delta::Route(kind, named(from, "route"), Some(RouteFacts { backends: [to].into(), ..RouteFacts::default() }))
}

fn grant(kind: RouteKind, from: &str, to: Option<&str>) -> Delta {
    let from = [(kind, from.into())].into();
    Delta::Grant(named("shop", "grant"), Some(GrantFacts { from, to: [to.map(Into::into)].into() }))
}

#[rstest]
fn a_route_of_any_kind_to_a_service_of_a_workload_exposes_it(#[values(0, 1, 2, 3, 4, 5, 6)] kind: usize) {
    let kind = RouteKind::ALL[kind];
    let mut inventory = with_service("web");
    assert!(!has(&inventory, &web(), "network-exposure"));
    inventory.apply(route(kind, "shop", named("shop", "web")));
    for layer in ["network-exposure", "user-accounts", "identity-infrastructure", "data-protection"] {
        assert!(has(&inventory, &web(), layer), "{layer}");
    }
    inventory.apply(Delta::Route(kind, named("shop", "route"), None));
    assert!(!has(&inventory, &web(), "network-exposure"));
    let mut of_others = with_service("other");
    of_others.apply(route(kind, "shop", named("shop", "web")));
    assert!(!has(&of_others, &web(), "network-exposure"), "the Service selects other pods");
}

#[test]
fn a_route_exposes_whether_it_or_the_service_was_seen_first() {
    let mut inventory = shop_and_bank();
    inventory.apply(route(RouteKind::Ingress, "shop", named("shop", "web")));
    inventory.apply(itself(web(), facts_of("web")));
    assert!(!has(&inventory, &web(), "network-exposure"), "there is no such Service");
    let service = ServiceFacts { published: false, ..load_balancer("web") };
    inventory.apply(Delta::Service(named("shop", "web"), Some(service)));
    assert!(has(&inventory, &web(), "network-exposure"));
}

#[test]
fn a_service_stays_exposed_until_its_last_route_is_gone() {
    let mut inventory = with_service("web");
    for name in ["one", "two"] {
        let facts = RouteFacts { backends: [named("shop", "web")].into(), ..RouteFacts::default() };
        inventory.apply(Delta::Route(RouteKind::Ingress, named("shop", name), Some(facts)));
    }
    inventory.apply(Delta::Route(RouteKind::Ingress, named("shop", "one"), None));
    assert!(has(&inventory, &web(), "network-exposure"));
    inventory.apply(Delta::Route(RouteKind::Ingress, named("shop", "two"), Some(RouteFacts::default())));
    assert!(!has(&inventory, &web(), "network-exposure"), "it leads nowhere any more");
}

#[rstest]
#[case::no_grant(None, false)]
#[case::for_every_service(Some(grant(RouteKind::HttpRoute, "bank", None)), true)]
#[case::for_this_service(Some(grant(RouteKind::HttpRoute, "bank", Some("web"))), true)]
#[case::for_another_service(Some(grant(RouteKind::HttpRoute, "bank", Some("other"))), false)]
#[case::for_another_kind(Some(grant(RouteKind::TlsRoute, "bank", None)), false)]
#[case::for_another_namespace(Some(grant(RouteKind::HttpRoute, "shop", None)), false)]
fn a_route_of_another_namespace_counts_where_a_grant_lets_it_in(
    #[case] grant: Option<Delta>,
    #[case] exposed: bool,
    #[values(true, false)] grant_first: bool,
) {
    let mut inventory = with_service("web");
    let route = [route(RouteKind::HttpRoute, "bank", named("shop", "web"))];
    let (first, then) = if grant_first { (grant.clone(), route.to_vec()) } else { (None, route.to_vec()) };
    first.into_iter().chain(then).chain(grant).for_each(|delta| drop(inventory.apply(delta)));
    assert_eq!(has(&inventory, &web(), "network-exposure"), exposed);
    inventory.apply(Delta::Grant(named("shop", "grant"), None));
    assert!(!has(&inventory, &web(), "network-exposure"), "nothing lets it in any more");
}

#[test]
fn a_grant_of_the_routes_namespace_lets_nothing_in() {
    let mut inventory = with_service("web");
    let facts = GrantFacts { from: [(RouteKind::HttpRoute, "bank".into())].into(), to: [None].into() };
    inventory.apply(Delta::Grant(named("bank", "grant"), Some(facts)));
    inventory.apply(route(RouteKind::HttpRoute, "bank", named("shop", "web")));
    assert!(!has(&inventory, &web(), "network-exposure"));
}

#[test]
fn the_name_of_an_external_service_in_the_environment_makes_it_called() {
    let mut inventory = shop_and_bank();
    let facts = WorkloadFacts { env_values: [ValueDigest::of("db")].into(), ..facts_of("web") };
    inventory.apply(itself(web(), facts));
    let service = |external_name| ServiceFacts { external_name, ..ServiceFacts::default() };
    inventory.apply(Delta::Service(named("bank", "db"), Some(service(true))));
    assert!(!has(&inventory, &web(), "external-services"), "of another namespace");
    inventory.apply(Delta::Service(named("shop", "db"), Some(service(false))));
    assert!(!has(&inventory, &web(), "external-services"), "of another type");
    inventory.apply(Delta::Service(named("shop", "db"), Some(service(true))));
    assert!(has(&inventory, &web(), "external-services"));
}

// Policies

#[test]
fn pods_are_unsegmented_while_no_policy_selects_them_and_that_is_known() {
    let team = json!({
        "parties": [{ "name": "team", "role": "Customer" }],
        "duties": [{ "layers": ["network-segmentation"], "customer": "team" }],
    });
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(written(&namespaced("shop", "all"), team));
    inventory.apply(itself(web(), facts_of("web")));
    let is_assumed = |inventory: &Inventory| {
        let risks = &found(inventory, &web()).risks;
        risks.iter().any(|risk| risk.reason == crate::api::RiskReason::SegmentationAssumed)
    };
    let policy = |namespace: &str, pods: Option<&str>| {
        let pods = pods.and_then(|app| Selector::new(vec![Requirement::In("app".into(), vec![app.to_owned()])]));
        Delta::Policy(named(namespace, "deny"), Some(PolicyFacts { pods, ingress: IngressRules::Restricted }))
    };
    assert!(!is_assumed(&inventory), "it is not known");
    inventory.apply(Delta::PolicyCoverage(PolicyCoverage::Complete));
    assert!(is_assumed(&inventory));
    inventory.apply(policy("bank", None));
    assert!(is_assumed(&inventory), "of another namespace");
    inventory.apply(policy("shop", Some("db")));
    assert!(is_assumed(&inventory), "of other pods");
    inventory.apply(policy("shop", Some("web")));
    assert!(!is_assumed(&inventory));
    inventory.apply(policy("shop", None));
    assert!(!is_assumed(&inventory), "of all pods");
    inventory.apply(Delta::Policy(named("shop", "deny"), None));
    assert!(is_assumed(&inventory));
    inventory.apply(Delta::PolicyCoverage(PolicyCoverage::OtherApisServed));
    assert!(!is_assumed(&inventory));
}

// Unassigned namespaces

#[test]
fn a_namespace_is_unassigned_from_its_first_workload_or_its_last_assignment_on() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let shop: Arc<str> = "shop".into();
    let facts = NamespaceFacts { labels: labels(&[("kubernetes.io/metadata.name", "shop")]), uid: "uid-1".into() };
    assert!(inventory.apply(Delta::Namespace(shop.clone(), Some(facts))).unassigned.is_empty());
    assert_eq!(inventory.unassigned("shop"), None);
    assert!(inventory.apply(itself(web(), facts_of("web"))).unassigned.contains(&shop));
    assert_eq!(inventory.unassigned("shop").as_deref(), Some("uid-1"));
    let second = itself(key("Deployment", "shop", "db"), facts_of("db"));
    assert!(inventory.apply(second).unassigned.is_empty(), "it was so before");
    for id in [namespaced("shop", "none-of-them"), cluster("none-of-them")] {
        let nothing = json!({ "selector": { "matchLabels": { "app": "absent" } } });
        inventory.apply(written(&id, nothing));
        assert_eq!(inventory.unassigned("shop"), None, "somebody speaks for the namespace");
        assert!(!inventory.has_no_assignment("shop"));
        assert!(inventory.apply(Delta::Assignment(id, None)).unassigned.contains(&shop));
        assert!(inventory.has_no_assignment("shop") && !inventory.has_no_assignment("bank"));
    }
    inventory.apply(Delta::Workload(web(), None));
    inventory.apply(Delta::Workload(key("Deployment", "shop", "db"), None));
    assert!(inventory.has_no_assignment("shop"), "with or without workloads");
    assert_eq!(inventory.unassigned("shop"), None);
}

#[test]
fn the_report_of_a_workload_names_its_gaps_and_the_highest_ranked_assignment() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(itself(web(), facts_of("web")));
    assert!(inventory.workload(&web()).is_none(), "nobody selects it");
    inventory.apply(written(&cluster("platform"), json!({})));
    assert_eq!(inventory.workload(&web()).unwrap().assignment, cluster("platform"));
    let (all, narrow) = (namespaced("shop", "all"), namespaced("shop", "narrow"));
    let owner = json!({
        "selector": { "matchLabels": { "app": "web" } },
        "parties": [{ "name": "team", "role": "Customer" }],
        "duties": [{ "layers": ["application-code"], "customer": "team" }],
    });
    inventory.apply(written(&all, json!({})));
    assert_eq!(inventory.workload(&web()).unwrap().assignment, all);
    let code = (layer("application-code"), Duty::Customer);
    assert!(inventory.workload(&web()).unwrap().gaps.contains(&code));
    inventory.apply(written(&narrow, owner));
    let report = inventory.workload(&web()).unwrap();
    assert_eq!(report.assignment, narrow);
    assert!(!report.gaps.contains(&code) && report.gaps.contains(&(layer("access-control"), Duty::Customer)));
}

#[test]
fn labels_of_workloads_and_of_pods_are_told_apart() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let by_label = namespaced("shop", "by-label");
    inventory.apply(written(&by_label, json!({ "selector": { "matchLabels": { "app": "web" } } })));
    inventory.apply(itself(web(), WorkloadFacts { labels: app("other"), ..facts_of("web") }));
    assert_eq!(inventory.roll_up(&by_label).unwrap().workloads, 0, "selectors match the labels of the workload object");
}

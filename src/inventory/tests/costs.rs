//! Tests of the number of evaluations: a change evaluates only the workloads that it affects.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::build::{
    cluster, facts_of, inventory_under, itself, key, load_balancer, named, namespaced, node, on_nodes, service_model,
    written,
};
use super::generate::days_from_today;
use super::labels;
use crate::facts::{Delta, IngressRules, PolicyFacts, RouteFacts, RouteKind, WorkloadFacts};
use crate::inventory::Inventory;
use crate::matrix::ServiceModel;

/// Returns an index with 1,000 workloads.
fn large() -> Inventory {
    of_size(100)
}

/// Returns an index with namespaces of ten workloads and an assignment each, and one cluster assignment. One workload
/// of each namespace selects the nodes of a pool.
pub(super) fn of_size(namespaces: usize) -> Inventory {
    let mut inventory = inventory_under(ServiceModel::Caas);
    for namespace in 0..namespaces {
        let namespace = format!("team-{namespace}");
        inventory.apply(written(&namespaced(&namespace, "all"), json!({})));
        for number in 0..10 {
            let name = format!("app-{number}");
            let placement = if number == 9 { on_nodes(&[("pool", "gpu")]) } else { Arc::default() };
            let facts = WorkloadFacts { placement, ..facts_of(&name) };
            inventory.apply(itself(key("Deployment", &namespace, &name), facts));
        }
    }
    inventory.apply(written(&cluster("platform"), json!({})));
    inventory
}

/// Applies a change. Returns the number of evaluated (assignment, workload) pairs and the changed assignments.
pub(super) fn cost(inventory: &mut Inventory, delta: Delta) -> (u64, BTreeSet<String>) {
    let before = inventory.evaluated();
    let changed = inventory.apply(delta).assignments.iter().map(ToString::to_string).collect();
    (inventory.evaluated() - before, changed)
}

fn both() -> BTreeSet<String> {
    BTreeSet::from(["platform".to_owned(), "team-7/all".to_owned()])
}

#[test]
fn a_change_evaluates_what_it_touches_and_no_more() {
    let mut inventory = large();
    let mut cost = |delta: Delta| cost(&mut inventory, delta);
    let service = || Delta::Service(named("team-7", "web"), Some(load_balancer("app-3")));
    assert_eq!(cost(service()), (2, both()), "one workload, two assignments");
    assert_eq!(cost(service()), (0, BTreeSet::new()), "nothing new");
    let unchanged = itself(key("Deployment", "team-7", "app-3"), facts_of("app-3"));
    assert_eq!(cost(unchanged), (0, BTreeSet::new()), "a change of status only");
    assert_eq!(cost(Delta::Workload(key("Deployment", "team-7", "app-3"), None)), (0, both()));
    assert_eq!(cost(itself(key("Deployment", "team-7", "new"), facts_of("app-3"))), (2, both()));
}

#[test]
fn a_route_and_a_policy_touch_the_workloads_behind_them() {
    let mut inventory = large();
    let mut cost = |delta: Delta| cost(&mut inventory, delta);
    let service = crate::facts::ServiceFacts { published: false, ..load_balancer("app-3") };
    assert_eq!(
        cost(Delta::Service(named("team-7", "web"), Some(service))),
        (0, BTreeSet::new()),
        "nothing leads to it"
    );
    let route = |service: &str| {
        let backends = [named("team-7", service)].into();
        Delta::Route(
            RouteKind::HttpRoute,
            named("team-7", "web"),
            Some(RouteFacts { backends, ..RouteFacts::default() }),
        )
    };
    assert_eq!(cost(route("web")), (2, both()));
    assert_eq!(cost(route("other")), (2, both()), "it leads elsewhere");
    assert_eq!(cost(route("another")), (0, BTreeSet::new()), "of no workload");
    let pods = crate::facts::Selector::new(vec![crate::facts::Requirement::In("app".into(), vec!["app-3".into()])]);
    let policy = Delta::Policy(named("team-7", "deny"), Some(PolicyFacts { pods, ingress: IngressRules::Restricted }));
    assert_eq!(
        cost(policy),
        (2, BTreeSet::new()),
        "one workload, for which it makes no difference while nobody owns it"
    );
}

/// A route that adds a Service, or is listed again, does not evaluate the workloads of its unchanged Services.
#[test]
fn a_route_touches_only_what_it_begins_or_ceases_to_lead_to() {
    let mut inventory = large();
    let mut cost = |delta: Delta| cost(&mut inventory, delta);
    for app in ["app-3", "app-4"] {
        let service = crate::facts::ServiceFacts { published: false, ..load_balancer(app) };
        cost(Delta::Service(named("team-7", app), Some(service)));
    }
    let route = |services: &[&str]| {
        let backends = services.iter().map(|service| named("team-7", service)).collect();
        Delta::Route(
            RouteKind::HttpRoute,
            named("team-7", "web"),
            Some(RouteFacts { backends, ..RouteFacts::default() }),
        )
    };
    assert_eq!(cost(route(&["app-3"])).0, 2);
    assert_eq!(cost(route(&["app-3", "app-4"])).0, 2, "the other workload");
    assert_eq!(cost(route(&["app-3", "app-4"])), (0, BTreeSet::new()));
    assert_eq!(cost(route(&["app-4"])).0, 2);
}

/// A new node only evaluates the workloads whose placement has another result.
#[test]
fn a_node_that_joins_touches_the_workloads_that_find_something_new() {
    let mut inventory = large();
    let eks = [("eks.amazonaws.com/nodegroup", "main")];
    let auto = [("eks.amazonaws.com/compute-type", "auto"), ("pool", "gpu")];
    let join = |name: &str, shows: &[(&str, &str)]| Delta::Node(name.into(), Some(node(shows)));
    let all = 2 * 1000;
    assert_eq!(cost(&mut inventory, join("n0", &eks)).0, all, "the first one, instead of the default");
    assert_eq!(cost(&mut inventory, join("n1", &eks)), (0, BTreeSet::new()), "one more of the same");
    assert_eq!(cost(&mut inventory, join("n2", &auto)).0, all, "another model wherever pods may land on it");
    assert_eq!(cost(&mut inventory, join("n3", &auto)), (0, BTreeSet::new()));
    let of_pool = cost(&mut inventory, join("n4", &[("eks.amazonaws.com/nodegroup", "gpu"), ("pool", "gpu")]));
    assert_eq!(of_pool.0, 2 * 100, "a model that the others know already");
    assert_eq!(cost(&mut inventory, Delta::Node("n1".into(), None)), (0, BTreeSet::new()), "one less of the same");
}

#[test]
fn a_day_touches_what_ends_on_it() {
    let mut inventory = large();
    let review = json!({ "review": { "lastAt": "2026-11-24", "everyDays": 31, "graceDays": 0 } });
    inventory.apply(written(&namespaced("team-7", "all"), review));
    let evaluated = (2 * 10, BTreeSet::from(["team-7/all".to_owned()]));
    let cost = |inventory: &mut Inventory, days| cost(inventory, Delta::Day(days_from_today(days)));
    assert_eq!(cost(&mut inventory, 0), (0, BTreeSet::new()));
    assert_eq!(cost(&mut inventory, 1), evaluated, "due within 30 days");
    assert_eq!(cost(&mut inventory, 31), (0, BTreeSet::new()), "the day itself");
    assert_eq!(cost(&mut inventory, 32), evaluated, "passed");
    assert_eq!(cost(&mut inventory, 1000), (0, BTreeSet::new()));
}

#[test]
fn a_service_model_that_says_the_same_touches_nothing() {
    let mut inventory = large();
    let model = |source: &str| {
        let cell = json!({ "layer": "cloud-network", "owes": "Shared", "source": source });
        service_model("rosa", json!({ "extends": "CaaS", "cells": [cell] }))
    };
    assert_eq!(cost(&mut inventory, model("contract")).0, 2 * 1000);
    assert_eq!(cost(&mut inventory, model("another contract")), (0, BTreeSet::new()));
}

#[test]
fn only_assignments_that_select_by_a_label_look_at_workloads_with_it() {
    let mut inventory = large();
    let one = json!({ "selector": { "matchLabels": { "app": "app-3" } } });
    let (evaluated, changed) = cost(&mut inventory, written(&namespaced("team-7", "one"), one));
    assert_eq!((evaluated, changed.len()), (3, 3), "one workload, three assignments: {changed:?}");
    let nothing = json!({ "selector": { "matchLabels": { "app": "absent" } } });
    let (evaluated, changed) = cost(&mut inventory, written(&namespaced("team-7", "none"), nothing));
    assert_eq!((evaluated, changed), (0, BTreeSet::from(["team-7/none".to_owned()])));
}

#[test]
fn labels_of_a_namespace_that_nobody_selects_by_touch_nothing() {
    let mut inventory = large();
    let facts = |tier| crate::facts::NamespaceFacts { labels: labels(&[("tier", tier)]), uid: "u".into() };
    let is_there = |tier| Delta::Namespace("team-7".into(), Some(facts(tier)));
    assert_eq!(cost(&mut inventory, is_there("silver")).0, 2 * 10, "what is enforced in it is known now");
    assert_eq!(cost(&mut inventory, is_there("gold")), (0, BTreeSet::new()));
}

#[test]
fn workloads_of_a_namespace_that_differ_in_nothing_that_counts_are_evaluated_together() {
    let mut inventory = large();
    let before = (inventory.evaluated(), inventory.computed());
    inventory.apply(written(&cluster("platform"), json!({ "serviceModel": "IaaS" })));
    let after = (inventory.evaluated(), inventory.computed());
    // Without nodes the placement has no effect.
    assert_eq!((after.0 - before.0, after.1 - before.1), (2 * 1000, 100));
}

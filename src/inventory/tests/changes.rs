//! Tests of the [`ChangeSet`] of a change.

use serde_json::json;

use super::build::{cluster, facts_of, inventory_under, itself, key, namespaced, service_model, written};
use crate::facts::{Delta, Listed, ListedKind};
use crate::inventory::{ChangeSet, Inventory};
use crate::matrix::{Duty, LayerId, ServiceModel};

#[test]
fn a_list_changes_what_its_deletions_change() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(service_model("rosa", json!({ "extends": "ManagedNodes" })));
    inventory.apply(itself(key("Deployment", "shop", "web"), facts_of("web")));
    for name in ["all", "all-as-well"] {
        inventory.apply(written(&namespaced("shop", name), json!({})));
    }
    let mut empty = |kind| inventory.apply(Delta::Relisted(Listed::empty(kind, None)));
    assert!(empty(ListedKind::ServiceModels).service_models);
    assert!(!empty(ListedKind::ServiceModels).service_models, "there is none any more");
    let changed = empty(ListedKind::Assignments);
    assert!(changed.unassigned.contains("shop"), "{changed:?}");
    assert!(changed.assignments.is_empty(), "what is gone cannot change: {changed:?}");
    assert_eq!(empty(ListedKind::Assignments), ChangeSet::default());
}

#[test]
fn service_models_are_told_of_when_one_of_them_or_who_names_it_changes() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let (rosa, shop) = (json!({ "extends": "ManagedNodes" }), namespaced("shop", "all"));
    assert!(inventory.apply(service_model("rosa", rosa.clone())).service_models);
    assert!(!inventory.apply(service_model("rosa", rosa)).service_models);
    assert_eq!(inventory.assignments_using("rosa"), 0);
    assert!(!inventory.apply(written(&shop, json!({}))).service_models);
    assert!(inventory.apply(written(&shop, json!({ "serviceModel": "rosa" }))).service_models);
    assert!(inventory.apply(written(&cluster("a"), json!({ "serviceModel": "rosa" }))).service_models);
    assert_eq!((inventory.assignments_using("rosa"), inventory.assignments_using("other")), (2, 0));
    let named_the_same = json!({ "serviceModel": "rosa", "declares": ["client-devices"] });
    assert!(!inventory.apply(written(&shop, named_the_same)).service_models);
    assert!(inventory.apply(Delta::Assignment(shop, None)).service_models);
    assert_eq!(inventory.assignments_using("rosa"), 1);
}

/// A new service model gives effect to the assignments that name it. They lose this effect when it is deleted.
#[test]
fn a_claim_waits_for_the_service_model_that_it_names() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let (web, platform) = (key("Deployment", "shop", "web"), cluster("platform"));
    inventory.apply(itself(web.clone(), facts_of("web")));
    inventory.apply(written(&platform, json!({ "serviceModel": "rosa" })));
    let found = |inventory: &Inventory| super::shown::evaluations(inventory).remove(&web).unwrap();
    assert!(found(&inventory).model.not_found);
    let cells = json!([{ "layer": "cloud-network", "owes": "Provider", "source": "contract" }]);
    let changed = inventory.apply(service_model("rosa", json!({ "extends": "ManagedNodes", "cells": cells })));
    assert!(changed.assignments.contains(&platform));
    assert!(!found(&inventory).model.not_found);
    let network = inventory.matrix().find("cloud-network").unwrap();
    let owed = |inventory: &Inventory| -> Vec<Duty> {
        found(inventory).duties.iter().filter(|duty| duty.layer == network).map(|duty| duty.duty).collect()
    };
    assert_eq!(owed(&inventory), [Duty::Provider]);
    inventory.apply(Delta::ServiceModel("rosa".into(), None));
    assert!(found(&inventory).model.not_found);
    assert_eq!(owed(&inventory), [Duty::Customer]);
}

/// A new custom layer changes the IDs of the others. This alone does not change the gaps of a workload.
#[test]
fn layers_that_are_numbered_anew_are_no_other_gaps() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let own = |name: &str| {
        let layer = json!({
            "name": name, "meaning": "m", "plane": "Workload", "concern": "Workload", "presence": "Inherent",
            "owes": "Customer", "source": "policy",
        });
        json!({ "extends": "CaaS", "layers": [layer] })
    };
    inventory.apply(service_model("own", own("example.com/m")));
    inventory.apply(itself(key("Deployment", "shop", "web"), facts_of("web")));
    inventory.apply(written(&cluster("platform"), json!({ "serviceModel": "own" })));
    let changed = inventory.apply(service_model("other", own("example.com/a")));
    assert_eq!(inventory.matrix().find("example.com/m").map(LayerId::index), Some(23), "it was the 22nd");
    assert!(changed.renumbered && changed.workloads.is_empty(), "{changed:?}");
    let changed = inventory.apply(service_model("own", own("example.com/z")));
    let [change] = &changed.workloads[..] else { panic!("another layer is another gap: {changed:?}") };
    assert!(!change.reselected);
}

/// Messages about a layer contain its meaning.
#[test]
fn other_words_about_a_layer_change_every_assignment() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let own = |meaning: &str| {
        let layer = json!({
            "name": "example.com/a", "meaning": meaning, "plane": "Workload", "concern": "Workload",
            "presence": "Inherent", "owes": "Customer", "source": "policy",
        });
        service_model("own", json!({ "extends": "CaaS", "layers": [layer] }))
    };
    inventory.apply(own("models"));
    inventory.apply(itself(key("Deployment", "shop", "web"), facts_of("web")));
    inventory.apply(written(&cluster("platform"), json!({ "serviceModel": "own" })));
    let changed = inventory.apply(own("agents"));
    assert!(changed.assignments.contains(&cluster("platform")) && changed.workloads.is_empty(), "{changed:?}");
}

#[test]
fn a_workload_that_is_selected_by_others_than_before_is_told_so() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let web = key("Deployment", "shop", "web");
    inventory.apply(itself(web.clone(), facts_of("web")));
    let first = inventory.apply(written(&namespaced("shop", "one"), json!({})));
    assert!(first.workloads.is_empty(), "it was not evaluated before: {first:?}");
    let second = inventory.apply(written(&namespaced("shop", "two"), json!({})));
    let [change] = &second.workloads[..] else { panic!("{second:?}") };
    assert!(change.reselected && *change.key == web);
    let duties = json!({
        "parties": [{ "name": "team", "role": "Customer" }],
        "duties": [{ "layers": ["application-code"], "customer": "team" }],
    });
    let third = inventory.apply(written(&namespaced("shop", "two"), duties));
    let [change] = &third.workloads[..] else { panic!("{third:?}") };
    assert!(!change.reselected);
    let code = inventory.matrix().find("application-code").unwrap();
    assert!(change.before.gaps().any(|gap| gap == (code, Duty::Customer)), "what was found before");
    assert!(!inventory.workload(&web).unwrap().gaps.contains(&(code, Duty::Customer)));
    let same_gaps =
        inventory.apply(written(&namespaced("shop", "one"), json!({ "review": { "lastAt": "2026-11-01" } })));
    assert!(same_gaps.workloads.is_empty(), "{same_gaps:?}");
}

/// Gaps of platform layers are not reported to the workload team if a cluster assignment applies to the namespace.
#[test]
fn whoever_runs_a_workload_is_told_of_its_platform_gaps_only_where_nobody_else_is() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    let web = key("Deployment", "shop", "web");
    inventory.apply(itself(web.clone(), facts_of("web")));
    inventory.apply(written(&namespaced("shop", "all"), json!({})));
    let node_os = (inventory.matrix().find("node-os").unwrap(), Duty::Customer);
    let code = (inventory.matrix().find("application-code").unwrap(), Duty::Customer);
    let gaps = |inventory: &Inventory| inventory.workload(&web).unwrap().gaps;
    assert!(gaps(&inventory).contains(&node_os) && gaps(&inventory).contains(&code));
    inventory.apply(written(&cluster("platform"), json!({ "selector": { "matchLabels": { "app": "absent" } } })));
    assert!(!gaps(&inventory).contains(&node_os) && gaps(&inventory).contains(&code));
}

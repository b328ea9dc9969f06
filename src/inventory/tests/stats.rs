//! Tests of the totals over the whole index.

use proptest::prelude::*;
use serde_json::json;

use super::build::{cluster, facts_of, inventory_under, itself, key, namespaced, node, written};
use super::from_scratch::after;
use super::generate::{settings, steps};
use super::shown::evaluations;
use crate::facts::Delta;
use crate::inventory::{Inventory, Stats};
use crate::matrix::{Duty, ServiceModel};

/// Returns the number of customer duties of a layer in a state.
fn count(of: &Stats, inventory: &Inventory, layer: &str, state: &'static str) -> usize {
    let layer = inventory.matrix().find(layer).unwrap();
    of.duties.get(&(layer, Duty::Customer, state)).copied().unwrap_or_default()
}

#[test]
fn every_workload_counts_once_and_under_the_namespace_that_it_lies_in() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    for (namespace, name) in [("shop", "web"), ("shop", "api"), ("lake", "pg"), ("alone", "x"), ("kube-system", "dns")]
    {
        inventory.apply(itself(key("Deployment", namespace, name), facts_of(name)));
    }
    inventory.apply(Delta::Node("n1".into(), Some(node(&[]))));
    let holding = |layers: &[&str]| json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [{ "layers": layers, "customer": "team" }] });
    inventory.apply(written(&namespaced("shop", "all"), holding(&["application-code"])));
    inventory.apply(written(&namespaced("shop", "again"), json!({})));
    let one = json!({ "selector": { "matchLabels": { "app": "other" } } });
    inventory.apply(written(&namespaced("lake", "one"), one));

    let stats = inventory.stats();
    assert_eq!((stats.workloads, stats.excluded, stats.unselected), (5, 1, 2));
    assert_eq!((stats.nodes, stats.unassigned_namespaces), (1, 1), "nobody speaks for the namespace alone");
    assert_eq!(count(&stats, &inventory, "application-code", "Owned"), 2);
    assert_eq!(count(&stats, &inventory, "access-control", "Unowned"), 2);
    assert_eq!(stats.gaps.keys().map(|name| &**name).collect::<Vec<_>>(), ["shop"]);

    let layers: Vec<String> = inventory.matrix().layers().map(|(_, layer)| layer.name.clone()).collect();
    let all: Vec<&str> = layers.iter().map(String::as_str).collect();
    inventory.apply(written(&cluster("platform"), holding(&all)));
    let stats = inventory.stats();
    assert_eq!((stats.unselected, stats.unassigned_namespaces), (0, 0));
    assert_eq!(count(&stats, &inventory, "access-control", "Owned"), 4);
    assert_eq!(stats.gaps.len(), 3, "a namespace without a gap is counted too: {:?}", stats.gaps);
}

proptest! {
    #![proptest_config(crate::model::testing::tried())]

    /// The totals equal the sums over the workloads.
    #[test]
    fn totals_are_the_sums_of_what_was_found(settings in settings(), steps in steps(1..50)) {
        let (inventory, _) = after(settings, steps);
        let stats = inventory.stats();
        let found = evaluations(&inventory);
        prop_assert_eq!(stats.duties.values().sum::<usize>(), found.values().map(|found| found.duties.len()).sum::<usize>());
        let gaps = |namespace: &str| {
            let here = found.iter().filter(|(key, _)| &*key.namespace == namespace);
            here.map(|(_, found)| found.gaps().count()).sum::<usize>()
        };
        for (namespace, count) in &stats.gaps {
            prop_assert_eq!(*count, gaps(namespace));
        }
        prop_assert_eq!(stats.gaps.values().sum::<usize>(), found.values().map(|found| found.gaps().count()).sum::<usize>());
        prop_assert_eq!((stats.workloads, stats.excluded), inventory.workloads());
        prop_assert_eq!(stats.workloads - stats.excluded - stats.unselected, found.len());
    }
}

//! Tests of one namespace with very many objects: what a change costs there.

use serde_json::json;

use super::build::{inventory_under, itself, key, named, namespaced, written};
use super::labels;
use crate::facts::{Delta, Labels, PodLabels, RouteFacts, RouteKind, ServiceFacts, WorkloadFacts, compared};
use crate::inventory::Inventory;
use crate::matrix::ServiceModel;

/// The number of workloads and of Services of the crowd.
const CROWD: u64 = 500;
/// The number of labels that all of them share.
const SHARED: u64 = 20;
/// The most label comparisons for one change, per workload of the namespace: each workload that the changed object can
/// select is compared once before the change and once after it, with each label at most twice.
const MOST_PER_WORKLOAD: u64 = 8 * SHARED;

fn shared_labels() -> Labels {
    (0..SHARED).map(|number| (format!("key-{number:02}"), "same")).collect()
}

fn workload(name: &str, labels: Labels) -> Delta {
    let pods = PodLabels { template: labels, ordinals_of: None, unlisted: false };
    itself(key("Deployment", "crowd", name), WorkloadFacts { pods, ..WorkloadFacts::default() })
}

fn service(name: &str, selector: Labels, published: bool) -> Delta {
    let facts = ServiceFacts { selector, published, external_name: false };
    Delta::Service(named("crowd", name), Some(facts))
}

fn route(name: &str, backends: impl IntoIterator<Item = String>) -> Delta {
    let backends = backends.into_iter().map(|backend| named("crowd", &backend)).collect();
    let facts = RouteFacts { backends, ..RouteFacts::default() };
    Delta::Route(RouteKind::HttpRoute, named("crowd", name), Some(facts))
}

/// Returns an index with the crowd: every Service selects the pods of every workload.
fn crowd(published: bool) -> Inventory {
    let mut inventory = inventory_under(ServiceModel::Caas).deferred();
    inventory.apply(written(&namespaced("crowd", "all"), json!({})));
    for number in 0..CROWD {
        inventory.apply(workload(&format!("w-{number}"), shared_labels()));
        inventory.apply(service(&format!("s-{number}"), shared_labels(), published));
    }
    inventory.catch_up();
    inventory
}

#[test]
fn a_change_in_a_crowd_of_workloads_and_services_costs_a_few_comparisons_per_workload() {
    for published in [false, true] {
        let mut inventory = crowd(published);
        let changes = [
            service("one-more", shared_labels(), false),
            service("one-more", shared_labels(), true),
            service("one-more", labels(&[("key-00", "same"), ("other", "x")]), true),
            Delta::Service(named("crowd", "one-more"), None),
            workload("one-more", shared_labels()),
            workload("w-7", labels(&[("app", "web")])),
            route("web", ["s-1".to_owned()]),
            route("web", (0..CROWD).map(|number| format!("s-{number}"))),
            route("web", []),
        ];
        for change in changes {
            let text: String = format!("{change:?}").chars().take(300).collect();
            let comparisons = compared::during(|| drop(inventory.apply(change)));
            assert!(comparisons <= CROWD * MOST_PER_WORKLOAD, "{comparisons} comparisons: {text}");
        }
    }
}

//! Tests of live children: a tenant cannot hide a workload behind an owner reference.

use std::sync::Arc;

use serde_json::json;

use super::build::{child, facts_of, inventory_under, itself, key, namespaced, written};
use super::shown::evaluations;
use crate::facts::{
    ChildFacts, ContainerFacts, Delta, HostAccess, Listed, ListedKind, MAX_EXCESSES, ObjectIdentity, Shortcomings,
    ValueDigest, WorkloadFacts, WorkloadKey, WorkloadKind, WorkloadObject,
};
use crate::inventory::Inventory;
use crate::matrix::{LayerTriggers, ServiceModel};
use crate::model::Evaluation;

/// The time of the first change.
const NOW: i64 = 1_000;

/// Returns an index of the namespace `shop`, whose assignment selects everything.
fn shop() -> Inventory {
    let mut inventory = inventory_under(ServiceModel::ManagedNodes);
    inventory.apply(Delta::Time(NOW));
    inventory.apply(written(&namespaced("shop", "all"), json!({ "duties": [] })));
    inventory
}

fn named(kind: &str, name: &str) -> WorkloadKey {
    key(kind, "shop", name)
}

/// Returns the change to a workload with this UID and a template without anything to find.
fn owner(key: &WorkloadKey, uid: &str) -> Delta {
    let facts = WorkloadFacts { container_names: [ValueDigest::of("web")].into(), ..facts_of("web") };
    let identity = ObjectIdentity::default();
    Delta::Workload(key.clone(), Some(Box::new(WorkloadObject { facts, part_of: None, identity, uid: uid.into() })))
}

/// Returns the facts of a child of [`owner`].
fn clean() -> ChildFacts {
    let containers = [ContainerFacts { name: "web".into(), shortcomings: Shortcomings::empty() }].into();
    let facts = WorkloadFacts { container_names: [ValueDigest::of("web")].into(), ..facts_of("web") };
    ChildFacts { facts, containers, ..ChildFacts::default() }
}

fn privileged() -> ChildFacts {
    let mut child = clean();
    child.facts.host = HostAccess::PRIVILEGED;
    child
}

fn storing() -> ChildFacts {
    let mut child = clean();
    (child.facts.triggers, child.counted) = (LayerTriggers::STORAGE, LayerTriggers::STORAGE);
    child
}

fn names(inventory: &Inventory) -> Vec<String> {
    inventory.workloads_of("shop").iter().map(ToString::to_string).collect()
}

fn evaluation(inventory: &Inventory, key: &WorkloadKey) -> Arc<Evaluation> {
    evaluations(inventory).remove(key).unwrap_or_else(|| panic!("{key} is not evaluated"))
}

fn is_privileged(inventory: &Inventory, key: &WorkloadKey) -> bool {
    let namespace = &inventory.namespaces["shop"];
    namespace.workloads[key].parts.facts().any(|facts| facts.host.contains(HostAccess::PRIVILEGED))
}

fn has_storage(inventory: &Inventory, key: &WorkloadKey) -> bool {
    let storage = inventory.matrix().find("storage-platform").unwrap();
    evaluation(inventory, key).duties.iter().any(|duty| duty.layer == storage)
}

#[test]
fn a_privileged_pod_that_names_a_finished_job_is_a_workload() {
    let mut inventory = shop();
    let job = named("Job", "done");
    // A finished Job is absent.
    inventory.apply(Delta::Workload(job.clone(), None));
    inventory.apply(child(&named("Pod", "evil"), &job, "uid of done", Some(privileged())));
    assert_eq!(names(&inventory), ["Job/done"]);
    assert!(is_privileged(&inventory, &job));
    assert!(evaluation(&inventory, &job).gaps().next().is_some(), "nobody holds its duties");
}

#[test]
fn a_live_pod_keeps_counting_when_its_job_finishes() {
    let mut inventory = shop();
    let job = named("Job", "done");
    inventory.apply(owner(&job, "u"));
    inventory.apply(child(&named("Pod", "evil"), &job, "u", Some(privileged())));
    inventory.apply(Delta::Workload(job.clone(), None));
    assert!(is_privileged(&inventory, &job));
    inventory.apply(Delta::Workload(named("Pod", "evil"), None));
    assert!(names(&inventory).is_empty());
}

#[test]
fn a_job_behind_a_cron_job_counts_with_its_own_template() {
    let mut inventory = shop();
    let (cron_job, job) = (named("CronJob", "report"), named("Job", "evil"));
    inventory.apply(owner(&cron_job, "u"));
    inventory.apply(child(&job, &cron_job, "u", Some(privileged())));
    assert_eq!(names(&inventory), ["CronJob/report"]);
    assert!(is_privileged(&inventory, &cron_job));
}

#[test]
fn a_privileged_pod_that_a_clean_replica_set_adopts_counts_at_its_deployment() {
    let mut inventory = shop();
    let (deployment, replicas) = (named("Deployment", "web"), named("ReplicaSet", "web-1"));
    inventory.apply(owner(&deployment, "u"));
    inventory.apply(child(&replicas, &deployment, "u", Some(clean())));
    inventory.apply(child(&named("Pod", "web-1-a"), &replicas, "uid of web-1", Some(clean())));
    assert_eq!(names(&inventory), ["Deployment/web"]);
    assert!(!is_privileged(&inventory, &deployment));
    inventory.apply(child(&named("Pod", "evil"), &replicas, "uid of web-1", Some(privileged())));
    inventory.apply(child(&named("Pod", "evil-2"), &replicas, "uid of web-1", Some(privileged())));
    assert_eq!(names(&inventory), ["Deployment/web"]);
    assert!(is_privileged(&inventory, &deployment));
    inventory.apply(Delta::Workload(named("Pod", "evil"), None));
    assert!(is_privileged(&inventory, &deployment), "the second one lives");
    inventory.apply(Delta::Workload(named("Pod", "evil-2"), None));
    assert!(!is_privileged(&inventory, &deployment));
}

#[test]
fn a_pod_keeps_counting_after_its_template_was_edited() {
    let mut inventory = shop();
    let set = named("StatefulSet", "db");
    let mut old = owner(&set, "u");
    if let Delta::Workload(_, Some(object)) = &mut old {
        object.facts.triggers = LayerTriggers::STORAGE;
    }
    inventory.apply(old);
    inventory.apply(child(&named("Pod", "db-0"), &set, "u", Some(storing())));
    assert!(has_storage(&inventory, &set));
    inventory.apply(owner(&set, "u"));
    assert!(has_storage(&inventory, &set), "the pod still stores data");
    inventory.apply(child(&named("Pod", "db-0"), &set, "u", Some(clean())));
    assert!(!has_storage(&inventory, &set));
}

#[test]
fn a_child_that_names_another_uid_counts_with_all_of_its_facts() {
    let mut inventory = shop();
    let set = named("StatefulSet", "db");
    inventory.apply(owner(&set, "u"));
    inventory.apply(child(&named("Pod", "evil"), &set, "another", Some(privileged())));
    assert_eq!(names(&inventory), ["StatefulSet/db"]);
    assert!(is_privileged(&inventory, &set));
}

#[test]
fn a_new_child_of_an_unknown_owner_waits_ten_seconds_and_nothing_becomes_covered_meanwhile() {
    let mut inventory = shop();
    let replicas = named("ReplicaSet", "web-1");
    let Delta::Child(pod, mut object) = child(&named("Pod", "a"), &replicas, "u", Some(clean())) else { panic!() };
    object.created = NOW;
    inventory.apply(Delta::Child(pod, object));
    assert!(names(&inventory).is_empty() && inventory.has_pending_children(&namespaced("shop", "all")));
    assert!(!inventory.has_pending_children(&namespaced("bank", "all")));
    inventory.apply(Delta::Time(NOW + 9));
    assert!(names(&inventory).is_empty());
    let changed = inventory.apply(Delta::Time(NOW + 10));
    assert_eq!(names(&inventory), ["ReplicaSet/web-1"]);
    assert!(!inventory.has_pending_children(&namespaced("shop", "all")));
    assert!(changed.assignments.contains(&namespaced("shop", "all")));
}

#[test]
fn a_child_whose_owner_arrives_in_time_was_never_a_workload() {
    let mut inventory = shop();
    let replicas = named("ReplicaSet", "web-1");
    let Delta::Child(pod, mut object) = child(&named("Pod", "a"), &replicas, "u", Some(clean())) else { panic!() };
    object.created = NOW;
    inventory.apply(Delta::Child(pod, object));
    let changed = inventory.apply(owner(&replicas, "u"));
    assert!(changed.assignments.contains(&namespaced("shop", "all")), "its coverage is announced now");
    assert!(!inventory.has_pending_children(&namespaced("shop", "all")));
    inventory.apply(Delta::Workload(named("Pod", "a"), None));
    inventory.apply(Delta::Workload(replicas, None));
    inventory.apply(Delta::Time(NOW + 100));
    assert!(names(&inventory).is_empty());
}

/// The creation time of a pod cannot be changed, so another owner reference does not start a new delay.
#[test]
fn a_pod_does_not_hide_by_changing_its_owner_again_and_again() {
    let mut inventory = shop();
    for round in 0..10 {
        inventory.apply(Delta::Time(NOW + 9 * round));
        let replicas = named("ReplicaSet", &format!("web-{round}"));
        let Delta::Child(pod, mut object) = child(&named("Pod", "a"), &replicas, "u", Some(privileged())) else {
            panic!()
        };
        object.created = NOW;
        inventory.apply(Delta::Child(pod, object));
        assert_eq!(names(&inventory).len(), usize::from(round > 1), "after {} seconds", 9 * round);
    }
}

#[test]
fn an_old_child_whose_owner_goes_waits_again() {
    let mut inventory = shop();
    let (deployment, replicas) = (named("Deployment", "web"), named("ReplicaSet", "web-1"));
    inventory.apply(owner(&deployment, "u"));
    inventory.apply(child(&replicas, &deployment, "u", Some(clean())));
    inventory.apply(child(&named("Pod", "a"), &replicas, "uid of web-1", Some(clean())));
    inventory.apply(Delta::Time(NOW + 100));
    inventory.apply(Delta::Workload(replicas, None));
    assert_eq!(names(&inventory), ["Deployment/web"], "the garbage collector deletes the pod next");
    inventory.apply(Delta::Time(NOW + 110));
    assert_eq!(names(&inventory), ["Deployment/web", "ReplicaSet/web-1"], "nobody deletes it");
}

#[test]
fn an_injected_container_is_a_risk_and_a_changed_one_a_shortcoming() {
    let mut inventory = shop();
    let set = named("StatefulSet", "db");
    inventory.apply(owner(&set, "u"));
    let with = |name: &str, shortcomings| {
        let mut facts = clean();
        facts.containers = [ContainerFacts { name: name.into(), shortcomings }].into();
        child(&named("Pod", "db-0"), &set, "u", Some(facts))
    };
    let parts = |inventory: &Inventory| {
        let parts = &inventory.namespaces["shop"].workloads[&set].parts;
        let shortcomings = parts.facts().fold(Shortcomings::empty(), |all, facts| all | facts.shortcomings);
        (parts.injected.iter().map(ToString::to_string).collect::<Vec<_>>(), shortcomings)
    };
    inventory.apply(with("proxy", Shortcomings::MAY_ESCALATE));
    assert_eq!(parts(&inventory), (vec!["proxy".to_owned()], Shortcomings::empty()));
    inventory.apply(with("web", Shortcomings::MAY_ESCALATE | Shortcomings::NO_MEMORY_LIMIT));
    assert_eq!(parts(&inventory), (vec![], Shortcomings::MAY_ESCALATE), "admission plugins change resources");
    inventory.apply(with("proxy", Shortcomings::empty()));
    assert_eq!(parts(&inventory), (vec![], Shortcomings::empty()));
}

#[test]
fn many_different_children_become_one_union() {
    let mut inventory = shop();
    let set = named("StatefulSet", "db");
    inventory.apply(owner(&set, "u"));
    let mut added = Vec::new();
    for number in 0..3 * MAX_EXCESSES {
        let mut facts = if number == 20 { privileged() } else { clean() };
        facts.facts.pods.template = super::app(&format!("web-{number}"));
        inventory.apply(child(&named("Pod", &format!("db-{number}")), &set, "u", Some(facts)));
        added.push(inventory.namespaces["shop"].workloads[&set].parts.added.len());
    }
    assert_eq!(added.iter().max(), Some(&MAX_EXCESSES));
    assert_eq!(added.last(), Some(&1));
    assert!(is_privileged(&inventory, &set));
    let parts = &inventory.namespaces["shop"].workloads[&set].parts;
    assert!(parts.all().any(|facts| facts.pods.selected_by(&super::app("web-7"))), "each label can be selected");
}

#[test]
fn a_list_without_a_pod_removes_it() {
    let mut inventory = shop();
    let set = named("StatefulSet", "db");
    inventory.apply(owner(&set, "u"));
    let pods = [("db-0", clean()), ("db-1", privileged())];
    let deltas = pods.map(|(name, facts)| child(&named("Pod", name), &set, "u", Some(facts)));
    let mut listed = Listed::empty(ListedKind::Workloads(WorkloadKind::Pod), None);
    listed.insert(&deltas[0]);
    for delta in deltas {
        inventory.apply(delta);
    }
    assert!(is_privileged(&inventory, &set));
    inventory.apply(Delta::Relisted(listed));
    assert!(!is_privileged(&inventory, &set));
}

#[test]
fn a_part_of_a_configured_kind_does_not_hide_behind_its_template() {
    let mut inventory = shop();
    let rollout = named("Rollout.argoproj.io", "web");
    inventory.apply(itself(rollout.clone(), facts_of("web")));
    let facts = WorkloadFacts { host: HostAccess::PRIVILEGED, ..facts_of("web") };
    inventory.apply(super::build::part(named("Pod", "evil"), &rollout, facts));
    assert_eq!(names(&inventory), ["Rollout.argoproj.io/web"]);
    assert!(is_privileged(&inventory, &rollout));
}

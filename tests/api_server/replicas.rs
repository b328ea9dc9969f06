//! Several replicas: all watch and are ready, one writes.

use std::time::Duration;

use harness::Operator;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::Api;
use serde_json::{Value, json};

use crate::serve::get;
use crate::support::{Cluster, LEASE, LIMIT, Namespace, SYSTEM, deployment, eventually, eventually_within, team};

/// Maximum time for a takeover: a Lease expires 15 s after its last renewal; twice that for a slow machine.
const TAKEOVER: Duration = Duration::from_mins(2);

async fn lease(cluster: &Cluster) -> Option<LeaseSpec> {
    let leases: Api<Lease> = Api::namespaced(cluster.client().await, SYSTEM);
    leases.get_opt(LEASE).await.unwrap().and_then(|lease| lease.spec)
}

/// Waits until a pod holds the Lease.
pub async fn until_leads(cluster: &Cluster, pod: &str) {
    eventually_within(TAKEOVER, &format!("{pod} leads"), async || {
        let holder = lease(cluster).await.and_then(|spec| spec.holder_identity);
        holder.is_some_and(|holder| holder.starts_with(&format!("{pod}_")))
    })
    .await;
}

pub async fn until_ready(replica: &Operator) {
    eventually("a standby is ready", async || get(replica, "probes", "/readyz").await.is_ok()).await;
}

/// Creates a namespace with a gap, for which the leader emits an Event.
fn with_a_gap<'a>(cluster: &'a Cluster, name: &'a str) -> Namespace<'a> {
    let ns = cluster.namespace(name);
    ns.apply(&[deployment("web", &json!({})), team(&["node-os"])]);
    ns
}

/// Returns the writes of statuses and Events that a replica has attempted since a time.
fn writes_since(cluster: &Cluster, pod: &str, since: Timestamp) -> Vec<String> {
    let requests = cluster.requests_of(pod).into_iter();
    let writes = requests.filter(|entry| {
        let time: Timestamp = entry["requestReceivedTimestamp"].as_str().unwrap().parse().unwrap();
        let is_write = ["create", "patch", "update"].contains(&entry["verb"].as_str().unwrap());
        is_write && entry["objectRef"]["resource"] != "leases" && time >= since
    });
    writes.map(|entry| entry.to_string()).collect()
}

/// Returns the reporting instances of the Events on the assignment, in order.
async fn reporters(ns: &Namespace<'_>, reason: &str) -> Vec<String> {
    let events = ns.event_objects("team").await.into_iter();
    let of_reason = events.filter(|event| event.reason.as_deref() == Some(reason));
    of_reason.map(|event| event.reporting_instance.unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_writes_and_another_takes_over_when_it_stops_or_dies() {
    let cluster = Cluster::start().await;
    let ns = with_a_gap(&cluster, "shop");
    let mut first = cluster.replica("first");
    until_leads(&cluster, "first").await;
    let second = cluster.replica("second");
    for replica in [&first, &second] {
        until_ready(replica).await;
    }
    ns.event("team", "GapsFound").await;
    ns.status("team", |status| status.transitions == 1).await;

    let stopped = first.terminate(Duration::from_secs(5)).unwrap();
    assert!(stopped.success(), "{stopped}:\n{}", first.log());
    assert!(first.log().contains("released the Lease"), "{}", first.log());
    until_leads(&cluster, "second").await;
    assert_eq!(lease(&cluster).await.unwrap().lease_transitions, Some(2));
    ns.apply(&[team(&["node-os", "application-code"])]);
    ns.event("team", "LayerOwned").await;
    ns.status("team", |status| status.transitions == 2).await;

    let third = cluster.replica("third");
    until_ready(&third).await;
    second.kill();
    until_leads(&cluster, "third").await;
    ns.apply(&[team(&["node-os"])]);
    ns.event("team", "LayerUnowned").await;
    ns.status("team", |status| status.transitions == 3).await;
    assert_eq!(reporters(&ns, "GapsFound").await, ["first"]);
    assert_eq!(reporters(&ns, "LayerOwned").await, ["second"]);
    assert_eq!(reporters(&ns, "LayerUnowned").await, ["third"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_paused_writes_nothing_after_another_has_taken_over() {
    let cluster = Cluster::start().await;
    let ns = with_a_gap(&cluster, "shop");
    let first = cluster.replica("first");
    until_leads(&cluster, "first").await;
    ns.status("team", |status| status.transitions == 1).await;
    let second = cluster.replica("second");
    until_ready(&second).await;

    first.pause().unwrap();
    until_leads(&cluster, "second").await;
    let since = Timestamp::now();
    // When it resumes, a change is pending that it would announce.
    ns.apply(&[team(&["node-os", "application-code"])]);
    ns.event("team", "LayerOwned").await;
    first.resume().unwrap();
    eventually("the first replica is a standby", async || first.log().contains("no longer leading")).await;
    ns.apply(&[team(&["node-os"])]);
    ns.event("team", "LayerUnowned").await;
    ns.status("team", |status| status.transitions == 3).await;
    assert_eq!(writes_since(&cluster, "first", since), [""; 0]);
    assert!(!writes_since(&cluster, "second", since).is_empty());
    assert_eq!(reporters(&ns, "LayerOwned").await, ["second"]);
    until_ready(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_deleted_makes_no_second_leader() {
    let cluster = Cluster::start().await;
    let ns = with_a_gap(&cluster, "shop");
    let replicas = [cluster.replica("first"), cluster.replica("second")];
    for replica in &replicas {
        until_ready(replica).await;
    }
    ns.status("team", |status| status.transitions == 1).await;
    let deleted = Timestamp::now();
    cluster.kubectl(&["delete", "lease", LEASE, "-n", SYSTEM]);
    eventually_within(TAKEOVER, "the Lease is back", async || {
        lease(&cluster).await.is_some_and(|spec| spec.holder_identity.is_some_and(|holder| !holder.is_empty()))
    })
    .await;
    let made = lease(&cluster).await.unwrap().acquire_time.unwrap().0;
    // Longer than a previous leader may continue to write.
    assert!(made.duration_since(deleted).as_secs() >= 10, "{deleted} {made}");
    ns.apply(&[team(&["node-os", "application-code"])]);
    ns.status("team", |status| status.transitions == 2).await;
    assert_eq!(ns.events("team").await, ["GapsFound", "LayerOwned"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_may_not_use_the_lease_says_so_and_leads_when_it_may() {
    let cluster = Cluster::start().await;
    let role = ["role", "responsibility-operator-lease", "-n", SYSTEM];
    let rights = cluster.kubectl(&[&["get"], &role[..], &["-o", "json"]].concat());
    cluster.kubectl(&[&["delete"], &role[..]].concat());
    let ns = with_a_gap(&cluster, "shop");
    let replica = cluster.replica("only");
    eventually("the log says what is missing", async || {
        replica
            .log()
            .contains("may not get leases there; grant get, update and create to its ServiceAccount with a Role")
    })
    .await;
    until_ready(&replica).await;
    let mut rights: Value = serde_json::from_str(&rights).unwrap();
    rights["metadata"]["resourceVersion"] = Value::Null;
    cluster.apply(&[rights]);
    ns.status("team", |status| status.transitions == 1).await;
    assert_eq!(tokio::time::timeout(LIMIT, ns.events("team")).await.unwrap(), ["GapsFound"]);
}

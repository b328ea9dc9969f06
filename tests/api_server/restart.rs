//! Stops, kills and restarts of the operator, and relists.

use std::time::Duration;

use kube::api::PatchParams;
use serde_json::json;

use crate::support::*;

/// Returns the Events on the assignment `team`, and its resource version.
async fn published(ns: &Namespace<'_>) -> (Vec<String>, Option<String>) {
    let object = ns.assignments().await.get("team").await.unwrap();
    (ns.events("team").await, object.metadata.resource_version)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_writes_no_second_event_and_no_status_and_catches_up_with_what_happened_meanwhile() {
    let cluster = Cluster::start().await;
    let team = |layers: &[&str]| {
        assignment(
            "team",
            json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", layers)] }),
        )
    };
    let quiet = cluster.namespace("quiet");
    let busy = cluster.namespace("busy");
    for ns in [&quiet, &busy] {
        ns.apply(&[deployment("web", &json!({})), team(&["application-code"])]);
    }
    let operator = cluster.operator(&["--default-service-model=CaaS"]);
    for ns in [&quiet, &busy] {
        ns.event("team", "GapsFound").await;
        ns.status("team", |status| status.transitions == 1).await;
    }
    let before = published(&quiet).await;
    let writes = cluster.writes_of_operator().len();

    operator.kill();
    busy.apply(&[team(&["application-code", "node-os"])]);
    busy.delete("deployment", "web");
    busy.apply(&[deployment("web", &json!({})), deployment("api", &json!({}))]);
    let mut operator = cluster.operator(&["--default-service-model=CaaS"]);
    busy.event("team", "LayerOwned").await;
    busy.status("team", |status| status.transitions == 2 && status.summary.as_ref().unwrap().workloads == 2).await;

    // By now the quiet namespace is evaluated too: more time has passed than a change is debounced.
    assert_eq!(published(&quiet).await, before);
    let since: Vec<String> = cluster.writes_of_operator().split_off(writes);
    assert!(since.iter().all(|write| write.ends_with(" busy")), "{since:#?}");
    assert_eq!(busy.events("team").await, ["GapsFound", "LayerOwned"]);

    let stopped = operator.terminate(Duration::from_secs(5)).unwrap();
    assert!(stopped.success(), "{stopped}:\n{}", operator.log());
    assert!(operator.log().contains("stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_written_before_a_crash_is_not_written_again() {
    let cluster = Cluster::start().await;
    let ns = cluster.namespace("crashed");
    ns.apply(&[
        deployment("web", &json!({})),
        assignment(
            "team",
            json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &["node-os"])] }),
        ),
    ]);
    let operator = cluster.operator(&["--default-service-model=CaaS"]);
    ns.event("team", "GapsFound").await;
    let announced_status = ns.status("team", |status| status.transitions == 1).await;
    operator.kill();
    // Restores the state of a crash between the Event and the status that commits it.
    let uncommitted = json!({ "status": { "transitions": 0, "announced": null } });
    ns.assignments()
        .await
        .patch_status("team", &PatchParams::default(), &kube::api::Patch::Merge(uncommitted))
        .await
        .unwrap();
    let _operator = cluster.operator(&["--default-service-model=CaaS"]);
    let again = ns.status("team", |status| status.transitions == 1).await;
    assert_eq!(again.announced, announced_status.announced);
    assert_eq!(ns.events("team").await, ["GapsFound"]);
}

/// Resources whose lists the test counts.
const LISTED: [&str; 6] =
    ["deployments", "namespaces", "services", "networkpolicies", "nodes", "responsibilityassignments"];

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_what_is_known_already_writes_nothing() {
    let cluster = Cluster::start().await;
    cluster.node("n0", "v1.37.0", json!({ "pool": "general" }), json!({}));
    let quiet = cluster.namespace("quiet");
    let team = assignment(
        "team",
        json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &["node-os"])] }),
    );
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "type": "LoadBalancer", "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
    });
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "all" },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress"] },
    });
    quiet.apply(&[deployment("web", &json!({})), service, policy, team.clone()]);
    let _operator = cluster.operator(&["--default-service-model=CaaS"]);
    quiet.event("team", "GapsFound").await;
    quiet.status("team", |status| status.transitions == 1).await;
    let before = published(&quiet).await;
    let writes = cluster.writes_of_operator().len();
    let lists = || LISTED.map(|resource| cluster.lists_by_operator(resource));
    let listed = lists();

    cluster.control_plane.restart_apiserver_without_history().await.unwrap();
    eventually("everything is listed again", async || lists().iter().zip(&listed).all(|(now, then)| now > then)).await;

    // A later change is announced. By then the listed objects are evaluated: more time has passed than a change is
    // debounced.
    let busy = cluster.namespace("busy");
    busy.apply(&[deployment("web", &json!({})), team]);
    busy.event("team", "GapsFound").await;
    busy.status("team", |status| status.transitions == 1).await;
    assert_eq!(published(&quiet).await, before);
    let since: Vec<String> = cluster.writes_of_operator().split_off(writes);
    assert!(since.iter().all(|write| write.ends_with(" busy")), "{since:#?}");
}

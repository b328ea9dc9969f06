//! Changes of the inputs update the statuses.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, PatchParams};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use crate::support::*;

fn watchers(layers: &[&str]) -> Value {
    assignment(
        "all",
        json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", layers)] }),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn workloads_come_change_and_go() {
    let ns = shared().await.namespace("come-and-go");
    ns.apply(&[watchers(&["application-code"])]);
    let status = ns.evaluated("all", 0).await;
    assert_eq!(condition(&status, "Covered"), "Unknown MatchesNothing");
    ns.apply(&[deployment("web", &json!({}))]);
    assert_eq!(ns.evaluated("all", 1).await.summary.unwrap().layers, 13);
    let volume = json!({ "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }] });
    ns.apply(&[deployment("web", &volume)]);
    ns.status("all", |status| status.summary.as_ref().unwrap().layers == 16).await;
    ns.delete("deployment", "web");
    ns.evaluated("all", 0).await;
}

/// Returns an object of every workload kind, each with a fact at the template path of its kind.
fn one_of_each_kind() -> Vec<Value> {
    let template = |name: &str, restart: &str| {
        json!({
            "metadata": { "labels": { "app": name } },
            "spec": { "restartPolicy": restart, "containers": [{ "name": "main", "image": "registry.example.com/app:1" }] },
        })
    };
    let controller = |api_version: &str, kind: &str, spec: Value| json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": kind.to_lowercase() }, "spec": spec });
    let selected = |kind: &str| {
        let name = kind.to_lowercase();
        json!({ "selector": { "matchLabels": { "app": name } }, "template": template(&name, "Always") })
    };
    let mut stateful = selected("StatefulSet");
    stateful["serviceName"] = "statefulset".into();
    stateful["volumeClaimTemplates"] = json!([{
        "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    }]);
    let mut idle = selected("Deployment");
    idle["replicas"] = 0.into();
    let replication = json!({ "selector": { "app": "rc" }, "template": template("rc", "Always") });
    let cron = json!({
        "schedule": "0 3 * * *", "suspend": true,
        "jobTemplate": { "spec": { "template": template("cronjob", "Never") } },
    });
    vec![
        controller("apps/v1", "Deployment", idle),
        controller("apps/v1", "StatefulSet", stateful),
        controller("apps/v1", "DaemonSet", selected("DaemonSet")),
        controller("apps/v1", "ReplicaSet", selected("ReplicaSet")),
        controller("v1", "ReplicationController", replication),
        controller("batch/v1", "Job", json!({ "template": template("job", "Never") })),
        controller("batch/v1", "CronJob", cron),
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "pod" }, "spec": template("pod", "Always")["spec"] }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_workload_counts_once_and_its_children_do_not() {
    let ns = shared().await.namespace("every-kind");
    ns.apply(&one_of_each_kind());
    // By now the controllers have created pods, for example for the ReplicaSet. Children must not count.
    let pods: Api<Pod> = ns.api().await;
    let made = |pods: &[Pod]| pods.iter().filter(|pod| pod.metadata.owner_references.is_some()).count();
    eventually("the controllers make pods", async || {
        made(&pods.list(&ListParams::default()).await.unwrap().items) >= 4
    })
    .await;
    ns.apply(&[watchers(&["application-code"])]);
    let status = ns.evaluated("all", 8).await;
    let row = status.unowned_layers.iter().find(|row| row.layer == "data-classification").unwrap();
    assert_eq!(row.workloads, 8);
    assert_eq!(row.examples, ["CronJob/cronjob", "DaemonSet/daemonset", "Deployment/deployment"]);
    assert_eq!(row.omitted, Some(5));
    let backup = status.unowned_layers.iter().find(|row| row.layer == "backup-recovery").unwrap();
    assert_eq!(backup.examples, ["StatefulSet/statefulset"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_jobs_and_pods_count_no_more() {
    let ns = shared().await.namespace("finished");
    let of_kind = |kind: &str| one_of_each_kind().into_iter().find(|object| object["kind"] == kind).unwrap();
    ns.apply(&[of_kind("Pod"), watchers(&["application-code"])]);
    ns.evaluated("all", 1).await;
    let pods: Api<Pod> = ns.api().await;
    let done = json!({ "status": { "phase": "Succeeded" } });
    pods.patch_status("pod", &PatchParams::default(), &kube::api::Patch::Merge(done)).await.unwrap();
    let succeeded =
        |pod: Option<&Pod>| pod.is_some_and(|pod| pod.status.as_ref().unwrap().phase.as_deref() == Some("Succeeded"));
    await_condition(pods, "pod", succeeded).await.unwrap();
    ns.evaluated("all", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingress_publishes_the_workloads_behind_its_services() {
    let ns = shared().await.namespace("routed");
    let internal = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
    });
    ns.apply(&[
        deployment("web", &json!({})),
        deployment("worker", &json!({})),
        internal,
        watchers(&["application-code"]),
    ]);
    assert_eq!(ns.evaluated("all", 2).await.summary.unwrap().layers, 13);
    ns.apply(&[json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "web" },
        "spec": { "defaultBackend": { "service": { "name": "web", "port": { "number": 80 } } } },
    })]);
    let status = ns.status("all", |status| status.summary.as_ref().unwrap().layers == 17).await;
    let row = status.unowned_layers.iter().find(|row| row.layer == "network-exposure").unwrap();
    assert_eq!(row.examples, ["Deployment/web"]);
    ns.delete("ingress", "web");
    ns.status("all", |status| status.summary.as_ref().unwrap().layers == 13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_choose_by_the_labels_of_the_workload_and_are_read_again_when_they_change() {
    let ns = shared().await.namespace("selected");
    let selecting = |selector: Value| {
        assignment(
            "some",
            json!({ "selector": selector, "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &["application-code"])] }),
        )
    };
    ns.apply(&[
        deployment("web", &json!({})),
        deployment("worker", &json!({})),
        deployment("cron", &json!({})),
        selecting(json!({ "matchLabels": { "app": "web" } })),
    ]);
    ns.evaluated("some", 1).await;
    let others = json!({ "matchExpressions": [{ "key": "app", "operator": "NotIn", "values": ["web"] }] });
    ns.apply(&[selecting(others)]);
    let status = ns.evaluated("some", 2).await;
    assert_eq!(status.observed_generation, Some(2));
    assert_eq!(status.unowned_layers[0].examples, ["Deployment/cron", "Deployment/worker"]);
    ns.apply(&[selecting(json!({}))]);
    ns.evaluated("some", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_assignment_speaks_for_the_namespaces_it_selects_and_follows_their_labels() {
    let cluster = shared().await;
    let (one, other) = (cluster.namespace("one-tenant"), cluster.namespace("other-tenant"));
    for ns in [&one, &other] {
        ns.apply(&[deployment("web", &json!({})), watchers(&["application-code"])]);
        ns.evaluated("all", 1).await;
    }
    cluster.apply(&[json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ClusterResponsibilityAssignment",
        "metadata": { "name": "tenants" },
        "spec": {
            "namespaceSelector": { "matchLabels": { "tier": "gold" } },
            "parties": [{ "name": "platform-team", "role": "Customer" }],
            "duties": [held_by("platform-team", &["control-plane"])],
        },
    })]);
    cluster.cluster_status("tenants", |status| condition(status, "Covered") == "Unknown MatchesNothing").await;
    cluster.kubectl(&["label", "namespace", one.name, "tier=gold"]);
    let status = cluster.cluster_status("tenants", |status| status.summary.as_ref().unwrap().workloads == 1).await;
    assert_eq!(status.unowned_layers[0].examples, ["one-tenant/Deployment/web"]);
    // Gaps of the platform's layers now go to the platform. The other tenant must still get its own.
    one.status("all", |status| !rows(status).iter().any(|row| row.starts_with("control-plane/"))).await;
    let other_status = other.evaluated("all", 1).await;
    assert!(rows(&other_status).contains(&"control-plane/Customer/LayerUnowned".to_owned()));
    cluster.kubectl(&["label", "namespace", one.name, "tier-"]);
    cluster.cluster_status("tenants", |status| condition(status, "Covered") == "Unknown MatchesNothing").await;
    one.status("all", |status| rows(status).contains(&"control-plane/Customer/LayerUnowned".to_owned())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_in_a_namespace_that_is_deleted_is_forgotten() {
    let cluster = shared().await;
    let ns = cluster.namespace("deleted");
    ns.apply(&[deployment("web", &json!({})), watchers(&["application-code"])]);
    ns.event("all", "GapsFound").await;
    cluster.kubectl(&["delete", "namespace", ns.name, "--wait=true", "--timeout=60s"]);
    // Nothing delayed the deletion of the namespace. An object with the same name is a new object.
    let again = cluster.namespace("deleted");
    again.apply(&[deployment("web", &json!({})), watchers(&["application-code"])]);
    again.event("all", "GapsFound").await;
    assert_eq!(again.evaluated("all", 1).await.transitions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_somebody_else_overwrites_is_put_right() {
    let ns = shared().await.namespace("overwritten");
    ns.apply(&[deployment("web", &json!({})), watchers(&["application-code"])]);
    let before = ns.evaluated("all", 1).await;
    let wrong = json!({ "status": { "summary": { "workloads": 7, "layers": 0, "unownedLayers": 0, "platformGaps": 0,
        "duties": { "owned": 0, "assumed": 0, "excepted": 0, "unknown": 0, "unowned": 0, "invalid": 0, "conflicted": 0, "lapsed": 0 } } } });
    ns.assignments().await.patch_status("all", &PatchParams::default(), &kube::api::Patch::Merge(wrong)).await.unwrap();
    let after = ns.evaluated("all", 1).await;
    assert_eq!(after.summary, before.summary);
}

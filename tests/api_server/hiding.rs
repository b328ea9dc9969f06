//! A tenant cannot hide a workload behind an owner reference, nor put hostile text into a status.

use responsibility_operator::api::AssignmentStatus;
use serde_json::{Value, json};

use crate::support::*;

/// Returns a privileged pod that refers to a controller.
fn privileged(name: &str, controller: &Value) -> Value {
    let mut spec = with_container(&json!({}));
    spec["containers"][0]["securityContext"] = json!({ "privileged": true });
    let metadata = json!({ "name": name, "ownerReferences": [controller] });
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
}

fn controller(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({ "apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true })
}

/// Returns the UID of an object.
fn uid(ns: &Namespace<'_>, kind: &str, name: &str) -> String {
    ns.cluster.kubectl(&["get", kind, name, "-n", ns.name, "-o", "jsonpath={.metadata.uid}"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privileged_pod_behind_a_finished_job_is_a_workload_that_is_not_covered() {
    let ns = shared().await.namespace("hidden-behind-job");
    let template = json!({ "spec": { "restartPolicy": "Never", "containers": [{ "name": "a", "image": "a" }] } });
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "done" },
        "spec": { "completions": 0, "template": template },
    });
    ns.apply(&[job, team(&["application-code"])]);
    eventually("the Job finishes", async || {
        let status = ns.cluster.kubectl(&["get", "job", "done", "-n", ns.name, "-o", "json"]);
        let job: Value = serde_json::from_str(&status).unwrap();
        job["status"]["conditions"].as_array().into_iter().flatten().any(|c| c["type"] == "Complete")
    })
    .await;
    ns.evaluated("team", 0).await;
    ns.apply(&[privileged("evil", &controller("batch/v1", "Job", "done", &uid(&ns, "job", "done")))]);
    let status = ns.evaluated("team", 1).await;
    assert!(!is_covered(&status), "{status:?}");
    assert_eq!(status.unowned_layers[0].examples, ["Job/done"]);
}

/// Returns the number of layers of all workloads of the status.
fn layers(status: &AssignmentStatus) -> i64 {
    status.summary.as_ref().map_or(0, |summary| summary.layers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_behind_a_suspended_cron_job_counts_with_its_own_template() {
    let ns = shared().await.namespace("hidden-behind-cron-job");
    let pod = |volumes: Value| {
        let container = json!({ "name": "a", "image": "a" });
        json!({ "spec": { "restartPolicy": "Never", "containers": [container], "volumes": volumes } })
    };
    let cron_job = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "report" },
        "spec": { "schedule": "0 3 * * *", "suspend": true, "jobTemplate": { "spec": { "template": pod(json!([])) } } },
    });
    ns.apply(&[cron_job, team(&["application-code"])]);
    let before = layers(&ns.evaluated("team", 1).await);
    let secret = json!([{ "name": "s", "secret": { "secretName": "s" } }]);
    let owner = controller("batch/v1", "CronJob", "report", &uid(&ns, "cronjob", "report"));
    ns.apply(&[json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "evil", "ownerReferences": [owner] },
        "spec": { "template": pod(secret) },
    })]);
    let status = ns.status("team", |status| layers(status) > before).await;
    assert_eq!(status.unowned_layers[0].examples, ["CronJob/report"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_keeps_counting_after_the_template_of_its_owner_was_edited() {
    let ns = shared().await.namespace("hidden-behind-template");
    let set = |volumes: Value| {
        let mut set = deployment("db", &json!({ "volumes": volumes }));
        set["kind"] = "StatefulSet".into();
        set["spec"]["replicas"] = 1.into();
        set["spec"]["serviceName"] = "db".into();
        set["spec"]["updateStrategy"] = json!({ "type": "OnDelete" });
        set
    };
    let secret = json!([{ "name": "s", "secret": { "secretName": "s" } }]);
    ns.apply(&[set(secret), team(&["application-code"])]);
    let with_secret = layers(&ns.evaluated("team", 1).await);
    eventually("the pod exists", async || {
        ns.cluster.kubectl(&["get", "pods", "-n", ns.name, "-o", "name"]).contains("pod/db-0")
    })
    .await;
    ns.apply(&[set(json!([])), deployment("other", &json!({}))]);
    let both = ns.evaluated("team", 2).await;
    let row = both.unowned_layers.iter().find(|row| row.layer == "secrets-and-keys");
    assert!(layers(&both) >= with_secret && row.is_some_and(|row| row.examples == ["StatefulSet/db"]), "{both:?}");
    ns.delete("pod", "db-0");
    ns.status("team", |status| status.unowned_layers.iter().all(|row| row.layer != "secrets-and-keys")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_in_an_owner_reference_does_not_reach_the_status() {
    let ns = shared().await.namespace("hostile-owner");
    let hostile = format!("a\u{202e}\u{1b}[2J\n{}", "a".repeat(40_000));
    ns.apply(&[
        team(&["application-code"]),
        privileged("evil", &controller("example.com/v1", &hostile, &hostile, &hostile)),
    ]);
    let status = ns.evaluated("team", 1).await;
    assert_eq!(status.unowned_layers[0].examples, ["Invalid.example.com/invalid"]);
    let text = serde_json::to_string(&status).unwrap();
    assert!(!text.contains('\u{202e}') && !text.contains("\\u001b") && text.len() < 20_000, "{} bytes", text.len());
}

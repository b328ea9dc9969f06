//! A tenant cannot hide a workload behind an owner reference, nor put hostile text into a status.

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

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_names_the_uid_of_another_object_counts_with_its_own_facts() {
    let ns = shared().await.namespace("hidden-behind-name");
    let mut web = deployment("web", &json!({}));
    web["kind"] = "ReplicaSet".into();
    web["spec"]["replicas"] = 0.into();
    ns.apply(&[web, team(&["application-code"])]);
    let before = ns.evaluated("team", 1).await;
    let mut evil =
        privileged("evil", &controller("apps/v1", "ReplicaSet", "web", "0a7b3c1e-0000-4000-8000-000000000000"));
    evil["spec"]["volumes"] = json!([{ "name": "s", "secret": { "secretName": "s" } }]);
    ns.apply(&[evil]);
    let more =
        |summary: &responsibility_operator::api::Summary| summary.layers > before.summary.as_ref().unwrap().layers;
    ns.status("team", |status| status.summary.as_ref().is_some_and(more)).await;
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

//! Workloads of configured kinds and of unknown kinds.

use std::io::Write;

use harness::Access;
use serde_json::{Value, json};

use crate::support::*;

/// Returns an object that another object owns and controls.
fn owned(mut object: Value, owner: &Value) -> Value {
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true,
    }]);
    object
}

fn pod(name: &str, labels: Value, spec: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": labels }, "spec": with_container(spec) })
}

/// Applies an object and returns it as stored by the API server.
fn created(ns: &Namespace<'_>, object: &Value, plural: &str) -> Value {
    ns.apply(std::slice::from_ref(object));
    let name = object["metadata"]["name"].as_str().unwrap();
    serde_json::from_str(&ns.cluster.kubectl(&["get", plural, name, "-n", ns.name, "-o", "json"])).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unknown_kind_controls_is_one_workload_and_a_configured_kind_is_read_from_its_template() {
    let cluster = Cluster::start().await;
    definitions(
        &cluster,
        &[("argoproj.io", "v1alpha1", "Rollout", "rollouts"), ("postgresql.cnpg.io", "v1", "Cluster", "clusters")],
    );
    let config = cluster.control_plane.folder().join("config.yaml");
    let text = "workloadKinds:\n- {group: argoproj.io, version: v1alpha1, kind: Rollout, plural: rollouts, template: spec.template}\n";
    std::fs::File::create(&config).unwrap().write_all(text.as_bytes()).unwrap();
    cluster.grant("rollouts", "argoproj.io");
    let config = format!("--config={}", config.display());
    let _operator = cluster.operator(&["--default-service-model=CaaS", &config]);
    let ns = cluster.namespace("kinds");

    // A Rollout with its ReplicaSet and pod: one workload, with the template of the Rollout.
    let rollout = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": { "name": "web", "labels": { "app": "web" } },
        "spec": { "replicas": 0, "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": with_container(&json!({ "volumes": [{ "name": "s", "secret": { "secretName": "s" } }] })),
        } },
    });
    let rollout = created(&ns, &rollout, "rollouts.argoproj.io");
    let replica_set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": { "name": "web-1" },
        "spec": { "replicas": 0, "selector": { "matchLabels": { "app": "web" } }, "template": {
            "metadata": { "labels": { "app": "web" } }, "spec": with_container(&json!({})) } },
    });
    ns.apply(&[owned(replica_set, &rollout), team(&["application-code"]), load_balancer("web", "web")]);
    let status =
        ns.status("team", |status| status.summary.as_ref().is_some_and(|s| s.workloads == 1 && s.layers == 18)).await;
    assert_eq!(status.unowned_layers[0].examples, ["Rollout.argoproj.io/web"]);

    // A Cluster of a database operator that owns pods directly: the union of its pods, while at least one exists.
    let pg = json!({ "apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": { "name": "pg" } });
    let pg = created(&ns, &pg, "clusters.postgresql.cnpg.io");
    let storage = json!({ "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "pg-1" } }] });
    ns.apply(&[
        owned(pod("pg-1", json!({ "role": "primary" }), &storage), &pg),
        owned(pod("pg-2", json!({ "role": "replica" }), &json!({})), &pg),
    ]);
    let status =
        ns.status("team", |status| status.summary.as_ref().is_some_and(|s| s.workloads == 2 && s.layers == 20)).await;
    let backup = status.unowned_layers.iter().find(|row| row.layer == "backup-recovery").unwrap();
    assert_eq!(backup.examples, ["Cluster.postgresql.cnpg.io/pg"]);
    // A selector matches the workload if it matches any child.
    let selecting = json!({ "selector": { "matchLabels": { "role": "replica" } }, "parties": [{ "name": "dba", "role": "Customer" }], "duties": [held_by("dba", &["backup-recovery"])] });
    ns.apply(&[assignment("dba", selecting)]);
    let status = ns.evaluated("dba", 1).await;
    assert!(!rows(&status).iter().any(|row| row.starts_with("backup-recovery/")), "{:?}", rows(&status));
    ns.delete("pod", "pg-1");
    ns.delete("pod", "pg-2");
    ns.evaluated("team", 1).await;

    // Bare pods and Jobs with generated names: one workload per name prefix.
    for _ in 0..3 {
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "generateName": "etl-", "namespace": ns.name }, "spec": with_container(&json!({})) });
        let made = cluster.kubectl_with_input(&["create", "-f", "-"], &[pod]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let status = ns.evaluated("team", 2).await;
    let code = status.unowned_layers.iter().find(|row| row.layer == "data-classification").unwrap();
    assert_eq!(code.examples, ["Pod/etl-*", "Rollout.argoproj.io/web"]);
}

//! Custom signals: kinds and rules from the configuration file.

use harness::Access;
use responsibility_operator::api::{AssignmentStatus, Fulfilment};
use serde_json::{Value, json};

use crate::fulfilment::explained_by;
use crate::support::*;

const CONFIG: &str = "
customSignals:
- name: backup-plan
  group: backup.example.com
  version: v1
  kind: BackupPlan
  plural: backupplans
  layer: backup-recovery
  duty: Customer
  shows: Duty
  references: spec.targets
  rules:
  - path: status.phase
    equals: Ready
  - path: status.lastRun
    newerThan: 7d
  failed: its last run failed
  remedy: see the events of the BackupPlan
- name: audit
  group: audit.example.com
  version: v1
  kind: ClusterAudit
  plural: clusteraudits
  scope: Cluster
  selector: {matchLabels: {state: final}}
  layer: workload-configuration
  duty: Customer
  rules:
  - path: spec.findings[*].severity
    in: [low, medium]
";

fn plan(name: &str, target: &str, status: Value) -> Value {
    json!({
        "apiVersion": "backup.example.com/v1", "kind": "BackupPlan", "metadata": { "name": name },
        "spec": { "targets": [{ "apiVersion": "apps/v1", "kind": "Deployment", "name": target }] }, "status": status,
    })
}

fn ready(day: &str) -> Value {
    json!({ "phase": "Ready", "lastRun": format!("{day}T03:00:00Z") })
}

fn audit(state: &str, severity: &str) -> Value {
    json!({
        "apiVersion": "audit.example.com/v1", "kind": "ClusterAudit",
        "metadata": { "name": "yearly", "labels": { "state": state } }, "spec": { "findings": [{ "severity": severity }] },
    })
}

/// Returns the row of a signal: its word, the number of workloads and the examples; none if it is neither Unfulfilled nor Stale.
fn row(status: &AssignmentStatus, signal: &str) -> Option<(Fulfilment, i64, String)> {
    let row = status.unfulfilled.iter().find(|row| row.signal == signal)?;
    Some((row.fulfilment, row.workloads, row.examples.join(",")))
}

fn fulfilled(status: &AssignmentStatus) -> i64 {
    status.summary.as_ref().map_or(0, |summary| summary.fulfilment.fulfilled)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_signal_counts_for_the_workloads_that_its_objects_name_and_its_errors_are_unknown() {
    let cluster = Cluster::start().await;
    let config = cluster.control_plane.folder().join("config.yaml");
    std::fs::write(&config, CONFIG).unwrap();
    cluster.grant("backupplans", "backup.example.com");
    cluster.grant("clusteraudits", "audit.example.com");
    let config = format!("--config={}", config.display());
    let operator = cluster.operator(&["--default-service-model=CaaS", &config]);
    let ns = cluster.namespace("custom");
    // A party that keeps data owes a backup of it.
    let storing = json!({ "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }] });
    ns.apply(&[
        deployment("web", &storing),
        deployment("api", &storing),
        team(&["backup-recovery", "workload-configuration"]),
    ]);
    let before = fulfilled(&ns.evaluated("team", 2).await);

    // The API appears while the operator runs.
    let mut cluster_kind = harness::loose_definition("audit.example.com", "v1", "ClusterAudit", "clusteraudits");
    cluster_kind["spec"]["scope"] = json!("Cluster");
    cluster.apply(&[cluster_kind]);
    definitions(&cluster, &[("backup.example.com", "v1", "BackupPlan", "backupplans")]);
    ns.apply(&[plan("nightly", "web", json!({ "phase": "Failed", "lastRun": "2026-01-01T03:00:00Z" }))]);
    let failed = |status: &AssignmentStatus, examples: &str| {
        row(status, "backup-plan") == Some((Fulfilment::Unfulfilled, 1, examples.to_owned()))
    };
    let status = ns.status("team", |status| failed(status, "Deployment/web")).await;
    let seen = status.unfulfilled.iter().find(|row| row.signal == "backup-plan").unwrap();
    assert_eq!((seen.layer.as_str(), seen.party.as_deref()), ("backup-recovery", Some("team")));
    let event = ns.event("team", "DutyUnfulfilled").await.note.unwrap();
    assert!(event.contains("BackupPlan nightly: its last run failed"), "{event}");

    // First too old, then passed, then unknown.
    ns.apply(&[plan("nightly", "web", ready("2026-01-01"))]);
    ns.status("team", |status| row(status, "backup-plan").is_some_and(|row| row.0 == Fulfilment::Stale)).await;
    ns.apply(&[plan("nightly", "web", ready(&in_days(0)))]);
    let status = ns.status("team", |status| fulfilled(status) == before + 1).await;
    assert_eq!(row(&status, "backup-plan"), None);
    ns.apply(&[plan("nightly", "web", json!({ "phase": "Ready", "lastRun": "today" }))]);
    ns.status("team", |status| fulfilled(status) == before).await;
    let explained = explained_by(&cluster, "custom", "Deployment/web", &[&config]);
    assert!(
        explained.contains("BackupPlan nightly cannot be evaluated: status.lastRun is not a time such as"),
        "{explained}"
    );
    assert!(explained_by(&cluster, "custom", "Deployment/api", &[&config]).contains("no BackupPlan is about it"));

    // A cluster-scoped object applies to every workload, once it has the label.
    cluster.apply(&[audit("draft", "high")]);
    ns.apply(&[plan("nightly", "api", json!({ "phase": "Failed", "lastRun": "2026-01-01T03:00:00Z" }))]);
    let status = ns.status("team", |status| failed(status, "Deployment/api")).await;
    assert_eq!(row(&status, "audit"), None, "a draft does not count");
    cluster.apply(&[audit("final", "high")]);
    ns.status("team", |status| row(status, "audit").is_some_and(|row| row.1 == 2)).await;
    cluster.apply(&[audit("final", "low")]);
    ns.status("team", |status| row(status, "audit").is_none()).await;

    // Without the API the signal is unknown.
    cluster.kubectl(&["delete", "crd", "backupplans.backup.example.com", "--timeout=60s"]);
    let status = ns.status("team", |status| row(status, "backup-plan").is_none()).await;
    assert_eq!(condition(&status, "InventoryComplete"), "True AllInputsRead");
    assert!(!operator.log().contains("ended abnormally"), "{}", operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_names_a_kind_that_differs_from_the_configuration_or_may_not_be_read() {
    let cluster = Cluster::start().await;
    let config = cluster.control_plane.folder().join("config.yaml");
    // The first kind has another scope, and the operator may not read the second one.
    std::fs::write(&config, CONFIG).unwrap();
    definitions(
        &cluster,
        &[
            ("audit.example.com", "v1", "ClusterAudit", "clusteraudits"),
            ("backup.example.com", "v1", "BackupPlan", "backupplans"),
        ],
    );
    let _operator = cluster.operator(&["--default-service-model=CaaS", &format!("--config={}", config.display())]);
    let ns = cluster.namespace("odd");
    ns.apply(&[deployment("web", &json!({})), team(&["backup-recovery"])]);
    let has_message = |status: &AssignmentStatus, words: &str| {
        let mut conditions = status.conditions.iter();
        conditions.any(|condition| condition.type_ == "InventoryComplete" && condition.message.contains(words))
    };
    let (scope, grant) = ("correct customSignals in the configuration file", "for each kind of customSignals");
    let status = ns.status("team", |status| has_message(status, scope) && has_message(status, grant)).await;
    assert!(
        has_message(&status, "clusteraudits.audit.example.com")
            && has_message(&status, "backupplans.backup.example.com")
    );
    assert!(
        status.conditions.iter().any(|condition| condition.type_ == "Covered"),
        "ownership is evaluated all the same"
    );
    cluster.grant("backupplans", "backup.example.com");
    ns.status("team", |status| !has_message(status, grant) && has_message(status, scope)).await;
}

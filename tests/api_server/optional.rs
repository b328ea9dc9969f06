//! Results of other tools from optional APIs: objects as the real tools write them, with minimal schemas.

use responsibility_operator::api::{AssignmentStatus, Fulfilment};
use serde_json::{Value, json};

use crate::support::*;

fn fails(status: &AssignmentStatus, signal: &str) -> bool {
    let failing = |row: &responsibility_operator::api::UnfulfilledDuty| {
        row.signal == signal && row.fulfilment == Fulfilment::Unfulfilled
    };
    status.unfulfilled.iter().any(failing)
}

fn is_stale(status: &AssignmentStatus, signal: &str) -> bool {
    status.unfulfilled.iter().any(|row| row.signal == signal && row.fulfilment == Fulfilment::Stale)
}

fn fulfilled(status: &AssignmentStatus) -> i64 {
    status.summary.as_ref().map_or(0, |summary| summary.fulfilment.fulfilled)
}

/// Returns a Deployment with one pod and an image with this tag. Earlier revisions end at once.
fn tagged(tag: u32) -> Value {
    let image = format!("registry.example.com/app:{tag}");
    let mut web = deployment("web", &json!({ "containers": [{ "name": "main", "image": image }] }));
    web["spec"]["replicas"] = json!(1);
    web["spec"]["strategy"] = json!({ "type": "Recreate" });
    web
}

/// Returns the name and the UID of the ReplicaSet that runs an image with this tag.
async fn running(ns: &Namespace<'_>, tag: u32) -> (String, String) {
    use k8s_openapi::api::apps::v1::ReplicaSet;
    let api = ns.api::<ReplicaSet>().await;
    let of_tag = |set: &ReplicaSet| {
        let template = set.spec.template.as_ref().and_then(|template| template.spec.as_ref());
        let image = template.and_then(|pod| pod.containers[0].image.as_deref());
        set.spec.replicas == Some(1) && image.is_some_and(|image| image.ends_with(&format!(":{tag}")))
    };
    let find = async || api.list(&kube::api::ListParams::default()).await.unwrap().items.into_iter().find(of_tag);
    eventually("the Deployment runs its revision", async || find().await.is_some()).await;
    let metadata = find().await.unwrap().metadata;
    (metadata.name.unwrap(), metadata.uid.unwrap())
}

/// Returns a VulnerabilityReport of a ReplicaSet as Trivy writes it.
fn vulnerabilities((replica_set, uid): &(String, String), critical: u32, day: &str) -> Value {
    let found: Vec<Value> = (0..critical)
        .map(|number| json!({ "vulnerabilityID": format!("CVE-2026-{number}"), "severity": "CRITICAL", "resource": "openssl" }))
        .collect();
    json!({
        "apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "VulnerabilityReport",
        "metadata": {
            "name": format!("replicaset-{replica_set}-main"),
            "labels": {
                "trivy-operator.container.name": "main", "trivy-operator.resource.kind": "ReplicaSet",
                "trivy-operator.resource.name": replica_set, "resource-spec-hash": "7cb64cb677",
            },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set, "controller": true,
                "uid": uid, "blockOwnerDeletion": false,
            }],
        },
        "report": {
            "artifact": { "repository": "app", "tag": "1" },
            "scanner": { "name": "Trivy", "vendor": "Aqua Security", "version": "0.60.0" },
            "summary": { "criticalCount": critical, "highCount": 2, "mediumCount": 0, "lowCount": 0 },
            "updateTimestamp": format!("{day}T10:00:00Z"),
            "vulnerabilities": found,
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_comes_and_goes_turns_unknown_into_a_result_and_back_without_a_storm() {
    let cluster = Cluster::start().await;
    let operator = cluster.operator(&["--default-service-model=CaaS"]);
    let ns = cluster.namespace("scanned");
    ns.apply(&[tagged(1), team(&["image-supply-chain"])]);
    ns.evaluated("team", 1).await;
    ns.event("team", "GapsFound").await;
    let begun = ns.events("team").await.len();

    install(&cluster, "trivy");
    let first = running(&ns, 1).await;
    ns.apply(&[vulnerabilities(&first, 2, &in_days(0))]);
    let status = ns.status("team", |status| fails(status, "vulnerability-report")).await;
    let row = status.unfulfilled.iter().find(|row| row.signal == "vulnerability-report").unwrap();
    assert_eq!((row.layer.as_str(), row.party.as_deref()), ("image-supply-chain", Some("team")));
    assert_eq!(row.examples, ["Deployment/web"]);
    // Reports of an earlier revision do not count.
    ns.apply(&[tagged(2)]);
    ns.status("team", |status| !fails(status, "vulnerability-report")).await;
    let second = running(&ns, 2).await;
    ns.apply(&[vulnerabilities(&second, 1, &in_days(0))]);
    ns.status("team", |status| fails(status, "vulnerability-report")).await;
    ns.apply(&[vulnerabilities(&second, 0, &in_days(0))]);
    ns.status("team", |status| !fails(status, "vulnerability-report")).await;
    let audit = |critical: u32| {
        let mut report = vulnerabilities(&second, critical, &in_days(0));
        report["kind"] = json!("ConfigAuditReport");
        report["metadata"]["name"] = json!(format!("replicaset-{}", second.0));
        for field in ["artifact", "vulnerabilities"] {
            report["report"].as_object_mut().unwrap().remove(field);
        }
        report
    };
    ns.apply(&[audit(1)]);
    ns.status("team", |status| fails(status, "config-audit-report")).await;
    ns.apply(&[audit(0)]);
    ns.status("team", |status| !fails(status, "config-audit-report")).await;

    // A failure whose source disappears is not a success: no Event.
    ns.apply(&[vulnerabilities(&second, 1, &in_days(0))]);
    ns.status("team", |status| fails(status, "vulnerability-report")).await;
    remove(&cluster, "trivy");
    let status = ns.status("team", |status| !fails(status, "vulnerability-report")).await;
    assert_eq!(condition(&status, "InventoryComplete"), "True AllInputsRead");
    // A later Event about another change shows that none of these was emitted.
    ns.apply(&[load_balancer("web", "web")]);
    ns.event("team", "GapsOpened").await;
    let events = ns.events("team").await;
    let of_fulfilment = events.iter().filter(|reason| reason.contains("ulfilled")).count();
    assert_eq!(of_fulfilment, 0, "the layer was unfulfilled before, and nobody has shown it done: {events:?}");
    assert!(events.len() <= begun + 1, "{events:?}");
    assert!(!operator.log().contains("ended abnormally"), "{}", operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_policy_engines_count_in_either_api() {
    let cluster = Cluster::start().await;
    for api in ["openreports", "policy-reports"] {
        install(&cluster, api);
    }
    let _operator = cluster.operator(&["--default-service-model=CaaS"]);
    for (name, version, kind) in
        [("open", "openreports.io/v1alpha1", "Report"), ("wg", "wgpolicyk8s.io/v1alpha2", "PolicyReport")]
    {
        let ns = cluster.namespace(name);
        // Kyverno writes one report per object.
        let report = |result: &str, severity: &str| {
            json!({
                "apiVersion": version, "kind": kind,
                "metadata": { "name": "0b6a", "labels": { "app.kubernetes.io/managed-by": "kyverno" } },
                "scope": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": name },
                "summary": { "error": 0, "fail": 1, "pass": 0, "skip": 0, "warn": 0 },
                "results": [
                    { "policy": "disallow-latest", "rule": "tag", "result": result, "severity": severity, "source": "kyverno" },
                    { "policy": "other", "rule": "one", "result": "skip", "source": "kyverno" },
                ],
            })
        };
        ns.apply(&[deployment("web", &json!({})), team(&["workload-configuration"]), report("fail", "high")]);
        ns.status("team", |status| fails(status, "policy-report")).await;
        ns.apply(&[report("fail", "medium")]);
        ns.status("team", |status| !fails(status, "policy-report")).await;
        ns.apply(&[report("fail", "critical")]);
        ns.status("team", |status| fails(status, "policy-report")).await;
        ns.apply(&[report("error", "critical")]);
        ns.status("team", |status| !fails(status, "policy-report")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_backups_and_snapshots_are_seen_where_their_apis_are_served() {
    let cluster = Cluster::start().await;
    for api in ["cert-manager", "velero", "volume-snapshots"] {
        install(&cluster, api);
    }
    let _operator = cluster.operator(&["--default-service-model=CaaS"]);
    let ns = cluster.namespace("kept");
    let volume = json!({ "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }] });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
    });
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "web" },
        "spec": {
            "tls": [{ "hosts": ["web.example.com"], "secretName": "web-tls" }],
            "rules": [{ "host": "web.example.com", "http": { "paths": [{
                "path": "/", "pathType": "Prefix", "backend": { "service": { "name": "web", "port": { "number": 80 } } },
            }] } }],
        },
    });
    let certificate = |name: &str, secret: &str| {
        json!({
            "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": { "name": name },
            "spec": { "secretName": secret, "dnsNames": ["web.example.com"], "issuerRef": { "name": "ca", "kind": "ClusterIssuer" } },
        })
    };
    let set_status = |kind: &str, name: &str, status: Value| {
        let patch = json!({ "status": status }).to_string();
        cluster.kubectl(&["patch", kind, name, "-n", ns.name, "--subresource=status", "--type=merge", "-p", &patch]);
    };
    let issued = |days: i32| {
        json!({
            "notAfter": format!("{}T00:00:00Z", in_days(days)), "renewalTime": format!("{}T00:00:00Z", in_days(days - 1)),
            "conditions": [{ "type": "Ready", "status": "True" }],
        })
    };
    ns.apply(&[
        deployment("web", &volume),
        service,
        ingress,
        certificate("web", "web-tls"),
        certificate("other", "other-tls"),
    ]);
    ns.apply(&[team(&["network-exposure", "backup-recovery"])]);
    set_status("certificate", "other", issued(0));
    set_status("certificate", "web", issued(60));
    let status = ns.status("team", |status| status.summary.as_ref().is_some_and(|summary| summary.layers == 19)).await;
    assert!(!fails(&status, "certificate"), "another workload's certificate ends: {:?}", status.unfulfilled);
    let late = json!({
        "notAfter": format!("{}T00:00:00Z", in_days(5)), "renewalTime": format!("{}T00:00:00Z", in_days(-3)),
        "conditions": [{ "type": "Ready", "status": "True" }],
    });
    set_status("certificate", "web", late);
    let status = ns.status("team", |status| fails(status, "certificate")).await;
    let row = status.unfulfilled.iter().find(|row| row.signal == "certificate").unwrap();
    let expected =
        format!("Certificate web was not renewed and is good until {}; see the events of the Certificate", in_days(5));
    assert_eq!(row.message, expected);
    set_status("certificate", "web", issued(60));
    ns.status("team", |status| !fails(status, "certificate")).await;

    let velero = cluster.namespace("velero");
    let backup = |name: &str, phase: &str, days: i32| {
        json!({
            "apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": { "name": name, "labels": { "velero.io/schedule-name": "daily" } },
            "spec": { "includedNamespaces": ["kept"], "storageLocation": "default", "ttl": "720h0m0s" },
            "status": {
                "phase": phase, "completionTimestamp": format!("{}T03:00:00Z", in_days(days)),
                "volumeSnapshotsAttempted": 1, "volumeSnapshotsCompleted": 1,
            },
        })
    };
    let before = fulfilled(&status);
    velero.apply(&[backup("daily-1", "Completed", -20)]);
    ns.status("team", |status| is_stale(status, "velero-backup")).await;
    velero.apply(&[backup("daily-2", "PartiallyFailed", -1)]);
    ns.status("team", |status| fails(status, "velero-backup")).await;
    velero.apply(&[backup("daily-3", "Completed", 0)]);
    ns.status("team", |status| fulfilled(status) == before + 1).await;

    let snapshot = |name: &str| {
        json!({
            "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": { "name": name },
            "spec": { "source": { "persistentVolumeClaimName": "data" } },
        })
    };
    ns.apply(&[snapshot("data-1")]);
    set_status("volumesnapshot", "data-1", json!({ "readyToUse": true }));
    let status = ns.status("team", |status| fulfilled(status) == before + 1).await;
    assert!(!fails(&status, "volume-snapshot"));
    // After the newest backup is deleted, the failed one is the newest again.
    velero.delete("backup", "daily-3");
    ns.status("team", |status| fails(status, "velero-backup")).await;
}

//! Fulfilment on a real API server: each signal passes, fails and is unknown.

use std::path::Path;
use std::process::Command;

use harness::Access;
use responsibility_operator::api::{AssignmentStatus, Fulfilment};
use serde_json::{Value, json};

use crate::support::*;

/// Returns the failures of a status as `layer/Duty/signal`, with the party if one holds the duty.
fn failures(status: &AssignmentStatus) -> Vec<String> {
    let failure = |row: &responsibility_operator::api::UnfulfilledDuty| {
        let party = row.party.as_ref().map(|party| format!(" {party}")).unwrap_or_default();
        format!("{}/{:?}/{}{party}", row.layer, row.duty, row.signal)
    };
    status.unfulfilled.iter().filter(|row| row.fulfilment == Fulfilment::Unfulfilled).map(failure).collect()
}

fn fails(status: &AssignmentStatus, signal: &str) -> bool {
    status.unfulfilled.iter().any(|row| row.signal == signal)
}

/// Returns the output of `explain` for a workload, with the permissions of an administrator.
fn explained(cluster: &Cluster, namespace: &str, workload: &str) -> String {
    explained_by(cluster, namespace, workload, &[])
}

/// Returns the output of `explain` with further flags.
pub fn explained_by(cluster: &Cluster, namespace: &str, workload: &str, flags: &[&str]) -> String {
    let output = Command::new(Path::new(env!("CARGO_BIN_EXE_responsibility-operator")))
        .args(["explain", workload, "--namespace", namespace, "--default-service-model=CaaS"])
        .args(flags)
        .env("KUBECONFIG", cluster.control_plane.kubeconfig())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the line of a duty in the output of `explain`.
fn line<'a>(text: &'a str, layer: &str, duty: &str) -> &'a str {
    let is_meant = |line: &&str| {
        let mut cells = line.split_whitespace();
        cells.next() == Some(layer) && cells.next() == Some(duty)
    };
    text.lines().find(is_meant).unwrap_or_else(|| panic!("no {duty} duty of {layer} in\n{text}"))
}

/// Returns a pod spec for which every signal about the template passes.
pub fn restricted() -> Value {
    json!({
        "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "containers": [{
            "name": "main",
            "image": format!("registry.example.com/app@sha256:{}", "0".repeat(64)),
            "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "16Mi" } },
            "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
        }],
    })
}

fn network_policy(types: &[&str]) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "all" },
        "spec": { "podSelector": {}, "policyTypes": types },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_team_leaves_undone_is_its_failure_until_it_is_done() {
    let cluster = shared().await;
    let ns = cluster.namespace("undone");
    let layers = ["workload-configuration", "image-supply-chain", "network-segmentation"];
    ns.apply(&[deployment("web", &json!({})), assignment("team", held(&layers))]);
    let status = ns.status("team", |status| status.unfulfilled.len() == 5).await;
    let expected = [
        "image-supply-chain/Customer/image-pinning team",
        "workload-configuration/Customer/pod-security team",
        "workload-configuration/Customer/security-context team",
        "workload-configuration/Customer/resources team",
        "network-segmentation/Customer/network-policy team",
    ];
    assert_eq!(failures(&status), expected);
    assert_eq!(condition(&status, "Fulfilled"), "False DutiesUnfulfilled");
    let summary = status.summary.as_ref().unwrap();
    assert_eq!((summary.unfulfilled_layers, summary.fulfilment.unfulfilled), (3, 3));
    let duties = &summary.duties;
    let all = duties.owned + duties.assumed + duties.excepted + duties.unknown + duties.unowned;
    let seen = &summary.fulfilment;
    assert_eq!(seen.fulfilled + seen.unfulfilled + seen.stale + seen.unknown + seen.not_applicable, all);
    let row = &status.unfulfilled[4];
    assert_eq!(
        row.message,
        "no NetworkPolicy says who may reach its pods, or one lets everybody in; add a NetworkPolicy with policyTypes: [Ingress]"
    );
    assert_eq!(row.examples, ["Deployment/web"]);
    let wide = cluster.kubectl(&["get", "rassign", "team", "-n", ns.name, "-o", "wide"]);
    assert!(wide.contains("UNFULFILLED"), "{wide}");
    // A policy for egress only allows all ingress.
    ns.event("team", "GapsFound").await;
    ns.apply(&[network_policy(&["Egress"]), deployment("web", &restricted())]);
    let status = ns.status("team", |status| status.unfulfilled.len() == 2).await;
    assert_eq!(failures(&status), [expected[1], expected[4]]);
    ns.apply(&[network_policy(&["Ingress"])]);
    cluster.kubectl(&["label", "namespace", ns.name, "pod-security.kubernetes.io/enforce=restricted"]);
    let status = ns.status("team", |status| status.unfulfilled.is_empty()).await;
    assert_eq!(condition(&status, "Fulfilled"), "Unknown NotAllSeen", "most duties show nowhere");
    eventually("each layer has an Event", async || {
        let events = ns.event_objects("team").await.into_iter();
        let fulfilled = events.filter(|event| event.reason.as_deref() == Some("DutyFulfilled"));
        let notes: Vec<String> = fulfilled.filter_map(|event| event.note).collect();
        layers.iter().all(|layer| notes.iter().filter(|note| note.starts_with(layer)).count() == 1)
    })
    .await;
    let text = explained(cluster, ns.name, "Deployment/web");
    for layer in ["workload-configuration", "network-segmentation"] {
        assert!(line(&text, layer, "Customer").contains(" Fulfilled "), "{text}");
    }
    assert!(line(&text, "image-supply-chain", "Customer").contains("Unknown"), "pinning alone proves little: {text}");
    assert!(line(&text, "data-classification", "Customer").ends_with("no signal covers this duty"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_failure_is_told_with_the_party_that_owed_it_and_what_was_seen() {
    let cluster = shared().await;
    let ns = cluster.namespace("told");
    cluster.kubectl(&["label", "namespace", ns.name, "pod-security.kubernetes.io/enforce=restricted"]);
    ns.apply(&[
        network_policy(&["Ingress"]),
        deployment("web", &restricted()),
        assignment("team", held(&all_layers())),
    ]);
    ns.event("team", "Covered").await;
    ns.delete("networkpolicy", "all");
    let event = ns.event("team", "DutyUnfulfilled").await;
    let note = event.note.unwrap();
    assert!(note.starts_with("network-segmentation (customer duty, held by team): no NetworkPolicy"), "{note}");
    assert!(note.ends_with("(network-policy, 1 workload(s))"), "{note}");
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    ns.apply(&[network_policy(&["Ingress"])]);
    let event = ns.event("team", "DutyFulfilled").await;
    assert_eq!(event.note.unwrap(), "network-segmentation (customer duty) is fulfilled now.");
    assert_eq!(ns.events("team").await, ["Covered", "DutyUnfulfilled", "DutyFulfilled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_roles_and_storage_classes_are_seen() {
    let cluster = shared().await;
    let ns = cluster.namespace("surroundings");
    let mut several = deployment("web", &restricted());
    several["spec"]["replicas"] = json!(3);
    several["spec"]["template"]["spec"]["serviceAccountName"] = json!("web");
    let class = |name: &str, encrypted: &str| {
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": name },
            "provisioner": "ebs.csi.aws.com", "parameters": { "encrypted": encrypted },
        })
    };
    let claim = |class: &str| {
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
            "spec": { "storageClassName": class, "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
        })
    };
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "web-is-admin" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "ServiceAccount", "name": "web", "namespace": ns.name }],
    });
    let volume = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }]);
    several["spec"]["template"]["spec"]["volumes"] = volume;
    cluster.apply(&[class("plain", "false"), class("sealed", "true"), binding]);
    ns.apply(&[several, claim("plain"), assignment("team", held(&["access-control", "data-protection"]))]);
    let seen = ["broad-rights", "disruption-budget", "storage-encryption"];
    let status = ns.status("team", |status| seen.iter().all(|signal| fails(status, signal))).await;
    let message_of = |signal: &str| status.unfulfilled.iter().find(|row| row.signal == signal).unwrap().message.clone();
    assert!(message_of("broad-rights").contains("everything in the cluster (ClusterRole cluster-admin)"));
    assert!(message_of("disruption-budget").starts_with("no PodDisruptionBudget selects its pods"));
    assert!(message_of("storage-encryption").starts_with("StorageClass plain does not encrypt"));
    // A budget that allows no disruption blocks the patching of nodes.
    let budget = |most: i32| {
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "name": "web" },
            "spec": { "maxUnavailable": most, "selector": { "matchLabels": { "app": "web" } } },
        })
    };
    ns.apply(&[budget(0)]);
    let blocks = |status: &AssignmentStatus| {
        status.unfulfilled.iter().any(|row| row.message.contains("nodes cannot be drained"))
    };
    ns.status("team", blocks).await;
    ns.apply(&[budget(1)]);
    cluster.kubectl(&["delete", "clusterrolebinding", "web-is-admin"]);
    ns.status("team", |status| !fails(status, "broad-rights") && !fails(status, "disruption-budget")).await;
    ns.delete("persistentvolumeclaim", "data");
    let status = ns.status("team", |status| !fails(status, "storage-encryption")).await;
    assert_eq!(status.summary.unwrap().fulfilment.unfulfilled, 2, "segmentation and Pod Security are left");
}

/// Creates a namespace with one workload on the nodes of a pool, and the holder of its node-os.
fn on_pool(ns: &Namespace<'_>, pool: &str) {
    let spec = json!({
        "parties": [{ "name": "team", "role": "Customer" }, { "name": "cloud", "role": "Provider" }],
        "duties": [
            { "layers": ["node-os", "platform-runtime"], "provider": "cloud" },
            { "layers": ["node-os", "platform-runtime"], "customer": "team" },
        ],
    });
    ns.apply(&[deployment("web", &json!({ "nodeSelector": { "pool": pool } })), assignment("team", spec)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_node_is_the_failure_of_whoever_owed_its_patches() {
    let cluster = Cluster::start().await;
    let version = format!("v{}", kubernetes_minor(&cluster));
    let aks = |image: &str, pool: &str| json!({ "kubernetes.azure.com/agentpool": "main", "kubernetes.azure.com/node-image-version": image, "pool": pool });
    cluster.node("old", &version, aks("AKSUbuntu-2204gen2containerd-202501.02.0", "old"), json!({}));
    let recent = format!("AKSUbuntu-2204gen2containerd-{}.0", in_days(-3).replacen('-', "", 1).replace('-', "."));
    cluster.node("recent", &version, aks(&recent, "recent"), json!({}));
    cluster.node("windows", &version, aks("AKSWindows-2022-containerd-20348.4171.250910", "windows"), json!({}));
    cluster.node("behind", "v1.20.0", json!({ "cloud.google.com/gke-nodepool": "b", "pool": "behind" }), json!({}));
    let _operator = cluster.operator(&[]);
    let namespaces = ["old", "recent", "windows", "behind"].map(|pool| cluster.namespace(pool));
    for ns in &namespaces {
        on_pool(ns, ns.name);
    }
    let [old, recent, windows, behind] = &namespaces;
    let node_failures = |status: &AssignmentStatus| -> Vec<String> {
        let of_nodes = |failure: &String| failure.starts_with("node-os/") || failure.starts_with("platform-runtime/");
        failures(status).into_iter().filter(of_nodes).collect()
    };
    let status = old.status("team", |status| fails(status, "node-image-age")).await;
    assert_eq!(node_failures(&status), ["node-os/Customer/node-image-age team"], "CaaS: the customer rolls its pools");
    assert_eq!(node_failures(&recent.evaluated("team", 1).await), [""; 0]);
    let line_of = |ns: &Namespace<'_>| {
        let text = explained(&cluster, ns.name, "Deployment/web");
        line(&text, "node-os", "Customer").to_owned()
    };
    assert!(line_of(recent).contains(" Fulfilled "), "{}", line_of(recent));
    assert_eq!(node_failures(&windows.evaluated("team", 1).await), [""; 0]);
    assert!(line_of(windows).contains("Unknown"), "{}", line_of(windows));
    let status = behind.status("team", |status| fails(status, "kubelet-skew")).await;
    assert_eq!(node_failures(&status), ["platform-runtime/Customer/kubelet-skew team"]);

    // The same node, with a cluster assignment that claims ManagedNodes.
    cluster.apply(&[cluster_assignment("managed", "old", json!({ "serviceModel": "ManagedNodes" }))]);
    let managed =
        |status: &AssignmentStatus| failures(status).iter().any(|failure| failure.starts_with("node-os/Provider"));
    let status = cluster.cluster_status("managed", managed).await;
    assert!(failures(&status).contains(&"node-os/Provider/node-image-age cloud".to_owned()), "{:?}", failures(&status));
    let status = old.status("team", |status| status.summary.as_ref().unwrap().platform_unfulfilled == 1).await;
    assert_eq!(node_failures(&status), [""; 0], "the cluster assignment reports it");
}

/// Returns the minor version of the API server, as `1.37.0`.
fn kubernetes_minor(cluster: &Cluster) -> String {
    let version: Value = serde_json::from_str(&cluster.kubectl(&["get", "--raw", "/version"])).unwrap();
    format!("{}.{}.0", version["major"].as_str().unwrap(), version["minor"].as_str().unwrap().trim_end_matches('+'))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_provider_fulfils_its_own_duties_and_no_other() {
    let cluster = shared().await;
    let ns = cluster.namespace("certified");
    let spec = |until: &str| {
        json!({
            "parties": [
                { "name": "team", "role": "Customer" },
                {
                    "name": "cloud", "role": "Provider",
                    "evidence": [{
                        "type": "SOC2TypeII", "uri": "https://cloud.example/soc2", "validUntil": until,
                        "layers": ["physical-infrastructure", "control-plane"],
                    }],
                },
            ],
            "duties": [
                { "layers": ["physical-infrastructure", "control-plane", "node-os"], "provider": "cloud" },
                { "layers": ["control-plane"], "customer": "team" },
            ],
        })
    };
    ns.apply(&[deployment("web", &json!({})), assignment("team", spec(&in_days(30)))]);
    ns.status("team", |status| status.summary.as_ref().is_some_and(|summary| summary.fulfilment.fulfilled == 2)).await;
    let text = explained(cluster, ns.name, "Deployment/web");
    for layer in ["physical-infrastructure", "control-plane"] {
        assert!(line(&text, layer, "Provider").contains(" Fulfilled "), "{text}");
    }
    assert!(line(&text, "node-os", "Provider").contains("Unknown"), "out of the scope of the report: {text}");
    assert!(line(&text, "control-plane", "Customer").contains("Unknown"), "managed is not upgraded: {text}");
    ns.apply(&[assignment("team", spec(&in_days(-3)))]);
    let is_stale = |row: &responsibility_operator::api::UnfulfilledDuty| row.fulfilment == Fulfilment::Stale;
    let status = ns.status("team", |status| status.unfulfilled.iter().any(is_stale)).await;
    let stale: Vec<&str> = status.unfulfilled.iter().filter(|row| is_stale(row)).map(|row| &*row.layer).collect();
    assert_eq!(stale, ["control-plane", "physical-infrastructure"]);
    assert_eq!(status.summary.unwrap().fulfilment.stale, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_read_a_source_nothing_is_claimed_and_it_is_said_which() {
    let cluster = Cluster::start().await;
    let rules = cluster.kubectl(&["get", "clusterrole", "responsibility-operator", "-o", "json"]);
    let mut role: Value = serde_json::from_str(&rules).unwrap();
    let is_kept = |rule: &Value| rule["apiGroups"] != json!(["policy"]);
    role["rules"].as_array_mut().unwrap().retain(is_kept);
    cluster.apply(&[role]);
    let _operator = cluster.operator(&["--default-service-model=CaaS"]);
    let ns = cluster.namespace("unreadable");
    let mut several = deployment("web", &restricted());
    several["spec"]["replicas"] = json!(3);
    ns.apply(&[several, assignment("team", held(&["workload-configuration"]))]);
    let names_the_kind = |status: &AssignmentStatus| {
        let complete = status.conditions.iter().find(|condition| condition.type_ == "InventoryComplete");
        complete.is_some_and(|condition| {
            condition.status == "True" && condition.message.contains("poddisruptionbudgets.policy")
        })
    };
    let status = ns.status("team", names_the_kind).await;
    assert!(!fails(&status, "disruption-budget"), "{:?}", failures(&status));
    assert_eq!(condition(&status, "Ready"), "True Evaluated", "ownership does not depend on it");
    cluster.grant("poddisruptionbudgets", "policy");
    ns.status("team", |status| fails(status, "disruption-budget")).await;
}

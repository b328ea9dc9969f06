//! Workloads with related objects for which every signal passes, fails or is unknown.

use serde_json::{Value, json};

use super::Today;
use crate::fulfilment::restricted;
use crate::support::*;

/// Workload whose related objects decide the signals.
pub(super) const WEB: &str = "web";
/// DaemonSet that is a known node agent. Its host access does not count.
pub(super) const AGENT: &str = "node-exporter";

/// Returns a pod spec that passes every signal, with its own ServiceAccount and a PersistentVolumeClaim.
fn well_done() -> Value {
    let mut pod = restricted();
    pod["serviceAccountName"] = json!("web");
    pod["volumes"] = json!([claimed()]);
    pod
}

fn claimed() -> Value {
    json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data" } })
}

/// Returns a StatefulSet with two pods.
fn web(pod: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": WEB },
        "spec": {
            "replicas": 2, "serviceName": WEB, "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": pod },
        },
    })
}

/// Creates its ServiceAccount, Service, Ingress and PersistentVolumeClaim. Only the parameters of the StorageClass decide a
/// signal.
fn surround(ns: &Namespace<'_>, parameters: &Value) {
    let class = format!("class-{}", ns.name);
    ns.cluster.apply(&[json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": class },
        "provisioner": "ebs.csi.aws.com", "parameters": parameters,
    })]);
    ns.apply(&[
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "web" } }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
            "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
        }),
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "web" },
            "spec": {
                "tls": [{ "hosts": ["web.example.com"], "secretName": "web-tls" }],
                "defaultBackend": { "service": { "name": "web", "port": { "number": 80 } } },
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
            "spec": {
                "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } },
            },
        }),
    ]);
}

/// Returns a role of its ServiceAccount, and the binding.
fn role(rules: Value) -> [Value; 2] {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "of-web" }, "rules": [rules],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": "of-web" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "of-web" },
        "subjects": [{ "kind": "ServiceAccount", "name": "web" }],
    });
    [role, binding]
}

/// Returns a report of Trivy about the StatefulSet.
fn scan(kind: &str, critical: u32, day: &str) -> Value {
    json!({
        "apiVersion": "aquasecurity.github.io/v1alpha1", "kind": kind,
        "metadata": {
            "name": "statefulset-web-main",
            "labels": {
                "trivy-operator.container.name": "main", "trivy-operator.resource.kind": "StatefulSet",
                "trivy-operator.resource.name": WEB,
            },
        },
        "report": {
            "scanner": { "name": "Trivy", "vendor": "Aqua Security", "version": "0.60.0" },
            "summary": { "criticalCount": critical, "highCount": 2, "mediumCount": 0, "lowCount": 0 },
            "updateTimestamp": format!("{day}T10:00:00Z"),
        },
    })
}

/// Returns the report of a policy engine about the StatefulSet.
fn policy_report(namespace: &str, result: &str) -> Value {
    json!({
        "apiVersion": "openreports.io/v1alpha1", "kind": "Report", "metadata": { "name": "0b6a" },
        "scope": { "apiVersion": "apps/v1", "kind": "StatefulSet", "name": WEB, "namespace": namespace },
        "results": [{ "policy": "disallow-latest", "rule": "tag", "result": result, "severity": "high", "source": "kyverno" }],
    })
}

/// Returns an assignment by which a team holds the customer duties and a cloud holds the data centre.
fn held_with(evidence: Value) -> Value {
    let mut spec = held(&customer_layers());
    let cloud = json!({ "name": "cloud", "role": "Provider", "evidence": evidence });
    spec["parties"].as_array_mut().unwrap().push(cloud);
    let data_centre = json!({ "layers": ["physical-infrastructure"], "provider": "cloud" });
    spec["duties"].as_array_mut().unwrap().push(data_centre);
    assignment("team", spec)
}

fn report_until(day: &str) -> Value {
    json!([{ "type": "SOC2TypeII", "uri": "https://cloud.example/soc2", "validUntil": day }])
}

fn certificate() -> Value {
    json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": { "name": "web" },
        "spec": {
            "secretName": "web-tls", "dnsNames": ["web.example.com"],
            "issuerRef": { "name": "ca", "kind": "ClusterIssuer" },
        },
    })
}

fn snapshot() -> Value {
    json!({
        "apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": { "name": "data" },
        "spec": { "source": { "persistentVolumeClaimName": "data" } },
    })
}

/// Writes the statuses of the certificate and the snapshot in place of their controllers.
fn set_statuses(ns: &Namespace<'_>, (until, renewal): (&str, &str), is_ready_to_use: bool) {
    let certificate = json!({
        "notAfter": format!("{until}T00:00:00Z"), "renewalTime": format!("{renewal}T00:00:00Z"),
        "conditions": [{ "type": "Ready", "status": "True" }],
    });
    let statuses =
        [("certificate/web", certificate), ("volumesnapshot/data", json!({ "readyToUse": is_ready_to_use }))];
    for (object, status) in statuses {
        let patch = json!({ "status": status }).to_string();
        ns.cluster.kubectl(&["patch", object, "-n", ns.name, "--subresource=status", "--type=merge", "-p", &patch]);
    }
}

fn backup(velero: &Namespace<'_>, of: &str, phase: &str, day: &str) {
    velero.apply(&[json!({
        "apiVersion": "velero.io/v1", "kind": "Backup", "metadata": { "name": format!("daily-{of}") },
        "spec": { "includedNamespaces": [of], "storageLocation": "default", "ttl": "720h0m0s" },
        "status": {
            "phase": phase, "completionTimestamp": format!("{day}T03:00:00Z"),
            "csiVolumeSnapshotsAttempted": 1, "csiVolumeSnapshotsCompleted": 1,
        },
    })]);
}

/// Creates a workload for which every signal passes.
pub(super) fn all_is_done(ns: &Namespace<'_>, velero: &Namespace<'_>, today: Today) {
    enforce(ns, "restricted");
    let configmaps = json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"] });
    surround(ns, &json!({ "encrypted": "true" }));
    ns.apply(&role(configmaps));
    ns.apply(&[
        web(well_done()),
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "name": "web" },
            "spec": { "maxUnavailable": 1, "selector": { "matchLabels": { "app": "web" } } },
        }),
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "all" },
            "spec": { "podSelector": {}, "policyTypes": ["Ingress"] },
        }),
        scan("VulnerabilityReport", 0, &today.plus(0)),
        scan("ConfigAuditReport", 0, &today.plus(0)),
        policy_report(ns.name, "pass"),
        certificate(),
        snapshot(),
        held_with(report_until(&today.plus(30))),
    ]);
    set_statuses(ns, (&today.plus(60), &today.plus(30)), true);
    backup(velero, ns.name, "Completed", &today.plus(-1));
}

/// Creates a workload for which every signal fails.
pub(super) fn nothing_is_done(ns: &Namespace<'_>, velero: &Namespace<'_>, today: Today) {
    let everything = json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] });
    let pod = json!({
        "serviceAccountName": "web", "volumes": [claimed()],
        "containers": [{ "name": "main", "image": "elsewhere.example.com/app:1" }],
    });
    surround(ns, &json!({ "encrypted": "false" }));
    ns.apply(&role(everything));
    ns.apply(&[
        web(pod),
        scan("VulnerabilityReport", 1, &today.plus(0)),
        scan("ConfigAuditReport", 1, &today.plus(0)),
        policy_report(ns.name, "fail"),
        certificate(),
        snapshot(),
        held_with(report_until(&today.plus(-1))),
    ]);
    set_statuses(ns, (&today.plus(5), &today.plus(-3)), false);
    backup(velero, ns.name, "PartiallyFailed", &today.plus(-1));
}

/// Creates a workload for which every signal is unknown that does not depend on its template, namespace or roles.
pub(super) fn nothing_is_seen(ns: &Namespace<'_>) {
    enforce(ns, "baseline");
    let mut pod = well_done();
    pod["hostNetwork"] = json!(true);
    surround(ns, &json!({ "type": "gp3" }));
    ns.apply(&[
        json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": AGENT },
            "spec": {
                "selector": { "matchLabels": { "app": "web" } },
                "template": { "metadata": { "labels": { "app": "web" } }, "spec": pod },
            },
        }),
        held_with(json!([])),
    ]);
}

fn enforce(ns: &Namespace<'_>, level: &str) {
    let label = format!("pod-security.kubernetes.io/enforce={level}");
    ns.cluster.kubectl(&["label", "namespace", ns.name, &label]);
}

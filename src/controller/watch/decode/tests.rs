//! No object of a tenant stops the operator: decoding never panics, whatever bytes the API server sends.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::super::kinds::KINDS;
use super::*;
use crate::extract;

/// Decodes bytes as an object of one kind. Returns false if they are not such an object.
type Decode = fn(&[u8]) -> bool;

fn decode<O: Watched>(bytes: &[u8]) -> bool {
    let Ok(object) = serde_json::from_slice::<O>(bytes) else { return false };
    let registries = vec!["registry.example.com/shop".to_owned()];
    let decoder = Decoder::<O>::of_table(false, &Arc::new(Extraction { registries, ..Extraction::default() }));
    let _ = (decoder.event(&object), decoder.deletion(&object));
    true
}

/// The decoders of all kinds of the table, in its order.
#[rustfmt::skip]
const DECODERS: [Decode; 37] = [
    decode::<extract::Namespace>, decode::<extract::Node>, decode::<extract::Deployment>, decode::<extract::StatefulSet>,
    decode::<extract::DaemonSet>, decode::<extract::ReplicaSet>, decode::<extract::ReplicationController>,
    decode::<extract::Job>, decode::<extract::CronJob>, decode::<extract::Pod>, decode::<extract::Service>,
    decode::<extract::Ingress>, decode::<extract::NetworkPolicy>, decode::<extract::NamespacedAssignment>,
    decode::<extract::ClusterAssignment>, decode::<extract::OwnServiceModel>, decode::<extract::PodDisruptionBudget>,
    decode::<extract::PersistentVolumeClaim>, decode::<extract::StorageClass>, decode::<extract::Role>,
    decode::<extract::RoleBinding>, decode::<extract::ClusterRole>, decode::<extract::ClusterRoleBinding>,
    decode::<extract::HttpRoute>, decode::<extract::GrpcRoute>, decode::<extract::TlsRoute>, decode::<extract::TcpRoute>,
    decode::<extract::UdpRoute>, decode::<extract::ReferenceGrant>, decode::<extract::OpenShiftRoute>,
    decode::<extract::VulnerabilityReport>, decode::<extract::ConfigAuditReport>, decode::<extract::Report>,
    decode::<extract::PolicyReport>, decode::<extract::Certificate>, decode::<extract::Backup>,
    decode::<extract::VolumeSnapshot>,
];

fn metadata() -> Value {
    json!({
        "name": "web", "namespace": "shop", "uid": "4f0c", "resourceVersion": "7", "generation": 3,
        "generateName": "web-", "creationTimestamp": "2026-11-30T10:00:00Z",
        "labels": { "app": "web", "app.kubernetes.io/managed-by": "responsibility-operator" },
        "annotations": { "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal" },
        "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "4f0d", "controller": true }],
    })
}

fn pod_spec() -> Value {
    let container = json!({
        "name": "web", "image": "registry.example.com/shop/web:1@sha256:00", "ports": [{ "containerPort": 80, "hostPort": 80 }],
        "env": [{ "name": "URL", "value": "https://db.example:5432/a?b=c" }, { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "a", "key": "b" } } }],
        "envFrom": [{ "secretRef": { "name": "a" } }], "command": ["a"], "args": ["--url=https://b.example"],
        "resources": { "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "100m", "memory": "64Mi" } },
        "securityContext": { "privileged": true, "runAsUser": 0, "capabilities": { "add": ["SYS_ADMIN"], "drop": ["ALL"] }, "seccompProfile": { "type": "Unconfined" } },
        "volumeMounts": [{ "name": "data", "mountPath": "/data", "readOnly": true }],
        "livenessProbe": { "httpGet": { "path": "/", "port": "http" } },
    });
    let affinity = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
        { "matchExpressions": [{ "key": "a", "operator": "Gt", "values": ["3"] }], "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["a"] }] },
    ] } } });
    json!({
        "hostNetwork": true, "hostPID": true, "nodeName": "node-1", "nodeSelector": { "kubernetes.io/os": "linux" },
        "serviceAccountName": "web", "automountServiceAccountToken": true, "runtimeClassName": "gvisor",
        "tolerations": [{ "key": "a", "operator": "Exists", "effect": "NoSchedule" }], "affinity": affinity,
        "containers": [container], "initContainers": [container], "imagePullSecrets": [{ "name": "a" }],
        "securityContext": { "runAsNonRoot": true, "sysctls": [{ "name": "a", "value": "b" }] },
        "volumes": [
            { "name": "data", "persistentVolumeClaim": { "claimName": "data" } }, { "name": "h", "hostPath": { "path": "/etc" } },
            { "name": "s", "secret": { "secretName": "a" } }, { "name": "c", "csi": { "driver": "a.example", "volumeAttributes": { "a": "b" } } },
            { "name": "p", "projected": { "sources": [{ "secret": { "name": "a" } }, { "serviceAccountToken": { "path": "t" } }] } },
            { "name": "n", "nfs": { "server": "a", "path": "/" } }, { "name": "e", "ephemeral": { "volumeClaimTemplate": { "spec": {} } } },
        ],
    })
}

/// Objects that together have most fields that the operator decodes.
fn seeds() -> Vec<Value> {
    let template = json!({ "metadata": metadata(), "spec": pod_spec() });
    let route = json!({ "parentRefs": [{ "name": "gw", "namespace": "edge", "sectionName": "a", "port": 1 }], "hostnames": ["*.example"],
        "rules": [{ "backendRefs": [{ "name": "web", "namespace": "shop", "kind": "Service", "group": "", "port": 80, "weight": 0 }],
            "filters": [{ "type": "RequestMirror", "requestMirror": { "backendRef": { "name": "web" } } }] }] });
    let peer = json!({ "podSelector": { "matchExpressions": [{ "key": "a", "operator": "NotIn", "values": ["b"] }] }, "namespaceSelector": {}, "ipBlock": { "cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"] } });
    let result = json!({ "policy": "p", "rule": "r", "result": "fail", "severity": "high", "source": "kyverno", "timestamp": { "seconds": 1, "nanos": 2 }, "properties": { "a": "b" },
        "resources": [{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop", "uid": "u" }], "subjects": [{ "kind": "Pod", "name": "web" }] });
    let parties = json!([{ "name": "team", "role": "Customer", "contact": { "email": "a@example.com" }, "accepts": ["node-os"],
        "acknowledgement": { "by": "x", "at": "2026-11-30", "digest": "00" },
        "evidence": [{ "type": "SOC2TypeII", "uri": "https://a.example", "periodEnd": "2026-01-01", "validUntil": "2027-01-01", "layers": ["node-os"], "reviewedBy": "y" }] }]);
    let assignment = json!({ "parties": parties, "accountable": "team", "serviceModel": "CaaS", "declares": ["example.com/ai"],
        "namespaceSelector": { "matchLabels": { "a": "b" } }, "selector": { "matchExpressions": [{ "key": "a", "operator": "In", "values": ["b"] }] },
        "duties": [{ "layers": ["node-os"], "customer": "team", "provider": "team", "agreement": { "uri": "https://a.example", "validUntil": "2027-01-01" } }],
        "exceptions": [{ "layer": "node-os", "reason": "r", "approvedBy": "z", "until": "2027-01-01" }], "review": { "lastAt": "2026-11-30", "everyDays": 90 },
        "extends": "CaaS", "cells": [{ "layer": "node-os", "owes": "Shared", "source": "s" }] });
    let spec = json!({
        "template": template, "jobTemplate": { "spec": { "template": template } }, "suspend": true, "completions": 0, "replicas": 0,
        "selector": { "matchLabels": { "app": "web" } }, "schedule": "* * * * *", "type": "LoadBalancer", "externalIPs": ["192.0.2.1"],
        "ports": [{ "name": "http", "port": 80, "targetPort": "http", "nodePort": 30000, "protocol": "TCP" }], "clusterIP": "None",
        "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": { "storageClassName": "fast" } }],
        "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{ "from": [peer], "ports": [{ "port": 1, "endPort": 65535 }] }],
        "egress": [{ "to": [peer] }], "minAvailable": "50%", "maxUnavailable": 1, "storageClassName": "fast", "volumeName": "v",
        "taints": [{ "key": "a", "value": "b", "effect": "NoSchedule" }], "providerID": "aws:///eu/i-0", "unschedulable": true,
        "to": { "kind": "Service", "name": "web", "weight": 0 }, "from": [{ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "edge" }],
        "dnsNames": ["a.example"], "secretName": "tls", "issuerRef": { "name": "ca" }, "tls": [{ "hosts": ["a"], "secretName": "tls" }],
        "defaultBackend": { "service": { "name": "web" } }, "includedNamespaces": ["*"], "excludedNamespaces": ["a"], "source": { "persistentVolumeClaimName": "data" },
        "labelSelector": { "matchLabels": { "a": "b" } }, "snapshotVolumes": true,
    });
    let status = json!({
        "phase": "Running", "conditions": [{ "type": "Ready", "status": "False", "reason": "r", "message": "m", "lastTransitionTime": "2026-11-30T10:00:00Z" }],
        "nodeInfo": { "kubeletVersion": "v1.36.0-eks-1", "osImage": "o", "kernelVersion": "k", "containerRuntimeVersion": "c" }, "succeeded": 1, "active": 0,
        "completionTime": "2026-11-30T10:00:00Z", "expectedPods": 1, "currentHealthy": 1, "disruptionsAllowed": 0, "notAfter": "2027-01-01T00:00:00Z",
        "renewalTime": "2026-12-01T00:00:00Z", "expiration": "2027-01-01T00:00:00Z", "completionTimestamp": "2026-11-30T10:00:00Z", "readyToUse": true, "creationTime": "2026-11-30T10:00:00Z",
        "loadBalancer": { "ingress": [{ "ip": "192.0.2.1", "hostname": "a.example" }] },
    });
    let object = |spec: &Value| json!({ "apiVersion": "v1", "kind": "Any", "metadata": metadata(), "spec": spec, "status": status });
    let bare = json!({
        "metadata": metadata(), "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "nonResourceURLs": ["*"] }],
        "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }] }, "roleRef": { "apiGroup": "a", "kind": "ClusterRole", "name": "admin" },
        "subjects": [{ "kind": "Group", "name": "system:authenticated", "namespace": "shop" }], "provisioner": "ebs.csi.aws.com", "parameters": { "encrypted": "true" },
        "report": { "updateTimestamp": "2026-11-30T10:00:00Z", "summary": { "criticalCount": 1, "highCount": 2 }, "checks": [{ "checkID": "a", "severity": "HIGH", "success": false }],
            "vulnerabilities": [{ "vulnerabilityID": "CVE-1", "severity": "CRITICAL" }], "artifact": { "repository": "a", "tag": "b" } },
        "results": [result], "scope": { "kind": "Deployment", "name": "web" }, "summary": { "fail": 1 }, "source": "kyverno",
    });
    let mut route = object(&route);
    route["spec"]["host"] = json!("a.example");
    let mut ingress = object(&spec);
    ingress["spec"]["rules"] = json!([{ "host": "*.a.example", "http": { "paths": [{ "path": "/", "pathType": "Exact", "backend": { "service": { "name": "web", "port": { "number": 80 } } } }] } }]);
    vec![object(&spec), object(&pod_spec()), route, ingress, object(&assignment), bare]
}

/// Values that decoders do not expect.
fn hostile() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "-",
            ".",
            "/",
            "@",
            ":",
            "%",
            "*",
            "::",
            "\u{0}",
            "\u{1b}[31m",
            "\u{202e}",
            "9999999999999999999",
            "-1",
            "1e400",
            "0.0.0.0/33",
            "2026-02-30",
            "9999-12-31T23:59:60Z",
            "-9999-01-01T00:00:00Z",
            "v1.",
            "v.36",
            "v99999999999.1.1",
            "100000000%",
            "1Ei",
            "sha256:",
            "a@",
            "@b",
        ])
        .prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text,
        Just(json!({})),
        Just(json!([])),
        Just(json!("x".repeat(40_000))),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Returns the JSON pointers of all parts of a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, part)| pointers(part, &format!("{at}/{}", escaped(key)), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, part)| pointers(part, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

#[test]
fn the_decoders_are_those_of_the_table_and_the_seeds_reach_them() {
    assert_eq!(DECODERS.len(), KINDS.len());
    let seeds: Vec<Vec<u8>> = seeds().iter().map(|seed| seed.to_string().into_bytes()).collect();
    for (decoder, spec) in DECODERS.iter().zip(&KINDS) {
        assert!(seeds.iter().any(|seed| decoder(seed)), "no seed is a {}", spec.kind);
    }
}

proptest! {
    #[test]
    fn any_object_is_decoded_or_refused(
        seed in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), hostile()), 1..6),
    ) {
        let mut seeds = seeds();
        let mut object = seeds.swap_remove(seed.index(seeds.len()));
        for (at, value) in changes {
            let mut found = Vec::new();
            pointers(&object, "", &mut found);
            if let Some(part) = object.pointer_mut(&found[at.index(found.len())]) {
                *part = value;
            }
        }
        let bytes = object.to_string().into_bytes();
        for decoder in DECODERS {
            decoder(&bytes);
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        seed in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), any::<bool>()), 0..8),
        end in any::<Index>(),
        cut in any::<bool>(),
    ) {
        let mut seeds = seeds();
        let mut bytes = seeds.swap_remove(seed.index(seeds.len())).to_string().into_bytes();
        for (at, byte, inserted) in changes {
            let at = at.index(bytes.len());
            if inserted {
                bytes.insert(at, byte);
            } else {
                bytes[at] = byte;
            }
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        for decoder in DECODERS {
            decoder(&bytes);
        }
    }
}

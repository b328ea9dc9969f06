//! Manifests as teams write them: two containers, environment, probes, volumes, security context, 2 to 3 KB.

use serde_json::{Map, Value, json};

/// Returns a pseudo-random number from all `parts` by SplitMix64. It is the same on every machine.
pub(crate) fn draw(parts: &[usize]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut mixed = (state ^ *part as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// Returns true for one in `n` values of `parts`. `what` makes the choices for different properties independent.
pub(crate) fn one_in(n: u64, what: usize, parts: usize) -> bool {
    draw(&[what, parts]).is_multiple_of(n)
}

/// Returns the labels of a workload and of its pods.
pub(crate) fn labels(name: &str, part: &str, number: usize) -> Value {
    json!({
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": format!("{name}-production"),
        "app.kubernetes.io/version": format!("2.{}.{}", number % 20, number % 7),
        "app.kubernetes.io/component": (["api", "worker", "frontend", "cache"][number % 4]),
        "app.kubernetes.io/part-of": part,
        "app.kubernetes.io/managed-by": "kustomize",
    })
}

/// Returns the pod spec of a workload.
pub(crate) fn pod_spec(name: &str, number: usize) -> Value {
    let image = draw(&[1, number]);
    let mut env = vec![
        json!({ "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }),
        json!({ "name": "POD_NAMESPACE", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } }),
        json!({ "name": "LOG_LEVEL", "value": "info" }),
        json!({ "name": "LOG_FORMAT", "value": "json" }),
        json!({ "name": "HTTP_PORT", "value": "8080" }),
        json!({ "name": "OTEL_SERVICE_NAME", "value": name }),
        json!({ "name": "UPSTREAM", "value": format!("app-{:05}", number / 2) }),
    ];
    if one_in(2, 2, number) {
        let from = json!({ "secretKeyRef": { "name": format!("{name}-credentials"), "key": "password" } });
        env.push(json!({ "name": "PASSWORD", "valueFrom": from }));
    }
    if one_in(3, 3, number) {
        let host = format!("orders-{}.abcdefgh.eu-central-1.rds.amazonaws.com", number % 40);
        env.push(json!({ "name": "DATABASE_URL", "value": format!("postgres://app@{host}:5432/app") }));
    }
    let probe = |path: &str| json!({ "httpGet": { "path": path, "port": "http" }, "periodSeconds": 10, "timeoutSeconds": 2, "failureThreshold": 3 });
    let resources = |cpu: &str, memory: &str| json!({ "requests": { "cpu": cpu, "memory": memory }, "limits": { "memory": memory } });
    let restricted = json!({
        "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true,
        "capabilities": { "drop": ["ALL"] }, "seccompProfile": { "type": "RuntimeDefault" },
    });
    let mut spec = json!({
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "containers": [
            {
                "name": "app", "image": format!("registry.example.com/team/{name}@sha256:{image:016x}{image:016x}{image:016x}{image:016x}"),
                "imagePullPolicy": "IfNotPresent", "args": ["serve", "--config=/etc/app/config.yaml"],
                "env": env, "ports": [{ "name": "http", "containerPort": 8080 }, { "name": "metrics", "containerPort": 9090 }],
                "resources": resources("100m", "256Mi"), "securityContext": restricted,
                "livenessProbe": probe("/livez"), "readinessProbe": probe("/readyz"),
                "volumeMounts": [{ "name": "config", "mountPath": "/etc/app", "readOnly": true }, { "name": "tmp", "mountPath": "/tmp" }],
            },
            {
                "name": "proxy", "image": "registry.example.com/platform/proxy:3.4.1",
                "env": [{ "name": "ADMIN_PORT", "value": "15000" }, { "name": "UPSTREAM_PORT", "value": "8080" }],
                "ports": [{ "name": "proxy", "containerPort": 15001 }],
                "resources": resources("20m", "64Mi"), "securityContext": restricted, "readinessProbe": probe("/ready"),
            },
        ],
        "volumes": [{ "name": "config", "configMap": { "name": format!("{name}-config") } }, { "name": "tmp", "emptyDir": {} }],
    });
    if one_in(5, 4, number) {
        spec["nodeSelector"] = json!({ "pool": (["general", "memory", "gpu"][number % 3]) });
    }
    spec
}

/// Returns the fields of an object in the format of `metadata.managedFields`.
#[must_use]
pub fn managed_fields(manager: &str, object: &Value) -> Value {
    let set: Map<String, Value> =
        ["metadata", "spec"].iter().map(|field| (format!("f:{field}"), fields(&object[*field]))).collect();
    json!([{
        "manager": manager, "operation": "Update", "apiVersion": object["apiVersion"], "time": "2026-11-01T08:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": set,
    }])
}

fn fields(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect(),
        Value::Array(items) if items.iter().all(|item| item["name"].is_string()) => {
            let mut named: Map<String, Value> = Map::new();
            for item in items {
                let mut of_item = fields(item);
                of_item["."] = json!({});
                named.insert(format!("k:{}", json!({ "name": item["name"] })), of_item);
            }
            Value::Object(named)
        }
        _ => json!({}),
    }
}

//! Every clause of the rules of presence that a pod template decides by itself, shown and not shown.

mod external_services;
mod host_access;
mod secrets;
mod storage;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn facts_of_template(template: Value) -> WorkloadFacts {
    serde_json::from_value::<PodTemplate>(template).unwrap().facts(Labels::default())
}

fn facts(spec: &Value) -> WorkloadFacts {
    facts_of_template(json!({ "metadata": { "creationTimestamp": null }, "spec": spec }))
}

fn signals(spec: &Value) -> Signals {
    facts(spec).signals
}

/// The signals of a template whose only container is this one.
fn signals_of_container(container: &Value) -> Signals {
    signals(&json!({ "containers": [container] }))
}

/// The signals of a template with this volume, mounted nowhere.
fn signals_of_volume(volume: &Value) -> Signals {
    signals(&json!({ "volumes": [volume], "containers": [{ "name": "web", "image": "shop/web:1" }] }))
}

/// The signals of a template with a hostPath that its container mounts writable.
fn signals_of_host_path(host_path: &Value) -> Signals {
    signals(&json!({
        "volumes": [{ "name": "node", "hostPath": host_path }],
        "containers": [{ "name": "web", "volumeMounts": [{ "name": "node", "mountPath": "/node" }] }],
    }))
}

/// The signals of a template whose only container has this environment variable.
fn signals_of_env(variable: &Value) -> Signals {
    signals_of_container(&json!({ "name": "web", "env": [variable] }))
}

/// The signals of a template whose only container has a variable with this literal value and a meaningless name.
fn signals_of_value(value: &str) -> Signals {
    signals_of_env(&json!({ "name": "UPSTREAM", "value": value }))
}

/// Only this signal, or none at all.
fn only(signal: Signal, shown: bool) -> Signals {
    Signals::default().with_if(signal, shown)
}

fn nothing() -> Signals {
    Signals::default()
}

#[test]
fn a_stateless_template_shows_nothing() {
    let spec = json!({
        "volumes": [{ "name": "tmp", "emptyDir": {} }],
        "containers": [{
            "name": "web",
            "image": "shop/web:1",
            "args": ["--database", "postgres://db.example.com/shop"],
            "env": [{ "name": "LOG_LEVEL", "value": "info" }],
            "ports": [{ "containerPort": 8080, "protocol": "TCP" }],
            "resources": { "requests": { "cpu": "100m" } },
            "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }],
        }],
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    });
    assert_eq!(signals(&spec), nothing());
    assert_eq!(signals(&json!({})), nothing());
    assert_eq!(signals(&json!({ "volumes": null, "initContainers": null, "containers": [] })), nothing());
    assert_eq!(
        signals(&json!({ "hostNetwork": null, "hostPID": null, "hostIPC": null, "containers": null })),
        nothing()
    );
    assert_eq!(facts_of_template(json!({ "metadata": null, "spec": null })), WorkloadFacts::default());
}

#[test]
fn the_signals_of_one_template_add_up() {
    let spec = json!({
        "hostNetwork": true,
        "volumes": [
            { "name": "data", "persistentVolumeClaim": { "claimName": "data" } },
            { "name": "tls", "secret": { "secretName": "tls" } },
        ],
        "containers": [{ "name": "web", "env": [{ "name": "DATABASE_URL", "value": "x" }] }],
    });
    let all = [Signal::Storage, Signal::Secrets, Signal::ExternalServices, Signal::HostNetwork];
    assert_eq!(signals(&spec), all.into_iter().fold(nothing(), Signals::with));
}

#[test]
fn containers_are_containers_and_init_containers_and_no_ephemeral_ones() {
    let container = json!({
        "name": "debug",
        "env": [{ "name": "DATABASE_URL", "value": "x" }],
        "envFrom": [{ "secretRef": { "name": "shop" } }],
        "ports": [{ "containerPort": 80, "hostPort": 80 }],
        "volumeMounts": [{ "name": "node", "mountPath": "/node" }],
    });
    let volumes = json!([{ "name": "node", "hostPath": { "path": "/srv" } }]);
    let of = |list: &str| signals(&json!({ "volumes": volumes, "containers": [], (list): [container] }));
    let all = [Signal::Storage, Signal::Secrets, Signal::ExternalServices, Signal::HostNetwork];
    assert_eq!(of("containers"), all.into_iter().fold(nothing(), Signals::with));
    assert_eq!(of("initContainers"), of("containers"));
    assert_eq!(of("ephemeralContainers"), nothing());
}

// Host network

#[rstest]
#[case(json!({ "hostNetwork": true }), true)]
#[case(json!({ "hostNetwork": false }), false)]
#[case(json!({ "hostPID": true, "hostIPC": true }), false)]
#[case(json!({ "containers": [{ "ports": [{ "containerPort": 80 }, { "hostPort": 81 }] }] }), true)]
#[case(json!({ "containers": [{ "ports": [{ "containerPort": 80, "hostPort": 0 }] }] }), false)]
#[case(json!({ "containers": [{ "ports": [{ "containerPort": 80, "hostIP": "192.0.2.7" }] }] }), false)]
#[case(json!({ "initContainers": [{ "ports": [{ "containerPort": 80, "hostPort": 80 }] }] }), true)]
fn a_host_port_or_the_host_network_is_the_network_of_the_node(#[case] spec: Value, #[case] listens: bool) {
    assert_eq!(signals(&spec), only(Signal::HostNetwork, listens));
}

// Digests of values

#[test]
fn only_values_that_can_be_names_of_services_are_digested() {
    let longest = "a".repeat(63);
    let too_long = "a".repeat(64);
    let value = |value: &str| json!({ "name": "UPSTREAM", "value": value });
    let names = ["payments", "db-2", longest.as_str()];
    let others =
        ["", too_long.as_str(), "Payments", "pay ments", "pay_ments", "payments.shop", "payments:80", "ü", "a\n"];
    let env: Vec<Value> = names.into_iter().chain(others).map(value).collect();
    let mut expected = names.map(ValueDigest::of);
    expected.sort_unstable();
    assert_eq!(*facts(&json!({ "containers": [{ "env": env }] })).env_values, expected);
}

#[test]
fn the_digests_are_of_the_literal_values_of_all_containers_sorted_and_distinct() {
    let spec = json!({
        "containers": [
            { "env": [{ "name": "A", "value": "payments" }, { "name": "B", "value": "stock" }] },
            { "env": [{ "name": "payments" }, { "name": "D", "value": "payments" }] },
        ],
        "initContainers": [
            { "env": [{ "name": "E", "value": "migrations" }] },
            { "env": [{ "name": "F", "valueFrom": { "configMapKeyRef": { "name": "names", "key": "key" } } }] },
        ],
    });
    let mut expected = ["payments", "stock", "migrations"].map(ValueDigest::of);
    expected.sort_unstable();
    assert_eq!(*facts(&spec).env_values, expected);
    assert!(facts(&json!({ "containers": [{ "name": "payments" }] })).env_values.is_empty());
}

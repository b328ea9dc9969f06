//! Tests of each rule of presence that depends only on the pod template.

mod external_services;
mod host_access;
mod secrets;
mod storage;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::facts::VolumeClaim;

fn facts_of_template(template: Value) -> WorkloadFacts {
    serde_json::from_value::<PodTemplate>(template).unwrap().facts(Labels::default(), &Extraction::default())
}

fn facts(spec: &Value) -> WorkloadFacts {
    facts_of_template(json!({ "metadata": { "creationTimestamp": null }, "spec": spec }))
}

fn triggers(spec: &Value) -> LayerTriggers {
    facts(spec).triggers
}

/// Returns the layer triggers of a template with this container.
fn triggers_of_container(container: &Value) -> LayerTriggers {
    triggers(&json!({ "containers": [container] }))
}

/// Returns the layer triggers of a template with this volume, without a mount.
fn triggers_of_volume(volume: &Value) -> LayerTriggers {
    triggers(&json!({ "volumes": [volume], "containers": [{ "name": "web", "image": "shop/web:1" }] }))
}

/// Returns the layer triggers of a template with a hostPath that its container mounts writable.
fn triggers_of_host_path(host_path: &Value) -> LayerTriggers {
    triggers(&json!({
        "volumes": [{ "name": "node", "hostPath": host_path }],
        "containers": [{ "name": "web", "volumeMounts": [{ "name": "node", "mountPath": "/node" }] }],
    }))
}

/// Returns the layer triggers of a container with this environment variable.
fn triggers_of_env(variable: &Value) -> LayerTriggers {
    triggers_of_container(&json!({ "name": "web", "env": [variable] }))
}

/// Returns the layer triggers of a container with an environment variable of this value, under a name without a
/// meaning.
fn triggers_of_value(value: &str) -> LayerTriggers {
    triggers_of_env(&json!({ "name": "UPSTREAM", "value": value }))
}

/// Returns only this trigger if it is expected, otherwise none.
fn only(trigger: LayerTriggers, is_expected: bool) -> LayerTriggers {
    set_of([(trigger, is_expected)])
}

fn nothing() -> LayerTriggers {
    LayerTriggers::default()
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
    assert_eq!(triggers(&spec), nothing());
    assert_eq!(triggers(&json!({})), nothing());
    assert_eq!(triggers(&json!({ "volumes": null, "initContainers": null, "containers": [] })), nothing());
    assert_eq!(
        triggers(&json!({ "hostNetwork": null, "hostPID": null, "hostIPC": null, "containers": null })),
        nothing()
    );
    let nothing = WorkloadFacts { service_account: "default".into(), ..WorkloadFacts::default() };
    assert_eq!(facts_of_template(json!({ "metadata": null, "spec": null })), nothing);
}

/// Returns a pod spec without shortcomings.
fn careful() -> Value {
    json!({
        "serviceAccountName": "web",
        "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
        "containers": [{
            "name": "web",
            "image": "registry.example.com/shop/web:1@sha256:0123",
            "resources": { "requests": { "cpu": "100m" }, "limits": { "memory": "64Mi" } },
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"], "add": ["NET_BIND_SERVICE"] },
            },
        }],
    })
}

#[rstest]
#[case::image("/containers/0/image", json!("registry.example.com/shop/web:1"), Some(Shortcomings::UNPINNED_IMAGE))]
#[case::no_processor_time("/containers/0/resources/requests", json!({ "memory": "64Mi" }), Some(Shortcomings::NO_REQUESTS))]
#[case::limits_are_requests("/containers/0/resources/requests/cpu", json!("1"), None)]
#[case::root("/securityContext/runAsNonRoot", json!(null), Some(Shortcomings::MAY_RUN_AS_ROOT))]
#[case::another_user("/securityContext", json!({ "runAsUser": 1000, "seccompProfile": { "type": "Localhost" } }), None)]
#[case::user_of_a_container("/containers/0/securityContext/runAsUser", json!(0), None)]
#[case::own_word_counts("/containers/0/securityContext/runAsNonRoot", json!(false), Some(Shortcomings::MAY_RUN_AS_ROOT))]
#[case::escalation("/containers/0/securityContext/allowPrivilegeEscalation", json!(true), Some(Shortcomings::MAY_ESCALATE))]
#[case::keeps_some("/containers/0/securityContext/capabilities/drop", json!(["NET_RAW"]), Some(Shortcomings::KEEPS_CAPABILITIES))]
#[case::adds_more("/containers/0/securityContext/capabilities/add", json!(["NET_ADMIN"]), Some(Shortcomings::KEEPS_CAPABILITIES))]
#[case::unconfined("/securityContext/seccompProfile/type", json!("Unconfined"), Some(Shortcomings::NO_SECCOMP_PROFILE))]
fn what_a_template_leaves_undone_is_seen(
    #[case] field: &str,
    #[case] value: Value,
    #[case] expected: Option<Shortcomings>,
) {
    assert_eq!(facts(&careful()).shortcomings, Shortcomings::default());
    let mut spec = careful();
    let (parent, name) = field.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[name] = value;
    let undone = expected.unwrap_or_default();
    assert_eq!(facts(&spec).shortcomings, undone, "{field}");
}

#[test]
fn containers_that_only_initialise_need_no_resources_and_no_other_leniency() {
    let mut spec = careful();
    spec["initContainers"] = json!([{ "name": "init", "image": "a@sha256:1" }]);
    let found = facts(&spec).shortcomings;
    assert!(!found.contains(Shortcomings::NO_REQUESTS) && !found.contains(Shortcomings::NO_MEMORY_LIMIT));
    assert!(found.contains(Shortcomings::MAY_ESCALATE) && !found.contains(Shortcomings::MAY_RUN_AS_ROOT));
    spec["initContainers"][0]["restartPolicy"] = json!("Always");
    assert!(facts(&spec).shortcomings.contains(Shortcomings::NO_MEMORY_LIMIT), "it goes on beside the others");
    spec["initContainers"] = json!(null);
    spec["containers"][0]["resources"]["limits"] = json!(null);
    assert!(facts(&spec).shortcomings.contains(Shortcomings::NO_MEMORY_LIMIT));
}

#[test]
fn resources_of_the_whole_pod_are_those_of_its_containers() {
    let mut spec = careful();
    spec["containers"][0]["resources"] = json!(null);
    spec["resources"] = json!({ "requests": { "cpu": "1" }, "limits": { "memory": "64Mi" } });
    assert_eq!(facts(&spec).shortcomings, Shortcomings::default());
    spec["resources"] = json!({ "requests": { "cpu": "1", "memory": "64Mi" } });
    assert_eq!(facts(&spec).shortcomings, Shortcomings::NO_MEMORY_LIMIT);
}

#[test]
fn of_a_pod_for_windows_only_is_asked_what_the_api_server_lets_it_have() {
    let mut spec = careful();
    spec["os"] = json!({ "name": "windows" });
    spec["securityContext"] = json!({ "runAsNonRoot": true });
    spec["containers"][0]["securityContext"] = json!({});
    assert_eq!(facts(&spec).shortcomings, Shortcomings::default());
    assert!(!facts(&spec).host.contains(HostAccess::PRIVILEGED));
    spec["securityContext"]["windowsOptions"] = json!({ "hostProcess": true });
    assert!(facts(&spec).host.contains(HostAccess::PRIVILEGED));
}

#[rstest]
#[case(&[], "anything:1", true)]
#[case(&["registry.example.com/shop"], "registry.example.com/shop/web:1", true)]
#[case(&["registry.example.com/shop/"], "registry.example.com/shop/web:1", true)]
#[case(&["registry.example.com/shop"], "registry.example.com/shopping/web:1", false)]
#[case(&["registry.example.com/shop", "docker.io"], "docker.io/library/nginx", true)]
#[case(&["registry.example.com/shop/web"], "registry.example.com/shop/web@sha256:1", true)]
#[case(&["docker.io"], "nginx", false)]
fn images_come_from_allowed_registries(#[case] allowed: &[&str], #[case] image: &str, #[case] expected: bool) {
    let registries = allowed.iter().map(|registry| (*registry).to_owned()).collect();
    let extraction = Extraction { registries, ..Extraction::default() };
    let template: PodTemplate =
        serde_json::from_value(json!({ "spec": { "containers": [{ "name": "a", "image": image }] } })).unwrap();
    let found = template.facts(Labels::default(), &extraction).shortcomings;
    assert_eq!(!found.contains(Shortcomings::FOREIGN_REGISTRY), expected);
}

#[test]
fn claims_of_volumes_and_the_service_account_are_seen() {
    let found = facts(&json!({
        "serviceAccountName": "web",
        "volumes": [
            { "name": "data", "persistentVolumeClaim": { "claimName": "data" } },
            { "name": "scratch", "ephemeral": { "volumeClaimTemplate": { "spec": { "storageClassName": "fast" } } } },
            { "name": "tmp", "emptyDir": {} },
        ],
    }));
    let expected = [VolumeClaim::Named("data".into()), VolumeClaim::PerPod(Some("fast".into()))];
    assert_eq!((&*found.claims, &*found.service_account), (&expected[..], "web"));
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
    let all =
        [LayerTriggers::STORAGE, LayerTriggers::SECRETS, LayerTriggers::EXTERNAL_SERVICES, LayerTriggers::HOST_NETWORK];
    assert_eq!(triggers(&spec), all.into_iter().fold(nothing(), LayerTriggers::union));
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
    let of = |list: &str| triggers(&json!({ "volumes": volumes, "containers": [], (list): [container] }));
    let all =
        [LayerTriggers::STORAGE, LayerTriggers::SECRETS, LayerTriggers::EXTERNAL_SERVICES, LayerTriggers::HOST_NETWORK];
    assert_eq!(of("containers"), all.into_iter().fold(nothing(), LayerTriggers::union));
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
    assert_eq!(triggers(&spec), only(LayerTriggers::HOST_NETWORK, listens));
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

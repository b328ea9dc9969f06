//! Every clause of the rules of presence that a pod template decides by itself, shown and not shown.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// Paths by which agents look at their node.
const NODE_PATHS: [&str; 9] =
    ["/run", "/var/run", "/var/lib/kubelet", "/etc/cni", "/opt/cni", "/sys", "/proc", "/dev", "/var/log"];

/// The environment variable names of the model, without a prefix.
const SERVICE_NAMES: [&str; 17] = [
    "DATABASE_URL",
    "DB_HOST",
    "PGHOST",
    "MYSQL_HOST",
    "MONGO_URL",
    "MONGO_URI",
    "MONGODB_URL",
    "MONGODB_URI",
    "REDIS_URL",
    "REDIS_HOST",
    "KAFKA_BROKERS",
    "KAFKA_BOOTSTRAP_SERVERS",
    "AMQP_URL",
    "AZURE_OPENAI_ENDPOINT",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "S3_BUCKET",
];

fn template(spec: &Value) -> PodTemplate {
    serde_json::from_value(json!({ "metadata": { "creationTimestamp": null }, "spec": spec })).unwrap()
}

fn signals(spec: &Value) -> Signals {
    template(spec).signals()
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

fn signals_of_env(variable: &Value) -> Signals {
    signals_of_container(&json!({ "name": "web", "env": [variable] }))
}

const NONE: Signals = Signals::from_none();
const STORAGE: Signals = NONE.with(Signal::Storage);
const SECRETS: Signals = NONE.with(Signal::Secrets);
const EXTERNAL: Signals = NONE.with(Signal::ExternalServices);
const HOST_NETWORK: Signals = NONE.with(Signal::HostNetwork);

//! Every clause of the rules of presence that a pod template decides by itself, shown and not shown.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

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

// Storage

#[rstest]
fn a_volume_of_a_type_that_keeps_data_is_storage(
    #[values(
        "persistentVolumeClaim",
        "ephemeral",
        "nfs",
        "iscsi",
        "fc",
        "rbd",
        "cephfs",
        "glusterfs",
        "awsElasticBlockStore",
        "gcePersistentDisk",
        "azureDisk",
        "azureFile",
        "vsphereVolume",
        "portworxVolume",
        "cinder"
    )]
    kind: &str,
) {
    assert_eq!(
        signals_of_volume(&json!({ "name": "data", (kind): { "readOnly": true } })),
        only(Signal::Storage, true)
    );
    assert_eq!(signals_of_volume(&json!({ "name": kind, "emptyDir": {} })), nothing());
    assert_eq!(signals_of_volume(&json!({ "name": "data", "emptyDir": {}, (kind): null })), nothing());
}

#[rstest]
fn a_volume_that_ends_with_its_pod_or_only_reads_configuration_is_no_storage(
    #[values("emptyDir", "configMap", "downwardAPI", "projected", "image", "gitRepo")] kind: &str,
) {
    assert_eq!(signals_of_volume(&json!({ "name": "data", (kind): {} })), nothing());
}

#[test]
fn one_volume_that_keeps_data_among_others_is_enough() {
    let spec = json!({
        "volumes": [
            { "name": "tmp", "emptyDir": {} },
            { "name": "data", "persistentVolumeClaim": { "claimName": "data" } },
            { "name": "config", "configMap": { "name": "web" } },
        ],
    });
    assert_eq!(signals(&spec), only(Signal::Storage, true));
}

#[rstest]
#[case("ebs.csi.aws.com")]
#[case("secrets-store.csi.k8s.io.example.com")]
#[case("x.csi.cert-manager.io")]
#[case("CSI.spiffe.io")]
fn a_csi_volume_is_storage_and_no_secret(#[case] driver: &str) {
    let volume = json!({ "name": "data", "csi": { "driver": driver, "readOnly": true } });
    assert_eq!(signals_of_volume(&volume), only(Signal::Storage, true));
}

#[rstest]
#[case("secrets-store.csi.k8s.io")]
#[case("csi.cert-manager.io")]
#[case("csi.spiffe.io")]
fn a_csi_volume_of_a_secret_driver_is_a_secret_and_no_storage(#[case] driver: &str) {
    let attributes = json!({ "secretProviderClass": "shop" });
    let volume = json!({ "name": "keys", "csi": { "driver": driver, "volumeAttributes": attributes } });
    assert_eq!(signals_of_volume(&volume), only(Signal::Secrets, true));
}

#[rstest]
#[case::writable(json!({ "containers": [{ "volumeMounts": [{ "name": "node" }] }] }), true)]
#[case::not_read_only(json!({ "containers": [{ "volumeMounts": [{ "name": "node", "readOnly": false }] }] }), true)]
#[case::read_only(json!({ "containers": [{ "volumeMounts": [{ "name": "node", "readOnly": true }] }] }), false)]
#[case::writable_in_an_init_container(
    json!({ "containers": [{}], "initContainers": [{ "volumeMounts": [{ "name": "node" }] }] }), true
)]
#[case::read_only_in_an_init_container(
    json!({ "containers": [{}], "initContainers": [{ "volumeMounts": [{ "name": "node", "readOnly": true }] }] }), false
)]
#[case::read_only_here_and_writable_there(
    json!({ "containers": [
        { "volumeMounts": [{ "name": "node", "readOnly": true }] },
        { "volumeMounts": [{ "name": "other" }, { "name": "node" }] },
    ] }),
    true
)]
#[case::another_volume_is_writable(
    json!({ "containers": [{ "volumeMounts": [{ "name": "node", "readOnly": true }, { "name": "node-2" }] }] }), false
)]
#[case::not_mounted(json!({ "containers": [{ "volumeMounts": [] }, {}] }), false)]
fn a_host_path_is_storage_where_it_is_mounted_without_read_only(#[case] mut spec: Value, #[case] storage: bool) {
    spec["volumes"] = json!([{ "name": "node", "hostPath": { "path": "/srv/data", "type": "" } }]);
    assert_eq!(signals(&spec), only(Signal::Storage, storage));
}

#[rstest]
#[case("", true)]
#[case("Directory", true)]
#[case("DirectoryOrCreate", true)]
#[case("File", true)]
#[case("FileOrCreate", true)]
#[case("Socket", false)]
#[case("CharDevice", false)]
#[case("BlockDevice", false)]
fn a_host_path_to_a_socket_or_device_is_no_storage(#[case] kind: &str, #[case] storage: bool) {
    let found = signals_of_host_path(&json!({ "path": "/srv/data", "type": kind }));
    assert_eq!(found, only(Signal::Storage, storage));
}

#[rstest]
fn a_host_path_at_or_under_what_agents_look_at_is_no_storage(
    #[values(
        "/run",
        "/var/run",
        "/var/lib/kubelet",
        "/etc/cni",
        "/opt/cni",
        "/sys",
        "/proc",
        "/dev",
        "/var/log"
    )]
    root: &str,
) {
    for below in ["", "/", "/agent", "/agent/state.db"] {
        let path = format!("{root}{below}");
        assert_eq!(signals_of_host_path(&json!({ "path": path })), nothing(), "{path}");
    }
    for beside in ["s", "ner", "-data", ".d", "s/below"] {
        let path = format!("{root}{beside}");
        assert_eq!(signals_of_host_path(&json!({ "path": path })), only(Signal::Storage, true), "{path}");
    }
}

#[rstest]
fn a_host_path_elsewhere_or_above_is_storage(
    #[values("/", "/var", "/var/", "/var/lib", "/etc", "/opt", "/srv/run", "/data/var/log")] path: &str,
) {
    assert_eq!(signals_of_host_path(&json!({ "path": path })), only(Signal::Storage, true));
}

// Secrets

#[rstest]
#[case::secret(json!({ "secret": { "secretName": "tls" } }), true)]
#[case::projected_secret(json!({ "projected": { "sources": [{ "configMap": {} }, { "secret": {} }] } }), true)]
#[case::projected_token(
    json!({ "projected": { "defaultMode": 420, "sources": [
        { "serviceAccountToken": { "path": "token" } },
        { "configMap": { "name": "kube-root-ca.crt" } },
        { "downwardAPI": { "items": [] } },
    ] } }),
    false
)]
#[case::projected_nothing(json!({ "projected": { "sources": null } }), false)]
#[case::config_map(json!({ "configMap": { "name": "secret" } }), false)]
fn a_volume_that_reads_a_secret_is_a_secret(#[case] mut volume: Value, #[case] secrets: bool) {
    volume["name"] = json!("secret");
    assert_eq!(signals_of_volume(&volume), only(Signal::Secrets, secrets));
}

#[rstest]
#[case::env(json!({ "env": [{ "name": "T", "valueFrom": { "secretKeyRef": { "name": "a", "key": "b" } } }] }), true)]
#[case::optional_env(json!({ "env": [{ "name": "T", "valueFrom": { "secretKeyRef": { "optional": true } } }] }), true)]
#[case::env_from(json!({ "envFrom": [{ "configMapRef": { "name": "a" } }, { "secretRef": { "name": "a" } }] }), true)]
#[case::literal_env(json!({ "env": [{ "name": "SECRET_TOKEN", "value": "secret" }] }), false)]
#[case::config_map_env(json!({ "env": [{ "name": "T", "valueFrom": { "configMapKeyRef": { "key": "b" } } }] }), false)]
#[case::field_env(json!({ "env": [{ "name": "T", "valueFrom": { "fieldRef": { "fieldPath": "spec" } } }] }), false)]
#[case::config_map_env_from(json!({ "envFrom": [{ "prefix": "SECRET_", "configMapRef": { "name": "a" } }] }), false)]
fn an_environment_that_reads_a_secret_is_a_secret(#[case] container: Value, #[case] secrets: bool) {
    assert_eq!(signals_of_container(&container), only(Signal::Secrets, secrets));
    let init = json!({ "containers": [{ "name": "web" }], "initContainers": [container] });
    assert_eq!(signals(&init), only(Signal::Secrets, secrets));
}

#[rstest]
#[case(json!([{ "name": "registry" }]), true)]
#[case(json!([]), false)]
#[case(json!(null), false)]
fn image_pull_secrets_are_secrets(#[case] image_pull_secrets: Value, #[case] secrets: bool) {
    assert_eq!(signals(&json!({ "imagePullSecrets": image_pull_secrets })), only(Signal::Secrets, secrets));
}

#[rstest]
#[case(json!({ "annotations": { "vault.hashicorp.com/agent-inject": "true" } }), true)]
#[case(json!({ "annotations": { "vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": "a" } }), true)]
#[case(json!({ "annotations": { "vault.hashicorp.com/agent-inject": "false" } }), false)]
#[case(json!({ "annotations": { "vault.hashicorp.com/agent-inject-status": "true" } }), false)]
#[case(json!({ "labels": { "vault.hashicorp.com/agent-inject": "true" } }), false)]
#[case(json!({ "annotations": null }), false)]
fn the_annotation_that_asks_vault_for_secrets_is_a_secret(#[case] metadata: Value, #[case] secrets: bool) {
    let template: PodTemplate =
        serde_json::from_value(json!({ "metadata": metadata, "spec": { "containers": [{ "name": "web" }] } })).unwrap();
    assert_eq!(template.signals(), only(Signal::Secrets, secrets));
}

// External services

#[rstest]
fn the_name_of_a_variable_tells_of_an_external_service(
    #[values(
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
        "S3_BUCKET"
    )]
    name: &str,
) {
    for told in [name.to_owned(), format!("APP_{name}"), format!("_{name}"), name.to_lowercase(), format!("my_{name}")]
    {
        let value = json!({ "name": told, "value": "anything" });
        assert_eq!(signals_of_env(&value), only(Signal::ExternalServices, true), "{told}");
        let reference = json!({ "name": told, "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } });
        assert_eq!(signals_of_env(&reference), only(Signal::ExternalServices, true), "{told}");
        assert_eq!(signals_of_env(&json!({ "name": told })), only(Signal::ExternalServices, true), "{told}");
    }
    for untold in [format!("{name}NAME"), format!("{name}_2"), format!("MY{name}"), format!("{name} ")] {
        assert_eq!(signals_of_env(&json!({ "name": untold, "value": "anything" })), nothing(), "{untold}");
    }
}

#[rstest]
#[case("MY_DB_HOSTNAME")]
#[case("DB_PORT")]
#[case("MONGO_URN")]
#[case("MONGODBX_URL")]
#[case("DATABASE-URL")]
#[case("PG_HOST")]
#[case("OPENAI_ENDPOINT")]
#[case("")]
fn another_name_of_a_variable_tells_nothing(#[case] name: &str) {
    assert_eq!(signals_of_env(&json!({ "name": name, "value": "anything" })), nothing());
}

#[rstest]
fn an_address_is_external_when_its_host_has_a_dot_and_is_none_of_the_cluster(
    #[values(
        "postgres://",
        "postgresql://",
        "mysql://",
        "mongodb://",
        "mongodb+srv://",
        "redis://",
        "rediss://",
        "amqp://",
        "amqps://",
        "jdbc:postgresql://",
        "jdbc:mysql://"
    )]
    scheme: &str,
) {
    let users = ["", "user:password@", "user@", "user.name:pass,word@", "user:p@ss@"];
    let rests = ["", ":5432", "/shop", ":5432/shop?sslmode=require&host=a.b", "?ssl=a.b", "#a.b", "/a@b.example.com"];
    let hosts = [
        ("db.example.com", true),
        ("192.0.2.7", true),
        ("svc.example.com", true),
        ("db.shop.svc.example.com", true),
        ("db.svclocal", true),
        ("db.example.com.", true),
        ("db", false),
        ("localhost", false),
        ("svc", false),
        ("", false),
        ("db.shop.svc", false),
        ("db.shop.svc.cluster.local", false),
        ("db.shop.svc.cluster.local.", false),
        ("pg-0.pg.shop.svc.cluster.local", false),
    ];
    for (host, external) in hosts {
        for (user, rest) in users.into_iter().flat_map(|user| rests.map(|rest| (user, rest))) {
            let value = format!("{scheme}{user}{host}{rest}");
            assert_eq!(signals_of_value(&value), only(Signal::ExternalServices, external), "{value}");
        }
    }
}

#[rstest]
#[case("https://db.example.com")]
#[case("db.example.com")]
#[case("db.example.com:5432")]
#[case("postgres:db.example.com")]
#[case("see postgres://db.example.com")]
#[case("POSTGRES://db.example.com")]
#[case("postgres://")]
#[case("jdbc:")]
#[case("jdbc:h2:mem:shop")]
#[case("jdbc:sqlite:/data/shop.db")]
#[case("")]
fn a_value_that_is_no_address_of_a_known_scheme_is_not_external(#[case] value: &str) {
    assert_eq!(signals_of_value(value), nothing());
}

#[rstest]
#[case("mongodb://a.example.com:27017,b.example.com:27017/shop?replicaSet=rs0", true)]
#[case("mongodb://user:password@a.example.com,b.example.com,c.example.com/shop", true)]
#[case("mongodb://mongo-0.mongo.shop.svc:27017,mongo-1.mongo.shop.svc:27017/shop?appName=a.b", false)]
#[case("mongodb://mongo-0.mongo.shop.svc.cluster.local,mongo-1.mongo.shop.svc.cluster.local", false)]
#[case("mongodb://a,b,c/shop", false)]
fn an_address_with_several_hosts_is_external_when_they_are(#[case] value: &str, #[case] external: bool) {
    assert_eq!(signals_of_value(value), only(Signal::ExternalServices, external));
}

#[rstest]
#[case("jdbc:sqlserver://db.example.com:1433;databaseName=shop;user=app", true)]
#[case("jdbc:sqlserver://db.example.com;encrypt=true", true)]
#[case("jdbc:sqlserver://db:1433;hostNameInCertificate=db.example.com", false)]
#[case("jdbc:oracle:thin:@//db.example.com:1521/shop", true)]
#[case("jdbc:oracle:thin:@//db:1521/shop.example.com", false)]
#[case("jdbc:mysql:loadbalance://db.example.com,db2.example.com/shop", true)]
fn the_spellings_of_jdbc_addresses_are_understood(#[case] value: &str, #[case] external: bool) {
    assert_eq!(signals_of_value(value), only(Signal::ExternalServices, external));
}

#[test]
fn a_variable_without_a_literal_value_addresses_nothing() {
    let reference = json!({ "name": "UPSTREAM", "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } });
    assert_eq!(signals_of_env(&reference), nothing());
    assert_eq!(signals_of_env(&json!({ "name": "UPSTREAM" })), nothing());
    let secret = json!({ "name": "UPSTREAM", "valueFrom": { "secretKeyRef": { "name": "a", "key": "b" } } });
    assert_eq!(signals_of_env(&secret), only(Signal::Secrets, true));
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
    assert_eq!(*template(&json!({ "containers": [{ "env": env }] })).env_values(), expected);
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
    assert_eq!(*template(&spec).env_values(), expected);
    assert!(template(&json!({ "containers": [{ "name": "payments" }] })).env_values().is_empty());
}

//! Tests of volumes that keep data after the deletion of their pod.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

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
        triggers_of_volume(&json!({ "name": "data", (kind): { "readOnly": true } })),
        only(LayerTriggers::STORAGE, true)
    );
    assert_eq!(triggers_of_volume(&json!({ "name": kind, "emptyDir": {} })), nothing());
    assert_eq!(triggers_of_volume(&json!({ "name": "data", "emptyDir": {}, (kind): null })), nothing());
}

#[rstest]
fn a_volume_that_ends_with_its_pod_or_only_reads_configuration_is_no_storage(
    #[values("emptyDir", "configMap", "downwardAPI", "projected", "image", "gitRepo")] kind: &str,
) {
    assert_eq!(triggers_of_volume(&json!({ "name": "data", (kind): {} })), nothing());
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
    assert_eq!(triggers(&spec), only(LayerTriggers::STORAGE, true));
}

#[rstest]
#[case("ebs.csi.aws.com")]
#[case("secrets-store.csi.k8s.io.example.com")]
#[case("x.csi.cert-manager.io")]
#[case("CSI.spiffe.io")]
fn a_csi_volume_is_storage_and_no_secret(#[case] driver: &str) {
    let volume = json!({ "name": "data", "csi": { "driver": driver, "readOnly": true } });
    assert_eq!(triggers_of_volume(&volume), only(LayerTriggers::STORAGE, true));
}

#[rstest]
#[case("secrets-store.csi.k8s.io")]
#[case("csi.cert-manager.io")]
#[case("csi.spiffe.io")]
fn a_csi_volume_of_a_secret_driver_is_a_secret_and_no_storage(#[case] driver: &str) {
    let attributes = json!({ "secretProviderClass": "shop" });
    let volume = json!({ "name": "keys", "csi": { "driver": driver, "volumeAttributes": attributes } });
    assert_eq!(triggers_of_volume(&volume), only(LayerTriggers::SECRETS, true));
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
    assert_eq!(triggers(&spec), only(LayerTriggers::STORAGE, storage));
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
    let found = triggers_of_host_path(&json!({ "path": "/srv/data", "type": kind }));
    assert_eq!(found, only(LayerTriggers::STORAGE, storage));
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
        assert_eq!(triggers_of_host_path(&json!({ "path": path })), nothing(), "{path}");
    }
    for beside in ["s", "ner", "-data", ".d", "s/below"] {
        let path = format!("{root}{beside}");
        assert_eq!(triggers_of_host_path(&json!({ "path": path })), only(LayerTriggers::STORAGE, true), "{path}");
    }
}

#[rstest]
fn a_host_path_elsewhere_or_above_is_storage(
    #[values("/", "/var", "/var/", "/var/lib", "/etc", "/opt", "/srv/run", "/data/var/log")] path: &str,
) {
    assert_eq!(triggers_of_host_path(&json!({ "path": path })), only(LayerTriggers::STORAGE, true));
}

//! Tests of references to secret material.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

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
    assert_eq!(triggers_of_volume(&volume), only(LayerTriggers::SECRETS, secrets));
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
    assert_eq!(triggers_of_container(&container), only(LayerTriggers::SECRETS, secrets));
    let init = json!({ "containers": [{ "name": "web" }], "initContainers": [container] });
    assert_eq!(triggers(&init), only(LayerTriggers::SECRETS, secrets));
}

#[rstest]
#[case(json!([{ "name": "registry" }]), true)]
#[case(json!([]), false)]
#[case(json!(null), false)]
fn image_pull_secrets_are_secrets(#[case] image_pull_secrets: Value, #[case] secrets: bool) {
    assert_eq!(triggers(&json!({ "imagePullSecrets": image_pull_secrets })), only(LayerTriggers::SECRETS, secrets));
}

#[rstest]
#[case(json!({ "annotations": { "vault.hashicorp.com/agent-inject": "true" } }), true)]
#[case(json!({ "annotations": { "vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": "a" } }), true)]
#[case(json!({ "annotations": { "vault.hashicorp.com/agent-inject": "false" } }), false)]
#[case(json!({ "annotations": { "vault.hashicorp.com/agent-inject-status": "true" } }), false)]
#[case(json!({ "labels": { "vault.hashicorp.com/agent-inject": "true" } }), false)]
#[case(json!({ "annotations": null }), false)]
fn the_annotation_that_asks_vault_for_secrets_is_a_secret(#[case] metadata: Value, #[case] secrets: bool) {
    let facts = facts_of_template(json!({ "metadata": metadata, "spec": { "containers": [{ "name": "web" }] } }));
    assert_eq!(facts.triggers, only(LayerTriggers::SECRETS, secrets));
}

#[rstest]
#[case(json!({ "csi": { "driver": "disk.example.com", "nodePublishSecretRef": { "name": "s" } } }), true)]
#[case(json!({ "csi": { "driver": "disk.example.com" } }), false)]
#[case(json!({ "cephfs": { "monitors": ["a"], "secretRef": { "name": "s" } } }), true)]
#[case(json!({ "azureFile": { "secretName": "s", "shareName": "a" } }), true)]
#[case(json!({ "rbd": { "image": "a", "secretRef": { "name": "s" } } }), true)]
#[case(json!({ "iscsi": { "targetPortal": "a", "iqn": "b", "lun": 0, "secretRef": { "name": "s" } } }), true)]
#[case(json!({ "iscsi": { "targetPortal": "a", "iqn": "b", "lun": 0 } }), false)]
#[case(json!({ "iscsi": { "targetPortal": "a", "iqn": "b", "lun": 0, "secretRef": null } }), false)]
fn a_secret_that_a_volume_needs_is_a_reference_to_a_secret(#[case] source: Value, #[case] secret: bool) {
    let mut volume = source;
    volume["name"] = "data".into();
    let expected = only(LayerTriggers::STORAGE, true) | only(LayerTriggers::SECRETS, secret);
    assert_eq!(triggers(&json!({ "volumes": [volume] })), expected);
}

#[rstest]
fn a_driver_of_volumes_that_needs_a_secret_is_a_secret_and_no_storage(
    #[values("flexVolume", "scaleIO", "storageos")] kind: &str,
) {
    let volume = |source: Value| json!({ "name": "data", (kind): source });
    assert_eq!(
        triggers_of_volume(&volume(json!({ "secretRef": { "name": "s" } }))),
        only(LayerTriggers::SECRETS, true)
    );
    assert_eq!(triggers_of_volume(&volume(json!({}))), nothing());
}

#[test]
fn what_is_beside_the_type_of_a_volume_is_ignored() {
    let volume = |beside: Value| json!({ "name": "tmp", "emptyDir": {}, "ofTheFuture": beside });
    for beside in [json!(null), json!(true), json!("secretRef"), json!(["secretRef"]), json!({ "secretRef": {} })] {
        assert_eq!(triggers_of_volume(&volume(beside.clone())), nothing(), "{beside}");
    }
}

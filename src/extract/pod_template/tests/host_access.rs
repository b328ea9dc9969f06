//! Tests of the access of pods to their node.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn host(spec: &Value) -> HostAccess {
    facts(spec).host
}

/// Returns only this access if it is expected, otherwise none.
fn only(access: HostAccess, is_expected: bool) -> HostAccess {
    set_of([(access, is_expected)])
}

#[rstest]
#[case("hostPID", HostAccess::HOST_PID)]
#[case("hostIPC", HostAccess::HOST_IPC)]
#[case("hostNetwork", HostAccess::HOST_NETWORK)]
fn what_a_pod_shares_with_its_host_is_access(#[case] field: &str, #[case] access: HostAccess) {
    assert_eq!(host(&json!({ (field): true })), only(access, true));
    assert_eq!(host(&json!({ (field): false })), HostAccess::default());
    assert_eq!(host(&json!({ "securityContext": { (field): true } })), HostAccess::default());
}

#[rstest]
#[case::privileged(json!({ "securityContext": { "privileged": true } }), HostAccess::PRIVILEGED, true)]
#[case::not_privileged(json!({ "securityContext": { "privileged": false } }), HostAccess::PRIVILEGED, false)]
#[case::privileged_is_said_elsewhere(json!({ "privileged": true }), HostAccess::PRIVILEGED, false)]
#[case::capability(with_added(&["NET_ADMIN", "SYS_ADMIN"]), HostAccess::SYS_ADMIN, true)]
#[case::capability_with_prefix(with_added(&["CAP_SYS_ADMIN"]), HostAccess::SYS_ADMIN, true)]
#[case::capability_in_small_letters(with_added(&["sys_admin"]), HostAccess::SYS_ADMIN, true)]
#[case::every_capability(with_added(&["ALL"]), HostAccess::SYS_ADMIN, true)]
#[case::other_capabilities(with_added(&["NET_ADMIN", "SYS_ADMINS", "SYS_TIME"]), HostAccess::SYS_ADMIN, false)]
#[case::no_capability(with_added(&[]), HostAccess::SYS_ADMIN, false)]
#[case::dropped_capability(
    json!({ "securityContext": { "capabilities": { "drop": ["SYS_ADMIN", "ALL"] } } }), HostAccess::SYS_ADMIN, false
)]
#[case::no_capabilities(json!({ "securityContext": { "capabilities": null } }), HostAccess::SYS_ADMIN, false)]
#[case::host_port(json!({ "ports": [{ "containerPort": 80 }, { "hostPort": 80 }] }), HostAccess::HOST_PORT, true)]
#[case::no_host_port(json!({ "ports": [{ "containerPort": 80, "hostPort": 0 }] }), HostAccess::HOST_PORT, false)]
fn what_a_container_asks_for_is_access(#[case] container: Value, #[case] access: HostAccess, #[case] shown: bool) {
    assert_eq!(host(&json!({ "containers": [{ "name": "web" }, container] })), only(access, shown));
    assert_eq!(host(&json!({ "containers": [], "initContainers": [container] })), only(access, shown));
    assert_eq!(host(&json!({ "containers": [], "ephemeralContainers": [container] })), HostAccess::default());
}

fn with_added(capabilities: &[&str]) -> Value {
    json!({ "securityContext": { "capabilities": { "add": capabilities } } })
}

/// This includes paths and types that are not storage: the socket of the container runtime gives full access to the
/// host.
#[rstest]
#[case(json!({ "path": "/srv" }))]
#[case(json!({ "path": "/" }))]
#[case(json!({ "path": "/var/log", "type": "Directory" }))]
#[case(json!({ "path": "/run/containerd/containerd.sock", "type": "Socket" }))]
#[case(json!({ "path": "/dev/kvm", "type": "CharDevice" }))]
fn a_path_of_the_host_is_access_where_it_is_mounted_without_read_only(#[case] host_path: Value) {
    let mounted = |list: &str, mount: Value| {
        host(&json!({
            "volumes": [{ "name": "node", "hostPath": host_path }, { "name": "tmp", "emptyDir": {} }],
            "containers": [{ "volumeMounts": [{ "name": "tmp", "mountPath": "/tmp" }] }],
            (list): [{ "volumeMounts": [mount] }],
        }))
    };
    for list in ["containers", "initContainers"] {
        let writable = only(HostAccess::WRITABLE_HOST_PATH, true);
        assert_eq!(mounted(list, json!({ "name": "node" })), writable);
        assert_eq!(mounted(list, json!({ "name": "node", "readOnly": false })), writable);
        assert_eq!(mounted(list, json!({ "name": "node", "readOnly": true })), HostAccess::default());
        assert_eq!(mounted(list, json!({ "name": "tmp" })), HostAccess::default());
    }
}

#[test]
fn a_volume_of_another_type_is_no_access() {
    let spec = json!({
        "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }],
        "containers": [{ "volumeMounts": [{ "name": "data" }] }],
    });
    assert_eq!(host(&spec), HostAccess::default());
}

#[test]
fn the_accesses_of_one_template_add_up() {
    let spec = json!({
        "hostPID": true,
        "hostNetwork": true,
        "containers": [{ "securityContext": { "privileged": true } }],
        "initContainers": [with_added(&["SYS_ADMIN"])],
    });
    let expected = [HostAccess::HOST_PID, HostAccess::HOST_NETWORK, HostAccess::PRIVILEGED, HostAccess::SYS_ADMIN];
    assert_eq!(host(&spec), expected.into_iter().fold(HostAccess::default(), HostAccess::union));
}

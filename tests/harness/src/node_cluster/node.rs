//! The programs of a node and their configuration.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::json;

use super::images::POD_IMAGE;
use super::network::{NODE_ADDRESS, POD_RANGE, SERVICE_RANGE};
use super::requirements::CNI_PLUGINS;
use super::{NODE, Sandbox, credentials, network};
use crate::assets::{Assets, Tool};
use crate::components;

/// Where containerd listens, in the private `/run`.
pub(super) const CONTAINERD: &str = "/run/containerd/containerd.sock";
pub(super) const ETCD_PORT: u16 = 2379;
pub(super) const ETCD_PEER_PORT: u16 = 2380;
pub(super) const API_PORT: u16 = 6443;

pub(super) fn apiserver(assets: &Assets, folder: &Path) -> Result<Command> {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut command = components::apiserver(assets, folder, ETCD_PORT)?;
    command
        .arg(format!("--secure-port={API_PORT}"))
        .arg("--bind-address=0.0.0.0")
        .arg(format!("--advertise-address={NODE_ADDRESS}"))
        .arg("--api-audiences=https://kubernetes.default.svc")
        .arg("--authorization-mode=Node,RBAC")
        .arg("--enable-admission-plugins=NodeRestriction")
        .arg(format!("--service-cluster-ip-range={SERVICE_RANGE}"))
        // DNS does not resolve the name of the node.
        .arg("--kubelet-preferred-address-types=InternalIP")
        .arg(format!("--tls-cert-file={}", file("apiserver.crt")))
        .arg(format!("--tls-private-key-file={}", file("apiserver.key")))
        .arg(format!("--client-ca-file={}", credentials::authority(folder).display()))
        .arg(format!("--kubelet-client-certificate={}", file("kubelet-client.crt")))
        .arg(format!("--kubelet-client-key={}", file("kubelet-client.key")));
    Ok(command)
}

pub(super) fn controller_manager(assets: &Assets, folder: &Path) -> Result<Command> {
    let authority = credentials::authority(folder);
    let mut command = components::controller_manager(assets, folder, "kube-controller-manager.kubeconfig", &authority)?;
    command.arg("--use-service-account-credentials").arg("--bind-address=127.0.0.1");
    Ok(command)
}

pub(super) fn scheduler(assets: &Assets, folder: &Path) -> Result<Command> {
    let kubeconfig = folder.join("kube-scheduler.kubeconfig").display().to_string();
    let mut command = Command::new(assets.path(Tool::KubeScheduler)?);
    command
        .arg(format!("--kubeconfig={kubeconfig}"))
        .arg(format!("--authentication-kubeconfig={kubeconfig}"))
        .arg(format!("--authorization-kubeconfig={kubeconfig}"))
        .arg("--leader-elect=false")
        .arg("--bind-address=127.0.0.1");
    Ok(command)
}

pub(super) fn containerd(folder: &Path) -> Result<Command> {
    let cni = folder.join("cni");
    network::write_cni(&cni)?;
    let cni = cni.display();
    // Snapshots are plain copies: the images are small, and overlay mounts are not allowed in every container. Neither is a
    // lower OOM score. An AppArmor profile would remain in the kernel.
    let configuration = format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0

[grpc]
  address = "{CONTAINERD}"

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{POD_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
  default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{CNI_PLUGINS}"
  conf_dir = "{cni}"
"#
    );
    let file = folder.join("containerd.toml");
    fs::write(&file, configuration)?;
    let mut command = Command::new("containerd");
    command.arg("--config").arg(file);
    Ok(command)
}

pub(super) fn kubelet(assets: &Assets, sandbox: &Sandbox) -> Result<Command> {
    let folder = sandbox.folder();
    let configuration = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": credentials::authority(folder)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": sandbox.cgroup()?,
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD}"),
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        // The node must start on any machine: with cgroups v1, swap or a full disk, and without CAP_SYS_RESOURCE.
        "failCgroupV1": false,
        "failSwapOn": false,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
            "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100,
        "oomScoreAdj": 0,
    });
    let file = folder.join("kubelet.json");
    fs::write(&file, configuration.to_string())?;
    let mut command = Command::new(assets.path(Tool::Kubelet)?);
    command
        .arg(format!("--config={}", file.display()))
        .arg(format!("--kubeconfig={}", folder.join("kubelet.kubeconfig").display()))
        .arg(format!("--hostname-override={NODE}"))
        .arg(format!("--node-ip={NODE_ADDRESS}"));
    Ok(command)
}

pub(super) fn proxy(assets: &Assets, folder: &Path) -> Result<Command> {
    let configuration = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_RANGE,
        "clientConnection": {"kubeconfig": folder.join("kube-proxy.kubeconfig")},
        // Zero keeps the setting of the machine.
        "conntrack": {"maxPerCore": 0},
        "hostnameOverride": NODE,
        "oomScoreAdj": 0,
    });
    let file = folder.join("kube-proxy.json");
    fs::write(&file, configuration.to_string())?;
    let mut command = Command::new(assets.path(Tool::KubeProxy)?);
    command.arg(format!("--config={}", file.display()));
    Ok(command)
}

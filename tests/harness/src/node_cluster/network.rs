//! The network of the node and its pods.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::json;

use crate::components::output;

/// The address of the node, which exists only in its network namespace.
pub(super) const NODE_ADDRESS: &str = "10.200.0.2";
/// The addresses of Services. The first one belongs to the API server.
pub(super) const SERVICE_RANGE: &str = "10.201.0.0/24";
pub(super) const API_SERVICE_ADDRESS: &str = "10.201.0.1";
/// The addresses of pods.
pub(super) const POD_RANGE: &str = "10.202.0.0/24";

const INTERFACE: &str = "node0";

/// Sets up the empty network namespace: the loopback interface, the interface of the node, a default route.
pub(super) fn prepare() -> Result<()> {
    let address = format!("{NODE_ADDRESS}/24");
    let commands: [&[&str]; 5] = [
        &["link", "set", "lo", "up"],
        &["link", "add", INTERFACE, "type", "bridge"],
        &["address", "add", &address, "dev", INTERFACE],
        &["link", "set", INTERFACE, "up"],
        // The kubelet takes the node address from the interface of the default route, which leads nowhere.
        &["route", "add", "default", "dev", INTERFACE],
    ];
    for arguments in commands {
        output(Command::new("ip").args(arguments))?;
    }
    output(Command::new("sysctl").args(["--quiet", "--write", "net.ipv4.ip_forward=1"]))?;
    Ok(())
}

/// Writes the CNI configuration that containerd uses for pods.
pub(super) fn write_cni(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let configuration = json!({
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [{
            "type": "ptp",
            "ipMasq": false,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": POD_RANGE}]], "routes": [{"dst": "0.0.0.0/0"}]},
        }],
    });
    fs::write(folder.join("pods.conflist"), configuration.to_string())?;
    Ok(())
}

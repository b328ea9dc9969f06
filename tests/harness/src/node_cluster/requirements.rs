//! Checks the requirements of a node on this machine and reports all that are missing at once.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Result, bail};

use crate::assets::on_path;

/// The folder of the CNI plugins on Debian.
pub(super) const CNI_PLUGINS: &str = "/usr/lib/cni";

/// The required programs, with the Debian package of each.
const PROGRAMS: [(&str, &str); 12] = [
    ("containerd", "containerd"),
    ("containerd-shim-runc-v2", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("ip", "iproute2"),
    ("buildah", "buildah"),
    ("mount", "mount"),
    ("sysctl", "procps"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
];

/// Fails with a list of everything that is missing and the packages to install.
pub(super) fn check() -> Result<()> {
    let mut missing = Vec::new();
    let mut packages = BTreeSet::new();
    if !cfg!(target_os = "linux") {
        missing.push("this is not Linux".to_owned());
    } else if !rustix::process::geteuid().is_root() {
        missing.push("this user is not root".to_owned());
    }
    for (program, package) in PROGRAMS {
        if on_path(program).is_none() {
            missing.push(format!("{program} is not on PATH"));
            packages.insert(package);
        }
    }
    for plugin in ["host-local", "loopback", "ptp"] {
        let path = Path::new(CNI_PLUGINS).join(plugin);
        if !path.is_file() {
            missing.push(format!("{} is missing", path.display()));
            packages.insert("containernetworking-plugins");
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let mut message = "a Kubernetes node cannot be started here:".to_owned();
    for reason in missing {
        write!(message, "\n  - {reason}")?;
    }
    if !packages.is_empty() {
        let packages: Vec<&str> = packages.into_iter().collect();
        write!(message, "\nOn Debian: apt-get install --no-install-recommends {}", packages.join(" "))?;
    }
    bail!(message)
}

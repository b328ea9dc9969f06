//! Imports images into the node from files, without a registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::node::CONTAINERD;
use crate::components::START_LIMIT;
use crate::components::output;

/// The pause image of pods, which also runs as a small workload: `/pod serve :8080` answers every request with `ok`.
pub const POD_IMAGE: &str = "localhost/responsibility-operator-pod:1";

/// Builds the image of `tests/pod-image` as an oci-archive.
pub(super) fn build_pod_image(folder: &Path) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pod-image").canonicalize()?;
    let context = folder.join("pod-image");
    fs::create_dir(&context)?;
    let mut build = Command::new("go");
    build.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(context.join("pod")).arg(".");
    output(build.current_dir(&source).env("CGO_ENABLED", "0"))?;

    let archive = context.join("pod.oci.tar");
    let buildah = |arguments: &[&str]| {
        let mut command = Command::new("buildah");
        command.args(["--storage-driver=vfs"]).args(arguments);
        command
    };
    let mut build = buildah(&["bud", "--quiet", "--tag", POD_IMAGE, "--file"]);
    output(build.arg(source.join("Containerfile")).arg(&context))?;
    output(&mut buildah(&["push", "--quiet", POD_IMAGE, &format!("oci-archive:{}:{POD_IMAGE}", archive.display())]))?;
    Ok(archive)
}

/// Imports all images of an oci-archive with their names, and waits until the kubelet can use them.
pub(super) fn import(archive: &Path) -> Result<()> {
    output(ctr(&["images", "import", "--snapshotter=native"]).arg(archive))
        .with_context(|| format!("cannot import {}", archive.display()))?;
    let started = Instant::now();
    // The kubelet sees an image once containerd has labelled it, shortly after the import.
    loop {
        let known = names(&[r#"labels."io.cri-containerd.image"==managed"#])?;
        if names(&[])?.iter().all(|name| known.contains(name)) {
            return Ok(());
        }
        ensure!(started.elapsed() < START_LIMIT, "the kubelet sees only the images {known:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn names(filters: &[&str]) -> Result<Vec<String>> {
    Ok(output(ctr(&["images", "ls", "-q"]).args(filters))?.lines().map(str::to_owned).collect())
}

/// Returns a command of the containerd client in the namespace of Kubernetes.
pub(super) fn ctr(arguments: &[&str]) -> Command {
    let mut command = Command::new("ctr");
    command.args(["--address", CONTAINERD, "--namespace", "k8s.io"]).args(arguments);
    command
}

//! Builds programs from the pinned Go modules of `tests/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::{Tool, cache_folder, on_path};

/// A Go module of this repository that pins the versions of programs, and the cache folder of these versions.
#[derive(Clone, Debug)]
pub(super) struct GoModule {
    folder: PathBuf,
    /// The folder of the cache that holds the programs. Its name contains the versions.
    pub(super) cache: PathBuf,
    release: String,
    linker_flags: String,
    /// Build tags that leave out unused parts.
    tags: &'static str,
}

/// The pinned versions of a control plane, without the leading `v`.
#[derive(Clone, Debug)]
pub(super) struct ControlPlaneVersions {
    pub(super) kubernetes: String,
    pub(super) etcd: String,
}

impl ControlPlaneVersions {
    /// Reads `tests/control-plane/go.mod`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or does not require both modules.
    pub(super) fn read() -> Result<Self> {
        let pins = Pins::read("control-plane")?;
        let version = |module: &str| pins.version(module).map(str::to_owned);
        Ok(Self { kubernetes: version("k8s.io/kubernetes")?, etcd: version("go.etcd.io/etcd/server/v3")? })
    }
}

impl GoModule {
    pub(super) fn control_plane(versions: &ControlPlaneVersions) -> Result<Self> {
        let pins = Pins::read("control-plane")?;
        let ControlPlaneVersions { kubernetes, etcd } = versions;
        let (major, minor) = major_minor(kubernetes);
        let package = "k8s.io/component-base/version";
        Ok(Self {
            cache: cache_folder()?.join("control-plane").join(format!("kubernetes-{kubernetes}-etcd-{etcd}")),
            release: format!("Kubernetes {kubernetes}"),
            linker_flags: format!(
                "-s -w -X {package}.gitVersion=v{kubernetes} -X {package}.gitMajor={major} \
                 -X {package}.gitMinor={minor} -X {package}.gitTreeState=clean"
            ),
            folder: pins.folder,
            tags: "",
        })
    }

    pub(super) fn helm() -> Result<Self> {
        let pins = Pins::read("helm")?;
        let version = pins.version("helm.sh/helm/v3")?;
        // Without a cluster, Helm renders charts for the Kubernetes version of its client library: v0.36.2 is 1.36.
        let (_, minor) = major_minor(pins.version("k8s.io/client-go")?);
        let package = "helm.sh/helm/v3";
        let kubernetes = ["chartutil", "lint/rules"].map(|user| {
            let user = format!("{package}/pkg/{user}");
            format!("-X {user}.k8sVersionMajor=1 -X {user}.k8sVersionMinor={minor}")
        });
        Ok(Self {
            cache: cache_folder()?.join("tools").join(format!("helm-{version}")),
            release: version.to_owned(),
            linker_flags: format!("-s -w -X {package}/internal/version.version=v{version} {}", kubernetes.join(" ")),
            folder: pins.folder,
            tags: "",
        })
    }

    pub(super) fn helm_docs() -> Result<Self> {
        let pins = Pins::read("helm-docs")?;
        let version = pins.version("github.com/norwoodj/helm-docs")?;
        Ok(Self {
            cache: cache_folder()?.join("tools").join(format!("helm-docs-{version}")),
            release: version.to_owned(),
            linker_flags: format!("-s -w -X main.version={version}"),
            folder: pins.folder,
            tags: "",
        })
    }

    pub(super) fn prometheus() -> Result<Self> {
        let pins = Pins::read("prometheus")?;
        let version = pins.version("github.com/prometheus/prometheus")?;
        Ok(Self {
            cache: cache_folder()?.join("tools").join(format!("prometheus-{version}")),
            release: version.to_owned(),
            linker_flags: "-s -w".to_owned(),
            folder: pins.folder,
            // The targets are written in its configuration file.
            tags: "remove_all_sd",
        })
    }

    /// Builds a program and writes it to `path`, with progress messages on standard error.
    ///
    /// # Errors
    ///
    /// If Go is not installed or the build fails.
    pub(super) fn build(&self, tool: Tool, path: &Path) -> Result<()> {
        let name = tool.name();
        ensure!(on_path("go").is_some(), "go is not on PATH. Install Go: {name} is built once per version");
        eprintln!("building {name} ({}) with go: once per version, up to some minutes ...", self.release);
        let started = Instant::now();
        let unfinished = path.with_extension("unfinished");
        let status = Command::new("go")
            .args(["build", "-mod=readonly", "-trimpath", "-tags", self.tags, "-ldflags", &self.linker_flags, "-o"])
            .arg(&unfinished)
            .arg(package(tool))
            .current_dir(&self.folder)
            .env("CGO_ENABLED", "0")
            .status()
            .context("cannot run go")?;
        if !status.success() {
            bail!("go build of {name} failed: {status}");
        }
        fs::rename(&unfinished, path)?;
        eprintln!("built {name} in {} s", started.elapsed().as_secs());
        Ok(())
    }
}

/// Returns the Go package of a program.
fn package(tool: Tool) -> String {
    match tool {
        Tool::Etcd => "go.etcd.io/etcd/server/v3".to_owned(),
        Tool::Helm => "helm.sh/helm/v3/cmd/helm".to_owned(),
        Tool::HelmDocs => "github.com/norwoodj/helm-docs/cmd/helm-docs".to_owned(),
        Tool::Prometheus => "github.com/prometheus/prometheus/cmd/prometheus".to_owned(),
        _ => format!("k8s.io/kubernetes/cmd/{}", tool.name()),
    }
}

/// The contents of a `go.mod` in `tests/`.
struct Pins {
    folder: PathBuf,
    go_mod: String,
}

impl Pins {
    fn read(name: &str) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).canonicalize()?;
        let file = folder.join("go.mod");
        let go_mod = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self { folder, go_mod })
    }

    fn version(&self, module: &str) -> Result<&str> {
        let mut lines = self.go_mod.lines().map(|line| line.trim().trim_start_matches("require "));
        let found = lines.find_map(|line| line.strip_prefix(module)?.strip_prefix(" v"));
        let version = found.with_context(|| format!("{}/go.mod does not require {module}", self.folder.display()))?;
        Ok(version.split_whitespace().next().unwrap_or(version))
    }
}

fn major_minor(version: &str) -> (&str, &str) {
    let mut parts = version.split('.');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

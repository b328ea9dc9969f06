//! The programs of a cluster and its clients: found, or built from pinned Go modules.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

/// A program of a cluster, or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The data store.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// Runs the built-in controllers: of replica sets, namespaces and the like.
    KubeControllerManager,
    /// The client.
    Kubectl,
    /// Installs charts.
    Helm,
    /// Writes the README of a chart from its values.
    HelmDocs,
}

impl Tool {
    /// What a control plane without nodes and its users need.
    const CONTROL_PLANE: [Self; 4] = [Self::Etcd, Self::KubeApiserver, Self::KubeControllerManager, Self::Kubectl];

    const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
            Self::HelmDocs => "helm-docs",
        }
    }

    fn package(self) -> String {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3".to_owned(),
            Self::KubeApiserver | Self::KubeControllerManager | Self::Kubectl => {
                format!("k8s.io/kubernetes/cmd/{}", self.name())
            }
            Self::Helm => "helm.sh/helm/v3/cmd/helm".to_owned(),
            Self::HelmDocs => "github.com/norwoodj/helm-docs/cmd/helm-docs".to_owned(),
        }
    }
}

/// Where the programs are: `KUBEBUILDER_ASSETS` first, for kubectl then `PATH`, else the cache, where they are built when
/// they are missing. Helm and helm-docs are always those of the cache: charts are rendered as their versions do it.
#[derive(Clone, Debug)]
pub struct Assets {
    given: Option<PathBuf>,
    control_plane: GoModule,
    helm: GoModule,
    helm_docs: GoModule,
}

impl Assets {
    /// Looks up the folders and the pinned versions.
    ///
    /// # Errors
    ///
    /// When a Go module cannot be read or there is no home folder.
    pub fn locate() -> Result<Self> {
        let given = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let (control_plane, helm) = (GoModule::control_plane()?, GoModule::helm()?);
        Ok(Self { given, control_plane, helm, helm_docs: GoModule::helm_docs()? })
    }

    /// Builds what is missing of the control plane, saying so.
    ///
    /// # Errors
    ///
    /// When a program cannot be built.
    pub fn provide(&self) -> Result<()> {
        Tool::CONTROL_PLANE.into_iter().try_for_each(|tool| self.path(tool).map(drop))
    }

    /// The path of a program, which is built when it is missing.
    ///
    /// # Errors
    ///
    /// When Go is missing or the build fails.
    pub fn path(&self, tool: Tool) -> Result<PathBuf> {
        match tool {
            Tool::Helm => return self.helm.program(tool),
            Tool::HelmDocs => return self.helm_docs.program(tool),
            _ => {}
        }
        if let Some(path) = self.given.as_ref().map(|folder| folder.join(tool.name())).filter(|path| path.is_file()) {
            return Ok(path);
        }
        if tool == Tool::Kubectl
            && let Some(path) = on_path(tool.name())
        {
            return Ok(path);
        }
        self.control_plane.program(tool)
    }
}

/// A Go module of ours that pins programs, and the folder they are built into.
#[derive(Clone, Debug)]
struct GoModule {
    folder: PathBuf,
    cache: PathBuf,
    release: String,
    linker_flags: String,
}

impl GoModule {
    fn control_plane() -> Result<Self> {
        let pins = Pins::read("control-plane")?;
        let version = pins.version("k8s.io/kubernetes")?;
        let etcd = pins.version("go.etcd.io/etcd/server/v3")?;
        let (major, minor) = major_minor(version);
        let package = "k8s.io/component-base/version";
        Ok(Self {
            cache: cache_folder()?.join("control-plane").join(format!("kubernetes-{version}-etcd-{etcd}")),
            release: format!("Kubernetes {version}"),
            linker_flags: format!(
                "-s -w -X {package}.gitVersion=v{version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor} \
                 -X {package}.gitTreeState=clean"
            ),
            folder: pins.folder,
        })
    }

    fn helm() -> Result<Self> {
        let pins = Pins::read("helm")?;
        let version = pins.version("helm.sh/helm/v3")?;
        // Without a cluster, charts are rendered for the Kubernetes whose client it was built with: v0.36.2 is of 1.36.
        let (_, minor) = major_minor(pins.version("k8s.io/client-go")?);
        let mut linker_flags = format!("-s -w -X helm.sh/helm/v3/internal/version.version=v{version}");
        for package in ["helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules"] {
            let version = format!(" -X {package}.k8sVersionMajor=1 -X {package}.k8sVersionMinor={minor}");
            linker_flags.push_str(&version);
        }
        Ok(Self {
            cache: cache_folder()?.join("tools").join(format!("helm-{version}")),
            release: version.to_owned(),
            linker_flags,
            folder: pins.folder,
        })
    }

    fn helm_docs() -> Result<Self> {
        let pins = Pins::read("helm-docs")?;
        let version = pins.version("github.com/norwoodj/helm-docs")?;
        Ok(Self {
            cache: cache_folder()?.join("tools").join(format!("helm-docs-{version}")),
            release: version.to_owned(),
            linker_flags: format!("-s -w -X main.version={version}"),
            folder: pins.folder,
        })
    }

    fn program(&self, tool: Tool) -> Result<PathBuf> {
        let path = self.cache.join(tool.name());
        if path.is_file() {
            return Ok(path);
        }
        fs::create_dir_all(&self.cache)?;
        let lock = File::create(self.cache.join("lock"))?;
        lock.lock().context("cannot lock the cache folder")?;
        if !path.is_file() {
            self.build(tool, &path)?;
        }
        Ok(path)
    }

    fn build(&self, tool: Tool, path: &Path) -> Result<()> {
        ensure!(on_path("go").is_some(), "go is not on PATH: it is needed to build {} once", tool.name());
        eprintln!(
            "building {} ({}) from Go modules: once per version, up to some minutes ...",
            tool.name(),
            self.release
        );
        let started = Instant::now();
        let unfinished = path.with_extension("unfinished");
        let status = Command::new("go")
            .args(["build", "-mod=readonly", "-trimpath", "-ldflags", &self.linker_flags, "-o"])
            .arg(&unfinished)
            .arg(tool.package())
            .current_dir(&self.folder)
            .env("CGO_ENABLED", "0")
            .status()
            .context("cannot run go")?;
        if !status.success() {
            bail!("go build of {} failed: {status}", tool.name());
        }
        fs::rename(&unfinished, path)?;
        eprintln!("built {} in {} s", tool.name(), started.elapsed().as_secs());
        Ok(())
    }
}

/// The versions in a `go.mod` beside this crate.
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

/// The folder that outlives a clone: `$XDG_CACHE_HOME` or `~/.cache`.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = env::home_dir().map(|home| home.join(".cache"));
    Ok(cache
        .or(home)
        .context("there is no home folder to cache in; set XDG_CACHE_HOME")?
        .join("responsibility-operator"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

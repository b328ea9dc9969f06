//! The programs of a control plane: found, or built from pinned Go modules.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

/// A program of the control plane, or its client.
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
}

impl Tool {
    const ALL: [Self; 4] = [Self::Etcd, Self::KubeApiserver, Self::KubeControllerManager, Self::Kubectl];

    const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
        }
    }

    fn package(self) -> String {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3".to_owned(),
            Self::KubeApiserver | Self::KubeControllerManager | Self::Kubectl => {
                format!("k8s.io/kubernetes/cmd/{}", self.name())
            }
        }
    }
}

/// Where the programs are: `KUBEBUILDER_ASSETS` first, for kubectl then `PATH`, else the cache, where they are built when
/// they are missing.
#[derive(Clone, Debug)]
pub struct Assets {
    given: Option<PathBuf>,
    cache: PathBuf,
    modules: PathBuf,
    kubernetes_version: String,
}

impl Assets {
    /// Looks up the folders and the pinned versions.
    ///
    /// # Errors
    ///
    /// When the Go module of the control plane cannot be read or there is no home folder.
    pub fn locate() -> Result<Self> {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../control-plane").canonicalize()?;
        let go_mod = fs::read_to_string(modules.join("go.mod")).context("cannot read tests/control-plane/go.mod")?;
        let version = |module: &str| -> Result<String> {
            let mut lines = go_mod.lines().map(|line| line.trim().trim_start_matches("require "));
            let found = lines.find_map(|line| line.strip_prefix(module)?.strip_prefix(" v"));
            let version = found.with_context(|| format!("tests/control-plane/go.mod does not require {module}"))?;
            Ok(version.split_whitespace().next().unwrap_or(version).to_owned())
        };
        let kubernetes_version = version("k8s.io/kubernetes")?;
        let key = format!("kubernetes-{kubernetes_version}-etcd-{}", version("go.etcd.io/etcd/server/v3")?);
        let cache = cache_folder()?.join("control-plane").join(key);
        let given = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        Ok(Self { given, cache, modules, kubernetes_version })
    }

    /// Builds what is missing, saying so.
    ///
    /// # Errors
    ///
    /// When a program cannot be built.
    pub fn provide(&self) -> Result<()> {
        Tool::ALL.into_iter().try_for_each(|tool| self.path(tool).map(drop))
    }

    /// The path of a program, which is built when it is missing.
    ///
    /// # Errors
    ///
    /// When Go is missing or the build fails.
    pub fn path(&self, tool: Tool) -> Result<PathBuf> {
        if let Some(path) = self.given.as_ref().map(|folder| folder.join(tool.name())).filter(|path| path.is_file()) {
            return Ok(path);
        }
        if tool == Tool::Kubectl
            && let Some(path) = on_path(tool.name())
        {
            return Ok(path);
        }
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
            "building {} (Kubernetes {}) from Go modules: once per version, up to some minutes ...",
            tool.name(),
            self.kubernetes_version
        );
        let started = Instant::now();
        let version = &self.kubernetes_version;
        let (major, minor) = major_minor(version);
        let package = "k8s.io/component-base/version";
        let flags = format!(
            "-s -w -X {package}.gitVersion=v{version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor} \
             -X {package}.gitTreeState=clean"
        );
        let unfinished = path.with_extension("unfinished");
        let status = Command::new("go")
            .args(["build", "-mod=readonly", "-trimpath", "-ldflags", &flags, "-o"])
            .arg(&unfinished)
            .arg(tool.package())
            .current_dir(&self.modules)
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

//! Finds the programs of a cluster and its clients. Builds or downloads what is missing into a cache.

mod download;
mod go_module;
mod sums;

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::download::{Downloads, Platform};
use self::go_module::{ControlPlaneVersions, GoModule};

/// A program of a cluster, or a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The data store.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// The built-in controllers: of ReplicaSets, namespaces and so on.
    KubeControllerManager,
    /// The command line client.
    Kubectl,
    /// Assigns pods to nodes.
    KubeScheduler,
    /// Runs the pods of a node.
    Kubelet,
    /// Routes the addresses of Services to pods.
    KubeProxy,
    /// Installs charts.
    Helm,
    /// Generates the README of a chart from its values.
    HelmDocs,
    /// Scrapes metrics.
    Prometheus,
}

impl Tool {
    /// The programs of a control plane without nodes, and its client.
    const CONTROL_PLANE: [Self; 4] = [Self::Etcd, Self::KubeApiserver, Self::KubeControllerManager, Self::Kubectl];

    /// The programs that a cluster with a node needs in addition.
    const NODE: [Self; 5] = [Self::KubeScheduler, Self::Kubelet, Self::KubeProxy, Self::Helm, Self::Prometheus];

    const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
            Self::KubeProxy => "kube-proxy",
            Self::Helm => "helm",
            Self::HelmDocs => "helm-docs",
            Self::Prometheus => "prometheus",
        }
    }
}

/// The sources of the programs, in this order: the folder `KUBEBUILDER_ASSETS`, for kubectl the `PATH`, the cache.
///
/// A program that the cache does not have is built from pinned Go modules. If `BINARIES` is `download`, the programs of
/// the control plane are downloaded from the Kubernetes and etcd release sites instead, where these publish them. Helm,
/// helm-docs and Prometheus always come from the cache, because other versions behave differently.
#[derive(Clone, Debug)]
pub struct Assets {
    given: Option<PathBuf>,
    control_plane: GoModule,
    helm: GoModule,
    helm_docs: GoModule,
    prometheus: GoModule,
    /// The downloads for this machine, if the user asks for them.
    downloads: Option<(Downloads, Platform)>,
}

impl Assets {
    /// Reads the environment and the pinned versions.
    ///
    /// # Errors
    ///
    /// If a Go module cannot be read, `BINARIES` has an unknown value, or there is no home folder.
    pub fn locate() -> Result<Self> {
        let versions = ControlPlaneVersions::read()?;
        let downloads = match env::var("BINARIES").unwrap_or_default().as_str() {
            "" | "build" => None,
            "download" => Some((Downloads::official(versions.clone()), current_platform()?)),
            other => bail!("BINARIES={other} is not valid; write build (the default) or download"),
        };
        Ok(Self {
            given: env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from),
            control_plane: GoModule::control_plane(&versions)?,
            helm: GoModule::helm()?,
            helm_docs: GoModule::helm_docs()?,
            prometheus: GoModule::prometheus()?,
            downloads,
        })
    }

    /// Downloads the official binaries of all platforms and writes their SHA-256 sums to
    /// `tests/control-plane/binaries.sha256`.
    ///
    /// # Errors
    ///
    /// If a transfer fails, or a file differs from the sum that its release site publishes.
    pub fn pin_binaries() -> Result<()> {
        Downloads::official(ControlPlaneVersions::read()?).pin()
    }

    /// Builds or downloads the programs of a control plane that are missing, with progress messages.
    ///
    /// # Errors
    ///
    /// If a program cannot be built or downloaded.
    pub fn provide(&self) -> Result<()> {
        Tool::CONTROL_PLANE.into_iter().try_for_each(|tool| self.path(tool).map(drop))
    }

    /// Builds or downloads the programs of a cluster with a node that are missing, with progress messages.
    ///
    /// # Errors
    ///
    /// If a program cannot be built or downloaded.
    pub fn provide_node(&self) -> Result<()> {
        self.provide()?;
        Tool::NODE.into_iter().try_for_each(|tool| self.path(tool).map(drop))
    }

    /// Returns the path of a program. Builds or downloads it if it is missing.
    ///
    /// # Errors
    ///
    /// If Go is missing, the build fails, or the download is refused.
    pub fn path(&self, tool: Tool) -> Result<PathBuf> {
        let module = match tool {
            Tool::Helm => &self.helm,
            Tool::HelmDocs => &self.helm_docs,
            Tool::Prometheus => &self.prometheus,
            _ => &self.control_plane,
        };
        if !matches!(tool, Tool::Helm | Tool::HelmDocs | Tool::Prometheus) {
            if let Some(path) = self.given.as_ref().map(|folder| folder.join(tool.name())).filter(|path| path.is_file())
            {
                return Ok(path);
            }
            if tool == Tool::Kubectl
                && let Some(path) = on_path(tool.name())
            {
                return Ok(path);
            }
        }
        cached(&module.cache, tool, |path| match &self.downloads {
            Some((downloads, platform)) if downloads.publishes(tool, *platform) => {
                downloads.fetch(tool, *platform, path)
            }
            _ => module.build(tool, path),
        })
    }
}

fn current_platform() -> Result<Platform> {
    Platform::current().with_context(|| {
        let (os, architecture) = (env::consts::OS, env::consts::ARCH);
        format!("BINARIES=download does not support {os} on {architecture}; leave it out to build with Go")
    })
}

/// Returns the path of a program in a cache folder. Calls `provide` to write it there if it is missing; other processes
/// wait meanwhile.
fn cached(folder: &Path, tool: Tool, provide: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let path = folder.join(tool.name());
    if path.is_file() {
        return Ok(path);
    }
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock().context("cannot lock the cache folder")?;
    if !path.is_file() {
        provide(&path)?;
    }
    Ok(path)
}

/// Returns the cache folder of the user, which clones share: `$XDG_CACHE_HOME` or `~/.cache`.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = env::home_dir().map(|home| home.join(".cache"));
    Ok(cache
        .or(home)
        .context("there is no home folder for the cache; set XDG_CACHE_HOME")?
        .join("responsibility-operator"))
}

pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

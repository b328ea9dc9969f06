//! A control plane on loopback.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::access::Access;
use crate::assets::{Assets, Tool};
use crate::components::{
    self, AUDIT_ALL, AUDIT_SERVICE_ACCOUNTS, START_LIMIT, ready_client, tail, wait_for_default_service_account,
};
use crate::history;
use crate::supervised::Supervised;

/// The differences between control planes.
struct Extent {
    controllers: &'static [&'static str],
    audit_rules: &'static str,
}

/// Runs the controllers that create the children of workloads.
const COMPLETE: Extent = Extent {
    controllers: &[
        "cronjob-controller",
        "daemonset-controller",
        "deployment-controller",
        "garbage-collector-controller",
        "job-controller",
        "namespace-controller",
        "persistentvolumeclaim-protection-controller",
        "replicaset-controller",
        "replicationcontroller-controller",
        "serviceaccount-controller",
        "statefulset-controller",
    ],
    audit_rules: AUDIT_ALL,
};

/// Runs only the controllers that create and delete namespaces.
const FOR_SCALE: Extent =
    Extent { controllers: &["namespace-controller", "serviceaccount-controller"], audit_rules: AUDIT_SERVICE_ACCOUNTS };

const CERTIFICATES: &str = "certificates";

/// A running control plane: etcd, kube-apiserver and kube-controller-manager. It ends when this is dropped or the process
/// that started it ends.
#[derive(Debug)]
pub struct ControlPlane {
    folder: PathBuf,
    kubectl: PathBuf,
    etcd_port: u16,
    apiserver_command: Command,
    // Dropped in this order: a component ends before those that it needs.
    _controller_manager: Supervised,
    apiserver: Mutex<Supervised>,
    _etcd: Supervised,
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If a program is missing or does not become ready. The message contains the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(&COMPLETE).await
    }

    /// Starts a control plane for many workloads: workloads get no children, and the audit log contains only requests of
    /// ServiceAccounts.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`start`](Self::start).
    pub async fn start_for_scale() -> Result<Self> {
        Self::start_with(&FOR_SCALE).await
    }

    async fn start_with(extent: &Extent) -> Result<Self> {
        let assets = Assets::locate()?;
        let mut failures = 0;
        loop {
            match Self::attempt(&assets, extent).await {
                // Another process may have bound one of the ports in the meantime.
                Err(error) if failures < 2 && format!("{error:#}").contains("address already in use") => failures += 1,
                result => return result,
            }
        }
    }

    async fn attempt(assets: &Assets, extent: &Extent) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("responsibility-operator-").tempdir()?.keep();
        let [etcd_port, peer_port, api_port] = free_ports()?;
        write_files(&folder, api_port, extent.audit_rules)?;

        let log = |name: &str| folder.join(format!("{name}.log"));
        let mut etcd =
            Supervised::start(&components::etcd(assets, &folder, etcd_port, peer_port)?, &log("etcd"), Some(&folder))?;
        let apiserver_command = apiserver(assets, &folder, etcd_port, api_port)?;
        let mut apiserver = Supervised::start(&apiserver_command, &log("kube-apiserver"), None)?;
        let started = Instant::now();
        // The API server generates its certificate while it starts.
        let client = loop {
            for (process, name) in [(&mut etcd, "etcd"), (&mut apiserver, "kube-apiserver")] {
                if process.has_ended() || started.elapsed() > START_LIMIT {
                    bail!("{name} did not become ready:\n{}", tail(&log(name)));
                }
            }
            if let Some(client) = ready_client(&folder.join("kubeconfig")).await {
                break client;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let controller_manager = Supervised::start(
            &controller_manager(assets, &folder, extent.controllers)?,
            &log("kube-controller-manager"),
            None,
        )?;
        wait_for_default_service_account(&client).await?;
        Ok(Self {
            kubectl: assets.path(Tool::Kubectl)?,
            folder,
            etcd_port,
            apiserver_command,
            _controller_manager: controller_manager,
            apiserver: Mutex::new(apiserver),
            _etcd: etcd,
        })
    }

    /// Returns the process id of the API server.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn apiserver_id(&self) -> Result<i32> {
        self.apiserver()?.id()
    }

    /// Restarts the API server, which ends every watch, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// If it does not stop or does not become ready.
    pub async fn restart_apiserver(&self) -> Result<()> {
        self.apiserver()?.terminate(START_LIMIT)?.context("kube-apiserver did not stop")?;
        self.start_apiserver().await
    }

    /// Kills the API server, compacts the history of etcd, and starts the API server again. Watches must relist.
    ///
    /// # Errors
    ///
    /// If etcd refuses the compaction or the API server does not become ready.
    pub async fn restart_apiserver_without_history(&self) -> Result<()> {
        self.apiserver()?.crash()?;
        history::forget(self.etcd_port).await?;
        self.start_apiserver().await
    }

    fn apiserver(&self) -> Result<MutexGuard<'_, Supervised>> {
        self.apiserver.lock().map_err(|_| anyhow!("an earlier restart has failed"))
    }

    async fn start_apiserver(&self) -> Result<()> {
        let log = self.folder.join("kube-apiserver.log");
        *self.apiserver()? = Supervised::start(&self.apiserver_command, &log, None)?;
        let started = Instant::now();
        while ready_client(&self.kubeconfig()).await.is_none() {
            if self.apiserver()?.has_ended() || started.elapsed() > START_LIMIT {
                bail!("kube-apiserver did not become ready again:\n{}", tail(&log));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

impl Access for ControlPlane {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn kubectl_program(&self) -> &Path {
        &self.kubectl
    }
}

/// Ports below the ephemeral range of all systems. The API server can bind the same port again after a restart.
const PORTS: Range<u16> = 12_000..30_000;

/// Returns ports that are free now.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    // Other processes search at the same time. Each starts at a random port.
    let random = RandomState::new().hash_one(std::process::id());
    let begin = PORTS.start + u16::try_from(random % u64::from(PORTS.end - PORTS.start))?;
    let free =
        (begin..PORTS.end).chain(PORTS.start..begin).filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    // All listeners stay open until the last one is found, so that no port is found twice.
    let listeners: Vec<TcpListener> = free.take(N).collect();
    ensure!(listeners.len() == N, "fewer than {N} ports from {} to {} are free", PORTS.start, PORTS.end);
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

fn write_files(folder: &Path, api_port: u16, audit_rules: &str) -> Result<()> {
    components::write_files(folder, "admin-token,admin,admin,system:masters\n", audit_rules)?;
    let server = format!("https://127.0.0.1:{api_port}");
    fs::write(folder.join("kubeconfig"), components::kubeconfig(&server, &authority(folder), "admin-token"))?;
    Ok(())
}

/// Returns the path of the certificate that the API server generates.
fn authority(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATES).join("apiserver.crt")
}

fn apiserver(assets: &Assets, folder: &Path, etcd_port: u16, port: u16) -> Result<Command> {
    let mut command = components::apiserver(assets, folder, etcd_port)?;
    command
        .arg(format!("--secure-port={port}"))
        .arg(format!("--cert-dir={}", folder.join(CERTIFICATES).display()))
        .arg("--bind-address=127.0.0.1")
        // The API server refuses loopback addresses here. No client connects to this one.
        .arg("--advertise-address=192.0.2.1")
        .arg("--endpoint-reconciler-type=none")
        .arg("--authorization-mode=RBAC")
        .arg("--service-cluster-ip-range=10.0.0.0/16");
    Ok(command)
}

fn controller_manager(assets: &Assets, folder: &Path, controllers: &[&str]) -> Result<Command> {
    let mut command = components::controller_manager(assets, folder, "kubeconfig", &authority(folder))?;
    command
        .arg(format!("--controllers={}", controllers.join(",")))
        .arg("--bind-address=127.0.0.1")
        .arg("--secure-port=0");
    Ok(command)
}

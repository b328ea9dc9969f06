//! A real cluster with one node, whose kubelet and containerd run pods. Needs Linux and root.

mod credentials;
mod images;
mod network;
mod node;
mod requirements;
mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use rustix::process::{Pid, Signal, kill_process};

pub use self::images::POD_IMAGE;
use self::network::{API_SERVICE_ADDRESS, NODE_ADDRESS};
pub use self::sandbox::{Sandbox, sandboxed};
use crate::access::Access;
use crate::assets::{Assets, Tool};
use crate::components::{self, START_LIMIT, output, ready_client, tail, wait_for_default_service_account};
use crate::supervised::Supervised;

/// The name of the node.
const NODE: &str = "node";

/// A running cluster with one node. It ends when this is dropped or the process that started it ends.
#[derive(Debug)]
pub struct NodeCluster {
    folder: PathBuf,
    kubectl: PathBuf,
    helm: PathBuf,
    /// In the order of their start.
    processes: Vec<(&'static str, Supervised)>,
}

impl NodeCluster {
    /// Starts a cluster and waits until its node is ready. Prints its progress.
    ///
    /// # Errors
    ///
    /// If a program is missing or does not become ready. The message contains the end of its log.
    pub async fn start(sandbox: &Sandbox) -> Result<Self> {
        let assets = Assets::locate()?;
        let started = Instant::now();
        let after = || format!("after {:.1} s", started.elapsed().as_secs_f32());
        let folder = sandbox.folder();
        let image = std::thread::spawn({
            let folder = folder.to_owned();
            move || images::build_pod_image(&folder)
        });
        credentials::write_users(folder, &format!("https://{NODE_ADDRESS}:{}", node::API_PORT))?;
        credentials::write_certificates(folder, &[NODE_ADDRESS, API_SERVICE_ADDRESS])?;

        let mut cluster = Self {
            folder: folder.to_owned(),
            kubectl: assets.path(Tool::Kubectl)?,
            helm: assets.path(Tool::Helm)?,
            processes: Vec::new(),
        };
        cluster.run("etcd", &components::etcd(&assets, folder, node::ETCD_PORT, node::ETCD_PEER_PORT)?)?;
        cluster.run("kube-apiserver", &node::apiserver(&assets, folder)?)?;
        cluster.run("containerd", &node::containerd(folder)?)?;
        let kubeconfig = cluster.kubeconfig();
        let client = cluster.until_some("kube-apiserver", async || Ok(ready_client(&kubeconfig).await)).await?;
        println!("the API server is ready {}", after());
        cluster.run("kube-controller-manager", &node::controller_manager(&assets, folder)?)?;
        cluster.run("kube-scheduler", &node::scheduler(&assets, folder)?)?;
        cluster.run("kubelet", &node::kubelet(&assets, sandbox)?)?;
        cluster.run("kube-proxy", &node::proxy(&assets, folder)?)?;

        let image = image.join().map_err(|_| anyhow!("the build of the image of pods has failed"))??;
        cluster.import_image(&image)?;
        println!("the image of pods is built and imported {}", after());
        let nodes: Api<Node> = Api::all(client.clone());
        cluster.until_some("the node", async || Ok(nodes.get_opt(NODE).await?.filter(is_ready))).await?;
        wait_for_default_service_account(&client).await?;
        println!("the node is ready {}", after());
        Ok(cluster)
    }

    fn run(&mut self, name: &'static str, command: &Command) -> Result<()> {
        let process = Supervised::start(command, &self.log(name), None)?;
        self.processes.push((name, process));
        Ok(())
    }

    /// Waits until `look` returns a value, and fails if a program ends. Errors name `what` is missing.
    async fn until_some<T>(&mut self, what: &str, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
        let started = Instant::now();
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            let ended = self.processes.iter_mut().find_map(|(name, process)| process.has_ended().then_some(*name));
            if let Some(name) = ended {
                bail!("{name} has ended:\n{}", tail(&self.log(name)));
            }
            if started.elapsed() > START_LIMIT {
                let logs = self.processes.iter().map(|(name, _)| format!("{name}:\n{}", tail(&self.log(name))));
                bail!("{what} did not become ready.\n{}", logs.collect::<Vec<_>>().join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the path of the log of a program, such as `kubelet`.
    #[must_use]
    pub fn log(&self, program: &str) -> PathBuf {
        self.folder.join(format!("{program}.log"))
    }

    /// Returns a Helm command with the rights of an administrator, without the configuration of the user.
    #[must_use]
    pub fn helm(&self) -> Command {
        let mut command = Command::new(&self.helm);
        command.env("KUBECONFIG", self.kubeconfig());
        for (name, folder) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "configuration"), ("HELM_DATA_HOME", "data")]
        {
            command.env(name, self.folder.join("helm").join(folder));
        }
        command
    }

    /// Imports the images of an oci-archive into the node. Pods must use `imagePullPolicy: Never`.
    ///
    /// # Errors
    ///
    /// If the archive cannot be read.
    pub fn import_image(&self, archive: &Path) -> Result<()> {
        images::import(archive)
    }

    /// Returns the id of the first process of a container, in the process namespace of this program.
    ///
    /// # Errors
    ///
    /// If the container does not run.
    pub async fn container_pid(&self, namespace: &str, pod: &str, container: &str) -> Result<Pid> {
        let pods: Api<Pod> = Api::namespaced(self.client().await?, namespace);
        let status = pods.get(pod).await?.status.unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let found = containers.into_iter().find(|status| status.name == container).and_then(|found| found.container_id);
        let id = found.with_context(|| format!("{namespace}/{pod} has no running container {container}"))?;
        let id = id.trim_start_matches("containerd://");
        let tasks = output(&mut images::ctr(&["task", "ls"]))?;
        let mut fields = tasks.lines().map(str::split_whitespace);
        let pid = fields.find_map(|mut fields| (fields.next()? == id).then(|| fields.next()?.parse().ok())?);
        pid.and_then(Pid::from_raw).with_context(|| format!("containerd runs no process of {namespace}/{pod}"))
    }

    /// Kills the first process of a container, like a crash.
    ///
    /// # Errors
    ///
    /// If the container does not run.
    pub async fn kill_container(&self, namespace: &str, pod: &str, container: &str) -> Result<()> {
        Ok(kill_process(self.container_pid(namespace, pod, container).await?, Signal::KILL)?)
    }
}

impl Access for NodeCluster {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn kubectl_program(&self) -> &Path {
        &self.kubectl
    }
}

impl Drop for NodeCluster {
    fn drop(&mut self) {
        // A component ends before those that it needs.
        while self.processes.pop().is_some() {}
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Returns the resident memory of a process, in bytes.
///
/// # Errors
///
/// If the process does not exist.
pub fn resident_memory(process: Pid) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero()))?;
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kilobytes.map(|kilobytes: u64| kilobytes * 1024).context("the process has ended")
}

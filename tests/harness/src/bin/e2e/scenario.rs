//! The cluster of a run, helpers for its steps, and the measurements.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::{Access, NodeCluster, Sandbox, output};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use serde_json::Value;
use tokio::runtime::Runtime;

/// The namespace of the operator.
pub(crate) const SYSTEM: &str = "responsibility-system";
/// The name of the release and of all its objects.
pub(crate) const RELEASE: &str = "responsibility-operator";
/// The time within which a step must show its result.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

pub(crate) struct Scenario {
    pub(crate) cluster: NodeCluster,
    pub(crate) runtime: Runtime,
    pub(crate) root: PathBuf,
    /// All objects of the cluster before the first install.
    pub(crate) before: BTreeSet<String>,
    measured: Vec<(&'static str, String)>,
}

pub(crate) fn step(title: &str) {
    println!("\n=== {title}\n");
}

/// Prints the measurements, one on each line.
pub(crate) fn summary(scenario: &mut Scenario) -> Result<()> {
    ensure!(!scenario.measured.is_empty(), "nothing was measured");
    for (what, value) in &scenario.measured {
        println!("{what:44} {value}");
    }
    Ok(())
}

impl Scenario {
    pub(crate) fn start(sandbox: &Sandbox) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let version = version(&root)?;
        let archive = root.join(format!("target/image/responsibility-operator-{version}.oci.tar"));
        let size =
            fs::metadata(&archive).with_context(|| format!("{} is missing; run make image", archive.display()))?.len();
        step("Start a Kubernetes with a node, in its own network namespace");
        let runtime = Runtime::new()?;
        let cluster = runtime.block_on(NodeCluster::start(sandbox))?;
        cluster.import_image(&archive)?;
        let mut scenario = Self { cluster, runtime, root, before: BTreeSet::new(), measured: Vec::new() };
        #[allow(clippy::cast_precision_loss, reason = "sizes are shown with one decimal")]
        scenario.measure("size of the image archive", format!("{:.1} MiB", size as f64 / 1_048_576.0));
        Ok(scenario)
    }

    /// Prints a measurement and keeps it for the summary.
    pub(crate) fn measure(&mut self, what: &'static str, value: String) {
        println!("{what}: {value}");
        self.measured.push((what, value));
    }

    /// Runs kubectl and returns its output.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        output(self.cluster.kubectl().current_dir(&self.root).args(arguments))
    }

    /// Runs kubectl and prints the command and its output.
    pub(crate) fn show(&self, arguments: &[&str]) -> Result<String> {
        println!("$ kubectl {}", arguments.join(" "));
        let output = self.kubectl(arguments)?;
        println!("{output}");
        Ok(output)
    }

    /// Runs kubectl, expects a failure, and returns its output.
    pub(crate) fn refused(&self, arguments: &[&str]) -> Result<String> {
        let output = self.cluster.kubectl().args(arguments).output()?;
        ensure!(!output.status.success(), "kubectl {} did not fail", arguments.join(" "));
        Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// Runs Helm and prints the command and its output.
    pub(crate) fn helm(&self, arguments: &[&str]) -> Result<String> {
        println!("$ helm {}", arguments.join(" "));
        let output = output(self.cluster.helm().current_dir(&self.root).args(arguments))?;
        println!("{output}");
        Ok(output)
    }

    /// Applies objects.
    pub(crate) fn apply(&self, objects: &[Value]) -> Result<()> {
        let file = self.cluster.folder().join("applied.json");
        fs::write(&file, serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string())?;
        print!("{}", output(self.cluster.kubectl().args(["apply", "-f"]).arg(file))?);
        Ok(())
    }

    pub(crate) fn get(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.kubectl(&[&["get"], arguments, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("kubectl get {arguments:?}"))
    }

    pub(crate) fn client(&self) -> Result<Client> {
        self.runtime.block_on(self.cluster.client())
    }

    /// Waits until `look` returns a value. Returns it and the time this took. `what` describes the value in errors.
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Result<Option<T>>) -> Result<(T, Duration)> {
        let started = Instant::now();
        loop {
            if let Some(found) = look(self)? {
                return Ok((found, started.elapsed()));
            }
            ensure!(started.elapsed() < LIMIT, "timed out waiting for: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the names of the operator's pods that are ready and not terminating.
    pub(crate) fn ready_pods(&self) -> Result<Vec<String>> {
        let component = "app.kubernetes.io/component=operator";
        let pods = self.get(&["pods", "-n", SYSTEM, "-l", component])?;
        let is_ready = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            pod["metadata"]["deletionTimestamp"].is_null()
                && conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        };
        let ready = pods["items"].as_array().into_iter().flatten().filter(is_ready);
        Ok(ready.filter_map(|pod| Some(pod["metadata"]["name"].as_str()?.to_owned())).collect())
    }

    /// Waits until both replicas are ready.
    pub(crate) fn until_both_ready(&self) -> Result<Vec<String>> {
        Ok(self.until("two replicas are ready", |this| Ok(Some(this.ready_pods()?).filter(|pods| pods.len() == 2)))?.0)
    }

    /// Returns the holder of the Lease.
    pub(crate) fn holder(&self) -> Result<Option<String>> {
        let client = self.client()?;
        let leases: Api<Lease> = Api::namespaced(client, SYSTEM);
        let lease = self.runtime.block_on(leases.get_opt(RELEASE))?;
        let holder = lease.and_then(|lease| lease.spec?.holder_identity);
        Ok(holder.filter(|holder| !holder.is_empty()))
    }

    /// Returns the pod name of a holder.
    pub(crate) fn pod_of(holder: &str) -> &str {
        holder.rsplit_once('_').map_or(holder, |(pod, _)| pod)
    }

    /// Waits until a replica holds the Lease, and returns the holder.
    pub(crate) fn leader(&self) -> Result<String> {
        Ok(self.until("a leader", Self::holder)?.0)
    }

    /// Waits until another replica holds the Lease. Returns the holder and the time this took.
    pub(crate) fn other_leader(&self, than: &str) -> Result<(String, Duration)> {
        self.until("another leader", |this| Ok(this.holder()?.filter(|holder| holder != than)))
    }

    /// Prints objects, logs and Events that help to find out why a step failed.
    pub(crate) fn explain(&self) {
        for arguments in [
            &["get", "all,lease,rassign,crassign", "-A", "-o", "wide"][..],
            &["describe", "pods", "-n", SYSTEM],
            &["logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=responsibility-operator", "--prefix", "--tail=60"],
            &["events", "-A"],
        ] {
            match self.show(arguments) {
                Ok(_) => {}
                Err(error) => println!("{error:#}"),
            }
        }
    }

    pub(crate) fn print_usage(&self, sandbox: &Sandbox) {
        let kubectl = self.cluster.kubectl();
        println!("\nIn another terminal, as root, start a shell in the network of the cluster:\n");
        println!("  export KUBECONFIG={}", self.cluster.kubeconfig().display());
        println!("  nsenter --net=/proc/$(cat {})/ns/net bash", sandbox.pid_file().display());
        println!("  {} get pods -A", kubectl.get_program().display());
        println!("\nHelm is {}. Its arguments for the imported image:", self.cluster.helm().get_program().display());
        println!("  {}", image_values(&self.root).unwrap_or_default().join(" "));
    }

    /// Returns the Helm arguments for the imported image.
    pub(crate) fn image_values(&self) -> Result<Vec<String>> {
        image_values(&self.root)
    }
}

fn image_values(root: &Path) -> Result<Vec<String>> {
    let version = version(root)?;
    let set = [
        "image.repository=localhost/responsibility-operator",
        &format!("image.tag={version}"),
        "image.pullPolicy=Never",
    ]
    .map(|value| format!("--set={value}"));
    Ok(set.into())
}

/// Returns the version of the operator in this checkout.
fn version(root: &Path) -> Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \""));
    Ok(line.and_then(|line| line.strip_suffix('"')).context("Cargo.toml has no version")?.to_owned())
}

/// Formats a duration in seconds.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f32())
}

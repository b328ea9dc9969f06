//! `make demo`: shows on a real control plane how the operator finds gaps. Checks the result of each step.
//!
//! In a terminal, the cluster runs until Ctrl-C after the last step. Otherwise the demo ends. It fails if the result of a
//! step is wrong.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use futures::stream::BoxStream;
use harness::{Access, Assets, ControlPlane, Operator, Tool};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

/// The time within which a step must show its result.
const STEP_LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let (stop, stopped) = mpsc::channel();
    let handler = ctrlc::set_handler(move || {
        // Fails only if the demo is already ending.
        let _ = stop.send(());
    });
    match handler.map_err(Into::into).and_then(|()| demo(&stopped)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(stopped: &mpsc::Receiver<()>) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let operator = std::env::current_exe()?.with_file_name("responsibility-operator");
    ensure!(operator.is_file(), "{} is missing; run make demo", operator.display());
    let (cluster, control_plane) = Cluster::provide()?;
    let demo = Demo { cluster, root, stopped, is_own: control_plane.is_some() };

    step("Install the custom resource definitions");
    demo.show(&["apply", "--server-side", "-f", "crds/"])?;
    demo.kubectl(&["wait", "--for=condition=Established", "--timeout=30s", "-f", "crds/"])?;

    step("Apply a shop and the assignments of its teams");
    demo.show(&["apply", "-f", "deploy/samples/workloads.yaml", "-f", "deploy/samples/assignments.yaml"])?;

    step("Start the operator");
    let log = demo.cluster.folder.join("operator.log");
    let _operator = Operator::start(&operator, &demo.cluster.kubeconfig, &[], log)?;
    demo.wait_until("shop", "shop", "is evaluated", |status| status["summary"]["workloads"] == 9)?;
    demo.wait_until("payments", "payments", "is evaluated", |status| status["summary"]["workloads"] == 3)?;

    step("Which layers have an owner, and which have a gap?");
    demo.show(&["get", "rassign", "-A"])?;
    demo.show(&["get", "crassign"])?;
    demo.show_unowned("shop", "shop")?;
    demo.show_unowned("payments", "payments")?;
    demo.expect_rows(
        "shop",
        "shop",
        &["network-segmentation/Customer/LayerUnowned", "incident-response/Customer/SharedLayerHalfOwned"],
    )?;
    demo.expect_rows(
        "payments",
        "payments",
        &[
            "data-classification/Customer/NotTransferable",
            "access-control/Customer/UnknownParty",
            "network-segmentation/Customer/AgreementMissing",
        ],
    )?;

    step("The operator emits one Event for the gaps");
    demo.wait_for_event("shop", "GapsFound")?;
    demo.wait_for_event("payments", "GapsFound")?;
    demo.show_events("payments")?;

    step("A LoadBalancer Service exposes the ledger to the internet");
    let runtime = tokio::runtime::Runtime::new()?;
    let watches = runtime.block_on(Reaction::watch(&demo.cluster.kubeconfig))?;
    demo.show(&["apply", "-f", "deploy/samples/load-balancer.yaml"])?;
    let reaction = runtime.block_on(async { tokio::time::timeout(STEP_LIMIT, watches.measure()).await });
    let reaction = reaction.context("the status did not show the new gaps")??;
    println!("The status shows the new gaps {} ms after the Service was created.\n", reaction.as_millis());
    demo.show_unowned("payments", "payments")?;
    demo.wait_for_event("payments", "LayerUnowned")?;
    demo.show_events("payments")?;

    step("The teams close their gaps");
    demo.show(&["apply", "-f", "deploy/samples/covered.yaml"])?;
    for namespace in ["shop", "payments"] {
        let name = format!("rassign/{namespace}");
        demo.show(&["wait", &name, "-n", namespace, "--for=condition=Covered", "--timeout=30s"])?;
    }
    demo.show(&["get", "rassign", "-A"])?;
    demo.kubectl(&["wait", "crassign/platform", "--for=condition=Covered", "--timeout=30s"])?;
    println!("The cluster assignment of the platform team counts the gaps of all these workloads:\n");
    demo.show(&["get", "crassign"])?;
    demo.wait_for_event("payments", "GapsClosed")?;
    demo.show_events("payments")?;

    demo.show_who_does_what(&operator)?;

    step("Done: every step passed");
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        println!("The cluster keeps running. In another terminal:\n");
        println!("  export KUBECONFIG={}", demo.cluster.kubeconfig.display());
        println!("  {} describe rassign -n shop shop", demo.cluster.kubectl.display());
        println!("\nPress Ctrl-C to stop it.");
        stopped.recv().context("the signal handler has ended")?;
    }
    Ok(())
}

fn step(title: &str) {
    println!("\n=== {title}\n");
}

/// The cluster of the demo: a new control plane, or the cluster of `DEMO_KUBECONFIG`.
struct Cluster {
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    folder: PathBuf,
}

impl Cluster {
    fn provide() -> Result<(Self, Option<ControlPlane>)> {
        let assets = Assets::locate()?;
        let kubectl = assets.path(Tool::Kubectl)?;
        if let Some(kubeconfig) = std::env::var_os("DEMO_KUBECONFIG").map(PathBuf::from) {
            step("Use the cluster of DEMO_KUBECONFIG");
            println!("The demo applies crds/ and deploy/samples/ and does not delete them.");
            let folder = tempfile::tempdir()?.keep();
            return Ok((Self { kubeconfig, kubectl, folder }, None));
        }
        step("Start a Kubernetes control plane on loopback");
        assets.provide()?;
        let started = Instant::now();
        let control_plane = tokio::runtime::Runtime::new()?.block_on(ControlPlane::start())?;
        println!("ready after {:.1} s", started.elapsed().as_secs_f32());
        let kubeconfig = control_plane.kubeconfig();
        let folder = control_plane.folder().to_owned();
        Ok((Self { kubeconfig, kubectl, folder }, Some(control_plane)))
    }
}

/// Measures the time from the creation of the Service to the new status, with two watches of one client.
struct Reaction {
    services: BoxStream<'static, kube::Result<WatchEvent<Service>>>,
    assignments: BoxStream<'static, kube::Result<WatchEvent<DynamicObject>>>,
}

impl Reaction {
    async fn watch(kubeconfig: &Path) -> Result<Self> {
        let config = Kubeconfig::read_from(kubeconfig)?;
        let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
        let client = kube::Client::try_from(config)?;
        let kind = GroupVersionKind::gvk("sharedresponsibility.dev", "v1alpha1", "ResponsibilityAssignment");
        let kind = ApiResource::from_gvk_with_plural(&kind, "responsibilityassignments");
        let services: Api<Service> = Api::namespaced(client.clone(), "payments");
        let assignments: Api<DynamicObject> = Api::namespaced_with(client, "payments", &kind);
        let from_now = WatchParams::default();
        Ok(Self {
            services: services.watch(&from_now, "0").await?.boxed(),
            assignments: assignments.watch(&from_now, "0").await?.boxed(),
        })
    }

    async fn measure(self) -> Result<Duration> {
        let created = seen(self.services, |service| service.metadata.name.as_deref() == Some("ledger"));
        let published = seen(self.assignments, |assignment| {
            rows(&assignment.data["status"]).any(|row| row.starts_with("user-accounts/"))
        });
        let (created, published) = tokio::try_join!(created, published)?;
        Ok(published.saturating_duration_since(created))
    }
}

/// Waits until a watch shows an object for which `wanted` is true, and returns the time.
async fn seen<K>(
    mut events: BoxStream<'static, kube::Result<WatchEvent<K>>>,
    wanted: impl Fn(&K) -> bool,
) -> Result<Instant> {
    while let Some(event) = events.next().await {
        if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event?
            && wanted(&object)
        {
            return Ok(Instant::now());
        }
    }
    bail!("the watch ended early")
}

struct Demo<'a> {
    cluster: Cluster,
    root: PathBuf,
    stopped: &'a mpsc::Receiver<()>,
    /// True if the demo has started the cluster. Only then does the demo create a Node object without a machine.
    is_own: bool,
}

impl Demo<'_> {
    fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        ensure!(self.stopped.try_recv().is_err(), "interrupted");
        let output = Command::new(&self.cluster.kubectl)
            .args(arguments)
            .current_dir(&self.root)
            .env("KUBECONFIG", &self.cluster.kubeconfig)
            .env("KUBECACHEDIR", self.cluster.folder.join("kubectl-cache"))
            .output()
            .context("cannot run kubectl")?;
        if !output.status.success() {
            bail!("kubectl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs kubectl and prints the command and its output.
    fn show(&self, arguments: &[&str]) -> Result<()> {
        println!("$ kubectl {}", arguments.join(" "));
        println!("{}", self.kubectl(arguments)?);
        Ok(())
    }

    fn status(&self, namespace: &str, name: &str) -> Result<Value> {
        self.status_of("rassign", &[name, "-n", namespace])
    }

    fn wait_until(&self, namespace: &str, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Result<()> {
        let started = Instant::now();
        loop {
            let status = self.status(namespace, name)?;
            if holds(&status) {
                return Ok(());
            }
            if started.elapsed() > STEP_LIMIT {
                bail!("{namespace}/{name}: the status does not show that it {what}: {status:#}");
            }
        }
    }

    fn wait_for_event(&self, namespace: &str, reason: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let selector = format!("reason={reason}");
            let events =
                self.kubectl(&["get", "events", "-n", namespace, "--field-selector", &selector, "-o", "name"])?;
            match events.lines().count() {
                0 if started.elapsed() > STEP_LIMIT => bail!("the namespace {namespace} has no Event {reason}"),
                0 => {}
                1 => return Ok(()),
                more => bail!("the namespace {namespace} has {more} Events {reason} instead of one"),
            }
        }
    }

    /// Prints the unowned layers of an assignment: whose duty each layer is, and how to fix the gap.
    fn show_unowned(&self, namespace: &str, name: &str) -> Result<()> {
        println!("The unowned layers of {namespace}/{name} (status.unownedLayers):\n");
        println!("{:24} {:9} {:22} {:>9}  WHAT TO DO", "LAYER", "DUTY OF", "REASON", "WORKLOADS");
        for row in self.status(namespace, name)?["unownedLayers"].as_array().into_iter().flatten() {
            let text = |field: &str| row[field].as_str().unwrap_or_default();
            let (layer, duty, reason) = (text("layer"), text("duty"), text("reason"));
            let workloads = row["workloads"].as_i64().unwrap_or_default();
            println!("{layer:24} {duty:9} {reason:22} {workloads:>9}  {}", text("message"));
        }
        println!();
        Ok(())
    }

    /// Shows unfulfilled duties: a missing NetworkPolicy, an outdated node under two service models, and one workload in full.
    fn show_who_does_what(&self, operator: &Path) -> Result<()> {
        step("Every duty has an owner. Is every duty fulfilled?");
        println!("No NetworkPolicy restricts access to the pods of the shop. This is a duty of its team:\n");
        self.show_unfulfilled("rassign", &["-n", "shop", "shop"])?;
        self.show(&["apply", "-f", "deploy/samples/network-policy.yaml"])?;
        self.wait_for_event("shop", "DutyFulfilled")?;
        self.show_events("shop")?;
        if self.is_own {
            step("A node runs an outdated image. Whose duty is the upgrade?");
            self.show(&["apply", "-f", "deploy/samples/node.yaml"])?;
            println!("With serviceModel CaaS, the customer runs the nodes. It is the duty of the platform team:\n");
            self.expect_outdated_node("Customer", "platform-team")?;
            println!("With serviceModel ManagedNodes, the provider runs the nodes. It is the duty of the provider:\n");
            let managed = r#"{"spec":{"serviceModel":"ManagedNodes"}}"#;
            self.show(&["patch", "crassign", "platform", "--type=merge", "-p", managed])?;
            self.expect_outdated_node("Provider", "cloud-provider")?;
        }
        step("One workload in full: the duties, their owners, and the evidence");
        println!("$ responsibility-operator explain Deployment/storefront --namespace shop");
        let explain = ["explain", "Deployment/storefront", "--namespace", "shop"];
        let output = Command::new(operator).args(explain).env("KUBECONFIG", &self.cluster.kubeconfig).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "explain failed: {}", String::from_utf8_lossy(&output.stderr));
        println!("{text}");
        let segmentation = text.lines().find(|line| line.starts_with("network-segmentation")).unwrap_or_default();
        ensure!(segmentation.contains("Fulfilled"), "explain ignores the NetworkPolicy: {segmentation:?}");
        Ok(())
    }

    fn expect_outdated_node(&self, duty: &str, party: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let status = self.status_of("crassign", &["platform"])?;
            let rows = status["unfulfilled"].as_array();
            let is_meant =
                |row: &&Value| row["signal"] == "node-image-age" && row["duty"] == duty && row["party"] == party;
            if rows.into_iter().flatten().any(|row| is_meant(&row)) {
                return self.show_unfulfilled("crassign", &["platform"]);
            }
            ensure!(
                started.elapsed() < STEP_LIMIT,
                "the status does not show the outdated node as a duty of {party}: {status:#}"
            );
        }
    }

    fn status_of(&self, kind: &str, name: &[&str]) -> Result<Value> {
        let object = self.kubectl(&[&["get", kind], name, &["-o", "json"]].concat())?;
        Ok(serde_json::from_str::<Value>(&object)?["status"].take())
    }

    /// Prints the unfulfilled duties of an assignment: their owners, what the signal has found, and how to fix it.
    fn show_unfulfilled(&self, kind: &str, name: &[&str]) -> Result<()> {
        println!("{:24} {:9} {:16} {:18} {:>9}  FINDING AND FIX", "LAYER", "DUTY OF", "PARTY", "SIGNAL", "WORKLOADS");
        for row in self.status_of(kind, name)?["unfulfilled"].as_array().into_iter().flatten() {
            let text = |field: &str| row[field].as_str().unwrap_or("-");
            let (layer, duty, party, signal) = (text("layer"), text("duty"), text("party"), text("signal"));
            let workloads = row["workloads"].as_i64().unwrap_or_default();
            println!("{layer:24} {duty:9} {party:16} {signal:18} {workloads:>9}  {}", text("message"));
        }
        println!();
        Ok(())
    }

    fn show_events(&self, namespace: &str) -> Result<()> {
        let about = "--field-selector=involvedObject.kind=ResponsibilityAssignment";
        self.show(&["get", "events", "-n", namespace, about, "--sort-by=.metadata.creationTimestamp"])
    }

    fn expect_rows(&self, namespace: &str, name: &str, expected: &[&str]) -> Result<()> {
        let status = self.status(namespace, name)?;
        let found: Vec<String> = rows(&status).collect();
        for row in expected {
            ensure!(found.iter().any(|found| found == row), "{namespace}/{name} does not show {row} but {found:?}");
        }
        Ok(())
    }
}

/// Returns the rows of a status as layer/duty/reason.
fn rows(status: &Value) -> impl Iterator<Item = String> {
    let rows = status["unownedLayers"].as_array().into_iter().flatten();
    rows.map(|row| {
        let text = |field: &str| row[field].as_str().unwrap_or_default();
        format!("{}/{}/{}", text("layer"), text("duty"), text("reason"))
    })
}

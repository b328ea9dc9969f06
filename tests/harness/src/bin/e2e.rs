//! `make e2e`: the operator in a real cluster with a node, step by step, each step checked.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use harness::{NodeCluster, POD_IMAGE, Sandbox, resident_memory, sandboxed};
use serde_json::json;
use tokio::runtime::Runtime;

/// Try the operator in a real Kubernetes with a node. Needs Linux and root.
#[derive(Parser)]
struct Cli {
    /// Start the cluster only, and keep it until Ctrl-C
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    sandboxed(|sandbox| if cli.keep { keep(sandbox) } else { end_to_end(sandbox) }).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

type Step = fn(&Scenario) -> Result<()>;

/// What is shown, in this order. Each step checks what it shows.
const STEPS: [(&str, Step); 4] = [
    ("A namespace that enforces the restricted Pod Security Standard", restricted_namespace),
    ("A pod from scratch becomes ready in it", small_pod),
    ("Its log can be read", log_of_pod),
    ("It is started again when it crashes", crash),
];

fn end_to_end(sandbox: &Sandbox) -> Result<()> {
    let scenario = Scenario::start(sandbox)?;
    for (title, act) in STEPS {
        step(title);
        let started = Instant::now();
        if let Err(error) = act(&scenario) {
            scenario.show_state();
            return Err(error.context(title));
        }
        println!("({:.1} s)", started.elapsed().as_secs_f32());
    }
    step("Done: every step showed what it should");
    Ok(())
}

fn keep(sandbox: &Sandbox) -> Result<()> {
    let scenario = Scenario::start(sandbox)?;
    let kubectl = scenario.cluster.kubectl();
    println!("\nIn another terminal, as root:\n");
    println!("  export KUBECONFIG={}", scenario.cluster.kubeconfig().display());
    println!(
        "  nsenter --net=/proc/$(cat {})/ns/net {} get pods -A",
        sandbox.pid_file().display(),
        kubectl.get_program().display()
    );
    println!("\nPress Ctrl-C to end it.");
    loop {
        // Whoever started this ends it.
        std::thread::park();
    }
}

fn step(title: &str) {
    println!("\n=== {title}\n");
}

struct Scenario {
    cluster: NodeCluster,
    runtime: Runtime,
}

impl Scenario {
    fn start(sandbox: &Sandbox) -> Result<Self> {
        step("Start a Kubernetes with a node, in a network of its own");
        let runtime = Runtime::new()?;
        let cluster = runtime.block_on(NodeCluster::start(sandbox))?;
        Ok(Self { cluster, runtime })
    }

    /// Runs kubectl and shows the command and its output.
    fn show(&self, arguments: &[&str]) -> Result<String> {
        println!("$ kubectl {}", arguments.join(" "));
        let output = output(self.cluster.kubectl().args(arguments))?;
        println!("{output}");
        Ok(output)
    }

    /// Shows what helps to find out why a step has failed.
    fn show_state(&self) {
        for arguments in [["get", "pods", "-A", "-o", "wide"], ["get", "events", "-A", "-o", "wide"]] {
            if let Err(error) = self.show(&arguments) {
                eprintln!("{error:#}");
            }
        }
    }

    /// Applies an object.
    fn apply(&self, object: &serde_json::Value) -> Result<()> {
        let file = self.cluster.folder().join("applied.json");
        std::fs::write(&file, object.to_string())?;
        print!("{}", output(self.cluster.kubectl().args(["apply", "-f"]).arg(file))?);
        Ok(())
    }
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn restricted_namespace(scenario: &Scenario) -> Result<()> {
    scenario.apply(&json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "restricted", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }))?;
    let careless = ["run", "careless", "-n", "restricted", "--image", POD_IMAGE];
    let refused = scenario.cluster.kubectl().args(careless).output()?;
    let reason = String::from_utf8_lossy(&refused.stderr);
    print!("{reason}");
    ensure!(!refused.status.success() && reason.contains("violates PodSecurity"), "a careless pod was not refused");
    Ok(())
}

fn small_pod(scenario: &Scenario) -> Result<()> {
    scenario.apply(&json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "small", "namespace": "restricted"},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "small",
                "image": POD_IMAGE,
                "imagePullPolicy": "Never",
                "args": ["serve", ":8080"],
                "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1},
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": true,
                },
            }],
        },
    }))?;
    scenario.show(&["wait", "pod/small", "-n", "restricted", "--for=condition=Ready", "--timeout=60s"])?;
    scenario.show(&["get", "pods", "-n", "restricted", "-o", "wide"])?;
    Ok(())
}

fn log_of_pod(scenario: &Scenario) -> Result<()> {
    let log = scenario.show(&["logs", "small", "-n", "restricted"])?;
    ensure!(log.contains("serving on :8080"), "the log is {log:?}");
    Ok(())
}

fn crash(scenario: &Scenario) -> Result<()> {
    let cluster = &scenario.cluster;
    let process = scenario.runtime.block_on(cluster.container_pid("restricted", "small", "small"))?;
    println!("the container uses {} KiB of memory; it is killed", resident_memory(process)? / 1024);
    scenario.runtime.block_on(cluster.kill_container("restricted", "small", "small"))?;
    let again = "--for=jsonpath={.status.containerStatuses[0].restartCount}=1";
    scenario.show(&["wait", "pod/small", "-n", "restricted", again, "--timeout=60s"])?;
    scenario.show(&["wait", "pod/small", "-n", "restricted", "--for=condition=Ready", "--timeout=60s"])?;
    let other = scenario.runtime.block_on(cluster.container_pid("restricted", "small", "small"))?;
    ensure!(other != process, "the killed process still runs");
    Ok(())
}

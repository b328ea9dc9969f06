//! `make e2e`: the operator as users install it, in a real Kubernetes with a node, step by step, each step checked.

mod install;
mod objects;
mod operate;
mod reports;
mod rights;
mod scenario;
mod upgrade;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use harness::{Sandbox, sandboxed};

use scenario::{Scenario, step};

/// Try the operator in a real Kubernetes with a node. Needs Linux and root.
#[derive(Parser)]
struct Cli {
    /// Start the cluster with the operator's image only, and keep it until Ctrl-C
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

type Step = fn(&mut Scenario) -> Result<()>;

/// What is shown, in this order. Each step checks what it shows.
const STEPS: [(&str, Step); 18] = [
    ("Namespaces: the operator's enforces the restricted Pod Security Standard", install::namespaces),
    ("Wrong values are refused with the name of the field", install::wrong_values),
    ("helm install: two replicas, ready by the kubelet's probes", install::install),
    ("A team writes its assignment: status and Events", operate::team_assigns),
    ("A change shows in the status", operate::change),
    ("helm test: definitions, rights, a leader", operate::helm_test),
    ("Probes and metrics", operate::metrics),
    ("APIs that come later are watched", operate::optional_apis),
    ("The pod that leads is deleted: another takes over, nothing is told twice", operate::delete_leader),
    ("The process that leads is killed: another takes over", operate::kill_leader),
    ("The Lease is deleted: it comes back", operate::delete_lease),
    ("Evictions go one by one", operate::evictions),
    ("How much memory the replicas use", operate::memory),
    ("No Secrets, and granted is used", rights::compare),
    ("Reports are switched on: written once, whoever leads", reports::report),
    ("helm uninstall: definitions and assignments stay, and nothing else", install::uninstall),
    ("helm upgrade from the version before, which brings the definitions up to date", upgrade::upgrade),
    ("What the end-to-end run has measured", scenario::summary),
];

fn end_to_end(sandbox: &Sandbox) -> Result<()> {
    let mut scenario = Scenario::start(sandbox)?;
    for (title, act) in STEPS {
        step(title);
        let started = Instant::now();
        if let Err(error) = act(&mut scenario) {
            scenario.explain();
            return Err(error).with_context(|| title.to_owned());
        }
        println!("({:.1} s)", started.elapsed().as_secs_f32());
    }
    step("Done: every step showed what it should");
    Ok(())
}

fn keep(sandbox: &Sandbox) -> Result<()> {
    let scenario = Scenario::start(sandbox)?;
    scenario.tell_how_to_use(sandbox);
    println!("\nPress Ctrl-C to end it.");
    loop {
        // Whoever started this ends it.
        std::thread::park();
    }
}

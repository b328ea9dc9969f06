//! `make e2e`: installs the operator like a user, in a real Kubernetes with a node. Checks the result of each step.

mod install;
mod objects;
mod operate;
mod prometheus;
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

/// Test the operator in a real Kubernetes with a node. Needs Linux and root.
#[derive(Parser)]
struct Cli {
    /// Only start the cluster and import the image of the operator; run until Ctrl-C
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

/// The steps with their titles, in this order.
const STEPS: [(&str, Step); 19] = [
    ("Namespaces: that of the operator enforces the restricted Pod Security Standard", install::namespaces),
    ("Helm refuses wrong values and names the field", install::wrong_values),
    ("helm install: two replicas become ready", install::install),
    ("A team creates its assignment: status and Events", operate::team_assigns),
    ("A new Service changes the status", operate::change),
    ("helm test: CRDs, rights, a leader", operate::helm_test),
    ("Probes and metrics", operate::metrics),
    ("APIs that are installed later are watched", operate::optional_apis),
    ("The pod of the leader is deleted: another takes over, no Event is repeated", operate::delete_leader),
    ("The process of the leader is killed: another takes over", operate::kill_leader),
    ("The Lease is deleted: the operator creates it again", operate::delete_lease),
    ("The PodDisruptionBudget allows one eviction at a time", operate::evictions),
    ("Memory of the replicas", operate::memory),
    ("The operator uses all its rights, and cannot read Secrets", rights::compare),
    ("Reports are enabled: a new leader does not write them again", reports::report),
    ("Prometheus reads protected metrics over HTTP/2 with a verified certificate", prometheus::scrape),
    ("helm uninstall: only CRDs and their objects remain", install::uninstall),
    ("helm upgrade from an earlier version updates the CRDs", upgrade::upgrade),
    ("Measurements of this run", scenario::summary),
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
    step("Done: every step passed");
    Ok(())
}

fn keep(sandbox: &Sandbox) -> Result<()> {
    let scenario = Scenario::start(sandbox)?;
    scenario.print_usage(sandbox);
    println!("\nPress Ctrl-C to stop it.");
    loop {
        // The process that has started this one ends it.
        std::thread::park();
    }
}

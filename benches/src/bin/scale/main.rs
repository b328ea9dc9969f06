//! The scale run: the operator in a large cluster on a real API server, beside the floor.

mod audit;
mod churn;
mod cluster;
mod cold;
mod process;
mod reaction;
mod rest;
mod statuses;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::Result;
use benches::{Object, World};
use clap::Parser;
use serde::{Deserialize, Serialize};

use churn::Churn;
use cluster::Cluster;
use cold::Start;
use reaction::Latency;
use rest::{Rest, Stored};

/// Measures the operator in large clusters on a real API server of its own.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many workloads, one run for each
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    workloads: Vec<usize>,
    /// How many assignments in namespaces; beyond 200 only with the most workloads
    #[arg(long, value_delimiter = ',', default_value = "200,5000")]
    assignments: Vec<usize>,
    /// For how many seconds workloads change 500 times a second
    #[arg(long, default_value_t = 120)]
    churn: u64,
    /// Where the figures go, as JSON
    #[arg(long, default_value = "target/bench/scale.json")]
    json: PathBuf,
}

/// How often starts are repeated, so that a median can be told.
const STARTS: usize = 3;

/// Up to so many assignments are told of within a minute or so.
const SOON_TOLD: usize = 500;

/// What was measured in a cluster of a size.
#[derive(Debug, Serialize, Deserialize)]
struct Scenario {
    workloads: usize,
    assignments: usize,
    /// All objects that the operator reads.
    objects: usize,
    /// A workload as the API server lists it, in bytes.
    listed_bytes: usize,
    operator_starts: Vec<Start>,
    floor_starts: Vec<Start>,
    floor_resident_bytes: u64,
    quiet: Latency,
    bare: Latency,
    churn: Churn,
    floor_churn: Churn,
    /// How long until everything was told, in seconds.
    settled_seconds: f64,
    rest: Rest,
    stored: Stored,
}

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Tells what is done.
fn say(what: &str) {
    println!("[{:>6.1} s] {what}", BEGUN.elapsed().as_secs_f64());
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let most = arguments.workloads.iter().copied().max().unwrap_or_default();
    let mut scenarios = Vec::new();
    for workloads in &arguments.workloads {
        say(&format!("a cluster for {workloads} workloads starts"));
        let cluster = Cluster::start().await?;
        let world = World { workloads: *workloads, assignments: 0 };
        cluster.create("namespaces, nodes, policies, Services and Ingresses", world.surroundings()).await?;
        cluster.await_service_accounts(World::NAMESPACES).await?;
        cluster.create("workloads", world.workloads()).await?;
        for assignments in &arguments.assignments {
            let world = World { workloads: *workloads, assignments: *assignments };
            if *assignments <= SOON_TOLD || *workloads == most {
                scenarios.push(measure(&cluster, world, Duration::from_secs(arguments.churn)).await?);
                let json = serde_json::to_string_pretty(&scenarios)?;
                if let Some(folder) = arguments.json.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                std::fs::write(&arguments.json, json)?;
            }
        }
    }
    Ok(())
}

/// Measures in a cluster that has its workloads; the assignments come and go with it.
async fn measure(cluster: &Cluster, world: World, churn: Duration) -> Result<Scenario> {
    cluster.create("assignments", world.assignments()).await?;
    let (mut operator_starts, mut floor_starts) = (Vec::new(), Vec::new());
    let mut running = None;
    let mut objects = 0;
    for round in 1..=STARTS {
        say(&format!("start {round} of {STARTS}: the floor, then the operator"));
        let (start, count, _) = cold::floor(cluster).await?;
        objects = count;
        say(&format!(
            "floor: {:.2} s, {:.2} s of processor time, peak {} MiB",
            start.seconds,
            start.cpu_seconds,
            start.peak_bytes >> 20
        ));
        floor_starts.push(start);
        let (start, operator) = cold::operator(cluster, world).await?;
        say(&format!(
            "operator: {:.2} s, {:.2} s of processor time, peak {} MiB",
            start.seconds,
            start.cpu_seconds,
            start.peak_bytes >> 20
        ));
        operator_starts.push(start);
        if round == STARTS {
            running = Some(operator);
        } else {
            operator.stop()?;
            cold::forget(cluster, world).await?;
        }
    }
    let operator = running.expect("the last start is left running");
    let mut settled_seconds = 0.0;
    if world.assignments <= SOON_TOLD {
        settled_seconds = rest::settle(cluster).await?;
    }
    say("single changes");
    let quiet = reaction::measure(cluster, world).await?;
    say(&format!("{quiet:?}"));
    say("many changes");
    let churn_of_operator = churn::measure(cluster, world, churn, || operator.usage(), true).await?;
    say(&format!("{churn_of_operator:?}"));
    say("waiting until everything is told");
    let rest_of_settling = rest::settle(cluster).await?;
    if world.assignments > SOON_TOLD {
        settled_seconds = rest_of_settling;
    }
    say("at rest");
    let rest = rest::measure(cluster, &operator).await?;
    say(&format!("{rest:?}"));
    let stored = rest::stored(cluster).await?;
    say(&format!("{stored:?}"));
    operator.stop()?;
    cold::forget(cluster, world).await?;
    say("the same changes without the operator");
    let bare = reaction::measure_bare(cluster, world).await?;
    say(&format!("{bare:?}"));
    let (_, _, floor) = cold::floor(cluster).await?;
    let floor_churn = churn::measure(cluster, world, churn / 4, || floor.usage(), false).await?;
    say(&format!("{floor_churn:?}"));
    let listed: Vec<usize> = listed_sizes(cluster).await?;
    let scenario = Scenario {
        workloads: world.workloads,
        assignments: world.assignments,
        objects,
        listed_bytes: listed.iter().sum::<usize>() / listed.len().max(1),
        operator_starts,
        floor_starts,
        floor_resident_bytes: floor.usage()?.resident,
        quiet,
        bare,
        churn: churn_of_operator,
        floor_churn,
        settled_seconds,
        rest,
        stored,
    };
    let gone = world.assignments().map(|assignment: Object| {
        cluster::request(http::Method::DELETE, &assignment.path(), "application/json", String::new())
    });
    cluster.send_all("assignments deleted", gone).await?;
    Ok(scenario)
}

/// The sizes of some Deployments as they are listed.
async fn listed_sizes(cluster: &Cluster) -> Result<Vec<usize>> {
    let list: serde_json::Value = serde_json::from_str(&cluster.get("/apis/apps/v1/deployments?limit=100").await?)?;
    Ok(list["items"].as_array().into_iter().flatten().map(|item| item.to_string().len()).collect())
}

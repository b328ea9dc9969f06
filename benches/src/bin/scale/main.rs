//! Scale run: the operator in a large cluster on a real API server, compared with the floor. `report` prints the results.

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

use anyhow::{Context, Result};
use benches::scenario::{Scenario, Start, WithoutSignals};
use benches::{World, kept};
use clap::Parser;
use http::Method;
use serde_json::Value;

use cluster::{Cluster, request};
use process::{EnabledSignals, RunningOperator, seconds_between};

/// Measures the operator in large clusters, each on its own real API server.
#[derive(Debug, Parser)]
struct Arguments {
    /// Clusters as WORKLOADSxASSIGNMENTS. Consecutive ones with the same number of workloads share one cluster
    #[arg(long, value_delimiter = ',', value_parser = world, default_value = "1000x200,10000x200,10000x5000")]
    clusters: Vec<World>,
    /// Seconds of 500 changes of workloads per second; a quarter of it below 10000 workloads and above 500 assignments
    #[arg(long, default_value_t = 120)]
    churn: u64,
    /// Maximum seconds to wait until all Events are emitted (ten per second); no waiting above 500 assignments
    #[arg(long, default_value_t = 120)]
    patience: u64,
    /// File for the measurements, as JSON
    #[arg(long, default_value = "target/bench/scale.json")]
    json: PathBuf,
}

/// Number of starts, enough for a median.
const STARTS: usize = 3;

/// Number of starts with so many assignments that each takes half a minute.
const LONG_STARTS: usize = 1;

/// Duration of the changes for the floor.
const FLOOR_CHURN: Duration = Duration::from_secs(20);

/// Parses a cluster of the command line.
fn world(text: &str) -> Result<World, String> {
    let sizes = text.split_once('x').and_then(|(workloads, assignments)| {
        Some(World { workloads: workloads.parse().ok()?, assignments: assignments.parse().ok()? })
    });
    let sizes = sizes.filter(|world| (500..=100_000).contains(&world.workloads));
    let sizes =
        sizes.filter(|world| world.assignments <= World::NAMESPACES || world.assignments % World::NAMESPACES == 0);
    sizes.filter(|world| (1..=World::NAMESPACES * 10).contains(&world.assignments)).ok_or_else(|| {
        "write WORKLOADSxASSIGNMENTS, such as 10000x200: from 500 to 100000 workloads; up to 500 assignments, or 1000, 1500 \
         and so on up to 5000"
            .to_owned()
    })
}

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Prints the progress.
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
    let [churn, patience] = [arguments.churn, arguments.patience].map(Duration::from_secs);
    let mut scenarios = Vec::new();
    for worlds in arguments.clusters.chunk_by(|one, next| one.workloads == next.workloads) {
        let cluster = filled(worlds[0]).await?;
        for world in worlds {
            let is_crowded = world.assignments > World::NAMESPACES;
            let churn = if world.workloads < 10_000 || is_crowded { churn / 4 } else { churn };
            // With so many assignments it takes ten minutes to emit all Events.
            let patience = if is_crowded { Duration::ZERO } else { patience };
            let starts = if is_crowded { LONG_STARTS } else { STARTS };
            scenarios.push(measure(&cluster, *world, starts, churn, patience).await?);
            kept::write(&arguments.json, &scenarios)?;
        }
    }
    say(&format!("written to {}", arguments.json.display()));
    Ok(())
}

/// Starts a cluster and creates its workloads.
async fn filled(world: World) -> Result<Cluster> {
    say(&format!("a cluster for {} workloads starts", world.workloads));
    let cluster = Cluster::start().await?;
    cluster.create("namespaces, nodes, policies, Services and Ingresses", world.surroundings()).await?;
    cluster.await_service_accounts(World::NAMESPACES).await?;
    cluster.create("workloads", world.workloads()).await?;
    Ok(cluster)
}

/// Measures in a cluster with workloads. Creates the assignments and deletes them afterwards.
async fn measure(
    cluster: &Cluster,
    world: World,
    starts: usize,
    churn: Duration,
    patience: Duration,
) -> Result<Scenario> {
    say(&format!("measuring with {} assignments", world.assignments));
    cluster.create("assignments", world.assignments()).await?;
    let (mut operator_starts, mut plain_starts, mut floor_starts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut running, mut objects): (Option<RunningOperator>, _) = (None, 0);
    for round in 1..=starts {
        if let Some(operator) = running.take() {
            operator.stop()?;
            cold::forget(cluster, world).await?;
        }
        say(&format!("start {round} of {starts}: the floor, the operator without signals, then with all of them"));
        let (start, count, _) = cold::floor(cluster).await?;
        say_of_start("floor", &start);
        objects = count;
        floor_starts.push(start);
        let (start, operator) = cold::operator(cluster, world, EnabledSignals::None).await?;
        say_of_start("without signals", &start);
        plain_starts.push(start);
        operator.stop()?;
        cold::forget(cluster, world).await?;
        let (start, operator) = cold::operator(cluster, world, EnabledSignals::All).await?;
        say_of_start("operator", &start);
        operator_starts.push(start);
        running = Some(operator);
    }
    let operator = running.context("there was no start")?;
    let settled = rest::settle(cluster, patience).await?;
    let settled_seconds = settled.map(|at| seconds_between(operator.started, at));
    say("single changes");
    let quiet = reaction::measure(cluster, world).await?;
    say(&format!("{quiet:?}"));
    say("many changes");
    let churned = churn::measure(cluster, world, churn, || operator.usage(), true).await?;
    say(&format!("{churned:?}"));
    let settled = rest::settle(cluster, patience).await?;
    say("at rest");
    let rest = rest::measure(cluster, &operator, settled.is_some()).await?;
    say(&format!("{rest:?}"));
    let stored = rest::stored(cluster).await?;
    say(&format!("{stored:?}"));
    operator.stop()?;
    cold::forget(cluster, world).await?;
    let without_signals = without_signals(cluster, world, plain_starts, patience).await?;
    say("the same changes without the operator");
    let bare = reaction::measure_bare(cluster, world).await?;
    say(&format!("{bare:?}"));
    let (_, _, floor) = cold::floor(cluster).await?;
    let floor_churn = churn::measure(cluster, world, FLOOR_CHURN, || floor.usage(), false).await?;
    say(&format!("{floor_churn:?}"));
    tokio::time::sleep(rest::SETTLED_AFTER).await;
    let scenario = Scenario {
        workloads: world.workloads,
        assignments: world.assignments,
        objects,
        listed_bytes: listed_bytes(cluster).await?,
        operator_starts,
        floor_starts,
        floor_memory: floor.usage()?.memory,
        quiet,
        bare,
        churn: churned,
        floor_churn,
        settled_seconds,
        rest,
        stored,
        without_signals,
    };
    let gone = world
        .assignments()
        .map(|assignment| request(Method::DELETE, &assignment.path(), "application/json", String::new()));
    cluster.send_all("assignments deleted", gone).await?;
    Ok(scenario)
}

/// Measures the operator with all signals disabled, after these starts.
async fn without_signals(
    cluster: &Cluster,
    world: World,
    starts: Vec<Start>,
    patience: Duration,
) -> Result<WithoutSignals> {
    say("single changes without signals");
    let (_, operator) = cold::operator(cluster, world, EnabledSignals::None).await?;
    rest::settle(cluster, patience).await?;
    let quiet = reaction::measure(cluster, world).await?;
    say(&format!("{quiet:?}"));
    rest::settle(cluster, patience).await?;
    let (memory, stored) = (operator.usage()?.memory, rest::stored(cluster).await?);
    operator.stop()?;
    cold::forget(cluster, world).await?;
    Ok(WithoutSignals { starts, quiet, memory, stored })
}

fn say_of_start(what: &str, start: &Start) {
    let Start { seconds, cpu_seconds, api_server_cpu_seconds, peak_bytes, .. } = start;
    say(&format!(
        "{what}: {seconds:.2} s, {cpu_seconds:.2} s of processor time, {api_server_cpu_seconds:.2} s of the API server, peak {} MiB",
        peak_bytes >> 20
    ));
}

/// Returns the mean size of some Deployments as the API server lists them.
async fn listed_bytes(cluster: &Cluster) -> Result<usize> {
    let list: Value = serde_json::from_str(&cluster.get("/apis/apps/v1/deployments?limit=100").await?)?;
    let sizes: Vec<usize> = list["items"].as_array().into_iter().flatten().map(|item| item.to_string().len()).collect();
    Ok(sizes.iter().sum::<usize>() / sizes.len().max(1))
}

//! From the start of the process until everything is known: the operator until the last assignment has its status, the
//! floor until the last object is read.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use benches::World;
use benches::scenario::Start;
use http::Method;
use serde_json::json;

use crate::audit::{Audit, count};
use crate::cluster::{ACCOUNT, Cluster, merge_patch, request};
use crate::process::{Floor, Looks, RunningOperator, seconds_between};

/// How long it may take before the run has failed.
const LIMIT: Duration = Duration::from_mins(10);

/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(10);

/// A start of the floor; also returns how many objects there are.
pub async fn floor(cluster: &Cluster) -> Result<(Start, usize, Floor)> {
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let spent_before = cluster.api_server_cpu()?;
    let floor = Floor::start(cluster)?;
    let begun = Instant::now();
    loop {
        if let Some(synced) = floor.synced()? {
            let usage = floor.usage()?;
            let start = Start {
                seconds: synced.seconds,
                cpu_seconds: usage.cpu,
                api_server_cpu_seconds: cluster.api_server_cpu()? - spent_before,
                peak_bytes: usage.peak,
                requests: count(&audit.read()?),
            };
            return Ok((start, synced.objects, floor));
        }
        ensure!(begun.elapsed() < LIMIT, "the floor has not read everything");
        tokio::time::sleep(LOOK).await;
    }
}

/// A start of the operator, with no status written before; it is left running.
pub async fn operator(cluster: &Cluster, world: World, looks: Looks) -> Result<(Start, RunningOperator)> {
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let assignments = world.assignments().count();
    let spent_before = cluster.api_server_cpu()?;
    let operator = RunningOperator::start(cluster, looks)?;
    let begun = Instant::now();
    let (mut entries, mut published) = (Vec::new(), HashSet::new());
    while published.len() < assignments {
        ensure!(begun.elapsed() < LIMIT, "only {} of {assignments} statuses were written", published.len());
        tokio::time::sleep(LOOK).await;
        for entry in audit.read()? {
            if entry.is_status() {
                published.insert(entry.object());
            }
            entries.push(entry);
        }
    }
    let usage = operator.usage()?;
    let last = entries.iter().filter(|entry| entry.is_status()).map(|entry| entry.at).max();
    let seconds = seconds_between(operator.started, last.unwrap_or(operator.started));
    let start = Start {
        seconds,
        cpu_seconds: usage.cpu,
        api_server_cpu_seconds: cluster.api_server_cpu()? - spent_before,
        peak_bytes: usage.peak,
        requests: count(&entries),
    };
    Ok((start, operator))
}

/// Removes what the operator wrote: statuses and Events.
pub async fn forget(cluster: &Cluster, world: World) -> Result<()> {
    let paths: Vec<String> = world.assignments().map(|assignment| assignment.path()).collect();
    let nothing = json!({ "status": null });
    let statuses = paths.iter().map(|path| merge_patch(&format!("{path}/status"), &nothing));
    let namespaces: HashSet<&str> = paths.iter().filter_map(|path| namespace(path)).chain(["default"]).collect();
    let events = namespaces.into_iter().map(|namespace| {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
        request(Method::DELETE, &path, "application/json", String::new())
    });
    cluster.send_all("statuses and collections of Events removed", statuses.chain(events)).await
}

/// The namespace in the path of an object.
fn namespace(path: &str) -> Option<&str> {
    path.split_once("/namespaces/")?.1.split('/').next()
}

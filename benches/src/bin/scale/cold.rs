//! Start of a process. It ends when the last assignment has its status (operator), or when the last object is read (floor).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use benches::World;
use benches::scenario::Start;
use http::Method;
use serde_json::json;

use crate::audit::{Audit, count};
use crate::cluster::{ACCOUNT, Cluster, merge_patch, request};
use crate::process::{EnabledSignals, Floor, RunningOperator, seconds_between};

/// Maximum time of a start. After it the run fails.
const LIMIT: Duration = Duration::from_mins(10);

/// Time between two checks.
const LOOK: Duration = Duration::from_millis(10);

/// Measures a start of the floor. Also returns the number of objects.
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

/// Measures a start of the operator without any written status. The operator continues to run.
pub async fn operator(cluster: &Cluster, world: World, signals: EnabledSignals) -> Result<(Start, RunningOperator)> {
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let assignments = world.assignments().count();
    let spent_before = cluster.api_server_cpu()?;
    let operator = RunningOperator::start(cluster, signals)?;
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

/// Deletes the statuses and Events that the operator wrote.
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

/// Returns the namespace in the path of an object.
fn namespace(path: &str) -> Option<&str> {
    path.split_once("/namespaces/")?.1.split('/').next()
}

//! What the operator does when nothing changes, and what it has left in etcd.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::{Audit, Entry, count};
use crate::cluster::{ACCOUNT, Cluster};
use crate::process::RunningOperator;

/// Without a write for so long it has told everything that it has to tell.
const SETTLED: Duration = Duration::from_secs(10);

/// How long that may take: Events are written at 10 a second at most, one for each assignment at first sight.
const LIMIT: Duration = Duration::from_mins(20);

/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(500);

/// For how long the operator is watched at rest.
const REST: Duration = Duration::from_mins(1);

/// What the operator does when nothing changes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Rest {
    /// For how long it was watched, in seconds.
    pub seconds: f64,
    /// What it asked of the API server meanwhile.
    pub requests: BTreeMap<String, usize>,
    /// Those that neither renew the Lease nor begin a watch anew.
    pub unexpected: usize,
    /// Processors used meanwhile.
    pub cores: f64,
    /// Memory then, in bytes.
    pub resident_bytes: u64,
}

/// What the operator has left in etcd.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stored {
    /// The sizes of the statuses of assignments, in bytes of JSON: the median and the largest.
    pub status_median_bytes: usize,
    pub status_max_bytes: usize,
    /// All of them, with what the API server notes of their fields.
    pub total_bytes: usize,
    /// Events that are there now, and their size.
    pub events: usize,
    pub event_bytes: usize,
}

/// Waits until the operator has written what it has to write; returns how long that took, in seconds, and what it asked.
pub async fn settle(cluster: &Cluster) -> Result<f64> {
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let begun = Instant::now();
    let mut last = begun;
    while last.elapsed() < SETTLED {
        ensure!(begun.elapsed() < LIMIT, "the operator goes on writing");
        tokio::time::sleep(LOOK).await;
        if audit.read()?.iter().any(is_unexpected) {
            last = Instant::now();
        }
    }
    Ok(last.duration_since(begun).as_secs_f64())
}

fn is_unexpected(entry: &Entry) -> bool {
    !entry.is_lease() && !entry.is_watch()
}

/// Watches the operator while nothing changes.
pub async fn measure(cluster: &Cluster, operator: &RunningOperator) -> Result<Rest> {
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let before = operator.usage()?;
    tokio::time::sleep(REST).await;
    let (after, entries) = (operator.usage()?, audit.read()?);
    Ok(Rest {
        seconds: REST.as_secs_f64(),
        unexpected: entries.iter().filter(|entry| is_unexpected(entry)).count(),
        requests: count(&entries),
        cores: (after.cpu - before.cpu) / REST.as_secs_f64(),
        resident_bytes: after.resident,
    })
}

/// Looks at what the operator has left.
pub async fn stored(cluster: &Cluster) -> Result<Stored> {
    let mut statuses = Vec::new();
    let mut total_bytes = 0;
    for plural in ["responsibilityassignments", "clusterresponsibilityassignments"] {
        let list = cluster.get(&format!("/apis/sharedresponsibility.dev/v1alpha1/{plural}")).await?;
        let list: Value = serde_json::from_str(&list)?;
        for assignment in list["items"].as_array().into_iter().flatten() {
            let status = assignment["status"].to_string().len();
            let managed = assignment["metadata"]["managedFields"].as_array().into_iter().flatten();
            let noted = managed.filter(|entry| entry["subresource"] == "status").map(|entry| entry.to_string().len());
            total_bytes += status + noted.sum::<usize>();
            statuses.push(status);
        }
    }
    statuses.sort_unstable();
    let events: Value = serde_json::from_str(&cluster.get("/apis/events.k8s.io/v1/events").await?)?;
    let events = events["items"].as_array().cloned().unwrap_or_default();
    Ok(Stored {
        status_median_bytes: statuses.get(statuses.len() / 2).copied().unwrap_or_default(),
        status_max_bytes: statuses.last().copied().unwrap_or_default(),
        total_bytes,
        events: events.len(),
        event_bytes: events.iter().map(|event| event.to_string().len()).sum(),
    })
}

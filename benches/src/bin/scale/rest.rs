//! Operator without changes, and its statuses and Events in etcd.

use std::time::{Duration, Instant};

use anyhow::Result;
use benches::scenario::{Rest, Stored};
use jiff::Timestamp;
use serde_json::Value;

use crate::audit::{Audit, Entry, count};
use crate::cluster::{ACCOUNT, Cluster};
use crate::process::RunningOperator;

/// Time without a status or Event write after which the operator counts as settled.
pub const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// Time between two checks.
const POLL: Duration = Duration::from_millis(500);

/// Duration of the measurement at rest.
const REST: Duration = Duration::from_secs(35);

/// Waits until the operator has emitted all Events. Returns the time of the last write, or `None` if writes continue beyond
/// the limit.
pub async fn settle(cluster: &Cluster, limit: Duration) -> Result<Option<Timestamp>> {
    super::say("waiting until all Events are emitted");
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let begun = Instant::now();
    let (mut last, mut at) = (begun, Timestamp::now());
    while last.elapsed() < SETTLED_AFTER {
        if begun.elapsed() > limit + SETTLED_AFTER {
            super::say("Events are still emitted during the next measurements");
            return Ok(None);
        }
        tokio::time::sleep(POLL).await;
        if audit.read()?.iter().any(Entry::is_write) {
            (last, at) = (Instant::now(), Timestamp::now());
        }
    }
    Ok(Some(at))
}

/// Measures the operator without changes. `settled` is true if it has emitted all Events before.
pub async fn measure(cluster: &Cluster, operator: &RunningOperator, settled: bool) -> Result<Rest> {
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let before = operator.usage()?;
    tokio::time::sleep(REST).await;
    let (after, entries) = (operator.usage()?, audit.read()?);
    Ok(Rest {
        settled,
        seconds: REST.as_secs_f64(),
        lists: entries.iter().filter(|entry| entry.is_list()).count(),
        writes: entries.iter().filter(|entry| entry.is_write()).count(),
        requests: count(&entries),
        cores: (after.cpu - before.cpu) / REST.as_secs_f64(),
        memory: after.memory,
    })
}

/// Measures the statuses and Events in etcd.
pub async fn stored(cluster: &Cluster) -> Result<Stored> {
    let mut statuses = Vec::new();
    let mut total_bytes = 0;
    for plural in ["responsibilityassignments", "clusterresponsibilityassignments"] {
        let list = cluster.get(&format!("/apis/sharedresponsibility.dev/v1alpha1/{plural}")).await?;
        let list: Value = serde_json::from_str(&list)?;
        for assignment in list["items"].as_array().into_iter().flatten() {
            let status = assignment["status"].to_string().len();
            let managed = assignment["metadata"]["managedFields"].as_array().into_iter().flatten();
            let managed = managed.filter(|entry| entry["subresource"] == "status").map(|entry| entry.to_string().len());
            total_bytes += status + managed.sum::<usize>();
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

//! What the operator does when nothing changes, and what it has left in etcd.

use std::time::{Duration, Instant};

use anyhow::Result;
use benches::scenario::{Rest, Stored};
use jiff::Timestamp;
use serde_json::Value;

use crate::audit::{Audit, Entry, count};
use crate::cluster::{ACCOUNT, Cluster};
use crate::process::RunningOperator;

/// Without a write for so long it has told everything that it has to tell.
pub const SETTLED: Duration = Duration::from_secs(10);

/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(500);

/// For how long the operator is watched at rest.
const REST: Duration = Duration::from_secs(35);

/// Waits until the operator has told everything; returns since when it has, or nothing when it goes on beyond the limit.
pub async fn settle(cluster: &Cluster, limit: Duration) -> Result<Option<Timestamp>> {
    super::say("waiting until everything is told");
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let begun = Instant::now();
    let (mut last, mut at) = (begun, Timestamp::now());
    while last.elapsed() < SETTLED {
        if begun.elapsed() > limit + SETTLED {
            super::say("it goes on telling meanwhile");
            return Ok(None);
        }
        tokio::time::sleep(LOOK).await;
        if audit.read()?.iter().any(Entry::tells) {
            (last, at) = (Instant::now(), Timestamp::now());
        }
    }
    Ok(Some(at))
}

/// Watches the operator while nothing changes; whether it has told everything before is as given.
pub async fn measure(cluster: &Cluster, operator: &RunningOperator, settled: bool) -> Result<Rest> {
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let before = operator.usage()?;
    tokio::time::sleep(REST).await;
    let (after, entries) = (operator.usage()?, audit.read()?);
    Ok(Rest {
        settled,
        seconds: REST.as_secs_f64(),
        lists: entries.iter().filter(|entry| entry.is_list()).count(),
        told: entries.iter().filter(|entry| entry.tells()).count(),
        requests: count(&entries),
        cores: (after.cpu - before.cpu) / REST.as_secs_f64(),
        memory: after.memory,
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

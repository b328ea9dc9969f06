//! Measurements of the scale run, stored in `target/bench/scale.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Measurements in one cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scenario {
    /// Number of workloads in the cluster.
    pub workloads: usize,
    /// Number of namespaced assignments. There are two cluster assignments as well.
    pub assignments: usize,
    /// Number of all objects that the operator reads.
    pub objects: usize,
    /// Mean size in bytes of a Deployment as the API server lists it.
    pub listed_bytes: usize,
    /// Starts of the operator without any written status.
    pub operator_starts: Vec<Start>,
    /// Starts of the floor.
    pub floor_starts: Vec<Start>,
    /// Memory of the floor some time after it has read all objects and received changes for a while.
    pub floor_memory: Memory,
    /// Time from a single change to the status that shows it.
    pub quiet: Latency,
    /// The same time for a bare client: a watch that sees the change, and a status patch.
    pub bare: Latency,
    /// Operator during many changes.
    pub churn: Churn,
    /// Floor during the same changes.
    pub floor_churn: Churn,
    /// Time in seconds from the start until the operator had emitted all Events; none if the run did not wait for that. The
    /// measurements below then include Events that were still emitted.
    pub settled_seconds: Option<f64>,
    /// Operator without changes.
    pub rest: Rest,
    /// Statuses and Events in etcd.
    pub stored: Stored,
    /// Operator with all signals disabled.
    pub without_signals: WithoutSignals,
}

/// Measurements of the operator with all signals disabled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WithoutSignals {
    /// Starts without any written status.
    pub starts: Vec<Start>,
    /// Time from a single change to the status that shows it.
    pub quiet: Latency,
    /// Memory after these changes.
    pub memory: Memory,
    /// Statuses and Events in etcd.
    pub stored: Stored,
}

/// Start of a process. It ends when the last assignment has its status (operator), or when the last object is read (floor).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// Duration in seconds.
    pub seconds: f64,
    /// CPU time of the process in seconds.
    pub cpu_seconds: f64,
    /// CPU time of the API server in the same period, in seconds.
    pub api_server_cpu_seconds: f64,
    /// Peak memory of the process in bytes.
    pub peak_bytes: u64,
    /// Number of requests to the API server by verb and resource.
    pub requests: BTreeMap<String, usize>,
}

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// All resident memory, including the pages of the program itself.
    pub resident: u64,
    /// Anonymous memory of the process: its heap and its stacks.
    pub private: u64,
}

/// Distribution of a latency, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Number of samples.
    pub samples: usize,
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Maximum.
    pub max: f64,
}

impl Latency {
    /// Computes the distribution of samples in milliseconds.
    #[must_use]
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let quantile =
            |numerator: usize| samples.get((samples.len() * numerator).div_ceil(100).saturating_sub(1)).copied();
        Self {
            samples: samples.len(),
            p50: quantile(50).unwrap_or(f64::NAN),
            p99: quantile(99).unwrap_or(f64::NAN),
            max: samples.last().copied().unwrap_or(f64::NAN),
        }
    }
}

/// Measurements during many changes per second.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Churn {
    /// Duration of the changes in seconds.
    pub seconds: f64,
    /// Number of requested changes per second that the API server accepted.
    pub changes_per_second: f64,
    /// Time from a change with an effect to the status that shows it; none if no program writes statuses.
    pub latency: Option<Latency>,
    /// CPU usage of the process, in cores.
    pub cores: f64,
    /// Status writes per second.
    pub writes_per_second: f64,
    /// Maximum number of status writes per second for one assignment.
    pub writes_of_one_per_second: f64,
    /// Events per second.
    pub events_per_second: f64,
}

/// Measurements without changes. All other requests renew the Lease, start a watch again, or run discovery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rest {
    /// True if the operator had emitted all Events before.
    pub settled: bool,
    /// Duration in seconds.
    pub seconds: f64,
    /// Number of requests to the API server by verb and resource.
    pub requests: BTreeMap<String, usize>,
    /// Number of lists among the requests.
    pub lists: usize,
    /// Number of status and Event writes among the requests.
    #[serde(rename = "told")]
    pub writes: usize,
    /// CPU usage in cores.
    pub cores: f64,
    /// Memory at the end.
    pub memory: Memory,
}

/// Statuses and Events in etcd.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stored {
    /// Median size in bytes of a status as JSON.
    pub status_median_bytes: usize,
    /// Size in bytes of the largest status.
    pub status_max_bytes: usize,
    /// Size in bytes of all statuses, including their managed fields.
    pub total_bytes: usize,
    /// Number of Events that exist.
    pub events: usize,
    /// Size of these Events in bytes.
    pub event_bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_one_exceeds_the_p99_and_half_the_median() {
        let latency = Latency::of((1..=100_u32).rev().map(f64::from).collect());
        assert_eq!((latency.samples, latency.p50, latency.p99, latency.max), (100, 50.0, 99.0, 100.0));
    }
}

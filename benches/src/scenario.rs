//! What the scale run measured, as it is kept in `target/bench/scale.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was measured in a cluster of a size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scenario {
    /// How many workloads the cluster has.
    pub workloads: usize,
    /// How many assignments in namespaces it has, beside two of the cluster.
    pub assignments: usize,
    /// All objects that the operator reads.
    pub objects: usize,
    /// A Deployment as the API server lists it, in bytes, the mean.
    pub listed_bytes: usize,
    /// Starts of the operator, with no status written before.
    pub operator_starts: Vec<Start>,
    /// Starts of the floor.
    pub floor_starts: Vec<Start>,
    /// The memory of the floor some time after it has read everything, and changes for a while.
    pub floor_memory: Memory,
    /// From a single change to the status that shows it.
    pub quiet: Latency,
    /// The same the bare way: a watch that sees the change, and a status patch.
    pub bare: Latency,
    /// The operator while there are many changes.
    pub churn: Churn,
    /// The floor meanwhile.
    pub floor_churn: Churn,
    /// How long after its start the operator had told everything by Events, in seconds; none where that was not
    /// waited for, and what follows was measured while it went on telling.
    pub settled_seconds: Option<f64>,
    /// The operator while nothing changes.
    pub rest: Rest,
    /// What it has left in etcd.
    pub stored: Stored,
    /// The operator without any signal.
    pub without_signals: WithoutSignals,
}

/// The operator when it looks at no signal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WithoutSignals {
    /// Its starts, with no status written before.
    pub starts: Vec<Start>,
    /// From a single change to the status that shows it.
    pub quiet: Latency,
    /// Its memory after that.
    pub memory: Memory,
    /// What it has left in etcd.
    pub stored: Stored,
}

/// From the start of a process until everything is known: the operator until the last assignment has its status, the floor
/// until the last object is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Processor time of the process until then, in seconds.
    pub cpu_seconds: f64,
    /// Processor time of the API server meanwhile, in seconds.
    pub api_server_cpu_seconds: f64,
    /// The most memory of the process until then, in bytes.
    pub peak_bytes: u64,
    /// What was asked of the API server.
    pub requests: BTreeMap<String, usize>,
}

/// Memory that is in RAM, in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// All of it, with the pages of the program itself.
    pub resident: u64,
    /// What the process has taken for itself: its heap and its stacks.
    pub private: u64,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// How often it was measured.
    pub samples: usize,
    /// The median.
    pub p50: f64,
    /// What one of a hundred exceeds.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    /// Of samples in milliseconds.
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

/// What many changes a second come to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Churn {
    /// For how long there were changes, in seconds.
    pub seconds: f64,
    /// How many changes a second the API server took, of those that were asked for.
    pub changes_per_second: f64,
    /// From a change that counts to the status that shows it, where somebody writes statuses.
    pub latency: Option<Latency>,
    /// Processors used by the process meanwhile.
    pub cores: f64,
    /// Statuses written a second, in all.
    pub writes_per_second: f64,
    /// Statuses of one assignment written a second, at most.
    pub writes_of_one_per_second: f64,
    /// Events written a second.
    pub events_per_second: f64,
}

/// What the operator does while nothing changes: what it asks beside this renews the Lease, begins a watch anew, or asks what
/// is served.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rest {
    /// Whether it had told everything by Events before.
    pub settled: bool,
    /// For how long it was watched, in seconds.
    pub seconds: f64,
    /// What it asked of the API server meanwhile.
    pub requests: BTreeMap<String, usize>,
    /// How many of that were lists.
    pub lists: usize,
    /// How many of that were statuses and Events.
    pub told: usize,
    /// Processors used meanwhile.
    pub cores: f64,
    /// Memory then.
    pub memory: Memory,
}

/// What the operator has left in etcd.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stored {
    /// The size of a status as JSON, in bytes, the median.
    pub status_median_bytes: usize,
    /// The size of the largest status, in bytes.
    pub status_max_bytes: usize,
    /// All statuses, with what the API server notes of their fields, in bytes.
    pub total_bytes: usize,
    /// Events that are there now.
    pub events: usize,
    /// Their size, in bytes.
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

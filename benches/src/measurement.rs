//! Measurements of the core benchmarks, stored in `target/bench/core.json`.

use serde::{Deserialize, Serialize};

use crate::world::World;

/// Costs of one event, of one object of a load, or of one workload of a complete list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Name of the benchmark.
    pub benchmark: String,
    /// Number of workloads in the cluster.
    pub workloads: usize,
    /// Number of namespaced assignments in the cluster.
    pub assignments: usize,
    /// Median time.
    pub nanoseconds: Option<f64>,
    /// Number of allocations.
    pub allocations: Option<u64>,
    /// Number of allocated bytes.
    pub bytes: Option<u64>,
    /// Bytes in use after a load, per workload.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live_bytes: Option<u64>,
    /// Peak of the bytes in use during a load, per workload.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_bytes: Option<u64>,
}

impl Measurement {
    /// Creates an empty measurement.
    #[must_use]
    pub fn of(benchmark: &str, world: World) -> Self {
        Self {
            benchmark: benchmark.to_owned(),
            workloads: world.workloads,
            assignments: world.assignments,
            nanoseconds: None,
            allocations: None,
            bytes: None,
            live_bytes: None,
            peak_bytes: None,
        }
    }

    /// Returns true for the same benchmark and the same cluster.
    #[must_use]
    pub fn is_of_same(&self, other: &Self) -> bool {
        (&self.benchmark, self.workloads, self.assignments) == (&other.benchmark, other.workloads, other.assignments)
    }
}

/// Prints measurements as a table.
pub fn print(measurements: &[Measurement]) {
    let row = |of: &str, workloads: &str, assignments: &str, numbers: [&str; 3]| {
        let [time, allocations, bytes] = numbers;
        println!("{of:<40} {workloads:>9} {assignments:>11} {time:>13} {allocations:>11} {bytes:>9}");
    };
    println!();
    row("one event, object or workload", "workloads", "assignments", ["nanoseconds", "allocations", "bytes"]);
    // Puts the clusters of one benchmark next to each other.
    let mut sorted: Vec<&Measurement> = measurements.iter().collect();
    sorted.sort_by(|one, other| one.benchmark.cmp(&other.benchmark));
    for one in sorted {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let time = one.nanoseconds.map_or_else(|| "-".to_owned(), |time| format!("{time:.0}"));
        let numbers = [time, number(one.allocations), number(one.bytes)];
        let numbers = numbers.each_ref().map(String::as_str);
        row(&one.benchmark, &one.workloads.to_string(), &one.assignments.to_string(), numbers);
    }
    for one in measurements {
        if let (Some(live), Some(peak)) = (one.live_bytes, one.peak_bytes) {
            let Measurement { workloads, assignments, .. } = one;
            println!(
                "{workloads} workloads, {assignments} assignments: {live} bytes kept for each workload, {peak} at most while loading"
            );
        }
    }
}

//! What was measured, as it is kept in `target/bench/core.json`.

use serde::{Deserialize, Serialize};

use crate::world::World;

/// What one event, one object of a load, or one workload of a complete list costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What is done.
    pub benchmark: String,
    /// How many workloads the cluster has.
    pub workloads: usize,
    /// How many assignments in namespaces it has.
    pub assignments: usize,
    /// The time that it takes, the median.
    pub nanoseconds: Option<f64>,
    /// How often it allocates.
    pub allocations: Option<u64>,
    /// How many bytes it allocates.
    pub bytes: Option<u64>,
    /// Of a load, for each workload: the bytes that are in use when it is done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live_bytes: Option<u64>,
    /// Of a load, for each workload: the most bytes that were in use until then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub peak_bytes: Option<u64>,
}

impl Measurement {
    /// Nothing measured yet.
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

    /// Whether another one is of the same benchmark and the same cluster.
    #[must_use]
    pub fn is_of_same(&self, other: &Self) -> bool {
        (&self.benchmark, self.workloads, self.assignments) == (&other.benchmark, other.workloads, other.assignments)
    }
}

/// Prints them as a table.
pub fn print(measurements: &[Measurement]) {
    let row = |of: &str, workloads: &str, assignments: &str, numbers: [&str; 3]| {
        let [time, allocations, bytes] = numbers;
        println!("{of:<40} {workloads:>9} {assignments:>11} {time:>13} {allocations:>11} {bytes:>9}");
    };
    println!();
    row("one event, object or workload", "workloads", "assignments", ["nanoseconds", "allocations", "bytes"]);
    // Beside each other what is to be compared.
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

//! Times of the core for one event and for all objects, in clusters of several sizes.
//!
//! Cargo runs it after `allocations`. Both write their measurements to `target/bench/core.json`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use benches::measurement::{self, Measurement};
use benches::{Sent, World, cases, kept};
use criterion::{BatchSize, Bencher, BenchmarkId, Criterion, SamplingMode};
use responsibility_operator::api::AssignmentStatus;
use serde_json::Value;

/// Number of changes that are prepared at once: few enough to stay in the CPU cache, as after a read.
const PREPARED: BatchSize = BatchSize::NumIterations(32);

fn main() -> Result<()> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("the target folder has no path")?;
    let mut run = Run::new(target.join("criterion"));
    for world in cases::WORLDS {
        println!("making a cluster of {} workloads and {} assignments ...", world.workloads, world.assignments);
        run.measure(world);
    }
    run.criterion.final_summary();
    let folder = target.join("bench");
    // Without the other benchmark there are only times.
    let allocations = folder.join("allocations.json");
    let allocated: Vec<Measurement> = if allocations.exists() { kept::read(&allocations)? } else { Vec::new() };
    for known in &mut run.measured {
        if let Some(found) = allocated.iter().find(|found| found.is_of_same(known)) {
            *known = Measurement { nanoseconds: known.nanoseconds, ..found.clone() };
        }
    }
    measurement::print(&run.measured);
    let path = folder.join("core.json");
    println!("\nwritten to {}", path.display());
    kept::write(&path, &run.measured)
}

struct Run {
    criterion: Criterion,
    /// Directory of the results of criterion.
    results: PathBuf,
    measured: Vec<Measurement>,
}

impl Run {
    fn new(results: PathBuf) -> Self {
        let criterion = Criterion::default()
            .output_directory(&results)
            .sample_size(20)
            .warm_up_time(Duration::from_millis(100))
            .measurement_time(Duration::from_millis(400))
            .configure_from_args();
        Self { criterion, results, measured: Vec::new() }
    }

    fn measure(&mut self, world: World) {
        let objects = cases::all(world);
        self.time("load", world, count(objects.len()), |bencher| {
            let deltas = || objects.iter().map(Sent::read).collect::<Vec<_>>();
            bencher.iter_batched(deltas, cases::load, BatchSize::PerIteration);
        });

        let mut inventory = cases::load(objects.iter().map(Sent::read));
        let (relisted, deployments) = cases::relisted(&objects);
        drop(objects);
        self.time("relist", world, count(deployments), |bencher| {
            bencher.iter_batched(|| relisted.clone(), |delta| inventory.apply(delta), BatchSize::PerIteration);
        });

        let deployment = cases::listed_deployment(world);
        self.time("extract", world, 1.0, |bencher| bencher.iter(|| deployment.read()));
        for mut event in cases::events(world) {
            self.time(event.name, world, 1.0, |bencher| {
                bencher.iter_batched(|| event.next_change(), |delta| inventory.apply(delta), PREPARED);
            });
        }

        let selecting = cases::changed_assignments(&mut inventory, world);
        let evaluated = cases::Evaluated::new(world, &inventory, &selecting);
        self.time("evaluate", world, 1.0, |bencher| bencher.iter(|| evaluated.evaluate()));
        for id in &selecting {
            let previous = cases::reconciled(&inventory, id, &AssignmentStatus::default());
            self.time(cases::reconciliation(id), world, 1.0, |bencher| {
                bencher.iter(|| cases::reconciled(&inventory, id, &previous));
            });
        }
    }

    /// Measures a benchmark that handles several items at once, and stores the time per item.
    fn time(&mut self, name: &str, world: World, things: f64, routine: impl FnMut(&mut Bencher<'_>)) {
        let size = format!("{}-{}", world.workloads, world.assignments);
        let mut group = self.criterion.benchmark_group(name);
        if things > 1.0 {
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
        }
        group.bench_function(BenchmarkId::from_parameter(&size), routine);
        group.finish();
        let mut measurement = Measurement::of(name, world);
        measurement.nanoseconds = self.median(name, &size).ok().map(|median| median / things);
        self.measured.push(measurement);
    }

    /// Returns the median of criterion in nanoseconds.
    fn median(&self, name: &str, size: &str) -> Result<f64> {
        let path = self.results.join(name).join(size).join("new/estimates.json");
        let estimates: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        estimates["median"]["point_estimate"].as_f64().context("criterion wrote no median")
    }
}

/// Returns a number as divisor.
fn count(things: usize) -> f64 {
    u32::try_from(things).expect("the worlds are not that large").into()
}

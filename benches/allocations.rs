//! Number and size of the core's allocations for one event and for all objects, in clusters of several sizes, and the memory
//! that an index keeps.
//!
//! A separate program, because the counting allocator is slow. `core`, which Cargo runs next, adds its results.

use std::path::Path;

use anyhow::{Context, Result};
use benches::measurement::Measurement;
use benches::{World, cases, kept};
use dhat::{HeapStats, Profiler};
use responsibility_operator::api::AssignmentStatus;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Number of repetitions of each event: ten of each of its two turns.
const TIMES: u64 = 20;

fn main() -> Result<()> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("the target folder has no path")?;
    let mut measured = Vec::new();
    for world in cases::WORLDS {
        println!(
            "counting the allocations in a cluster of {} workloads and {} assignments ...",
            world.workloads, world.assignments
        );
        measure(world, &mut measured);
    }
    kept::write(&target.join("bench/allocations.json"), &measured)
}

fn measure(world: World, measured: &mut Vec<Measurement>) {
    let objects = cases::all(world);
    // A process can have one such profiler. It starts here, so that the objects themselves are not counted.
    // Stacks are short, because each allocation records one that nobody reads.
    let _profiler = Profiler::builder().testing().trim_backtraces(Some(4)).build();

    let mut inventory = cases::empty();
    let mut spent = Spent::default();
    for object in &objects {
        let delta = object.read();
        spent.on(|| inventory.apply(delta));
    }
    spent.on(|| inventory.catch_up());
    let stats = HeapStats::get();
    let for_each = |bytes: usize| Some((bytes / world.workloads) as u64);
    let load = spent.by("load", world, objects.len() as u64);
    measured.push(Measurement {
        live_bytes: for_each(stats.curr_bytes),
        peak_bytes: for_each(stats.max_bytes),
        ..load
    });

    let (relisted, deployments) = cases::relisted(&objects);
    let mut spent = Spent::default();
    spent.on(|| inventory.apply(relisted));
    measured.push(spent.by("relist", world, deployments as u64));

    let deployment = cases::listed_deployment(world);
    measured.push(repeated("extract", world, || deployment.read()));
    for mut event in cases::events(world) {
        let mut spent = Spent::default();
        for _ in 0..TIMES {
            let delta = event.next_change();
            spent.on(|| inventory.apply(delta));
        }
        measured.push(spent.by(event.name, world, TIMES));
    }

    let selecting = cases::changed_assignments(&mut inventory, world);
    let evaluated = cases::Evaluated::new(world, &inventory, &selecting);
    measured.push(repeated("evaluate", world, || evaluated.evaluate()));
    for id in &selecting {
        let previous = cases::reconciled(&inventory, id, &AssignmentStatus::default());
        let reconcile = || cases::reconciled(&inventory, id, &previous);
        measured.push(repeated(cases::reconciliation(id), world, reconcile));
    }
}

fn repeated<T>(benchmark: &str, world: World, mut routine: impl FnMut() -> T) -> Measurement {
    let mut spent = Spent::default();
    (0..TIMES).for_each(|_| drop(spent.on(&mut routine)));
    spent.by(benchmark, world, TIMES)
}

/// Allocations of a piece of work.
#[derive(Default)]
struct Spent {
    allocations: u64,
    bytes: u64,
}

impl Spent {
    /// Adds the allocations of a piece of work.
    fn on<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = HeapStats::get();
        let result = work();
        let after = HeapStats::get();
        self.allocations += after.total_blocks - before.total_blocks;
        self.bytes += after.total_bytes - before.total_bytes;
        result
    }

    /// Returns the costs per item.
    fn by(&self, benchmark: &str, world: World, things: u64) -> Measurement {
        Measurement {
            allocations: Some((self.allocations + things / 2) / things),
            bytes: Some((self.bytes + things / 2) / things),
            ..Measurement::of(benchmark, world)
        }
    }
}

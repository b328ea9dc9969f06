//! Prints the measurements of `scale` and of the core benchmarks, and writes them into `docs/performance.md`.

mod measures;
mod signals;
mod table;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use benches::kept;
use benches::measurement::Measurement;
use benches::scenario::Scenario;
use clap::Parser;
use procfs::{Current, Meminfo};

use table::Table;

/// Marks around the measurements in the document.
const MARKS: [&str; 2] = ["<!-- measured: begin -->\n", "<!-- measured: end -->"];

/// Prints measurements as tables and writes them into a document.
#[derive(Debug, Parser)]
struct Arguments {
    /// File with the measurements of scale
    #[arg(long, default_value = "target/bench/scale.json")]
    scale: PathBuf,
    /// File with the measurements of the core benchmarks
    #[arg(long, default_value = "target/bench/core.json")]
    core: PathBuf,
    /// Document to update
    #[arg(long, default_value = "docs/performance.md")]
    document: PathBuf,
}

fn main() -> Result<()> {
    let Arguments { scale, core, document } = Arguments::parse();
    let tables = tables(&kept::read::<Vec<Scenario>>(&scale)?, &kept::read::<Vec<Measurement>>(&core)?)?;
    print!("{tables}");
    put(&document, &tables)?;
    println!("written into {}", document.display());
    Ok(())
}

/// Returns all tables, each with its heading.
fn tables(scenarios: &[Scenario], core: &[Measurement]) -> Result<String> {
    let mut text = String::new();
    let cores = std::thread::available_parallelism()?;
    let memory = Meminfo::current()?.mem_total.div_ceil(1 << 30);
    writeln!(
        text,
        "\nMachine: {cores} cores, {memory} GiB, shared by all of it: API server, etcd, load and operator."
    )?;
    for scenario in scenarios {
        let Scenario { workloads, assignments, objects, listed_bytes, .. } = scenario;
        writeln!(text, "\n### {workloads} workloads, {assignments} assignments\n")?;
        writeln!(text, "{objects} objects are read; a Deployment is listed as {listed_bytes} bytes.\n")?;
        write!(text, "{}", measures::table(scenario))?;
        writeln!(text, "\nWithout [signals](fulfilment.md), and with all of them as above:\n")?;
        write!(text, "{}", signals::table(scenario))?;
    }
    if let Some((memory, small, large)) = measures::slope(scenarios) {
        writeln!(
            text,
            "\nFrom {small} to {large} workloads memory at rest grows by {} bytes for each object that is read, {} of its own.",
            memory.resident, memory.private
        )?;
    }
    writeln!(text, "\n### One event, by the size of the cluster\n")?;
    write!(text, "{}", events(core))?;
    Ok(text)
}

/// Returns the table of the costs of events in each cluster.
fn events(core: &[Measurement]) -> Table {
    let mut table = Table::new(["", "workloads", "assignments", "time", "allocations", "allocated"]);
    let names: BTreeSet<&str> = core.iter().map(|one| one.benchmark.as_str()).collect();
    for name in names {
        for one in core.iter().filter(|one| one.benchmark == name) {
            let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
            table.push([
                name.to_owned(),
                one.workloads.to_string(),
                one.assignments.to_string(),
                one.nanoseconds.map_or_else(String::new, |time| format!("{:.1} µs", time / 1000.0)),
                number(one.allocations),
                one.bytes.map_or_else(String::new, |bytes| format!("{bytes} bytes")),
            ]);
        }
    }
    table
}

/// Replaces the text between the marks of a document.
fn put(document: &Path, tables: &str) -> Result<()> {
    let text = std::fs::read_to_string(document).with_context(|| format!("cannot read {}", document.display()))?;
    let around = text.split_once(MARKS[0]).and_then(|(before, rest)| Some((before, rest.split_once(MARKS[1])?.1)));
    let (before, after) =
        around.with_context(|| format!("{} has no marks for the measurements", document.display()))?;
    let [begin, end] = MARKS;
    std::fs::write(document, format!("{before}{begin}{tables}\n{end}{after}"))?;
    Ok(())
}

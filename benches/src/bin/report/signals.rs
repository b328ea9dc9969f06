//! Costs of signals: the operator with default settings and the operator with all signals disabled, in the same cluster and
//! run.

use benches::scenario::{Scenario, Start, Stored, WithoutSignals};

use crate::measures::{MIB, median, of_bytes, of_count};
use crate::table::Table;

/// Returns the table of a scenario.
pub fn table(scenario: &Scenario) -> Table {
    let Scenario { operator_starts, quiet, rest, stored, without_signals: plain, .. } = scenario;
    let WithoutSignals { starts: plain_starts, quiet: plain_quiet, memory: plain_memory, stored: plain_stored } = plain;
    let starts = |of: fn(&Start) -> f64| [median(plain_starts, of), median(operator_starts, of)];
    let peak = |starts: &[Start]| starts.iter().map(|start| start.peak_bytes).max().map_or(f64::NAN, of_bytes);
    let sizes = |of: fn(&Stored) -> usize| [plain_stored, stored].map(|stored| of_count(of(stored)));
    let seconds = |seconds: f64| format!("{seconds:.2} s");
    let milliseconds = |milliseconds: f64| format!("{milliseconds:.0} ms");
    let mib = |bytes: f64| format!("{:.1} MiB", bytes / MIB);
    let kilobytes = |bytes: f64| format!("{:.1} kB", bytes / 1000.0);
    let mut table = Table::new(["", "without signals", "all signals", "ratio"]);
    let mut row = |measure: &str, [without, with]: [f64; 2], show: &dyn Fn(f64) -> String| {
        table.push([measure.to_owned(), show(without), show(with), format!("{:.2}", with / without)]);
    };
    row("start to the last status", starts(|start| start.seconds), &seconds);
    row("processor time of that", starts(|start| start.cpu_seconds), &seconds);
    row("the API server's meanwhile", starts(|start| start.api_server_cpu_seconds), &seconds);
    row("peak during a start", [peak(plain_starts), peak(operator_starts)], &mib);
    row("memory at rest", [plain_memory.resident, rest.memory.resident].map(of_bytes), &mib);
    row("a change to its status, p50", [plain_quiet.p50, quiet.p50], &milliseconds);
    row("a change to its status, p99", [plain_quiet.p99, quiet.p99], &milliseconds);
    row("size of a status, median", sizes(|stored| stored.status_median_bytes), &kilobytes);
    row("size of a status, largest", sizes(|stored| stored.status_max_bytes), &kilobytes);
    table
}

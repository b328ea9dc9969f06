//! Table of a scenario: each measure of the operator, its comparison and its goal.

use benches::scenario::{Churn, Memory, Scenario, Start};

use crate::table::Table;

/// Goal: time of a start relative to the floor.
const START: f64 = 1.3;

/// Goal: CPU time of a start relative to the floor.
const START_CPU: f64 = 1.25;

/// Goal: memory at rest without any object, in bytes.
const BASE_MEMORY: f64 = 15.0 * MIB;

/// Goal: memory at rest per object, in bytes.
const OBJECT_MEMORY: f64 = 500.0;

/// Goal: peak memory during a start relative to memory at rest.
const PEAK: f64 = 1.5;

/// Goal: milliseconds from a single change to the status that shows it, median and 99th percentile.
const QUIET: [f64; 2] = [50.0, 250.0];

/// Goal: the same time relative to the bare client.
const QUIET_BARE: f64 = 3.0;

/// Goal: 99th percentile of the milliseconds from one of many changes to the status that shows it.
const BUSY: f64 = 1000.0;

/// Number of requested changes per second.
const CHANGES: f64 = 500.0;

/// Goal: CPU cores during these changes.
const BUSY_CORES: f64 = 0.25;

/// Goal: status writes per second, the default limit of the operator.
const WRITES: f64 = 50.0;

/// Goal: bytes of a status, of the median and of the largest.
const STATUS: [f64; 2] = [10_000.0, 32.0 * 1024.0];

pub const MIB: f64 = 1_048_576.0;

/// Returns the table of a scenario.
pub fn table(scenario: &Scenario) -> Table {
    let mut measures = Measures(Table::new(["", "operator", "floor", "ratio", "goal", "met"]));
    starts(scenario, &mut measures);
    memory(scenario, &mut measures);
    changes(scenario, &mut measures);
    rest(scenario, &mut measures);
    measures.0
}

struct Measures(Table);

/// Goal of a figure in words, and true if the figure meets it.
struct Goal {
    words: String,
    met: bool,
}

fn at_most(figure: f64, limit: f64, words: &str) -> Goal {
    Goal { words: format!("≤ {words}"), met: figure <= limit }
}

impl Measures {
    fn row(&mut self, measure: &str, operator: String, floor: String, ratio: String, goal: impl Into<Option<Goal>>) {
        let (words, met) = match goal.into() {
            Some(Goal { words, met }) => (words, if met { "yes" } else { "**no**" }),
            None => (String::new(), ""),
        };
        self.0.push([measure.to_owned(), operator, floor, ratio, words, met.to_owned()]);
    }

    /// Adds a measure of the operator alone.
    fn alone(&mut self, measure: &str, operator: String, goal: impl Into<Option<Goal>>) {
        self.row(measure, operator, String::new(), String::new(), goal);
    }

    /// Adds a measure that the floor has too. A goal applies to the ratio.
    fn beside(&mut self, measure: &str, [operator, floor]: [f64; 2], show: impl Fn(f64) -> String, limit: Option<f64>) {
        let ratio = operator / floor;
        let goal = limit.map(|limit| at_most(ratio, limit, &format!("{limit} × floor")));
        self.row(measure, show(operator), show(floor), format!("{ratio:.2}"), goal);
    }
}

fn starts(scenario: &Scenario, measures: &mut Measures) {
    let Scenario { operator_starts, floor_starts, .. } = scenario;
    let both = |of: fn(&Start) -> f64| [median(operator_starts, of), median(floor_starts, of)];
    let seconds = |seconds: f64| format!("{seconds:.2} s");
    measures.beside("start to the last status", both(|start| start.seconds), seconds, Some(START));
    measures.beside("processor time of that", both(|start| start.cpu_seconds), seconds, Some(START_CPU));
    measures.beside("the API server's meanwhile", both(|start| start.api_server_cpu_seconds), seconds, None);
    let asked = |starts: &[Start]| {
        let last = starts.last().map(|start| &start.requests);
        let of = |verb: &str| -> usize {
            let requests = last.into_iter().flatten();
            requests.filter(|(what, _)| what.split(' ').next() == Some(verb)).map(|(_, count)| count).sum()
        };
        format!("{} / {} / {}", of("list"), of("patch"), of("get") + of("create") + of("update"))
    };
    let [operator, floor] = [operator_starts, floor_starts].map(|starts| asked(starts));
    measures.row("requests: lists / statuses / other", operator, floor, String::new(), None);
}

fn memory(scenario: &Scenario, measures: &mut Measures) {
    let mib = |bytes: f64| format!("{:.1} MiB", bytes / MIB);
    let Memory { resident, private } = scenario.rest.memory;
    let limit = BASE_MEMORY + OBJECT_MEMORY * of_count(scenario.objects);
    let floor = scenario.floor_memory;
    let resident = of_bytes(resident);
    measures.row(
        "memory at rest",
        mib(resident),
        mib(of_bytes(floor.resident)),
        format!("{:.2}", resident / of_bytes(floor.resident)),
        at_most(resident, limit, &mib(limit)),
    );
    measures.row("of that its own", mib(of_bytes(private)), mib(of_bytes(floor.private)), String::new(), None);
    let peaks = |starts: &[Start]| starts.iter().map(|start| start.peak_bytes).max().map_or(f64::NAN, of_bytes);
    let [operator, floor] = [&scenario.operator_starts, &scenario.floor_starts].map(|starts| peaks(starts));
    measures.row(
        "peak during a start",
        mib(operator),
        mib(floor),
        format!("{:.2}", operator / floor),
        at_most(operator / resident, PEAK, &format!("{PEAK} × at rest")),
    );
}

fn changes(scenario: &Scenario, measures: &mut Measures) {
    let Scenario { quiet, bare, churn, floor_churn, .. } = scenario;
    let milliseconds = |milliseconds: f64| format!("{milliseconds:.0} ms");
    let each = [("p50", quiet.p50, bare.p50, QUIET[0]), ("p99", quiet.p99, bare.p99, QUIET[1])];
    for (name, operator, bare, limit) in each {
        let ratio = operator / bare;
        measures.row(
            &format!("a change to its status, {name}"),
            milliseconds(operator),
            milliseconds(bare),
            format!("{ratio:.2}"),
            Goal {
                words: format!("≤ {limit} ms and {QUIET_BARE} × bare"),
                met: operator <= limit && ratio <= QUIET_BARE,
            },
        );
    }
    measures.row(
        "a change to its status, longest",
        milliseconds(quiet.max),
        milliseconds(bare.max),
        String::new(),
        None,
    );
    if let Some(latency) = &churn.latency {
        let under = |name: &str| format!("under {:.0} changes/s, {name}", churn.changes_per_second);
        measures.alone(&under("p50"), milliseconds(latency.p50), None);
        measures.alone(&under("p99"), milliseconds(latency.p99), at_most(latency.p99, BUSY, &format!("{BUSY} ms")));
        measures.alone(&under("longest"), milliseconds(latency.max), None);
    }
    // The API server can limit the load. The goal is for the requested rate.
    let scaled = churn.cores * CHANGES / churn.changes_per_second;
    measures.alone(
        "processors meanwhile",
        format!("{:.3}", churn.cores),
        at_most(scaled, BUSY_CORES, &format!("{BUSY_CORES} at {CHANGES}/s")),
    );
    let for_each = |churn: &Churn| churn.cores / churn.changes_per_second * 1_000_000.0;
    measures.beside(
        "processor time of a change",
        [churn, floor_churn].map(for_each),
        |time| format!("{time:.0} µs"),
        None,
    );
    let writes = |writes: f64| format!("{writes:.1}/s");
    measures.alone(
        "statuses meanwhile",
        writes(churn.writes_per_second),
        at_most(churn.writes_per_second, WRITES * (1.0 + 1.0 / churn.seconds), &format!("{WRITES}/s")),
    );
    measures.alone(
        "of one assignment",
        format!("{:.2}/s", churn.writes_of_one_per_second),
        at_most(churn.writes_of_one_per_second, 1.0, "1/s"),
    );
    measures.alone("Events meanwhile", writes(churn.events_per_second), None);
}

fn rest(scenario: &Scenario, measures: &mut Measures) {
    let Scenario { rest, stored, settled_seconds, .. } = scenario;
    let [lists, writes] = [rest.lists, rest.writes].map(of_count);
    measures.alone("lists at rest", rest.lists.to_string(), at_most(lists, 0.0, "0"));
    let goal = rest.settled.then(|| at_most(writes, 0.0, "0"));
    let name = if rest.settled { "statuses and Events at rest" } else { "statuses and Events, still written" };
    measures.alone(name, rest.writes.to_string(), goal);
    measures.alone("processors at rest", format!("{:.4}", rest.cores), None);
    let kilobytes = |bytes: usize| format!("{:.1} kB", of_count(bytes) / 1000.0);
    measures.alone(
        "size of a status, median",
        kilobytes(stored.status_median_bytes),
        at_most(of_count(stored.status_median_bytes), STATUS[0], "10 kB"),
    );
    measures.alone(
        "size of a status, largest",
        kilobytes(stored.status_max_bytes),
        at_most(of_count(stored.status_max_bytes), STATUS[1], "32 KiB"),
    );
    measures.alone("all statuses in etcd", kilobytes(stored.total_bytes), None);
    measures.alone("all Events in etcd", format!("{} in {}", kilobytes(stored.event_bytes), stored.events), None);
    let settled = settled_seconds.map_or_else(|| "not waited for".to_owned(), |seconds| format!("{seconds:.0} s"));
    measures.alone("until all Events are emitted", settled, None);
}

/// Returns the bytes of memory per object: the slope from the smallest to the largest cluster with the fewest assignments.
pub fn slope(scenarios: &[Scenario]) -> Option<(Memory, usize, usize)> {
    let fewest = scenarios.iter().map(|scenario| scenario.assignments).min()?;
    let alike = || scenarios.iter().filter(|scenario| scenario.assignments == fewest);
    let small = alike().min_by_key(|scenario| scenario.objects)?;
    let large = alike().max_by_key(|scenario| scenario.objects)?;
    let objects = u64::try_from(large.objects - small.objects).ok().filter(|objects| *objects > 0)?;
    let of = |of: fn(&Memory) -> u64| of(&large.rest.memory).saturating_sub(of(&small.rest.memory)) / objects;
    let memory = Memory { resident: of(|memory| memory.resident), private: of(|memory| memory.private) };
    Some((memory, small.workloads, large.workloads))
}

/// Returns the median of a figure of starts.
pub fn median(starts: &[Start], figure: fn(&Start) -> f64) -> f64 {
    let mut figures: Vec<f64> = starts.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn of_bytes(bytes: u64) -> f64 {
    // Counts of KiB up to 4 TiB convert without loss.
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) * 1024.0
}

pub fn of_count(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}

//! The metrics: their names, labels and meaning, and the counters.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The labels of a series with their values, in the order of [`Metric::labels`].
pub(super) type Labels = Vec<(&'static str, String)>;

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, without the suffix `_total` of counters and those of histograms.
    pub name: &'static str,
    /// What kind it is of.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// The kinds of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations by how long they are; its names end in `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl MetricKind {
    /// The word for it in the format of OpenMetrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// The names under which it is scraped.
    #[must_use]
    pub fn series(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.kind {
            MetricKind::Counter => &["_total"],
            MetricKind::Gauge => &[""],
            MetricKind::Histogram => &["_bucket", "_sum", "_count"],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name)).collect()
    }
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(pub(super) const $constant: Metric =
            Metric { name: concat!("responsibility_", $name), kind: MetricKind::$kind, labels: &[$($label),*], help: $help };)+

        /// All metrics.
        pub const ALL: &[Metric] = &[$($constant),+];
    };
}

metrics! {
    BUILD_INFO: Gauge "build_info" ["version"] "Always 1; the version of the operator";
    LEADER: Gauge "leader" [] "1 where this replica writes, 0 where it stands by";
    INVENTORY_COMPLETE: Gauge "inventory_complete" [] "1 where everything that counts could be read";
    RECONCILES: Counter "reconciles" ["kind", "result"]
        "Statuses worked on, and the Reports of namespaces (kind Report), by kind and result: written, unchanged, conflict, gone, not_leading, failed";
    RECONCILE_DURATION: Histogram "reconcile_duration_seconds" ["kind"]
        "How long it took to write the Events and the status of one object, or the Reports of a namespace, unchanged ones aside";
    QUEUE_WAITING: Gauge "queue_waiting" [] "Statuses that wait to be worked on, those included that are to be looked at later";
    QUEUE_RUNNING: Gauge "queue_running" [] "Statuses that are worked on";
    QUEUE_OLDEST: Gauge "queue_oldest_seconds" [] "How long the status has waited that is due for the longest time";
    WATCH_SYNCED: Gauge "watch_synced" ["resource"] "1 where the kind was read and is watched";
    WATCH_RELISTS: Counter "watch_relists" ["resource"] "How often the kind was listed to its end";
    WATCH_EVENTS: Counter "watch_events" ["resource"] "Objects listed, changes and deletions that were taken in";
    WATCH_ERRORS: Counter "watch_errors" ["resource"] "Requests that failed, refusals included";
    INVENTORY_OBJECTS: Gauge "inventory_objects" ["kind"]
        "What is known: workloads, workloads_left_out (of these), workloads_unselected (by any assignment), namespaces, nodes, assignments";
    DUTIES: Gauge "duties" ["layer", "duty", "state"] "Duties of workloads that some assignment selects; each workload counts once";
    GAPS: Gauge "gaps" ["namespace"]
        "Duties of workloads in a namespace that are Unowned, Invalid, Conflicted or Lapsed; at most 1000 namespaces, the rest under an empty name";
    FULFILMENT: Gauge "fulfilment" ["layer", "duty", "fulfilment"]
        "The same duties by what is seen of them: Fulfilled, Unfulfilled, Stale, Unknown, NotApplicable";
    UNFULFILLED: Gauge "unfulfilled" ["namespace"]
        "Duties of workloads in a namespace that are seen not to be done; at most 1000 namespaces, the rest under an empty name";
    SIGNALS: Gauge "signal_results" ["signal", "result"]
        "What each signal came to, counting each workload and duty once: Passed, Failed, Stale, Unseen (its source is not there), Unreadable";
    UNASSIGNED_NAMESPACES: Gauge "unassigned_namespaces" [] "Namespaces with workloads for which no assignment speaks";
    ASSIGNMENTS: Gauge "assignments" ["kind", "condition", "status"] "Assignments by kind, condition and its status";
    OWNER_GAPS: Gauge "owner_gaps" ["namespace", "owner"]
        "Gaps that assignments list, by the accountable party; an empty namespace for cluster assignments. At most 1000 series, the rest under empty names. Only with --metrics-owners";
    EVENTS: Counter "events" ["reason", "result"] "Kubernetes Events by reason and result: written, existed (told by an earlier process), gone (with its namespace), dropped (too many), failed";
}

/// The counters and durations. Each copy counts together with the others.
#[derive(Clone, Debug)]
pub struct Metrics {
    reconciles: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, Buckets>,
    relists: Family<Labels, Counter>,
    watch_events: Family<Labels, Counter>,
    watch_errors: Family<Labels, Counter>,
    events: Family<Labels, Counter>,
}

/// From 5 ms to 10 s, which is how long a write may take.
#[derive(Clone, Debug)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(0.005, 2.0, 12))
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            reconciles: Family::default(),
            durations: Family::new_with_constructor(Buckets),
            relists: Family::default(),
            watch_events: Family::default(),
            watch_errors: Family::default(),
            events: Family::default(),
        }
    }
}

impl Metrics {
    /// Counts a status that was worked on.
    pub fn reconciled(&self, kind: &str, result: &str) {
        self.reconciles.get_or_create(&labels(&RECONCILES, [kind, result])).inc();
    }

    /// Notes how long a write of a status took.
    pub fn took(&self, kind: &str, duration: Duration) {
        self.durations.get_or_create(&labels(&RECONCILE_DURATION, [kind])).observe(duration.as_secs_f64());
    }

    /// Counts Events.
    pub fn events(&self, reason: &str, result: &str, count: u64) {
        self.events.get_or_create(&labels(&EVENTS, [reason, result])).inc_by(count);
    }

    /// What counts for one watched kind.
    #[must_use]
    pub fn watch(&self, resource: &str) -> WatchMetrics {
        let [relists, events, errors] =
            [(&self.relists, &WATCH_RELISTS), (&self.watch_events, &WATCH_EVENTS), (&self.watch_errors, &WATCH_ERRORS)]
                .map(|(family, metric)| family.get_or_create(&labels(metric, [resource])).clone());
        WatchMetrics { relists, events, errors }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        for (metric, family) in [
            (RECONCILES, &self.reconciles),
            (WATCH_RELISTS, &self.relists),
            (WATCH_EVENTS, &self.watch_events),
            (WATCH_ERRORS, &self.watch_errors),
            (EVENTS, &self.events),
        ] {
            registry.register(metric.name, metric.help, family.clone());
        }
        registry.register(RECONCILE_DURATION.name, RECONCILE_DURATION.help, self.durations.clone());
    }
}

/// The counters of one watched kind.
#[derive(Clone, Debug)]
pub struct WatchMetrics {
    /// Complete lists.
    pub relists: Counter,
    /// Objects and changes taken in.
    pub events: Counter,
    /// Failed requests.
    pub errors: Counter,
}

/// The labels of a metric with these values.
pub(super) fn labels<const N: usize>(metric: &Metric, values: [&str; N]) -> Labels {
    debug_assert_eq!(metric.labels.len(), N, "the labels of {}", metric.name);
    metric.labels.iter().copied().zip(values.map(str::to_owned)).collect()
}

//! Names, labels and help texts of the metrics, and the counters.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Labels of a series with their values, in the order of [`Metric::labels`].
pub(super) type Labels = Vec<(&'static str, String)>;

/// Definition of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name without the suffix of the type (`_total`, `_bucket`, `_sum`, `_count`).
    pub name: &'static str,
    /// Type of the metric.
    pub kind: MetricKind,
    /// Names of the labels.
    pub labels: &'static [&'static str],
    /// Help text.
    pub help: &'static str,
}

/// Type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Value that only grows. The series ends in `_total`.
    Counter,
    /// Value that goes up and down.
    Gauge,
    /// Distribution of durations in seconds. The series end in `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl MetricKind {
    /// Returns the word for the type in the format of OpenMetrics.
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
    /// Returns the names of the series that a scrape contains.
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
    LEADER: Gauge "leader" [] "1 if this replica is the leader, 0 if it is a standby";
    INVENTORY_COMPLETE: Gauge "inventory_complete" [] "1 if every watched kind is synced, otherwise 0";
    RECONCILES: Counter "reconciles" ["kind", "result"]
        "Reconciliations of statuses, and of the Reports of namespaces (kind Report), by kind and result: written, unchanged, conflict, gone, not_served, not_leading, failed";
    RECONCILE_DURATION: Histogram "reconcile_duration_seconds" ["kind"]
        "Time to write the Events and the status of one object, or the Reports of a namespace; unchanged ones are not counted";
    QUEUE_WAITING: Gauge "queue_waiting" [] "Statuses in the queue: due, delayed or scheduled for a later time";
    QUEUE_RUNNING: Gauge "queue_running" [] "Statuses that are being written";
    QUEUE_OLDEST: Gauge "queue_oldest_seconds" [] "Time for which the oldest due status has waited";
    WATCH_SYNCED: Gauge "watch_synced" ["resource"] "1 if the kind was listed and is watched, otherwise 0";
    WATCH_RELISTS: Counter "watch_relists" ["resource"] "Complete lists of the kind";
    WATCH_EVENTS: Counter "watch_events" ["resource"] "Objects received by lists and watches, deletions included";
    WATCH_ERRORS: Counter "watch_errors" ["resource"] "Failed list and watch requests, including forbidden ones";
    INVENTORY_OBJECTS: Gauge "inventory_objects" ["kind"]
        "Objects in memory: workloads; of these workloads_left_out (in excluded namespaces) and workloads_unselected (that no assignment selects); namespaces; nodes; assignments";
    DUTIES: Gauge "duties" ["layer", "duty", "state"] "Duties of workloads that at least one assignment selects, by layer, duty and state; each workload counts once";
    GAPS: Gauge "gaps" ["namespace"]
        "Duties of workloads in a namespace that are Unowned, Invalid, Conflicted or Lapsed; at most 1000 namespaces, the rest under an empty name";
    FULFILMENT: Gauge "fulfilment" ["layer", "duty", "fulfilment"]
        "The same duties by fulfilment: Fulfilled, Unfulfilled, Stale, Unknown, NotApplicable";
    UNFULFILLED: Gauge "unfulfilled" ["namespace"]
        "Duties of workloads in a namespace that are Unfulfilled; at most 1000 namespaces, the rest under an empty name";
    SIGNALS: Gauge "signal_results" ["signal", "result"]
        "Results of each signal, counting each workload and duty once: Passed, Failed, Stale, Unseen (its source does not exist), Unreadable";
    UNASSIGNED_NAMESPACES: Gauge "unassigned_namespaces" [] "Namespaces with workloads that no assignment selects";
    ASSIGNMENTS: Gauge "assignments" ["kind", "condition", "status"] "Assignments by kind, condition type and condition status";
    OWNER_GAPS: Gauge "owner_gaps" ["namespace", "owner"]
        "Gaps that assignments list, by accountable party; the namespace is empty for cluster assignments. At most 1000 series, the rest under empty names. Only with --metrics-owners";
    EVENTS: Counter "events" ["reason", "result"] "Kubernetes Events by reason and result: written, existed (written by an earlier process), gone (its namespace was deleted), dropped (rate limit), failed";
}

/// Counters and histograms. All clones share their values.
#[derive(Clone, Debug)]
pub struct Metrics {
    reconciles: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, Buckets>,
    relists: Family<Labels, Counter>,
    watch_events: Family<Labels, Counter>,
    watch_errors: Family<Labels, Counter>,
    events: Family<Labels, Counter>,
}

/// Constructor of histograms with buckets from 5 ms to 10 s, the timeout of a write.
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
    /// Counts a reconciliation.
    pub fn count_reconcile(&self, kind: &str, result: &str) {
        self.reconciles.get_or_create(&labels(&RECONCILES, [kind, result])).inc();
    }

    /// Records the time of a write.
    pub fn observe_duration(&self, kind: &str, duration: Duration) {
        self.durations.get_or_create(&labels(&RECONCILE_DURATION, [kind])).observe(duration.as_secs_f64());
    }

    /// Counts Events.
    pub fn count_events(&self, reason: &str, result: &str, count: u64) {
        self.events.get_or_create(&labels(&EVENTS, [reason, result])).inc_by(count);
    }

    /// Returns the counters of one watched kind.
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

/// Counters of one watched kind.
#[derive(Clone, Debug)]
pub struct WatchMetrics {
    /// Number of complete lists.
    pub relists: Counter,
    /// Number of received objects and deletions.
    pub events: Counter,
    /// Number of failed requests.
    pub errors: Counter,
}

/// Combines the label names of a metric with values in the same order.
pub(super) fn labels<const N: usize>(metric: &Metric, values: [&str; N]) -> Labels {
    debug_assert_eq!(metric.labels.len(), N, "the labels of {}", metric.name);
    metric.labels.iter().copied().zip(values.map(str::to_owned)).collect()
}

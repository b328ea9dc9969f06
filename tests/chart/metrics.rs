//! The metrics that the operator serves, by the names of their series.

use responsibility_operator::telemetry::metric::{ALL, Metric, MetricKind};

/// All of them.
pub const fn known_metrics() -> &'static [Metric] {
    ALL
}

/// The metric of a series' name.
pub fn metric_of(series: &str) -> Option<&'static Metric> {
    known_metrics().iter().find(|metric| {
        let suffixes: &[&str] = match metric.kind {
            MetricKind::Counter => &["_total"],
            MetricKind::Gauge => &[""],
            MetricKind::Histogram => &["_bucket", "_sum", "_count"],
        };
        suffixes.iter().any(|suffix| series.strip_suffix(suffix) == Some(metric.name))
    })
}

/// What a label can hold, where that is one of a few words.
pub fn words_of(metric: &Metric, label: &str) -> Option<&'static [&'static str]> {
    let words: &[&str] = match (metric.name.trim_start_matches("responsibility_"), label) {
        ("reconciles" | "reconcile_duration_seconds", "kind") => {
            &["ResponsibilityAssignment", "ClusterResponsibilityAssignment", "ServiceModel"]
        }
        ("reconciles", "result") => &["written", "unchanged", "conflict", "gone", "not_leading", "failed"],
        ("inventory_objects", "kind") => {
            &["workloads", "workloads_left_out", "workloads_unselected", "namespaces", "nodes", "assignments"]
        }
        ("duties", "duty") => &["Provider", "Customer"],
        ("duties", "state") => {
            &["Owned", "Assumed", "Excepted", "Unknown", "Unowned", "Invalid", "Conflicted", "Lapsed"]
        }
        ("assignments", "kind") => &["ResponsibilityAssignment", "ClusterResponsibilityAssignment"],
        ("assignments", "condition") => &["Accepted", "InventoryComplete", "Covered", "Consistent", "Current", "Ready"],
        ("assignments", "status") => &["True", "False", "Unknown"],
        ("events", "result") => &["written", "existed", "gone", "dropped", "failed"],
        _ => return None,
    };
    Some(words)
}

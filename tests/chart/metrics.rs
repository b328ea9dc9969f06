//! The metrics that the operator serves, by the names of their series.

use responsibility_operator::telemetry::metric::{ALL, Metric};

/// The metric of a series' name.
pub fn metric_of(series: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| metric.series().iter().any(|name| name == series))
}

/// What a label can hold, where that is one of a few words.
pub fn words_of(metric: &Metric, label: &str) -> Option<&'static [&'static str]> {
    let words: &[&str] = match (metric.name.trim_start_matches("responsibility_"), label) {
        ("reconciles" | "reconcile_duration_seconds", "kind") => {
            &["ResponsibilityAssignment", "ClusterResponsibilityAssignment", "ServiceModel", "Report"]
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

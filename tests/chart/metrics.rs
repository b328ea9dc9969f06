//! Metrics of the operator by the names of their series.

use responsibility_operator::telemetry::metric::{ALL, Metric};

/// Returns the metric of a series.
pub fn metric_of(series: &str) -> Option<&'static Metric> {
    ALL.iter().find(|metric| metric.series().iter().any(|name| name == series))
}

/// Returns the values of a label if they are a fixed set.
pub fn words_of(metric: &Metric, label: &str) -> Option<&'static [&'static str]> {
    let words: &[&str] = match (metric.name.trim_start_matches("responsibility_"), label) {
        ("reconciles" | "reconcile_duration_seconds", "kind") => {
            &["ResponsibilityAssignment", "ClusterResponsibilityAssignment", "ServiceModel", "Report"]
        }
        ("reconciles", "result") => {
            &["written", "unchanged", "conflict", "gone", "not_served", "not_leading", "failed"]
        }
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

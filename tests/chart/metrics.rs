//! The metrics that the operator serves.

/// A metric: its name, whether it is a histogram, its labels with the words they can hold, none where any can.
pub struct Metric {
    pub name: &'static str,
    pub is_histogram: bool,
    pub labels: &'static [(&'static str, &'static [&'static str])],
}

const ANY: &[&str] = &[];
const KINDS: &[&str] = &["ResponsibilityAssignment", "ClusterResponsibilityAssignment", "ServiceModel"];

const fn metric(name: &'static str, labels: &'static [(&'static str, &'static [&'static str])]) -> Metric {
    Metric { name, is_histogram: false, labels }
}

/// All of them.
pub const fn known_metrics() -> &'static [Metric] {
    KNOWN
}

const KNOWN: &[Metric] = &[
    metric("responsibility_build_info", &[("version", ANY)]),
    metric("responsibility_leader", &[]),
    metric("responsibility_inventory_complete", &[]),
    metric(
        "responsibility_reconciles_total",
        &[("kind", KINDS), ("result", &["written", "unchanged", "conflict", "gone", "failed"])],
    ),
    Metric { name: "responsibility_reconcile_duration_seconds", is_histogram: true, labels: &[("kind", KINDS)] },
    metric("responsibility_queue_waiting", &[]),
    metric("responsibility_queue_running", &[]),
    metric("responsibility_queue_oldest_seconds", &[]),
    metric("responsibility_watch_synced", &[("resource", ANY)]),
    metric("responsibility_watch_relists_total", &[("resource", ANY)]),
    metric("responsibility_watch_events_total", &[("resource", ANY)]),
    metric("responsibility_watch_errors_total", &[("resource", ANY)]),
    metric(
        "responsibility_inventory_objects",
        &[("kind", &["workloads", "workloads_left_out", "namespaces", "nodes", "assignments"])],
    ),
    metric(
        "responsibility_duties",
        &[
            ("layer", ANY),
            ("duty", &["Provider", "Customer"]),
            ("state", &["Owned", "Assumed", "Excepted", "Unknown", "Unowned", "Invalid", "Conflicted", "Lapsed"]),
        ],
    ),
    metric("responsibility_gaps", &[("namespace", ANY)]),
    metric("responsibility_unassigned_namespaces", &[]),
    metric(
        "responsibility_assignments",
        &[
            ("kind", &["ResponsibilityAssignment", "ClusterResponsibilityAssignment"]),
            ("condition", &["Accepted", "InventoryComplete", "Covered", "Consistent", "Current", "Ready"]),
            ("status", &["True", "False", "Unknown"]),
        ],
    ),
    metric("responsibility_owner_gaps", &[("namespace", ANY), ("owner", ANY)]),
    metric("responsibility_events_total", &[("reason", ANY), ("result", &["written", "existed", "dropped", "failed"])]),
];

//! State of the controller at the time of a scrape.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::inventory::Stats;
use crate::matrix::Matrix;
use crate::model::Catalogue;

/// Values of all gauges at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// True if this replica is the leader.
    pub leads: bool,
    /// True if every watched kind is synced.
    pub complete: bool,
    /// Number of statuses in the queue that wait or are due; 0 on a standby.
    pub waiting: usize,
    /// Number of statuses that are being written.
    pub running: usize,
    /// Time since the oldest due status became due; zero on a standby.
    pub oldest: Duration,
    /// Watched resources, such as `deployments.apps`; true if the kind is synced.
    pub synced: BTreeMap<String, bool>,
    /// Matrix with the names of the layers.
    pub matrix: Arc<Matrix>,
    /// Catalogue with the names of the signals.
    pub catalogue: Arc<Catalogue>,
    /// Totals of workloads and their duties.
    pub stats: Stats,
    /// Number of assignments.
    pub assignments: usize,
    /// Number of assignments by kind, condition type and condition status.
    pub conditions: BTreeMap<(&'static str, String, String), usize>,
    /// Number of gaps by namespace (empty for cluster assignments) and accountable party; none without `--metrics-owners`.
    pub owners: Option<BTreeMap<(String, String), usize>>,
}

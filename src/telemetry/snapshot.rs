//! What the controller looks like at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::inventory::Stats;
use crate::matrix::Matrix;
use crate::model::Catalogue;

/// Everything that has a size, at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whether this replica writes.
    pub leads: bool,
    /// Whether everything that counts could be read.
    pub complete: bool,
    /// Statuses that wait to be worked on.
    pub waiting: usize,
    /// Statuses that are worked on.
    pub running: usize,
    /// How long the longest has been due.
    pub oldest: Duration,
    /// The kinds that are watched, and whether they were read.
    pub synced: BTreeMap<String, bool>,
    /// The names of layers.
    pub matrix: Arc<Matrix>,
    /// The names of signals.
    pub catalogue: Arc<Catalogue>,
    /// What is known of workloads.
    pub stats: Stats,
    /// How many assignments there are.
    pub assignments: usize,
    /// Assignments by kind, condition and its status.
    pub conditions: BTreeMap<(&'static str, String, String), usize>,
    /// Gaps by namespace, empty for cluster assignments, and accountable party. None when that is not wanted.
    pub owners: Option<BTreeMap<(String, String), usize>>,
}

//! Options of the controller, and the clock that tests replace.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;

use crate::extract::{ConfiguredKind, Extraction};
use crate::inventory::InventoryOptions;

/// Field manager of server-side apply.
pub(super) const MANAGER: &str = "responsibility-operator";

/// Default of [`Options::status_writes_per_second`].
pub const STATUS_WRITES_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("is not zero");

/// Options of the controller, fixed at start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Settings of the evaluation, and the excluded namespaces.
    pub scope: InventoryOptions,
    /// Settings for extracting facts from objects.
    pub extraction: Arc<Extraction>,
    /// Workload kinds of the configuration file. Each is watched while the API server serves it.
    pub configured: Vec<ConfiguredKind>,
    /// Namespaces to watch, without any cluster-scoped object; `None` for the whole cluster.
    pub namespaces: Option<Vec<String>>,
    /// Name of this process in Events, at most 128 bytes.
    pub instance: String,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// True to add the accountable party as a label to the metrics of gaps.
    pub owners_in_metrics: bool,
    /// Limit of status writes per second. Writes that answer a change by a user are not limited.
    pub status_writes_per_second: NonZeroU32,
    /// True to write failed duties as Reports of OpenReports too.
    pub reports: bool,
}

/// Source of the current time: the dates of reviews, agreements, evidence and exceptions are compared with it, and
/// statuses and Events carry it.
pub trait Clock: Debug + Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

/// Clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

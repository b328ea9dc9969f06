//! Metrics and health of the controller.
//!
//! The controller writes and the HTTP server reads. Counters are incremented where the counted act happens. Gauges come from a
//! [`Snapshot`] that the engine computes for each scrape, so nothing must be kept up to date between scrapes.

pub mod health;
pub mod metric;
mod render;
pub mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use health::Health;
use metric::Metrics;
use snapshot::Snapshot;

/// Maximum number of pending requests for a snapshot.
const PENDING_REQUESTS: usize = 8;
/// Maximum time for the engine to send a snapshot.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(5);

/// Request for a snapshot: the channel on which the engine sends it.
pub type SnapshotRequest = oneshot::Sender<Arc<Snapshot>>;

/// Write side, used by the controller.
#[derive(Debug)]
pub struct Instruments {
    /// Counters and durations.
    pub metrics: Metrics,
    /// Liveness and readiness.
    pub health: Health,
    /// Pending requests for a snapshot.
    pub requests: mpsc::Receiver<SnapshotRequest>,
}

/// Read side, used by the HTTP server.
#[derive(Clone, Debug)]
pub struct TelemetryReader {
    metrics: Metrics,
    /// Liveness and readiness.
    pub health: Health,
    requests: mpsc::Sender<SnapshotRequest>,
}

/// The engine did not send a snapshot in time, or has stopped.
#[derive(Debug, thiserror::Error)]
#[error("the controller did not respond in time; try again later")]
pub struct SnapshotTimeout;

/// Creates the write side and the read side.
#[must_use]
pub fn telemetry() -> (Instruments, TelemetryReader) {
    let (metrics, health) = (Metrics::default(), Health::default());
    let (sender, requests) = mpsc::channel(PENDING_REQUESTS);
    let reader = TelemetryReader { metrics: metrics.clone(), health: health.clone(), requests: sender };
    (Instruments { metrics, health, requests }, reader)
}

impl TelemetryReader {
    /// Returns all metrics in the text format of OpenMetrics.
    ///
    /// # Errors
    ///
    /// If the engine does not send a snapshot within 5 s, or has stopped.
    pub async fn metrics(&self) -> Result<String, SnapshotTimeout> {
        let request = async {
            let (sender, response) = oneshot::channel();
            self.requests.send(sender).await.map_err(|_| SnapshotTimeout)?;
            response.await.map_err(|_| SnapshotTimeout)
        };
        let snapshot = tokio::time::timeout(SNAPSHOT_TIMEOUT, request).await.map_err(|_| SnapshotTimeout)??;
        Ok(render::text(&self.metrics, &snapshot))
    }
}

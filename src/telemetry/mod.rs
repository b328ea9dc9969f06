//! What the controller tells of itself: counters, what it looks like at the moment, and whether it is healthy.
//!
//! The controller writes here and the server reads. Counters are counted where things happen; everything that has a size is
//! asked of the engine when somebody wants to know, so that nothing has to be kept up to date in between.

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

/// How many may ask at the same time.
const QUESTIONS: usize = 8;
/// How long the engine may take for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Where somebody who wants to know how things are gets the answer.
pub type Asker = oneshot::Sender<Arc<Snapshot>>;

/// The end of the controller.
#[derive(Debug)]
pub struct Instruments {
    /// Counters and durations.
    pub metrics: Metrics,
    /// Whether it works and has read what it needs.
    pub health: Health,
    /// Whoever wants to know how things are.
    pub questions: mpsc::Receiver<Asker>,
}

/// The end of the server.
#[derive(Clone, Debug)]
pub struct Readings {
    metrics: Metrics,
    /// Whether the controller works and has read what it needs.
    pub health: Health,
    questions: mpsc::Sender<Asker>,
}

/// The engine did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("the controller does not answer; try again")]
pub struct NoAnswer;

/// Both ends.
#[must_use]
pub fn telemetry() -> (Instruments, Readings) {
    let (metrics, health) = (Metrics::default(), Health::default());
    let (sender, questions) = mpsc::channel(QUESTIONS);
    let readings = Readings { metrics: metrics.clone(), health: health.clone(), questions: sender };
    (Instruments { metrics, health, questions }, readings)
}

impl Readings {
    /// All metrics in the text format of OpenMetrics.
    ///
    /// # Errors
    ///
    /// When the engine does not answer in time.
    pub async fn metrics(&self) -> Result<String, NoAnswer> {
        let asked = async {
            let (sender, answer) = oneshot::channel();
            self.questions.send(sender).await.map_err(|_| NoAnswer)?;
            answer.await.map_err(|_| NoAnswer)
        };
        let snapshot = tokio::time::timeout(ANSWER_LIMIT, asked).await.map_err(|_| NoAnswer)??;
        Ok(render::text(&self.metrics, &snapshot))
    }
}

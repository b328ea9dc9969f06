//! Controller: everything that talks to Kubernetes.
//!
//! Watches turn objects into events, one task owns the index and decides, and writes run in parallel: first the Events, then
//! the status, which commits them.

mod api_call;
mod doctor;
mod election;
mod engine;
mod explain;
mod observed;
mod options;
mod publish;
mod watch;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::telemetry::Instruments;
use election::{Election, Leadership};
use engine::Engine;
use watch::{GRACE, WatchSet};

pub use api_call::Clients;
pub use doctor::{Diagnosis, diagnose};
pub use election::{Candidacy, LeaseName};
pub use explain::{Explanation, Unexplained, explain};
pub use options::{Clock, Options, STATUS_WRITES_PER_SECOND, SystemClock};
pub use watch::kinds::{KINDS, KindSpec, spec_of};

/// Number of events that can wait for the engine before the watches wait.
const EVENTS: usize = 1024;

/// A part of the controller ended without a request to stop.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A watch ended.
    #[error("a watch ended, which is a defect of the operator; see its log")]
    Watch,
    /// The leader election ended.
    #[error("the leader election ended, which is a defect of the operator; see its log")]
    Election,
}

/// Runs the controller until `stop` is cancelled. Without a candidacy it is the only replica and always writes.
///
/// Missing kinds and permissions are logged and retried; no response of the API server ends the controller.
///
/// # Errors
///
/// Returns an error if a watch or the leader election ends, which only a defect can cause. The process must not go on without
/// all inputs, or without the chance to write.
pub async fn run(
    clients: Clients,
    options: Options,
    instruments: Instruments,
    candidacy: Option<Candidacy>,
    stop: CancellationToken,
) -> Result<(), Ended> {
    let (sender, events) = mpsc::channel(EVENTS);
    let watches = WatchSet::new(clients.clone(), &options, sender, instruments.metrics.clone(), GRACE);
    let apis = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        apis = watches.discover() => apis,
    };
    let coverage = watches.coverage(&apis, &options);
    let (mut election, leadership) = match candidacy {
        Some(candidacy) => {
            let (election, leadership) = Election::start(candidacy);
            (Some(election), leadership)
        }
        None => (None, Leadership::always()),
    };
    let ended = tokio::select! {
        () = Engine::new(clients.retrying, options, coverage, instruments, leadership, watches.relist()).run(events, &stop) => Ok(()),
        () = watches.run(apis) => Err(Ended::Watch),
        () = ended(election.as_mut()) => Err(Ended::Election),
    };
    if let Some(election) = election {
        election.end().await;
    }
    info!("stopped");
    ended
}

/// Waits for the end of the election; for ever if there is none.
async fn ended(election: Option<&mut Election>) {
    match election {
        Some(election) => election.ended().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_can_be_a_task_among_others() {
        fn is_task<F: Future + Send>(
            _: impl FnOnce(Clients, Options, Instruments, Option<Candidacy>, CancellationToken) -> F,
        ) {
        }
        is_task(run);
    }
}

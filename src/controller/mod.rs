//! Everything that talks to Kubernetes.
//!
//! Watches turn objects into changes, one task owns the index and decides, and writes go out in parallel: first the
//! Events, then the status, which is the commit.

mod engine;
mod events;
mod hold;
mod input;
mod queue;
mod reconcile;
mod watch;

use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::model::Settings;
use engine::Engine;
use input::Sources;

/// Who the operator is in managed fields, Events and user agent.
pub(crate) const MANAGER: &str = "responsibility-operator";

/// The reporting controller of Events.
pub(crate) const REPORTER: &str = "sharedresponsibility.dev/operator";

/// How many changes may wait for the index before the watches have to wait.
const INPUTS: usize = 1024;

/// How long writes under way may take to end when the operator stops.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// What the controller is told at start.
#[derive(Clone, Debug)]
pub struct Options {
    /// How workloads are evaluated.
    pub settings: Settings,
    /// Namespaces that are left out unless a cluster assignment names them.
    pub left_out: Vec<String>,
    /// The name of this process in Events, at most 128 bytes.
    pub instance: String,
}

/// A watch has ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("a watch has ended, which is a defect of the operator; see its log")]
pub struct WatchEnded;

/// Runs the controller until `stop` is cancelled.
///
/// Missing kinds and permissions are logged and waited for; nothing of the API server ends the controller.
///
/// # Errors
///
/// When a watch ends, which only a defect can bring about: a process that does not see everything must not go on.
pub async fn run(client: Client, options: Options, stop: CancellationToken) -> Result<(), WatchEnded> {
    let (sender, inputs) = mpsc::channel(INPUTS);
    let mut watches = watch::start(&client, &sender);
    info!(kinds = watches.sources.len(), "watching");
    let sources = Sources::new(watches.sources.iter().cloned());
    tokio::select! {
        () = Engine::new(client, options, sources).run(inputs, &stop) => {
            info!("stopped");
            Ok(())
        }
        () = watches.ended() => Err(WatchEnded),
    }
}

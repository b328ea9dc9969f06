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

/// Runs the controller until `stop` is cancelled.
///
/// Missing kinds and permissions are logged and waited for; nothing of the API server ends the controller.
pub async fn run(client: Client, options: Options, stop: CancellationToken) {
    let (sender, inputs) = mpsc::channel(INPUTS);
    let watches = watch::start(&client, &sender);
    // The watches hold the only senders: should all of them end, the engine sees it.
    drop(sender);
    info!(kinds = watches.sources.len(), "watching");
    let sources = Sources::new(watches.sources.iter().cloned());
    Engine::new(client, options, sources).run(inputs, &stop).await;
    info!("stopped");
}

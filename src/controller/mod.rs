//! Everything that talks to Kubernetes.
//!
//! Watches turn objects into changes, one task owns the index and decides, and writes go out in parallel: first the
//! Events, then the status, which is the commit.

mod answer;
mod clock;
mod discovery;
mod doctor;
mod election;
mod engine;
mod events;
mod explain;
mod gate;
mod hold;
mod input;
mod notices;
mod queue;
mod reader;
mod reconcile;
mod reports;
mod sources;
mod starter;
mod watch;
mod watches;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::api::GROUP;
use crate::extract::{ConfiguredKind, Extraction};
use crate::facts::published_report::GROUP_AND_PLURAL;
use crate::inventory::InventoryOptions;
use crate::telemetry::Instruments;
use election::{Election, Mandate};
use engine::Engine;
use watch::GRACE;
use watches::Watches;

pub use clock::{Clock, SystemClock};
pub use doctor::{Finding, examine};
pub use election::LeaseName;
pub use explain::{Explanation, Unexplained, explain};

/// Who the operator is in managed fields, Events and user agent.
pub(crate) const MANAGER: &str = "responsibility-operator";

/// The reporting controller of Events.
pub(crate) const REPORTER: &str = "sharedresponsibility.dev/operator";

/// A right to write.
#[derive(Debug)]
struct Write {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: Option<&'static str>,
    namespaced: bool,
}

/// All that the controller writes, but for the Lease.
const WRITES: [Write; 4] = [
    Write::status("responsibilityassignments", true),
    Write::status("clusterresponsibilityassignments", false),
    Write::status("servicemodels", false),
    Write { verb: "create", group: "events.k8s.io", resource: "events", subresource: None, namespaced: true },
];

/// What the controller writes beside that where it reports. Who applies an object that is not there yet creates it.
const REPORT_WRITES: [Write; 3] = [Write::report("create"), Write::report("patch"), Write::report("delete")];

impl Write {
    const fn report(verb: &'static str) -> Self {
        let (group, resource) = GROUP_AND_PLURAL;
        Self { verb, group, resource, subresource: None, namespaced: true }
    }

    const fn status(resource: &'static str, namespaced: bool) -> Self {
        Self { verb: "patch", group: GROUP, resource, subresource: Some("status"), namespaced }
    }
}

/// How many changes may wait for the index before the watches have to wait.
const INPUTS: usize = 1024;

/// How long writes under way may take to end when the operator stops.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// How many writes of statuses begin in a second unless it is told otherwise.
pub const STATUS_WRITES_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("is not zero");

/// What the controller is told at start.
#[derive(Clone, Debug)]
pub struct Options {
    /// How workloads are evaluated, and which namespaces are left out.
    pub scope: InventoryOptions,
    /// How facts are told from objects.
    pub extraction: Arc<Extraction>,
    /// Further kinds of workload, which are watched where they are served.
    pub configured: Vec<ConfiguredKind>,
    /// The namespaces that are looked at, without what lies in none; without any, the whole cluster.
    pub namespaces: Option<Vec<String>>,
    /// The name of this process in Events, at most 128 bytes.
    pub instance: String,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// Whether metrics tell of the accountable parties.
    pub owners_in_metrics: bool,
    /// How many writes of statuses may begin in a second, those aside that answer users.
    pub status_writes_per_second: NonZeroU32,
    /// Whether failures are reported as OpenReports as well.
    pub reports: bool,
}

/// How this process takes part in the leader election.
#[derive(Clone)]
pub struct Candidacy {
    /// A client that does not retry by itself, with connections of its own: a slow list must not cost the Lease.
    pub client: Client,
    /// The Lease by which the replicas agree.
    pub lease: LeaseName,
    /// Who this process is; no other, earlier or later, may be the same.
    pub identity: String,
}

/// A part of the controller has ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A watch.
    #[error("a watch has ended, which is a defect of the operator; see its log")]
    Watch,
    /// The leader election.
    #[error("the leader election has ended, which is a defect of the operator; see its log")]
    Election,
}

/// Runs the controller until `stop` is cancelled. Without a candidacy it is alone and always writes.
///
/// Missing kinds and permissions are logged and waited for; nothing of the API server ends the controller.
///
/// # Errors
///
/// When a watch or the leader election ends, which only a defect can bring about: a process that does not see everything, or
/// can never write, must not go on.
pub async fn run(
    client: Client,
    options: Options,
    instruments: Instruments,
    candidacy: Option<Candidacy>,
    stop: CancellationToken,
) -> Result<(), Ended> {
    let (sender, inputs) = mpsc::channel(INPUTS);
    let watches = Watches::new(client.clone(), &options, sender, instruments.metrics.clone(), GRACE);
    let found = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        found = watches.find() => found,
    };
    let sources = watches.sources(&found);
    let sources = match &options.namespaces {
        Some(namespaces) => sources.within(namespaces),
        None => sources,
    };
    let (mut election, mandate) = match candidacy {
        Some(candidacy) => {
            let (election, mandate) = Election::start(candidacy);
            (Some(election), mandate)
        }
        None => (None, Mandate::always()),
    };
    let ended = tokio::select! {
        () = Engine::new(client, options, sources, instruments, mandate).run(inputs, &stop) => Ok(()),
        () = watches.keep(found) => Err(Ended::Watch),
        () = ended(election.as_mut()) => Err(Ended::Election),
    };
    if let Some(election) = election {
        election.end().await;
    }
    info!("stopped");
    ended
}

/// Waits until the election has ended by itself, for ever where there is none.
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
            _: impl FnOnce(Client, Options, Instruments, Option<Candidacy>, CancellationToken) -> F,
        ) {
        }
        is_task(run);
    }
}

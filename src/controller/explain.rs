//! One workload in full, found by reading the cluster once. Nothing is written.

use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc;

use super::election::Mandate;
use super::engine::Engine;
use super::watches::Watches;
use super::{INPUTS, Options};
use crate::facts::{AssignmentId, WorkloadKey};
use crate::model::{ExplainedDuty, explain as explained};
use crate::telemetry::telemetry;

/// How long reading may take.
const LIMIT: Duration = Duration::from_mins(2);

/// How many workloads are named of a namespace that has not the one that was asked for.
const NAMED: usize = 20;

/// A workload in full.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The names of the service models that apply; none where nothing determines one.
    pub models: Vec<String>,
    /// The assignments that select it.
    pub assignments: Vec<AssignmentId>,
    /// Its duties, in matrix order.
    pub duties: Vec<ExplainedDuty>,
    /// What could not be read, in sentences.
    pub missing: Vec<String>,
}

/// Why a workload cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// The API server does not tell what it serves.
    #[error("cannot find out which APIs are served: {0}")]
    Undiscovered(String),
    /// Not everything was read in time.
    #[error("the cluster was not read within {} s; see the log above", LIMIT.as_secs())]
    Unread,
    /// There is no such workload.
    #[error("{key} is no workload of the namespace {namespace} (--namespace); it has: {known}")]
    NoSuchWorkload {
        /// What was asked for.
        key: String,
        /// Where it was looked for.
        namespace: String,
        /// What there is.
        known: String,
    },
    /// Whether there is such a workload, or an assignment that selects it, cannot be told.
    #[error(
        "{key} cannot be explained, for not everything can be read; of the namespace {namespace} (--namespace) is seen: {known}; {}",
        missing.join("; ")
    )]
    Unseen {
        /// What was asked for.
        key: String,
        /// Where it was looked for.
        namespace: String,
        /// What is seen there.
        known: String,
        /// What could not be read, in sentences.
        missing: Vec<String>,
    },
    /// Its namespace is left out.
    #[error(
        "the namespace {0} is left out (--exclude-namespaces); a cluster assignment that selects it by name brings it in"
    )]
    ExcludedNamespaces(String),
    /// No assignment selects it.
    #[error("no assignment selects {0}: nobody has said who is responsible for it; apply a ResponsibilityAssignment")]
    Unselected(String),
}

/// Reads the cluster and explains a workload.
///
/// # Errors
///
/// When the cluster cannot be read, or there is no such workload, or nobody speaks of it.
pub async fn explain(client: Client, options: Options, key: &WorkloadKey) -> Result<Explanation, Unexplained> {
    let (sender, mut inputs) = mpsc::channel(INPUTS);
    let (instruments, _readings) = telemetry();
    // Who asks once is answered at once.
    let watches = Watches::new(client.clone(), &options, sender, instruments.metrics.clone(), Duration::ZERO);
    let found = watches.try_find().await.map_err(Unexplained::Undiscovered)?;
    let sources = watches.sources(&found);
    let sources = match &options.namespaces {
        Some(namespaces) => sources.within(namespaces),
        None => sources,
    };
    let mut engine = Engine::new(client, options, sources, instruments, Mandate::always());
    let read = tokio::select! {
        read = tokio::time::timeout(LIMIT, engine.read(&mut inputs)) => read.is_ok(),
        () = watches.keep(found) => false,
    };
    if !read {
        return Err(Unexplained::Unread);
    }
    let inventory = engine.inventory();
    let Some((evaluation, assignments)) = inventory.evaluation_of(key) else {
        return Err(unexplained(&engine, key));
    };
    let matrix = inventory.matrix();
    Ok(Explanation {
        models: evaluation.model.models.ids().map(|model| matrix.model(model).name.clone()).collect(),
        assignments: assignments.to_vec(),
        duties: explained(matrix, inventory.catalogue(), evaluation),
        missing: engine.missing(&key.namespace),
    })
}

/// Why nothing was found for a workload. What could not be read may have held it, or the assignment that selects it.
fn unexplained(engine: &Engine, key: &WorkloadKey) -> Unexplained {
    let inventory = engine.inventory();
    let known = inventory.workloads_of(&key.namespace);
    let is_known = known.iter().any(|known| known.as_ref() == key);
    if is_known && inventory.is_excluded(&key.namespace) {
        return Unexplained::ExcludedNamespaces(key.namespace.to_string());
    }
    let missing = engine.missing_essentials(&key.namespace);
    let known = known.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "none".to_owned() } else { known };
    let (key, namespace) = (key.to_string(), key.namespace.to_string());
    match (missing.is_empty(), is_known) {
        (false, _) => Unexplained::Unseen { key, namespace, known, missing },
        (true, true) => Unexplained::Unselected(key),
        (true, false) => Unexplained::NoSuchWorkload { key, namespace, known },
    }
}

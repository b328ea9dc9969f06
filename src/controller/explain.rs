//! Explanation of one workload, from reading the cluster once. Writes nothing.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};
use tokio::sync::mpsc;

use super::EVENTS;
use super::api_call::{CallError, Clients, call};
use super::engine::Intake;
use super::options::Options;
use super::watch::WatchSet;
use super::watch::kinds::KINDS;
use crate::api::{AssignmentSpec, ClusterResponsibilityAssignment, ResponsibilityAssignment};
use crate::facts::{AssignmentId, ListedKind, WorkloadKey};
use crate::model::{Completeness, ExplainedDuty, explain as explained, statements};
use crate::telemetry::telemetry;

/// Time limit of reading the cluster.
const LIMIT: Duration = Duration::from_mins(2);

/// Time limit of reading one assignment again, with its managed fields.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// Maximum number of assignments whose statements are shown. Few select the same workload.
const ASSIGNMENTS: usize = 10;

/// Maximum number of workloads that an error names.
const NAMED: usize = 20;

/// Explanation of a workload.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Names of the service models that apply; empty if none is determined.
    pub models: Vec<String>,
    /// Assignments that select it.
    pub assignments: Vec<AssignmentId>,
    /// Duties in matrix order.
    pub duties: Vec<ExplainedDuty>,
    /// Sentences about people that the assignments name. Nobody verifies these names.
    pub statements: Vec<String>,
    /// Sentences about inputs that cannot be read.
    pub missing: Vec<String>,
}

/// Reason a workload cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// The API server does not list its APIs.
    #[error("cannot find out which APIs are served: {0}")]
    Undiscovered(String),
    /// Reading took too long.
    #[error("the cluster was not read within {} s; see the log above", LIMIT.as_secs())]
    Unread,
    /// The workload does not exist.
    #[error("the namespace {namespace} has no workload {key}; it has: {known}. Set --namespace, or name one of these")]
    NoSuchWorkload {
        /// Requested workload.
        key: String,
        /// Namespace of the request.
        namespace: String,
        /// Workloads of that namespace.
        known: String,
    },
    /// The workload, or an assignment that selects it, can be among objects that cannot be read.
    #[error(
        "cannot explain {key}: some objects cannot be read; known workloads of the namespace {namespace}: {known}; {}",
        missing.join("; ")
    )]
    Unseen {
        /// Requested workload.
        key: String,
        /// Namespace of the request.
        namespace: String,
        /// Known workloads of that namespace.
        known: String,
        /// Sentences about inputs that cannot be read.
        missing: Vec<String>,
    },
    /// Its namespace is excluded.
    #[error(
        "the namespace {0} is excluded by --exclude-namespaces; a cluster assignment that selects it by name includes it"
    )]
    Excluded(String),
    /// No assignment selects it.
    #[error("no assignment selects {0}, so nobody is responsible for it; apply a ResponsibilityAssignment")]
    Unselected(String),
}

/// Reads the cluster once and explains a workload.
///
/// # Errors
///
/// Returns an error if the cluster cannot be read, the workload does not exist, or no assignment selects it.
pub async fn explain(clients: Clients, options: Options, key: &WorkloadKey) -> Result<Explanation, Unexplained> {
    let (sender, mut events) = mpsc::channel(EVENTS);
    let (instruments, _readings) = telemetry();
    // One refusal is enough: a user waits for the result.
    let watches = WatchSet::new(clients.clone(), &options, sender, instruments.metrics.clone(), Duration::ZERO);
    let apis = watches.discover_once().await.map_err(Unexplained::Undiscovered)?;
    let coverage = watches.coverage(&apis, &options);
    let mut intake = Intake::new(options.scope, options.clock.now(), coverage);
    let read = tokio::select! {
        read = tokio::time::timeout(LIMIT, intake.read(&mut events)) => read.is_ok(),
        () = watches.run(apis) => false,
    };
    if !read {
        return Err(Unexplained::Unread);
    }
    let inventory = intake.inventory();
    let Some((evaluation, assignments)) = inventory.evaluation_of(key).filter(|_| is_kind_read(&intake, key)) else {
        return Err(unexplained(&intake, key));
    };
    let matrix = inventory.matrix();
    let (mut statements, mut missing) = (Vec::new(), missing(&intake, &key.namespace));
    for id in assignments.iter().take(ASSIGNMENTS) {
        let of = format!("{} {}", id.kind(), id.name);
        match stated(&clients.retrying, id).await {
            Ok(stated) => statements.extend(stated.into_iter().map(|sentence| format!("{of}: {sentence}"))),
            Err(error) => missing.push(format!("the people that {of} names: {error}")),
        }
    }
    Ok(Explanation {
        models: evaluation.model.models.ids().map(|model| matrix.model(model).name.clone()).collect(),
        assignments: assignments.to_vec(),
        duties: explained(matrix, inventory.catalogue(), evaluation),
        statements,
        missing,
    })
}

/// Returns the sentences about people that an assignment names.
async fn stated(client: &Client, id: &AssignmentId) -> Result<Vec<String>, CallError> {
    let of = |spec: &AssignmentSpec, metadata: &ObjectMeta| {
        statements(spec, metadata.managed_fields.as_deref().unwrap_or_default())
    };
    if let Some(namespace) = &id.namespace {
        let api: Api<ResponsibilityAssignment> = Api::namespaced(client.clone(), namespace);
        call(READ_LIMIT, api.get(&id.name)).await.map(|object| of(&object.spec.assignment, &object.metadata))
    } else {
        let api: Api<ClusterResponsibilityAssignment> = Api::all(client.clone());
        call(READ_LIMIT, api.get(&id.name)).await.map(|object| of(&object.spec.assignment, &object.metadata))
    }
}

/// Returns true if the objects of the workload's kind are read. Otherwise only the pods of the workload are known, and who
/// owns them is not verified.
fn is_kind_read(intake: &Intake, key: &WorkloadKey) -> bool {
    let kind = ListedKind::Workloads(key.kind.clone());
    let row = KINDS.iter().find(|spec| spec.listed == kind);
    row.is_none_or(|spec| intake.coverage().is_synced(&spec.resource_name(), &key.namespace))
}

/// Returns the sentences about all inputs of a namespace that cannot be read.
fn missing(intake: &Intake, namespace: &str) -> Vec<String> {
    let Completeness { essential, additional, minor, namespaced_scope } =
        intake.coverage().completeness(Some(namespace), true, true);
    essential.into_iter().chain(additional).chain(minor).chain(namespaced_scope).collect()
}

/// Returns the reason that no result exists for a workload.
fn unexplained(intake: &Intake, key: &WorkloadKey) -> Unexplained {
    let inventory = intake.inventory();
    let known = inventory.workloads_of(&key.namespace);
    let is_known = known.iter().any(|known| known.as_ref() == key);
    if is_known && inventory.is_excluded(&key.namespace) {
        return Unexplained::Excluded(key.namespace.to_string());
    }
    let missing = intake.coverage().completeness(Some(&key.namespace), false, false).essential;
    let known = known.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "none".to_owned() } else { known };
    let (key, namespace) = (key.to_string(), key.namespace.to_string());
    match (missing.is_empty(), is_known) {
        (false, _) => Unexplained::Unseen { key, namespace, known, missing },
        (true, true) => Unexplained::Unselected(key),
        (true, false) => Unexplained::NoSuchWorkload { key, namespace, known },
    }
}

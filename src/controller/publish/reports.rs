//! The operator's Reports of OpenReports: the known ones, the queue of namespaces, and the writes.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use tokio::task::{self, JoinSet};
use tokio::time::Instant;

use super::outcome::{Failure, WriteOutcome};
use super::queue::{Priority, Queue};
use crate::controller::api_call::{CallError, ErrorClass, call};
use crate::controller::election::Leadership;
use crate::controller::observed::precedes;
use crate::controller::options::MANAGER;
use crate::facts::published_report::{GROUP_AND_PLURAL, is_report_name};
use crate::facts::{Listed, ObjectName, PublishedReport};
use crate::openreports::{PublishedReports, ROUND, Report, ReportWrite};

/// Kind in metrics.
pub(in crate::controller) const KIND: &str = "Report";

/// Delay that gathers the changes of a namespace, because each change can rewrite a whole Report.
const GATHER: Duration = Duration::from_secs(2);

/// Rate limit of Report writes. Reports are many times as large as statuses, and no user waits for them.
const WRITES_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("is not zero");

/// Time limit of one write.
const TIMEOUT: Duration = Duration::from_secs(10);

/// State of the operator's Reports. They have a queue of their own, so that statuses are written while Report writes hang.
pub(in crate::controller) struct Reports {
    /// True if Reports are written.
    is_enabled: bool,
    own: HashMap<Arc<str>, PublishedReports>,
    pub(in crate::controller) queue: Queue<Arc<str>>,
    pub(in crate::controller) writes: JoinSet<Round>,
    /// Namespace and start time of each write task.
    pub(in crate::controller) writing: HashMap<task::Id, (Arc<str>, Instant)>,
    /// Watch events during the write task of their namespace: true for a Report that exists, false for a deleted one.
    seen_during_write: HashMap<Arc<str>, BTreeMap<String, bool>>,
    /// True after a warning that the API is not served.
    pub(in crate::controller) warned_not_served: bool,
    /// Namespaces whose last write failed, with the class of the failure: one that concerns hundreds of namespaces is logged once.
    failing: BTreeMap<Arc<str>, String>,
}

/// Result of the write task of one namespace.
#[derive(Debug)]
pub(in crate::controller) struct Round {
    /// Written Reports in order; `None` for a deleted one.
    written: Vec<(String, Option<PublishedReport>)>,
    /// Outcome of the first write that did not succeed.
    pub(in crate::controller) outcome: WriteOutcome<()>,
    /// True if the task was full and more Reports can be out of date.
    pub(in crate::controller) is_partial: bool,
}

impl Round {
    pub(in crate::controller) fn failed(error: String) -> Self {
        Self { written: Vec::new(), outcome: WriteOutcome::Failed(Failure::new(error)), is_partial: false }
    }
}

impl Reports {
    pub(in crate::controller) fn new(is_enabled: bool) -> Self {
        Self {
            is_enabled,
            own: HashMap::new(),
            queue: Queue::new(WRITES_PER_SECOND),
            writes: JoinSet::new(),
            writing: HashMap::new(),
            warned_not_served: false,
            seen_during_write: HashMap::new(),
            failing: BTreeMap::new(),
        }
    }

    pub(in crate::controller) const fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Returns the namespaces that have own Reports.
    pub(in crate::controller) fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.own.keys()
    }

    /// Returns the own Reports of a namespace.
    pub(in crate::controller) fn own(&self, namespace: &str) -> Option<&PublishedReports> {
        self.own.get(namespace)
    }

    /// Enqueues a namespace.
    pub(in crate::controller) fn enqueue(&mut self, namespace: &Arc<str>, now: Instant) {
        if self.is_enabled {
            self.queue.enqueue_at(namespace, Priority::Background, now + GATHER);
        }
    }

    /// Records a watch event of an own Report. Returns true if the Report may need a write.
    ///
    /// While this replica leads, the change comes from another writer. The digest on the Report is then not trusted.
    pub(in crate::controller) fn record(&mut self, name: &ObjectName, mut seen: PublishedReport, leads: bool) -> bool {
        let own = self.own.entry(name.namespace.clone()).or_default();
        if let Some(before) = own.get(&name.name) {
            let is_same = before.resource_version == seen.resource_version;
            if is_same || precedes(&seen.resource_version, &before.resource_version) {
                return false;
            }
            if leads {
                seen.digest = None;
            }
        }
        own.insert(name.name.to_string(), seen);
        if !leads {
            own.settle();
        }
        self.record_during_write(name, true);
        true
    }

    /// Removes a Report that was deleted or lost the operator's label. Returns true if it was known.
    pub(in crate::controller) fn remove(&mut self, name: &ObjectName, leads: bool) -> bool {
        if is_report_name(&name.name) {
            self.record_during_write(name, false);
        }
        let Some(own) = self.own.get_mut(&name.namespace) else { return false };
        let was_known = own.remove(&name.name);
        if !leads {
            self.settle(&name.namespace);
        }
        was_known
    }

    /// Records that a Report exists or not, if its namespace has a write task.
    fn record_during_write(&mut self, name: &ObjectName, exists: bool) {
        if self.writing.values().any(|(namespace, _)| *namespace == name.namespace) {
            let seen = self.seen_during_write.entry(name.namespace.clone()).or_default();
            seen.insert(name.name.to_string(), exists);
        }
    }

    /// Drops the times of results that are in none of the wanted Reports of a namespace.
    pub(in crate::controller) fn keep_times_of(&mut self, namespace: &str, reports: &[Report]) {
        if let Some(own) = self.own.get_mut(namespace) {
            own.keep_times_of(reports);
        }
    }

    /// Drops the times of deleted results in a namespace whose Reports are up to date.
    pub(in crate::controller) fn settle(&mut self, namespace: &Arc<str>) {
        if let Some(own) = self.own.get_mut(namespace) {
            own.settle();
            if own.is_empty() {
                self.own.remove(namespace);
            }
        }
    }

    /// Returns the known Reports that are not in a complete list.
    pub(in crate::controller) fn missing_from(&self, listed: &Listed) -> Vec<ObjectName> {
        let all = self.own.iter().flat_map(|(namespace, own)| {
            own.iter().map(|(name, _)| ObjectName { namespace: namespace.clone(), name: name.into() })
        });
        all.filter(|name| listed.misses(&name.namespace, &name.name)).collect()
    }

    /// Records the written Reports. A watch event during the task wins: another writer can have deleted a Report after it was
    /// written, or created one after it was deleted.
    pub(in crate::controller) fn record_written(&mut self, namespace: &Arc<str>, round: &mut Round) {
        let seen = self.seen_during_write.remove(namespace).unwrap_or_default();
        let own = self.own.entry(namespace.clone()).or_default();
        for (name, known) in round.written.drain(..) {
            match known {
                Some(_) if seen.get(&name) == Some(&false) => {}
                None if seen.get(&name) == Some(&true) => {}
                Some(known) => {
                    let later = own.get(&name);
                    if later.is_none_or(|later| !precedes(&known.resource_version, &later.resource_version)) {
                        own.insert(name, known);
                    }
                }
                None => drop(own.remove(&name)),
            }
        }
        if round.outcome == WriteOutcome::Written(()) && !round.is_partial {
            own.settle();
        }
        if own.is_empty() {
            self.own.remove(namespace);
        }
    }

    /// Records a failed write. Returns true if no other namespace fails for the same reason, so that it is logged once.
    pub(in crate::controller) fn is_new_failure(&mut self, namespace: &Arc<str>, failure: &Failure) -> bool {
        let class = failure.class.clone().unwrap_or_else(|| namespace.to_string());
        let is_new = !self.failing.values().any(|known| *known == class);
        self.failing.insert(namespace.clone(), class);
        is_new
    }

    /// Records that no write fails in a namespace. Returns true if that ends the last failure.
    pub(in crate::controller) fn is_last_failure_over(&mut self, namespace: &Arc<str>) -> bool {
        self.failing.remove(namespace).is_some() && self.failing.is_empty()
    }

    /// Stops all writes, for a replica that no longer leads.
    pub(in crate::controller) fn stop_writes(&mut self) {
        self.queue.clear_waiting();
        self.writes.abort_all();
        self.seen_during_write.clear();
        self.failing.clear();
        self.own.values_mut().for_each(PublishedReports::settle);
        self.own.retain(|_, own| !own.is_empty());
    }
}

/// Applies changes to the Reports of a namespace, one after the other.
pub(in crate::controller) async fn write(
    client: Client,
    namespace: Arc<str>,
    changes: Vec<ReportWrite>,
    leadership: Leadership,
) -> Round {
    let (group, plural) = GROUP_AND_PLURAL;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1alpha1", KIND), plural);
    let api = Api::<DynamicObject>::namespaced_with(client, &namespace, &resource);
    let is_partial = changes.len() >= ROUND;
    let mut round = Round { written: Vec::new(), outcome: WriteOutcome::Written(()), is_partial };
    for change in changes {
        if !leadership.is_held() {
            round.outcome = WriteOutcome::NotLeading;
            return round;
        }
        let is_deletion = matches!(change, ReportWrite::Delete { .. });
        match apply(&api, change).await {
            Ok(written) => round.written.push(written),
            Err((error, is_own)) => {
                let is_timeout = matches!(error, CallError::Timeout(_));
                let outcome = outcome(&error, is_own);
                // A refused Report does not stop the others, unless the reason concerns all of them, or it is a deletion: the
                // results of the Report could be in the others too.
                let stops =
                    is_deletion || is_timeout || !matches!(outcome, WriteOutcome::Conflict | WriteOutcome::Failed(_));
                if is_timeout || round.outcome == WriteOutcome::Written(()) {
                    round.outcome = outcome;
                }
                if stops {
                    return round;
                }
            }
        }
    }
    round
}

/// Applies one change. Returns the name of the Report, and its state unless it was deleted.
///
/// # Errors
///
/// Returns the error, and true if the operator created the Report.
async fn apply(
    api: &Api<DynamicObject>,
    change: ReportWrite,
) -> Result<(String, Option<PublishedReport>), (CallError, bool)> {
    match change {
        ReportWrite::Delete { name, resource_version } => {
            let preconditions = Preconditions { resource_version: Some(resource_version), uid: None };
            let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            match call(TIMEOUT, api.delete(&name, &parameters)).await {
                Ok(_) => Ok((name, None)),
                Err(error) if error.class() == ErrorClass::NotFound => Ok((name, None)),
                Err(error) => Err((error, true)),
            }
        }
        ReportWrite::Apply { report, is_own } => {
            let parameters = PatchParams { force: is_own, ..PatchParams::apply(MANAGER) };
            let written = call(TIMEOUT, api.patch_metadata(report.name(), &parameters, &Patch::Apply(&report))).await;
            let metadata = written.map_err(|error| (error, is_own))?.metadata;
            let version = metadata.resource_version.unwrap_or_default();
            Ok((report.name().to_owned(), Some(PublishedReport::written(&report, version))))
        }
    }
}

/// Returns the outcome of a failed write. `is_own` is true for a Report that the operator created.
fn outcome(error: &CallError, is_own: bool) -> WriteOutcome<()> {
    let CallError::Api(kube::Error::Api(status)) = error else {
        return WriteOutcome::Failed(Failure::new(error.to_string()));
    };
    let message = &status.message;
    match error.class() {
        ErrorClass::Conflict if is_own => WriteOutcome::Conflict,
        ErrorClass::Conflict => WriteOutcome::Failed(Failure {
            class: None,
            error: format!("a Report of this name belongs to another writer; delete or rename it: {message}"),
        }),
        ErrorClass::NotFound if status.details.as_ref().is_some_and(|details| details.kind == "namespaces") => {
            WriteOutcome::Gone
        }
        ErrorClass::NotFound => WriteOutcome::NotServed,
        ErrorClass::NamespaceTerminating => WriteOutcome::Gone,
        ErrorClass::Forbidden | ErrorClass::Expired | ErrorClass::Other => {
            // RBAC names the Report and the namespace in each message; the class leaves both out.
            let denied = message.split_once(": ").and_then(|(_, why)| why.split_once(" in the namespace "));
            let class = denied.map_or_else(|| format!("{} {}", status.code, status.reason), |(why, _)| why.to_owned());
            WriteOutcome::Failed(Failure { class: Some(class), error: error.to_string() })
        }
    }
}

#[cfg(test)]
mod tests;

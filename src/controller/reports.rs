//! The Reports of the operator: what is known of them, when to look at those of a namespace, and the writes.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Status};
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, timeout};

use super::MANAGER;
use super::election::Mandate;
use super::input::precedes;
use super::queue::{Line, Queue};
use crate::facts::published_report::{GROUP_AND_PLURAL, is_report_name};
use crate::facts::{Listed, ObjectName, PublishedReport};
use crate::openreports::{PublishedReports, ROUND, Report, ReportWrite};

/// The kind in metrics.
pub(super) const KIND: &str = "Report";

/// How long changes of a namespace are gathered before its Reports are looked at: each may be written as a whole.
const GATHER: Duration = Duration::from_secs(2);

/// How many Reports are written in a second over time. They are many times the size of a status, and nobody waits for them.
const WRITES_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("is not zero");

/// How long a write may take; the client would go on trying for minutes.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// What is known of own Reports, and what is done about them. They have a queue of their own: where their writes hang, statuses
/// go on.
pub(super) struct Reports {
    /// Whether they are written at all.
    is_on: bool,
    own: HashMap<Arc<str>, PublishedReports>,
    pub(super) queue: Queue<Arc<str>>,
    pub(super) writes: JoinSet<Round>,
    /// Whose writes are under way, and since when.
    pub(super) writing: HashMap<task::Id, (Arc<str>, Instant)>,
    /// What the watch told of Reports while those of their namespace are written: whether they are there.
    told: HashMap<Arc<str>, BTreeMap<String, bool>>,
    /// Whether it was said that they are not served.
    pub(super) said_absent: bool,
    /// Where the last write failed, and what that failure has in common with others: what is wrong with hundreds of namespaces is
    /// said once.
    failing: BTreeMap<Arc<str>, String>,
}

/// How the writes of a namespace ended.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// What is written, in order: what is known of a Report, none of one that is deleted.
    written: Vec<(String, Option<PublishedReport>)>,
    /// How it ended, where not all was written.
    pub(super) end: End,
    /// Whether more may have to be written: a round has no room for all.
    pub(super) is_part: bool,
}

/// Why a round of writes ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// All is written.
    #[default]
    Written,
    /// A Report is another one by now: the watch tells.
    Conflict,
    /// The namespace is gone or goes.
    Gone,
    /// Reports are served no more, or not yet by the API server that answered.
    NotServed,
    /// This process ceased to lead.
    NotLeading,
    /// A write failed.
    Failed(Failure),
}

/// Why a write failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What it has in common with failures of other namespaces; none of one that is of its namespace alone.
    class: Option<String>,
    /// All of it.
    pub(super) error: String,
}

impl Round {
    pub(super) fn failed(error: String) -> Self {
        Self { end: End::Failed(Failure::new(error)), ..Self::default() }
    }
}

impl End {
    /// The word in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::NotServed => "not_served",
            Self::NotLeading => "not_leading",
            Self::Failed(_) => "failed",
        }
    }
}

impl Failure {
    fn new(error: String) -> Self {
        Self { class: Some(error.clone()), error }
    }
}

impl Reports {
    pub(super) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            own: HashMap::new(),
            queue: Queue::new(WRITES_PER_SECOND),
            writes: JoinSet::new(),
            writing: HashMap::new(),
            said_absent: false,
            told: HashMap::new(),
            failing: BTreeMap::new(),
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// The namespaces in which own Reports are known.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.own.keys()
    }

    /// What is known of those of a namespace.
    pub(super) fn own(&self, namespace: &str) -> Option<&PublishedReports> {
        self.own.get(namespace)
    }

    /// Asks for the Reports of a namespace to be looked at soon.
    pub(super) fn mark(&mut self, namespace: &Arc<str>, now: Instant) {
        if self.is_on {
            self.queue.mark_at(namespace, Line::Routine, now + GATHER);
        }
    }

    /// Takes in what the watch tells of a Report; returns whether it may have to be written anew. While this process `leads`
    /// somebody else has changed it, who may have left the digest as it was.
    pub(super) fn see(&mut self, name: &ObjectName, mut seen: PublishedReport, leads: bool) -> bool {
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
        self.note(name, true);
        true
    }

    /// A Report is gone, or is the operator's no more; returns whether it was known.
    pub(super) fn forget(&mut self, name: &ObjectName, leads: bool) -> bool {
        if is_report_name(&name.name) {
            self.note(name, false);
        }
        let Some(own) = self.own.get_mut(&name.namespace) else { return false };
        let was_known = own.remove(&name.name);
        if !leads {
            self.settle(&name.namespace);
        }
        was_known
    }

    /// Notes what the watch tells while Reports of the namespace are written.
    fn note(&mut self, name: &ObjectName, is_there: bool) {
        if self.writing.values().any(|(namespace, _)| *namespace == name.namespace) {
            let told = self.told.entry(name.namespace.clone()).or_default();
            told.insert(name.name.to_string(), is_there);
        }
    }

    /// Forgets the times of what is in none of these Reports, which are to be in a namespace.
    pub(super) fn keep_times_of(&mut self, namespace: &str, reports: &[Report]) {
        if let Some(own) = self.own.get_mut(namespace) {
            own.keep_times_of(reports);
        }
    }

    /// All is as it has to be in a namespace.
    pub(super) fn settle(&mut self, namespace: &Arc<str>) {
        if let Some(own) = self.own.get_mut(namespace) {
            own.settle();
            if own.is_empty() {
                self.own.remove(namespace);
            }
        }
    }

    /// The Reports that a complete list misses.
    pub(super) fn missing_from(&self, listed: &Listed) -> Vec<ObjectName> {
        let all = self.own.iter().flat_map(|(namespace, own)| {
            own.iter().map(|(name, _)| ObjectName { namespace: namespace.clone(), name: name.into() })
        });
        all.filter(|name| listed.misses(&name.namespace, &name.name)).collect()
    }

    /// Takes in what was written. The watch may know of something later by now: of a Report that somebody deleted after it was
    /// written, or made after it was deleted.
    pub(super) fn take_in(&mut self, namespace: &Arc<str>, round: &mut Round) {
        let told = self.told.remove(namespace).unwrap_or_default();
        let own = self.own.entry(namespace.clone()).or_default();
        for (name, known) in round.written.drain(..) {
            match known {
                Some(_) if told.get(&name) == Some(&false) => {}
                None if told.get(&name) == Some(&true) => {}
                Some(known) => {
                    let later = own.get(&name);
                    if later.is_none_or(|later| !precedes(&known.resource_version, &later.resource_version)) {
                        own.insert(name, known);
                    }
                }
                None => drop(own.remove(&name)),
            }
        }
        if round.end == End::Written && !round.is_part {
            own.settle();
        }
        if own.is_empty() {
            self.own.remove(namespace);
        }
    }

    /// Takes in that a write failed; returns whether that is news.
    pub(super) fn is_news(&mut self, namespace: &Arc<str>, failure: &Failure) -> bool {
        let class = failure.class.clone().unwrap_or_else(|| namespace.to_string());
        let is_news = !self.failing.values().any(|known| *known == class);
        self.failing.insert(namespace.clone(), class);
        is_news
    }

    /// Takes in that nothing fails in a namespace; returns whether that ends the last failure.
    pub(super) fn is_end(&mut self, namespace: &Arc<str>) -> bool {
        self.failing.remove(namespace).is_some() && self.failing.is_empty()
    }

    /// Nothing is written any more.
    pub(super) fn stand_by(&mut self) {
        self.queue.forget_waiting();
        self.writes.abort_all();
        self.told.clear();
        self.failing.clear();
        self.own.values_mut().for_each(PublishedReports::settle);
        self.own.retain(|_, own| !own.is_empty());
    }
}

/// Makes the changes to the Reports of a namespace, one after the other, as far as that goes.
pub(super) async fn write(client: Client, namespace: Arc<str>, changes: Vec<ReportWrite>, mandate: Mandate) -> Round {
    let (group, plural) = GROUP_AND_PLURAL;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1alpha1", KIND), plural);
    let api = Api::<DynamicObject>::namespaced_with(client, &namespace, &resource);
    let mut round = Round { is_part: changes.len() >= ROUND, ..Round::default() };
    for change in changes {
        if !mandate.holds() {
            round.end = End::NotLeading;
            return round;
        }
        let is_deletion = matches!(change, ReportWrite::Delete { .. });
        match timeout(WRITE_LIMIT, make(&api, change)).await {
            Ok(Ok(written)) => round.written.push(written),
            Ok(Err(end)) => {
                // One that is refused is no reason for others not to be written, unless its results may be in them.
                let stops = is_deletion || !matches!(end, End::Conflict | End::Failed(_));
                if round.end == End::Written {
                    round.end = end;
                }
                if stops {
                    return round;
                }
            }
            Err(_) => {
                round.end = End::Failed(Failure::new(format!("the API server did not answer within {WRITE_LIMIT:?}")));
                return round;
            }
        }
    }
    round
}

/// Makes one change.
async fn make(api: &Api<DynamicObject>, change: ReportWrite) -> Result<(String, Option<PublishedReport>), End> {
    match change {
        ReportWrite::Delete { name, resource_version } => {
            let preconditions = Preconditions { resource_version: Some(resource_version), uid: None };
            let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            match api.delete(&name, &parameters).await {
                Ok(_) => Ok((name, None)),
                Err(kube::Error::Api(answer)) if answer.code == 404 => Ok((name, None)),
                Err(error) => Err(end(error, true)),
            }
        }
        ReportWrite::Apply { report, is_own } => {
            let parameters = PatchParams { force: is_own, ..PatchParams::apply(MANAGER) };
            let written = api.patch_metadata(report.name(), &parameters, &Patch::Apply(&report)).await;
            let version = written.map_err(|error| end(error, is_own))?.metadata.resource_version.unwrap_or_default();
            Ok((report.name().to_owned(), Some(PublishedReport::written(&report, version))))
        }
    }
}

/// How a write ended that was refused, of a Report that is the operator's or is to be.
fn end(error: kube::Error, is_own: bool) -> End {
    let kube::Error::Api(answer) = error else { return End::Failed(Failure::new(error.to_string())) };
    let Status { code, reason, message, details, .. } = *answer;
    let about = details.map(|details| details.kind).unwrap_or_default();
    match code {
        409 if is_own => End::Conflict,
        409 => End::Failed(Failure {
            class: None,
            error: format!("a Report of this name is somebody else's, delete it or call it otherwise: {message}"),
        }),
        404 if about == "namespaces" => End::Gone,
        404 => End::NotServed,
        403 if message.contains("being terminated") => End::Gone,
        code => {
            // What is not allowed is said of each Report of each namespace.
            let not_allowed = message.split_once(": ").and_then(|(_, why)| why.split_once(" in the namespace "));
            let class = not_allowed.map_or_else(|| format!("{code} {reason}"), |(why, _)| why.to_owned());
            End::Failed(Failure { class: Some(class), error: format!("{message} (code {code})") })
        }
    }
}

#[cfg(test)]
mod tests;

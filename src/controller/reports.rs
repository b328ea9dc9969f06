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
use crate::inventory::{Listed, ObjectName};
use crate::openreports::{Change, GROUP_AND_PLURAL, Known, OwnReports, ROUND, Report, is_name};

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
    own: HashMap<Arc<str>, OwnReports>,
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
    written: Vec<(String, Option<Known>)>,
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
    pub(super) fn own(&self, namespace: &str) -> Option<&OwnReports> {
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
    pub(super) fn see(&mut self, name: &ObjectName, mut seen: Known, leads: bool) -> bool {
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
        if is_name(&name.name) {
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
        self.own.values_mut().for_each(OwnReports::settle);
        self.own.retain(|_, own| !own.is_empty());
    }
}

/// Makes the changes to the Reports of a namespace, one after the other, as far as that goes.
pub(super) async fn write(client: Client, namespace: Arc<str>, changes: Vec<Change>, mandate: Mandate) -> Round {
    let (group, plural) = GROUP_AND_PLURAL;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1alpha1", KIND), plural);
    let api = Api::<DynamicObject>::namespaced_with(client, &namespace, &resource);
    let mut round = Round { is_part: changes.len() >= ROUND, ..Round::default() };
    for change in changes {
        if !mandate.holds() {
            round.end = End::NotLeading;
            return round;
        }
        let is_deletion = matches!(change, Change::Delete { .. });
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
async fn make(api: &Api<DynamicObject>, change: Change) -> Result<(String, Option<Known>), End> {
    match change {
        Change::Delete { name, resource_version } => {
            let preconditions = Preconditions { resource_version: Some(resource_version), uid: None };
            let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            match api.delete(&name, &parameters).await {
                Ok(_) => Ok((name, None)),
                Err(kube::Error::Api(answer)) if answer.code == 404 => Ok((name, None)),
                Err(error) => Err(end(error, true)),
            }
        }
        Change::Apply { report, is_own } => {
            let parameters = PatchParams { force: is_own, ..PatchParams::apply(MANAGER) };
            let written = api.patch_metadata(report.name(), &parameters, &Patch::Apply(&report)).await;
            let version = written.map_err(|error| end(error, is_own))?.metadata.resource_version.unwrap_or_default();
            Ok((report.name().to_owned(), Some(Known::written(&report, version))))
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
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::inventory::ListedKind;
    use crate::signals::FactKind;

    const R: &str = "responsibility-operator";

    fn name(name: &str) -> ObjectName {
        ObjectName { namespace: "shop".into(), name: name.into() }
    }

    fn version(version: &str) -> Known {
        let digest = Some("5f0c".to_owned());
        Known { resource_version: version.to_owned(), digest, labels: BTreeMap::new(), since: vec![(1, 100)] }
    }

    /// What is written of a Report, as this version of the object.
    fn wrote(reports: &mut Reports, known: Option<Known>) {
        let mut round = Round { written: vec![(R.to_owned(), known)], ..Round::default() };
        reports.take_in(&"shop".into(), &mut round);
    }

    fn digest(reports: &Reports) -> Option<&str> {
        reports.own("shop")?.get(R)?.digest.as_deref()
    }

    fn since(reports: &Reports) -> Option<i64> {
        reports.own("shop")?.since(1)
    }

    #[test]
    fn what_was_written_is_no_news_when_the_watch_tells_it_before_or_after_the_answer() {
        let mut reports = Reports::new(true);
        wrote(&mut reports, Some(version("7")));
        assert!(!reports.see(&name(R), version("7"), true), "after it");
        assert!(reports.see(&name(R), version("9"), true), "before it");
        wrote(&mut reports, Some(version("9")));
        assert_eq!(digest(&reports), Some("5f0c"));
        assert!(!reports.see(&name(R), version("7"), true), "late");
        assert_eq!(reports.own("shop").unwrap().get(R).unwrap().resource_version, "9");
    }

    #[test]
    fn the_digest_of_what_somebody_else_changed_is_not_believed_while_this_process_leads() {
        let mut reports = Reports::new(true);
        assert!(reports.see(&name(R), version("7"), false));
        assert_eq!(digest(&reports), Some("5f0c"), "of an earlier process");
        assert!(reports.see(&name(R), version("8"), false));
        assert_eq!(digest(&reports), Some("5f0c"), "of the one that leads");
        assert!(reports.see(&name(R), version("9"), true));
        assert_eq!(digest(&reports), None);
        // An answer that is older than what the watch knows by now tells nothing.
        wrote(&mut reports, Some(version("7")));
        assert_eq!(digest(&reports), None);
    }

    #[test]
    fn a_result_keeps_its_time_whatever_somebody_does_to_its_report_until_all_is_as_it_should_be() {
        let mut reports = Reports::new(true);
        let other = |resource_version: &str, since: Vec<(u64, i64)>| Known { since, ..version(resource_version) };
        reports.see(&name(R), version("7"), true);
        reports.see(&name(R), other("8", vec![(1, 900)]), true);
        assert_eq!(since(&reports), Some(100), "another time was written");
        reports.see(&name(R), other("9", vec![]), true);
        assert!(reports.forget(&name(R), true), "it was deleted");
        assert_eq!(since(&reports), Some(100));
        wrote(&mut reports, Some(other("10", vec![(2, 200)])));
        assert_eq!(since(&reports), None, "it is in no Report any more");
        // Nobody keeps times who does not write.
        reports.see(&name(R), other("11", vec![]), false);
        assert!(reports.forget(&name(R), false));
        assert_eq!(reports.namespaces().count(), 0);
    }

    #[tokio::test]
    async fn what_the_watch_tells_during_a_round_is_later_than_what_the_round_wrote() {
        let under_way = || {
            let mut reports = Reports::new(true);
            let task = reports.writes.spawn(async { Round::default() });
            reports.writing.insert(task.id(), ("shop".into(), Instant::now()));
            reports
        };
        let mut deleted = under_way();
        assert!(!deleted.forget(&name(R), true), "somebody deletes what was written a moment ago");
        wrote(&mut deleted, Some(version("7")));
        assert!(deleted.own("shop").is_none());
        wrote(&mut deleted, Some(version("9")));
        assert!(deleted.own("shop").is_some(), "of a later round");

        let mut made = under_way();
        made.see(&name(R), version("7"), true);
        made.see(&name(R), version("9"), true);
        wrote(&mut made, None);
        assert!(made.own("shop").is_some(), "somebody made what was deleted a moment ago");
        made.forget(&name(R), true);
        made.see(&name(R), version("11"), true);
        wrote(&mut made, Some(version("10")));
        assert_eq!(made.own("shop").unwrap().get(R).unwrap().resource_version, "11");
    }

    #[test]
    fn times_are_kept_while_a_round_is_not_at_its_end() {
        for (end, is_part) in [(End::Conflict, false), (End::Written, true)] {
            let mut reports = Reports::new(true);
            reports.see(&name(R), version("7"), true);
            let mut round = Round { written: vec![(R.to_owned(), None)], end, is_part };
            reports.take_in(&"shop".into(), &mut round);
            assert_eq!(since(&reports), Some(100));
            reports.stand_by();
            assert_eq!(reports.namespaces().count(), 0);
        }
    }

    #[test]
    fn what_is_gone_is_forgotten_once_whoever_tells_it() {
        let mut reports = Reports::new(true);
        for other in [R, "s"] {
            reports.see(&name(other), version("7"), true);
        }
        let mut listed = Listed::empty(ListedKind::Facts(FactKind::Reports), None);
        listed.names.insert(name("s"));
        assert_eq!(reports.missing_from(&listed), [name(R)]);
        assert!(reports.forget(&name(R), true) && !reports.forget(&name(R), true));
        assert!(reports.forget(&name("s"), true));
        reports.settle(&"shop".into());
        assert_eq!(reports.namespaces().count(), 0);
        reports.see(&name(R), version("9"), true);
        wrote(&mut reports, None);
        assert!(!reports.forget(&name(R), true), "deleted by the operator");
        assert_eq!(reports.namespaces().count(), 0);
    }

    /// That a write failed so in a namespace; whether that is news.
    fn fails(reports: &mut Reports, namespace: &str, code: u16, message: &str) -> bool {
        let status = Status { code, message: message.to_owned(), ..Status::default() };
        let End::Failed(failure) = end(kube::Error::Api(Box::new(status)), true) else { panic!("it is no failure") };
        reports.is_news(&namespace.into(), &failure)
    }

    #[test]
    fn a_failure_is_said_once_for_all_namespaces_and_its_end_when_it_ends_for_all() {
        let mut reports = Reports::new(true);
        let forbidden = |namespace: &str, verb: &str| {
            format!(
                "reports \"r\" is forbidden: User \"x\" cannot {verb} resource \"reports\" in the namespace \"{namespace}\""
            )
        };
        assert!(fails(&mut reports, "shop", 403, &forbidden("shop", "patch")));
        assert!(!fails(&mut reports, "bank", 403, &forbidden("bank", "patch")));
        assert!(fails(&mut reports, "bank", 403, &forbidden("bank", "create")), "another right is missing");
        assert!(fails(&mut reports, "bank", 500, "out of order"));
        assert!(!fails(&mut reports, "shop", 403, &forbidden("shop", "patch")), "in turns with others");
        assert!(!reports.is_end(&"other".into()), "it did not fail there");
        assert!(!reports.is_end(&"shop".into()), "it fails elsewhere");
        assert!(reports.is_end(&"bank".into()) && !reports.is_end(&"bank".into()));
        assert!(fails(&mut reports, "shop", 403, &forbidden("shop", "patch")), "it began again");
        // Who has a Report in the way is no reason to be silent of others, nor of what fails later.
        let conflict = |reports: &mut Reports, namespace: &str| {
            let status = Status { code: 409, message: "conflict".to_owned(), ..Status::default() };
            let End::Failed(failure) = end(kube::Error::Api(Box::new(status)), false) else {
                panic!("it is no failure")
            };
            reports.is_news(&namespace.into(), &failure)
        };
        assert!(conflict(&mut reports, "shop") && conflict(&mut reports, "bank") && !conflict(&mut reports, "bank"));
        assert!(fails(&mut reports, "third", 403, &forbidden("third", "patch")), "nobody fails so any more");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_gathered_and_nothing_is_looked_at_where_reports_are_off() {
        let (on, off) = (&mut Reports::new(true), &mut Reports::new(false));
        let begun = Instant::now();
        for reports in [&mut *on, &mut *off] {
            reports.mark(&"shop".into(), begun);
            reports.mark(&"shop".into(), begun + GATHER / 2);
        }
        assert_eq!(&*on.queue.next().await, "shop");
        assert_eq!(begun.elapsed(), GATHER);
        assert!(timeout(Duration::from_hours(1), off.queue.next()).await.is_err());
    }

    #[rstest]
    #[case::another_version(409, "reports", "the object has been modified", true, "conflict")]
    #[case::somebody_elses(409, "reports", "conflict with \"kubectl\": .results", false, "failed")]
    #[case::no_namespace(404, "namespaces", "namespaces \"shop\" not found", true, "gone")]
    #[case::not_served(404, "", "the server could not find the requested resource", true, "not_served")]
    #[case::going(
        403,
        "reports",
        "unable to create new content in namespace shop because it is being terminated",
        true,
        "gone"
    )]
    #[case::no_right(403, "reports", "may not", true, "failed")]
    #[case::refused(422, "reports", "invalid", true, "failed")]
    fn a_refusal_is_a_failure_unless_there_is_nothing_to_mend(
        #[case] code: u16,
        #[case] kind: &str,
        #[case] message: &str,
        #[case] is_own: bool,
        #[case] expected: &str,
    ) {
        let status = serde_json::json!({ "code": code, "message": message, "details": { "kind": kind } });
        let status: Status = serde_json::from_value(status).unwrap();
        let end = end(kube::Error::Api(Box::new(status)), is_own);
        assert_eq!(end.name(), expected);
        if let End::Failed(Failure { error, .. }) = end {
            assert!(error.contains(message), "{error}");
        }
    }
}

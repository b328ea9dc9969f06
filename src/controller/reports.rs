//! The Reports of the operator: what is known of them, when to look at those of a namespace, and the writes.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, timeout};

use super::MANAGER;
use super::election::Mandate;
use super::input::precedes;
use super::queue::{Line, Queue};
use crate::inventory::{Listed, ObjectName};
use crate::openreports::{Change, GROUP_AND_PLURAL, Known};

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
    known: HashMap<Arc<str>, BTreeMap<String, Known>>,
    pub(super) queue: Queue<Arc<str>>,
    pub(super) writes: JoinSet<Round>,
    /// Whose writes are under way, and since when.
    pub(super) writing: HashMap<task::Id, (Arc<str>, Instant)>,
    /// Whether it was said that they are not served.
    pub(super) said_absent: bool,
    /// Why the last write failed: what is wrong with hundreds of namespaces is said once.
    problem: Option<String>,
}

/// How the writes of a namespace ended.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// What is written, in order: what is known of a Report, none of one that is deleted.
    written: Vec<(String, Option<Known>)>,
    /// How it ended, where not all was written.
    pub(super) end: End,
}

/// Why a round of writes ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// All is written.
    #[default]
    Written,
    /// A Report is another one by now: the watch tells.
    Conflict,
    /// The namespace is gone or goes, or Reports are served no more.
    Gone,
    /// This process ceased to lead.
    NotLeading,
    /// A write failed.
    Failed(String),
}

impl Round {
    pub(super) const fn failed(error: String) -> Self {
        Self { written: Vec::new(), end: End::Failed(error) }
    }
}

impl End {
    /// The word in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::NotLeading => "not_leading",
            Self::Failed(_) => "failed",
        }
    }
}

impl Reports {
    pub(super) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            known: HashMap::new(),
            queue: Queue::new(WRITES_PER_SECOND),
            writes: JoinSet::new(),
            writing: HashMap::new(),
            said_absent: false,
            problem: None,
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// The namespaces in which own Reports are known.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.known.keys()
    }

    /// What is known of those of a namespace.
    pub(super) fn known(&self, namespace: &str) -> Option<&BTreeMap<String, Known>> {
        self.known.get(namespace)
    }

    /// Asks for the Reports of a namespace to be looked at soon.
    pub(super) fn mark(&mut self, namespace: &Arc<str>, now: Instant) {
        if self.is_on {
            self.queue.mark_at(namespace, Line::Routine, now + GATHER);
        }
    }

    /// Takes in what the watch tells of a Report; returns whether it may have to be written anew.
    pub(super) fn see(&mut self, name: &ObjectName, mut seen: Known) -> bool {
        let reports = self.known.entry(name.namespace.clone()).or_default();
        if let Some(before) = reports.get(&*name.name) {
            let is_same = before.resource_version == seen.resource_version;
            if is_same || precedes(&seen.resource_version, &before.resource_version) {
                return false;
            }
            // Whoever changed it may have left the digest as it was.
            seen.digest = None;
        }
        reports.insert(name.name.to_string(), seen);
        true
    }

    /// A Report is gone, or is the operator's no more; returns whether it was known.
    pub(super) fn forget(&mut self, name: &ObjectName) -> bool {
        let Some(reports) = self.known.get_mut(&name.namespace) else { return false };
        let was_known = reports.remove(&*name.name).is_some();
        if reports.is_empty() {
            self.known.remove(&name.namespace);
        }
        was_known
    }

    /// The Reports that a complete list misses.
    pub(super) fn missing_from(&self, listed: &Listed) -> Vec<ObjectName> {
        let all = self.known.iter().flat_map(|(namespace, reports)| {
            let name = |name: &String| ObjectName { namespace: namespace.clone(), name: name.as_str().into() };
            reports.keys().map(name)
        });
        all.filter(|name| listed.misses(&name.namespace, &name.name)).collect()
    }

    /// Takes in what was written. The watch may know of something later by now.
    pub(super) fn take_in(&mut self, namespace: &Arc<str>, round: &mut Round) {
        for (name, known) in round.written.drain(..) {
            let reports = self.known.entry(namespace.clone()).or_default();
            match known {
                Some(known) => {
                    let later = reports.get(&name);
                    if later.is_none_or(|later| !precedes(&known.resource_version, &later.resource_version)) {
                        reports.insert(name, known);
                    }
                }
                None => drop(reports.remove(&name)),
            }
        }
        if self.known.get(namespace).is_some_and(BTreeMap::is_empty) {
            self.known.remove(namespace);
        }
    }

    /// Takes in why a write failed, none for one that did not; returns whether that is news.
    pub(super) fn is_news(&mut self, problem: Option<&str>) -> bool {
        let is_news = self.problem.as_deref() != problem;
        self.problem = problem.map(str::to_owned);
        is_news
    }

    /// Nothing is written any more.
    pub(super) fn stand_by(&mut self) {
        self.queue.forget_waiting();
        self.writes.abort_all();
    }
}

/// Makes the changes to the Reports of a namespace, one after the other, as far as that goes.
pub(super) async fn write(client: Client, namespace: Arc<str>, changes: Vec<Change>, mandate: Mandate) -> Round {
    let (group, plural) = GROUP_AND_PLURAL;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1alpha1", KIND), plural);
    let api = Api::<DynamicObject>::namespaced_with(client, &namespace, &resource);
    let mut round = Round::default();
    for change in changes {
        if !mandate.holds() {
            round.end = End::NotLeading;
            return round;
        }
        let write = async {
            match change {
                Change::Delete { name, resource_version } => delete(&api, name, resource_version).await,
                Change::Apply(report) => {
                    let parameters = PatchParams::apply(MANAGER).force();
                    let written = api.patch_metadata(report.name(), &parameters, &Patch::Apply(&report)).await?;
                    let version = written.metadata.resource_version.unwrap_or_default();
                    Ok((report.name().to_owned(), Some(Known::written(&report, version))))
                }
            }
        };
        match timeout(WRITE_LIMIT, write).await {
            Ok(Ok(written)) => round.written.push(written),
            Ok(Err(error)) => {
                round.end = end(error);
                return round;
            }
            Err(_) => {
                round.end = End::Failed(format!("the API server did not answer within {WRITE_LIMIT:?}"));
                return round;
            }
        }
    }
    round
}

async fn delete(
    api: &Api<DynamicObject>,
    name: String,
    resource_version: String,
) -> kube::Result<(String, Option<Known>)> {
    let preconditions = Preconditions { resource_version: Some(resource_version), uid: None };
    let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    match api.delete(&name, &parameters).await {
        Ok(_) => Ok((name, None)),
        Err(kube::Error::Api(answer)) if answer.code == 404 => Ok((name, None)),
        Err(error) => Err(error),
    }
}

/// How a write ended that was refused.
fn end(error: kube::Error) -> End {
    match error {
        kube::Error::Api(answer) => match answer.code {
            409 => End::Conflict,
            404 => End::Gone,
            403 if answer.message.contains("being terminated") => End::Gone,
            code => End::Failed(format!("{} (code {code})", answer.message)),
        },
        error => End::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::inventory::ListedKind;
    use crate::signals::FactKind;

    fn name(name: &str) -> ObjectName {
        ObjectName { namespace: "shop".into(), name: name.into() }
    }

    fn version(version: &str) -> Known {
        Known { resource_version: version.to_owned(), digest: Some("5f0c".to_owned()), since: vec![] }
    }

    /// What is written of a Report, as this version of the object.
    fn wrote(reports: &mut Reports, known: Option<Known>) {
        let mut round = Round { written: vec![("r".to_owned(), known)], end: End::Written };
        reports.take_in(&"shop".into(), &mut round);
    }

    fn digest(reports: &Reports) -> Option<&str> {
        reports.known("shop")?.get("r")?.digest.as_deref()
    }

    #[test]
    fn what_was_written_is_no_news_when_the_watch_tells_it_before_or_after_the_answer() {
        let mut reports = Reports::new(true);
        wrote(&mut reports, Some(version("7")));
        assert!(!reports.see(&name("r"), version("7")), "after it");
        assert!(reports.see(&name("r"), version("9")), "before it");
        wrote(&mut reports, Some(version("9")));
        assert_eq!(digest(&reports), Some("5f0c"));
        assert!(!reports.see(&name("r"), version("7")), "late");
        assert_eq!(reports.known("shop").unwrap()["r"].resource_version, "9");
    }

    #[test]
    fn the_digest_of_what_somebody_else_changed_is_not_believed() {
        let mut reports = Reports::new(true);
        assert!(reports.see(&name("r"), version("7")));
        assert_eq!(digest(&reports), Some("5f0c"), "of an earlier process");
        assert!(reports.see(&name("r"), version("8")));
        assert_eq!(digest(&reports), None);
        // An answer that is older than what the watch knows by now tells nothing.
        wrote(&mut reports, Some(version("7")));
        assert_eq!(digest(&reports), None);
    }

    #[test]
    fn what_is_gone_is_forgotten_once_whoever_tells_it() {
        let mut reports = Reports::new(true);
        for other in ["r", "s"] {
            reports.see(&name(other), version("7"));
        }
        let mut listed = Listed::empty(ListedKind::Facts(FactKind::Reports), None);
        listed.names.insert(name("s"));
        assert_eq!(reports.missing_from(&listed), [name("r")]);
        assert!(reports.forget(&name("r")) && !reports.forget(&name("r")));
        assert!(reports.forget(&name("s")));
        assert_eq!(reports.namespaces().count(), 0);
        reports.see(&name("r"), version("9"));
        wrote(&mut reports, None);
        assert!(!reports.forget(&name("r")), "deleted by the operator");
        assert_eq!(reports.namespaces().count(), 0);
    }

    #[test]
    fn a_problem_is_said_once_for_all_namespaces_and_its_end_too() {
        let mut reports = Reports::new(true);
        let said =
            [None, Some("refused"), Some("refused"), Some("late"), None, None].map(|problem| reports.is_news(problem));
        assert_eq!(said, [false, true, false, true, true, false]);
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
    #[case::another_version(409, "the object has been modified", End::Conflict)]
    #[case::no_namespace(404, "namespaces \"shop\" not found", End::Gone)]
    #[case::going(403, "unable to create new content in namespace shop because it is being terminated", End::Gone)]
    #[case::no_right(403, "may not", End::Failed("may not (code 403)".to_owned()))]
    #[case::refused(422, "invalid", End::Failed("invalid (code 422)".to_owned()))]
    fn a_refusal_is_a_failure_unless_there_is_nothing_to_mend(
        #[case] code: u16,
        #[case] message: &str,
        #[case] expected: End,
    ) {
        let status = kube::core::Status { code, message: message.to_owned(), ..kube::core::Status::default() };
        assert_eq!(end(kube::Error::Api(Box::new(status))), expected);
    }
}

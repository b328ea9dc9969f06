//! Watch of one kind: sends the objects of a list and the changes after it to the engine.

use std::sync::Arc;
use std::time::Duration;

use kube::api::Api;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::cursor::{Cursor, Step};
use super::decode::{Decoder, Object};
use super::event::WatchEvent;
use super::watched_kind::{Problem, WatchedKind};
use crate::controller::api_call::{CallError, ErrorClass};
use crate::facts::{Delta, Listed};
use crate::telemetry::metric::WatchMetrics;

/// Time between requests for a kind that is forbidden or not served. It is short because a user who grants a right waits for
/// the effect.
const REFUSED_RETRY: Duration = Duration::from_secs(5);

/// Longest time between two requests, also if the API server asks for a longer one with Retry-After.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Time for which requests must fail before the facts of a kind count as outdated.
const FAILING_AFTER: Duration = Duration::from_mins(1);

/// Time without data and without an accepted watch before the facts of a kind count as outdated.
const SILENT_AFTER: Duration = Duration::from_mins(2);

/// Default time for which a kind must be refused before it is reported as forbidden or not served. An API server that starts
/// refuses kinds that it serves a moment later.
pub(in crate::controller) const GRACE: Duration = Duration::from_secs(10);

/// Time that a resumed watch needs to send the changes of an outage. The kind does not count as read before.
const CATCH_UP: Duration = Duration::from_secs(1);

/// Duration of a watch after which the next failure is a new one: the first retry is early again.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// Shortest time between two lists that are requested by [`RelistRequest`].
const RELIST_PERIOD: Duration = Duration::from_mins(1);

/// Makes the watches of the operator's own kinds list anew.
#[derive(Clone, Debug)]
pub(in crate::controller) struct RelistRequest(Arc<watch::Sender<()>>);

impl Default for RelistRequest {
    fn default() -> Self {
        Self(Arc::new(watch::channel(()).0))
    }
}

impl RelistRequest {
    /// Requests new lists. Each watch lists at most once a minute.
    pub(in crate::controller) fn request(&self) {
        self.0.send_replace(());
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

/// Watch of a kind in the whole cluster or in one namespace.
pub(super) struct Stream<K: Object> {
    pub(super) api: Api<K>,
    pub(super) decoder: Decoder<K>,
    pub(super) kind: WatchedKind,
    pub(super) events: Sender<WatchEvent>,
    /// Time for which the kind must be refused before that is reported.
    pub(super) grace: Duration,
    /// Requests a new discovery if an optional kind seems to be no longer served.
    pub(super) rediscover: Arc<Notify>,
    /// Requests for a new list, only for the operator's own kinds.
    pub(super) relist: Option<watch::Receiver<()>>,
    pub(super) metrics: WatchMetrics,
}

/// The engine has stopped and receives no more events.
struct EngineStopped;

/// State of a watch across restarts.
struct Progress {
    backoff: DefaultBackoff,
    /// Time of the next request.
    resume_at: Instant,
    /// Last time at which the API server sent data or accepted a watch.
    alive_at: Instant,
    /// Time at which the running watch was accepted.
    started_at: Option<Instant>,
    /// Time of the first failure since a watch was accepted.
    failing_since: Option<Instant>,
    /// Time of the first response since then that the kind is forbidden or not served.
    refused_since: Option<Instant>,
    /// True if the silence since the last sign of life was reported.
    is_silence_reported: bool,
    /// State of the kind that the engine knows; `None` before the first report.
    reported: Option<Reported>,
    /// Time at which the kind counts as read if the running watch goes on until then.
    sync_at: Option<Instant>,
    /// Time of the last complete list that was requested by [`RelistRequest`].
    relisted_at: Option<Instant>,
    /// The list that is being read.
    listing: Option<Listed>,
    /// True if a list is complete and no watch was accepted since.
    is_listed: bool,
}

/// State of a kind as it was reported to the engine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reported {
    Synced,
    /// Failing or silent. Only the first of the two is reported: each change of the problem rewrites all statuses.
    Outdated,
    Refused,
}

impl Progress {
    fn new(now: Instant) -> Self {
        Self {
            backoff: DefaultBackoff::default(),
            resume_at: now,
            alive_at: now,
            started_at: None,
            failing_since: None,
            refused_since: None,
            is_silence_reported: false,
            reported: None,
            sync_at: None,
            relisted_at: None,
            listing: None,
            is_listed: false,
        }
    }

    /// Records that the API server sent data or accepted a watch.
    const fn record_life(&mut self, now: Instant) {
        self.alive_at = now;
        self.is_silence_reported = false;
    }

    /// Records an accepted watch.
    fn record_start(&mut self, now: Instant) {
        self.failing_since = None;
        self.refused_since = None;
        self.started_at = Some(now);
        let was_listed = std::mem::take(&mut self.is_listed);
        self.sync_at = (self.reported != Some(Reported::Synced)).then(|| if was_listed { now } else { now + CATCH_UP });
    }

    /// Records the end of a watch, or a failed request. The backoff starts again after a steady watch.
    fn record_end(&mut self, now: Instant) -> bool {
        self.sync_at = None;
        self.is_listed = false;
        let was_steady = self.started_at.take().is_some_and(|started| now - started >= STEADY_AFTER);
        if was_steady {
            self.backoff.reset();
        }
        was_steady
    }

    /// Returns the time until the next attempt, at least `asked`, at most [`LONGEST_PAUSE`].
    fn next_pause(&mut self, asked: Duration) -> Duration {
        self.backoff.next().unwrap_or(LONGEST_PAUSE).max(asked).min(LONGEST_PAUSE)
    }
}

impl<K: Object> Stream<K> {
    /// Lists and watches until the engine stops.
    pub(super) async fn run(mut self) {
        let mut cursor = Cursor::new(self.api.clone());
        let mut progress = Progress::new(Instant::now());
        while self.step(&mut cursor, &mut progress).await.is_ok() {}
        debug!(kind = %self.kind, "the engine has stopped");
    }

    /// Waits for the next step and handles it.
    async fn step(&mut self, cursor: &mut Cursor<K>, progress: &mut Progress) -> Result<(), EngineStopped> {
        let far = Instant::now() + SILENT_AFTER;
        let silent_at = progress.alive_at + SILENT_AFTER;
        let can_relist = cursor.is_watching();
        let result = tokio::select! {
            biased;
            () = sleep_until(progress.sync_at.unwrap_or(far)), if progress.sync_at.is_some() => {
                progress.sync_at = None;
                progress.reported = Some(Reported::Synced);
                return self.send(WatchEvent::Synced(self.kind.clone())).await;
            }
            () = changed(&mut self.relist), if can_relist => {
                let now = Instant::now();
                if progress.relisted_at.is_none_or(|last| now - last >= RELIST_PERIOD) {
                    info!(kind = %self.kind, "the stored objects seem to be outdated, listing them anew");
                    progress.relisted_at = Some(now);
                    cursor.restart();
                }
                return Ok(());
            }
            result = async {
                sleep_until(progress.resume_at).await;
                cursor.next(&self.decoder).await
            } => result,
            () = sleep_until(silent_at), if !progress.is_silence_reported => {
                progress.is_silence_reported = true;
                return self.report(Problem::Silent, progress).await;
            }
        };
        let now = Instant::now();
        match result {
            Ok(step) => {
                let is_life = !matches!(step, Step::ListBegins | Step::WatchEnded);
                self.take(step, progress, now).await?;
                if is_life {
                    // Now and not before: time in which the engine is busy is not silence of the API server.
                    progress.record_life(Instant::now());
                }
                Ok(())
            }
            Err(error) => self.fail(&error, cursor, progress, now).await,
        }
    }

    async fn take(&self, step: Step<K>, progress: &mut Progress, now: Instant) -> Result<(), EngineStopped> {
        match step {
            Step::ListBegins => progress.listing = Some(self.empty_list()),
            Step::Listed(object) => {
                let event = self.decoder.event(&object);
                event.record_in(progress.listing.get_or_insert_with(|| self.empty_list()));
                self.metrics.events.inc();
                self.send(event).await?;
            }
            Step::ListComplete => {
                let complete = progress.listing.take().unwrap_or_else(|| self.empty_list());
                progress.is_listed = true;
                self.metrics.relists.inc();
                self.send(WatchEvent::Change(Delta::Relisted(complete))).await?;
            }
            Step::WatchStarted => progress.record_start(now),
            Step::Applied(object) => {
                self.metrics.events.inc();
                self.send(self.decoder.event(&object)).await?;
            }
            Step::Deleted(object) => {
                self.metrics.events.inc();
                self.send(WatchEvent::Change(self.decoder.deletion(&object))).await?;
            }
            Step::Bookmark => {}
            // A watch that always ends at once must not become a load on the API server.
            Step::WatchEnded => {
                if !progress.record_end(now) {
                    progress.resume_at = now + progress.next_pause(Duration::ZERO);
                }
            }
        }
        Ok(())
    }

    /// Handles an error: reports it if it does not pass by itself, and sets the time of the next request.
    async fn fail(
        &self,
        error: &CallError,
        cursor: &mut Cursor<K>,
        progress: &mut Progress,
        now: Instant,
    ) -> Result<(), EngineStopped> {
        self.metrics.errors.inc();
        progress.record_end(now);
        let failed_for = now - *progress.failing_since.get_or_insert(now);
        if let Some(refusal) = Problem::of(error) {
            let refused_for = now - *progress.refused_since.get_or_insert(now);
            if refusal == Problem::NotServed && self.kind.is_optional() {
                self.rediscover.notify_one();
            }
            // A refusal ends when somebody acts. The version of before can be one that the API server does not know.
            cursor.restart();
            progress.resume_at = now + REFUSED_RETRY;
            if must_report(refusal, &self.kind, refused_for, self.grace) {
                self.report(refusal, progress).await?;
            }
            return Ok(());
        }
        warn!(kind = %self.kind, %error, "cannot read from the API server, trying again");
        progress.resume_at = now + progress.next_pause(error.retry_after());
        if failed_for > FAILING_AFTER {
            if error.class() == ErrorClass::Other && error.is_rejection() {
                // The API server can be one that was restored and does not know the version.
                cursor.restart();
            }
            self.report(Problem::Failing, progress).await?;
        }
        Ok(())
    }

    fn empty_list(&self) -> Listed {
        Listed::empty(self.decoder.listed.clone(), self.kind.namespace().map(Arc::from))
    }

    async fn report(&self, problem: Problem, progress: &mut Progress) -> Result<(), EngineStopped> {
        let reported = match problem {
            Problem::Failing | Problem::Silent => Reported::Outdated,
            Problem::Forbidden | Problem::NotServed | Problem::Misconfigured => Reported::Refused,
        };
        if progress.reported.replace(reported) == Some(Reported::Outdated) && reported == Reported::Outdated {
            return Ok(());
        }
        self.send(WatchEvent::Unreadable(self.kind.clone(), problem)).await
    }

    async fn send(&self, event: WatchEvent) -> Result<(), EngineStopped> {
        self.events.send(event).await.map_err(|_| EngineStopped)
    }
}

/// Waits for the next request for a new list; for ever if there can be none.
async fn changed(relist: &mut Option<watch::Receiver<()>>) {
    match relist {
        // The sender lives as long as the watches.
        Some(relist) => drop(relist.changed().await),
        None => std::future::pending().await,
    }
}

/// Returns true if a problem does not pass by itself. An optional kind that is no longer served is not a problem for a minute:
/// discovery removes it.
fn must_report(problem: Problem, kind: &WatchedKind, refused_for: Duration, grace: Duration) -> bool {
    match problem {
        Problem::NotServed if kind.is_optional() => refused_for > FAILING_AFTER,
        Problem::NotServed | Problem::Forbidden => refused_for >= grace,
        Problem::Misconfigured | Problem::Failing | Problem::Silent => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::mpsc::{Receiver, channel};

    use super::super::cursor::tests::{Reply, Server, decoder, list, refusal};
    use super::super::watched_kind::KindRole;
    use super::*;
    use crate::telemetry::metric::Metrics;

    /// Watches Services of a scripted API server. Returns the events and a sender that requests new lists.
    fn watch_services(server: &Server) -> (Receiver<WatchEvent>, RelistRequest) {
        let (events, received) = channel(64);
        let kind = WatchedKind::new("", "services", KindRole::Additional, None);
        let relist = RelistRequest::default();
        let stream = Stream {
            api: server.api(),
            decoder: decoder(),
            metrics: Metrics::default().watch("services"),
            kind,
            events,
            grace: GRACE,
            rediscover: Arc::default(),
            relist: Some(relist.subscribe()),
        };
        tokio::spawn(stream.run());
        (received, relist)
    }

    /// Returns the next change of the coverage: `synced` or the problem; and the time until then in seconds.
    async fn coverage(events: &mut Receiver<WatchEvent>) -> (String, u64) {
        let since = Instant::now();
        loop {
            let change = match events.recv().await.unwrap() {
                WatchEvent::Synced(_) => "synced".to_owned(),
                WatchEvent::Unreadable(_, problem) => format!("{problem:?}"),
                _ => continue,
            };
            return (change, since.elapsed().as_secs());
        }
    }

    fn busy(code: u16) -> Reply {
        Reply::Json(code, refusal(code))
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_cannot_start_again_is_a_problem_after_a_minute_and_resumes() {
        let replies = [list(&[], "10", ""), Reply::Ended(Vec::new())].into_iter();
        let replies = replies.chain((0..12).map(|number| busy(if number % 2 == 0 { 503 } else { 429 })));
        let server = Server::new(replies.chain([Reply::Open(Vec::new())]).chain((0..9).map(|_| Reply::Nothing)));
        let (mut events, _relist) = watch_services(&server);
        assert_eq!(coverage(&mut events).await.0, "synced");
        let (problem, after) = coverage(&mut events).await;
        assert_eq!(problem, "Failing");
        assert!((60..=92).contains(&after), "{after}");
        while coverage(&mut events).await.0 != "synced" {}
        let queries = server.queries();
        assert_eq!(queries.iter().filter(|query| !query.contains("watch=true")).count(), 1, "{queries:#?}");
        assert_eq!(queries.len(), 15, "no attempt is lost");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_a_problem_after_two_minutes_while_a_watch_is_pending() {
        let replies = [list(&[], "10", ""), Reply::Open(Vec::new())].into_iter();
        let server = Server::new(replies.chain((0..9).map(|_| Reply::Nothing)));
        let (mut events, _relist) = watch_services(&server);
        assert_eq!(coverage(&mut events).await.0, "synced");
        let (problem, after) = coverage(&mut events).await;
        assert_eq!((&*problem, after), ("Silent", 120));
    }

    #[tokio::test(start_paused = true)]
    async fn no_request_waits_longer_than_half_a_minute() {
        let mut asked = refusal(429);
        asked["details"] = json!({ "retryAfterSeconds": 3600 });
        let refused = Reply::Json(429, asked);
        let server = Server::new([list(&[], "10", ""), refused, Reply::Open(Vec::new()), Reply::Nothing]);
        let (mut events, _relist) = watch_services(&server);
        // The watch then has a second to send what changed meanwhile.
        assert_eq!(coverage(&mut events).await, ("synced".to_owned(), 31));
    }

    #[tokio::test(start_paused = true)]
    async fn requested_lists_happen_at_most_once_a_minute() {
        let round = || [list(&[], "10", ""), Reply::Open(Vec::new())];
        let server = Server::new((0..3).flat_map(|_| round()));
        let (mut events, relist) = watch_services(&server);
        coverage(&mut events).await;
        let lists = || server.queries().iter().filter(|query| !query.contains("watch=true")).count();
        for (seconds, expected) in [(1, 2), (30, 2), (31, 3)] {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            relist.request();
            // The watch reads the request and the list while the clock advances.
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(lists(), expected, "after {seconds} s");
        }
    }

    #[test]
    fn what_is_refused_is_a_problem_when_that_lasts_and_an_optional_kind_that_is_gone_is_none() {
        let kind = |role| WatchedKind::new("gateway.networking.k8s.io", "httproutes", role, None);
        let reported = |problem, role, seconds| must_report(problem, &kind(role), Duration::from_secs(seconds), GRACE);
        for problem in [Problem::Forbidden, Problem::NotServed] {
            assert!(!reported(problem, KindRole::Assignments, 5), "an API server that starts");
            assert!(reported(problem, KindRole::Assignments, 10));
        }
        assert!(reported(Problem::Forbidden, KindRole::Optional, 10));
        assert!(!reported(Problem::NotServed, KindRole::Optional, 10));
        assert!(reported(Problem::NotServed, KindRole::Optional, 61), "discovery still finds it");
        assert!(reported(Problem::Failing, KindRole::Essential, 0));
    }
}

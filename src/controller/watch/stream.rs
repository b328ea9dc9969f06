//! Watch of one kind: sends the objects of a list and the changes after it to the engine.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::decode::{Decoder, Object};
use super::event::WatchEvent;
use super::watched_kind::{Problem, WatchedKind};
use crate::controller::api_call::{ErrorClass, root_cause};
use crate::facts::{Delta, Listed};
use crate::telemetry::metric::WatchMetrics;

/// Time between requests for a kind that is forbidden or not served. It is short because a user who grants a right waits for
/// the effect.
const REFUSED_RETRY: Duration = Duration::from_secs(5);

/// Time for which errors must last before the facts of a kind count as outdated.
const FAILING_AFTER: Duration = Duration::from_mins(1);

/// Default time for which a kind must be refused before it is reported as forbidden or not served. An API server that starts
/// refuses kinds that it serves a moment later.
pub(in crate::controller) const GRACE: Duration = Duration::from_secs(10);

/// Longest time between two errors of one failure. It is longer than the longest backoff.
const STREAK_GAP: Duration = Duration::from_secs(75);

/// Longest time without a response during a list. A connection can be dead without an error.
const LIST_TIMEOUT: Duration = Duration::from_mins(2);

/// Time for which a watch must run after a refusal before the kind counts as read again.
const CONFIRM_AFTER: Duration = Duration::from_secs(10);

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
    pub(super) metrics: WatchMetrics,
}

/// The engine has stopped and receives no more events.
struct EngineStopped;

/// State of a watch across restarts.
#[derive(Default)]
struct Progress {
    backoff: DefaultBackoff,
    errors: Streak,
    /// Responses that the kind is forbidden or not served.
    refusals: Streak,
    /// True after a refusal until the kind is confirmed. A complete list is not enough then: the watch can still be refused.
    needs_confirmation: bool,
}

/// Errors that follow each other, as times of the first and the last. Single errors hours apart are not a lasting failure.
#[derive(Default)]
struct Streak(Option<(Instant, Instant)>);

impl Streak {
    /// Records an error and returns for how long errors have followed each other.
    fn record(&mut self, now: Instant) -> Duration {
        let first = match self.0 {
            Some((first, last)) if now.duration_since(last) <= STREAK_GAP => first,
            _ => now,
        };
        self.0 = Some((first, now));
        now.duration_since(first)
    }
}

impl<K: Object> Stream<K> {
    /// Lists and watches until the engine stops.
    pub(super) async fn run(self) {
        let mut progress = Progress::default();
        while self.list_and_watch(&mut progress).await.is_ok() {
            debug!(kind = %self.kind, "relisting");
        }
    }

    /// Lists and watches until a new list is necessary.
    async fn list_and_watch(&self, progress: &mut Progress) -> Result<(), EngineStopped> {
        let mut events = pin!(watcher(self.api.clone(), self.decoder.config()));
        let mut listing = Some(self.empty_list());
        let mut is_unconfirmed = false;
        loop {
            let limit = match (&listing, is_unconfirmed) {
                (Some(_), _) => LIST_TIMEOUT,
                (None, true) => CONFIRM_AFTER,
                (None, false) => Duration::MAX,
            };
            let event = match tokio::time::timeout(limit, events.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(()),
                Err(_) if is_unconfirmed => {
                    is_unconfirmed = false;
                    self.report_synced(progress).await?;
                    continue;
                }
                Err(_) => {
                    self.metrics.errors.inc();
                    warn!(kind = %self.kind, "the list got no response, or none to its end, within two minutes; trying again");
                    // Silence of this length is a failure at once: results that depend on this kind must not wait for ever.
                    self.send(WatchEvent::Unreadable(self.kind.clone(), Problem::Failing)).await?;
                    return Ok(());
                }
            };
            if event.is_ok() && std::mem::take(&mut is_unconfirmed) {
                self.report_synced(progress).await?;
            }
            match event {
                Ok(Event::Init) => listing = Some(self.empty_list()),
                Ok(Event::InitApply(object)) => {
                    let event = self.decoder.event(&object);
                    event.record_in(listing.get_or_insert_with(|| self.empty_list()));
                    self.metrics.events.inc();
                    self.send(event).await?;
                }
                Ok(Event::InitDone) => {
                    let complete = listing.take().unwrap_or_else(|| self.empty_list());
                    self.metrics.relists.inc();
                    self.send(WatchEvent::Change(Delta::Relisted(complete))).await?;
                    if progress.needs_confirmation {
                        is_unconfirmed = true;
                    } else {
                        self.report_synced(progress).await?;
                    }
                    progress.backoff.reset();
                    progress.errors = Streak::default();
                }
                Ok(Event::Apply(object)) => {
                    self.metrics.events.inc();
                    self.send(self.decoder.event(&object)).await?;
                }
                Ok(Event::Delete(object)) => {
                    self.metrics.events.inc();
                    self.send(WatchEvent::Change(self.decoder.deletion(&object))).await?;
                }
                Err(error) => {
                    self.metrics.errors.inc();
                    let problem = self.report_error(&error, progress).await?;
                    // A refusal ends when somebody acts; a failure must not become a load on the API server.
                    let is_refused = !matches!(problem, None | Some(Problem::Failing));
                    let pause = if is_refused { None } else { progress.backoff.next() };
                    tokio::time::sleep(pause.unwrap_or(REFUSED_RETRY)).await;
                    if problem.is_some() || needs_relist(&error) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn empty_list(&self) -> Listed {
        Listed::empty(self.decoder.listed.clone(), self.kind.namespace().map(Arc::from))
    }

    async fn report_synced(&self, progress: &mut Progress) -> Result<(), EngineStopped> {
        progress.refusals = Streak::default();
        progress.needs_confirmation = false;
        self.send(WatchEvent::Synced(self.kind.clone())).await
    }

    async fn send(&self, event: WatchEvent) -> Result<(), EngineStopped> {
        self.events.send(event).await.map_err(|_| EngineStopped)
    }

    /// Reports an error that does not pass by itself. Returns its problem, `None` for an error that is only retried.
    async fn report_error(
        &self,
        error: &watcher::Error,
        progress: &mut Progress,
    ) -> Result<Option<Problem>, EngineStopped> {
        let now = Instant::now();
        let lasting = (progress.errors.record(now) > FAILING_AFTER).then_some(Problem::Failing);
        let refusal = client_error(error).and_then(Problem::of);
        progress.needs_confirmation |= refusal.is_some() || matches!(error, watcher::Error::WatchStartFailed(_));
        let refused_for = refusal.map(|_| progress.refusals.record(now)).unwrap_or_default();
        let problem = refusal.or(lasting);
        if let Some(problem) = problem {
            if problem == Problem::NotServed && self.kind.is_optional() {
                self.rediscover.notify_one();
            }
            if must_report(problem, &self.kind, refused_for, self.grace) {
                self.send(WatchEvent::Unreadable(self.kind.clone(), problem)).await?;
            }
        }
        if matches!(problem, None | Some(Problem::Failing)) {
            warn!(kind = %self.kind, error = root_cause(error), "cannot read from the API server, trying again");
        }
        Ok(problem)
    }
}

/// Returns true if a problem does not pass by itself. An optional kind that is no longer served is not a problem for a minute:
/// discovery removes it.
fn must_report(problem: Problem, kind: &WatchedKind, refused_for: Duration, grace: Duration) -> bool {
    match problem {
        Problem::NotServed if kind.is_optional() => refused_for > FAILING_AFTER,
        Problem::NotServed | Problem::Forbidden => refused_for >= grace,
        Problem::Misconfigured | Problem::Failing => true,
    }
}

const fn client_error(error: &watcher::Error) -> Option<&kube::Error> {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Some(error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
    }
}

/// Returns true if the watcher would request the same version for ever.
///
/// The watcher of kube lists again by itself when a running watch reports an expired version, but not when the start of a
/// watch is refused because the version expired, or because the kind was removed or forbidden.
fn needs_relist(error: &watcher::Error) -> bool {
    let watcher::Error::WatchStartFailed(error) = error else { return false };
    !matches!(ErrorClass::of(error), ErrorClass::Conflict | ErrorClass::Other)
}

#[cfg(test)]
mod tests {
    use super::super::watched_kind::KindRole;
    use super::*;

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

    #[test]
    fn errors_last_only_while_they_follow_each_other() {
        let start = Instant::now();
        let mut errors = Streak::default();
        let mut lasting_at = |seconds| errors.record(start + Duration::from_secs(seconds)) > FAILING_AFTER;
        assert!(!lasting_at(0));
        assert!(!lasting_at(30));
        assert!(lasting_at(90));
        assert!(!lasting_at(7200), "a single error two hours later");
        assert!(lasting_at(7265));
    }
}

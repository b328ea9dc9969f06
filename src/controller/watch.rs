//! A watch of one kind, from the API server to the engine.

use std::error::Error;
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

use super::input::{Input, Problem, Source};
use super::reader::Reader;
use crate::facts::{Delta, Listed};
use crate::telemetry::metric::WatchMetrics;

/// How long to wait before asking again for a kind that is missing or forbidden: whoever puts that right is waiting.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How long errors that pass by themselves may last before what is known of a kind counts as outdated.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a kind has to be refused to count as forbidden or not served, for one that goes on watching: an API server that
/// starts refuses what it will serve in a moment.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Errors further apart than this are not of one failure: attempts follow each other faster.
const APART: Duration = Duration::from_secs(75);

/// The longest silence in the middle of a list: a connection may be dead without a word.
const LIST_LIMIT: Duration = Duration::from_mins(2);

/// How long a watch has to last to be believed in, where it was refused before.
const PROOF: Duration = Duration::from_secs(10);

/// A watch of a kind, everywhere or in one namespace.
pub(super) struct Watch<R: Reader> {
    pub(super) api: Api<R::Object>,
    pub(super) reader: R,
    pub(super) source: Source,
    pub(super) scope: Option<Arc<str>>,
    pub(super) inputs: Sender<Input>,
    /// How long a kind has to be refused.
    pub(super) grace: Duration,
    /// Asks for a look at what is served, because an optional kind seems to be served no more.
    pub(super) look: Arc<Notify>,
    pub(super) metrics: WatchMetrics,
}

/// The engine has ended: there is nobody to watch for.
struct EngineGone;

/// How the reading of a kind goes.
#[derive(Default)]
struct Progress {
    backoff: DefaultBackoff,
    errors: Streak,
    /// Answers that the kind is forbidden or not served.
    refusals: Streak,
    /// Whether it was refused since it was read last: a complete list alone proves nothing then, the watch may be refused.
    doubted: bool,
}

/// Errors that follow each other. Single ones, hours apart, are no lasting failure.
#[derive(Default)]
struct Streak(Option<(Instant, Instant)>);

impl Streak {
    /// Notes an error and returns for how long there have been errors.
    fn note(&mut self, now: Instant) -> Duration {
        let first = match self.0 {
            Some((first, last)) if now.duration_since(last) <= APART => first,
            _ => now,
        };
        self.0 = Some((first, now));
        now.duration_since(first)
    }
}

impl<R: Reader> Watch<R> {
    /// Watches until the engine ends.
    pub(super) async fn run(self) {
        let mut progress = Progress::default();
        while self.follow(&mut progress).await.is_ok() {
            debug!(source = %self.source, "reading anew");
        }
    }

    /// Lists and watches until the watch has to begin anew.
    async fn follow(&self, progress: &mut Progress) -> Result<(), EngineGone> {
        let mut events = pin!(watcher(self.api.clone(), self.reader.config()));
        let mut listing = Some(self.empty_list());
        let mut unproven = false;
        loop {
            let limit = match (&listing, unproven) {
                (Some(_), _) => LIST_LIMIT,
                (None, true) => PROOF,
                (None, false) => Duration::MAX,
            };
            let event = match tokio::time::timeout(limit, events.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(()),
                Err(_) if unproven => {
                    unproven = false;
                    self.synced(progress).await?;
                    continue;
                }
                Err(_) => {
                    self.metrics.errors.inc();
                    warn!(source = %self.source, "no answer to a list within two minutes, or none to its end; trying again");
                    // A silence of this length is a failure by itself: what waits for this kind must not wait for ever.
                    self.tell(Input::Unreadable(self.source.clone(), Problem::Failing)).await?;
                    return Ok(());
                }
            };
            if event.is_ok() && std::mem::take(&mut unproven) {
                self.synced(progress).await?;
            }
            match event {
                Ok(Event::Init) => listing = Some(self.empty_list()),
                Ok(Event::InitApply(object)) => {
                    let input = self.reader.input(&object);
                    input.note(listing.get_or_insert_with(|| self.empty_list()));
                    self.metrics.events.inc();
                    self.tell(input).await?;
                }
                Ok(Event::InitDone) => {
                    let complete = listing.take().unwrap_or_else(|| self.empty_list());
                    self.metrics.relists.inc();
                    self.tell(Input::Change(Delta::Relisted(complete))).await?;
                    if progress.doubted {
                        unproven = true;
                    } else {
                        self.synced(progress).await?;
                    }
                    progress.backoff.reset();
                    progress.errors = Streak::default();
                }
                Ok(Event::Apply(object)) => {
                    self.metrics.events.inc();
                    self.tell(self.reader.input(&object)).await?;
                }
                Ok(Event::Delete(object)) => {
                    self.metrics.events.inc();
                    self.tell(Input::Change(self.reader.deletion(&object))).await?;
                }
                Err(error) => {
                    self.metrics.errors.inc();
                    let problem = self.report(&error, progress).await?;
                    // Who is refused waits for somebody to act; who fails must not be a burden to the API server.
                    let is_refused = !matches!(problem, None | Some(Problem::Failing));
                    let pause = if is_refused { None } else { progress.backoff.next() };
                    tokio::time::sleep(pause.unwrap_or(ASK_AGAIN)).await;
                    if problem.is_some() || must_begin_anew(&error) {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn empty_list(&self) -> Listed {
        Listed::empty(self.reader.listed(), self.scope.clone())
    }

    async fn synced(&self, progress: &mut Progress) -> Result<(), EngineGone> {
        progress.refusals = Streak::default();
        progress.doubted = false;
        self.tell(Input::Synced(self.source.clone())).await
    }

    async fn tell(&self, input: Input) -> Result<(), EngineGone> {
        self.inputs.send(input).await.map_err(|_| EngineGone)
    }

    /// Tells what is wrong, if it is something that does not pass by itself.
    async fn report(&self, error: &watcher::Error, progress: &mut Progress) -> Result<Option<Problem>, EngineGone> {
        let now = Instant::now();
        let lasting = (progress.errors.note(now) > PATIENCE).then_some(Problem::Failing);
        let refusal = client_error(error).and_then(Problem::of);
        progress.doubted |= refusal.is_some() || matches!(error, watcher::Error::WatchStartFailed(_));
        let refused_for = refusal.map(|_| progress.refusals.note(now)).unwrap_or_default();
        let problem = refusal.or(lasting);
        if let Some(problem) = problem {
            if problem == Problem::NotServed && self.source.is_optional() {
                self.look.notify_one();
            }
            if is_worth_telling(problem, &self.source, refused_for, self.grace) {
                self.tell(Input::Unreadable(self.source.clone(), problem)).await?;
            }
        }
        if matches!(problem, None | Some(Problem::Failing)) {
            warn!(source = %self.source, error = root_cause(error), "cannot read from the API server, trying again");
        }
        Ok(problem)
    }
}

/// Whether a problem does not pass by itself. An optional kind that is served no more is none: whether it is, is found by a
/// look at what is served.
fn is_worth_telling(problem: Problem, source: &Source, refused_for: Duration, grace: Duration) -> bool {
    match problem {
        Problem::NotServed if source.is_optional() => refused_for > PATIENCE,
        Problem::NotServed | Problem::Forbidden => refused_for >= grace,
        Problem::Misconfigured | Problem::Failing => true,
    }
}

/// What really went wrong, below the layers of the client: "Connection refused" instead of "client error".
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

const fn client_error(error: &watcher::Error) -> Option<&kube::Error> {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Some(error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
    }
}

/// The watcher lists anew by itself when a running watch tells it that its version is gone. When already the start of a
/// watch is refused it would ask for the same version for ever; so it would for a kind that was removed or forbidden.
fn must_begin_anew(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if matches!(status.code, 403 | 404 | 410))
}

#[cfg(test)]
mod tests {
    use super::super::input::SourceRole;
    use super::*;

    #[test]
    fn what_is_refused_is_a_problem_when_that_lasts_and_an_optional_kind_that_is_gone_is_none() {
        let source = |role| Source::new("gateway.networking.k8s.io", "httproutes", role, None);
        let told =
            |problem, role, seconds| is_worth_telling(problem, &source(role), Duration::from_secs(seconds), GRACE);
        for problem in [Problem::Forbidden, Problem::NotServed] {
            assert!(!told(problem, SourceRole::Assignments, 5), "an API server that starts");
            assert!(told(problem, SourceRole::Assignments, 10));
        }
        assert!(told(Problem::Forbidden, SourceRole::Optional, 10));
        assert!(!told(Problem::NotServed, SourceRole::Optional, 10));
        assert!(told(Problem::NotServed, SourceRole::Optional, 61), "it is said to be served all the same");
        assert!(told(Problem::Failing, SourceRole::Essential, 0));
    }

    #[test]
    fn errors_last_only_while_they_follow_each_other() {
        let start = Instant::now();
        let mut errors = Streak::default();
        let mut lasting_at = |seconds| errors.note(start + Duration::from_secs(seconds)) > PATIENCE;
        assert!(!lasting_at(0));
        assert!(!lasting_at(30));
        assert!(lasting_at(90));
        assert!(!lasting_at(7200), "a single error two hours later");
        assert!(lasting_at(7265));
    }
}

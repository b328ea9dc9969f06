//! Watches: one task per kind, from the API server to the engine.

use std::error::Error;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::input::{Input, Problem, Seen, Source, SourceRole};
use crate::extract::{self, Extract};
use crate::inventory::{Delta, Listed};

/// How long to wait before asking again for a kind that is missing or forbidden: whoever puts that right is waiting.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How long errors that pass by themselves may last before what is known of a kind counts as outdated.
const PATIENCE: Duration = Duration::from_mins(1);

/// Errors further apart than this are not of one failure: attempts follow each other faster.
const APART: Duration = Duration::from_mins(3);

/// The longest silence in the middle of a list: a connection may be dead without a word.
const LIST_LIMIT: Duration = Duration::from_mins(2);

/// How long a watch has to last to be believed in, where it was refused before.
const PROOF: Duration = Duration::from_secs(1);

/// The running watches and what they watch. They end when this is dropped.
pub(super) struct Watches {
    pub(super) sources: Vec<Source>,
    tasks: JoinSet<()>,
}

impl Watches {
    /// Waits until a watch ends, which none does by itself.
    pub(super) async fn ended(&mut self) {
        if let Some(Err(error)) = self.tasks.join_next().await {
            warn!(%error, "a watch ended abnormally");
        }
    }
}

/// Starts a watch of every kind.
pub(super) fn start(client: &Client, inputs: &Sender<Input>) -> Watches {
    let mut starter = Starter { client, inputs, sources: Vec::new(), tasks: JoinSet::new() };
    starter.watch::<extract::Namespace>(SourceRole::Essential);
    starter.watch::<extract::Deployment>(SourceRole::Essential);
    starter.watch::<extract::StatefulSet>(SourceRole::Essential);
    starter.watch::<extract::DaemonSet>(SourceRole::Essential);
    starter.watch::<extract::ReplicaSet>(SourceRole::Essential);
    starter.watch::<extract::ReplicationController>(SourceRole::Essential);
    starter.watch::<extract::Job>(SourceRole::Essential);
    starter.watch::<extract::CronJob>(SourceRole::Essential);
    starter.watch::<extract::Pod>(SourceRole::Essential);
    starter.watch::<extract::Service>(SourceRole::Additional);
    starter.watch::<extract::Ingress>(SourceRole::Additional);
    starter.watch::<extract::NamespacedAssignment>(SourceRole::Own);
    starter.watch::<extract::ClusterAssignment>(SourceRole::Own);
    Watches { sources: starter.sources, tasks: starter.tasks }
}

struct Starter<'a> {
    client: &'a Client,
    inputs: &'a Sender<Input>,
    sources: Vec<Source>,
    tasks: JoinSet<()>,
}

impl Starter<'_> {
    fn watch<K: Watched>(&mut self, role: SourceRole) {
        let source = Source::of::<K>(role);
        self.sources.push(source.clone());
        let watch = Watch { api: Api::<K>::all(self.client.clone()), source, inputs: self.inputs.clone() };
        self.tasks.spawn(watch.run());
    }
}

/// A kind that can be watched for the engine.
trait Watched: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    fn input(&self) -> Input;
    fn deletion(&self) -> Delta;
    fn empty_list() -> Listed;
    /// Adds the object to the list that is being read.
    fn note(&self, listed: &mut Listed);
}

impl<K: Extract + Clone + Debug + DeserializeOwned + Send + Sync + 'static> Watched for K {
    fn input(&self) -> Input {
        Input::Change(self.delta())
    }

    fn deletion(&self) -> Delta {
        Extract::deletion(self)
    }

    fn empty_list() -> Listed {
        <Self as Extract>::empty_list()
    }

    fn note(&self, listed: &mut Listed) {
        listed.insert(&self.delta());
    }
}

impl Watched for extract::NamespacedAssignment {
    fn input(&self) -> Input {
        Input::Assignment(Box::new(Seen::namespaced(self)))
    }

    fn deletion(&self) -> Delta {
        Delta::Assignment(Seen::id_of(self.meta()), None)
    }

    fn empty_list() -> Listed {
        Listed::Assignments { cluster: false, ids: std::collections::HashSet::new() }
    }

    fn note(&self, listed: &mut Listed) {
        listed.insert_assignment(Seen::id_of(self.meta()));
    }
}

impl Watched for extract::ClusterAssignment {
    fn input(&self) -> Input {
        Input::Assignment(Box::new(Seen::cluster(self)))
    }

    fn deletion(&self) -> Delta {
        Delta::Assignment(Seen::id_of(self.meta()), None)
    }

    fn empty_list() -> Listed {
        Listed::Assignments { cluster: true, ids: std::collections::HashSet::new() }
    }

    fn note(&self, listed: &mut Listed) {
        listed.insert_assignment(Seen::id_of(self.meta()));
    }
}

struct Watch<K> {
    api: Api<K>,
    source: Source,
    inputs: Sender<Input>,
}

/// The engine has ended: there is nobody to watch for.
struct EngineGone;

/// How the reading of a kind goes.
#[derive(Default)]
struct Progress {
    backoff: DefaultBackoff,
    errors: Streak,
    /// Whether the kind could be listed and then not be watched: a complete list alone proves nothing any more.
    watch_refused: bool,
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

impl<K: Watched> Watch<K> {
    async fn run(self) {
        let mut progress = Progress::default();
        while self.follow(&mut progress).await.is_ok() {
            debug!(source = %self.source, "reading anew");
        }
    }

    /// Lists and watches until the watch has to begin anew.
    async fn follow(&self, progress: &mut Progress) -> Result<(), EngineGone> {
        let mut events = pin!(watcher(self.api.clone(), Config::default()));
        let mut listing = Some(K::empty_list());
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
                    self.tell(Input::Synced(self.source.clone())).await?;
                    continue;
                }
                Err(_) => {
                    warn!(source = %self.source, "the API server stopped in the middle of a list");
                    return Ok(());
                }
            };
            if event.is_ok() && std::mem::take(&mut unproven) {
                self.tell(Input::Synced(self.source.clone())).await?;
            }
            match event {
                Ok(Event::Init) => listing = Some(K::empty_list()),
                Ok(Event::InitApply(object)) => {
                    object.note(listing.get_or_insert_with(K::empty_list));
                    self.tell(object.input()).await?;
                }
                Ok(Event::InitDone) => {
                    let complete = listing.take().unwrap_or_else(K::empty_list);
                    self.tell(Input::Change(Delta::Relisted(complete))).await?;
                    if progress.watch_refused {
                        unproven = true;
                    } else {
                        self.tell(Input::Synced(self.source.clone())).await?;
                    }
                    progress.backoff.reset();
                    progress.errors = Streak::default();
                }
                Ok(Event::Apply(object)) => self.tell(object.input()).await?,
                Ok(Event::Delete(object)) => self.tell(Input::Change(object.deletion())).await?,
                Err(error) => {
                    let problem = self.report(&error, progress).await?;
                    let pause = if problem.is_some() { None } else { progress.backoff.next() };
                    tokio::time::sleep(pause.unwrap_or(ASK_AGAIN)).await;
                    if problem.is_some() || must_begin_anew(&error) {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn tell(&self, input: Input) -> Result<(), EngineGone> {
        self.inputs.send(input).await.map_err(|_| EngineGone)
    }

    /// Tells what is wrong, if it is something that does not pass by itself.
    async fn report(&self, error: &watcher::Error, progress: &mut Progress) -> Result<Option<Problem>, EngineGone> {
        progress.watch_refused = matches!(error, watcher::Error::WatchStartFailed(_));
        let lasting = (progress.errors.note(Instant::now()) > PATIENCE).then_some(Problem::Failing);
        let problem = client_error(error).and_then(Problem::of).or(lasting);
        if let Some(problem) = problem {
            self.tell(Input::Unreadable(self.source.clone(), problem)).await?;
        }
        if matches!(problem, None | Some(Problem::Failing)) {
            warn!(source = %self.source, error = root_cause(error), "cannot read from the API server, trying again");
        }
        Ok(problem)
    }
}

/// What really went wrong, below the layers of the client: "Connection refused" instead of "client error".
fn root_cause(error: &dyn Error) -> String {
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
    use super::*;

    #[test]
    fn errors_last_only_while_they_follow_each_other() {
        let start = Instant::now();
        let mut errors = Streak::default();
        let mut lasting_at = |seconds| errors.note(start + Duration::from_secs(seconds)) > PATIENCE;
        assert!(!lasting_at(0));
        assert!(!lasting_at(30));
        assert!(lasting_at(90));
        assert!(!lasting_at(7200), "a single error two hours later");
        assert!(lasting_at(7290));
    }
}

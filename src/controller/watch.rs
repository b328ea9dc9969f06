//! Watches: one task per kind, from the API server to the engine.

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Config, DefaultBackoff, Event, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::input::{Input, Problem, Seen, Source, SourceRole};
use crate::api::{ClusterResponsibilityAssignment, ResponsibilityAssignment};
use crate::extract::{self, Extract};
use crate::inventory::{Delta, Listed};

/// How long to wait before asking again for a kind that is missing or forbidden: whoever puts that right is waiting.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// The running watches and what they watch. They end when this is dropped.
pub(super) struct Watches {
    pub(super) sources: Vec<Source>,
    _tasks: JoinSet<()>,
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
    starter.watch::<DeserializeGuard<ResponsibilityAssignment>>(SourceRole::Own);
    starter.watch::<DeserializeGuard<ClusterResponsibilityAssignment>>(SourceRole::Own);
    Watches { sources: starter.sources, _tasks: starter.tasks }
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

impl Watched for DeserializeGuard<ResponsibilityAssignment> {
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

impl Watched for DeserializeGuard<ClusterResponsibilityAssignment> {
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

impl<K: Watched> Watch<K> {
    async fn run(self) {
        let mut backoff = DefaultBackoff::default();
        loop {
            if let Err(EngineGone) = self.follow(&mut backoff).await {
                return;
            }
            debug!(source = %self.source, "reading anew");
        }
    }

    /// Lists and watches until the watch has to begin anew.
    async fn follow(&self, backoff: &mut DefaultBackoff) -> Result<(), EngineGone> {
        let mut events = pin!(watcher(self.api.clone(), Config::default()));
        let mut listed = K::empty_list();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed = K::empty_list(),
                Ok(Event::InitApply(object)) => {
                    object.note(&mut listed);
                    self.tell(object.input()).await?;
                }
                Ok(Event::InitDone) => {
                    let complete = std::mem::replace(&mut listed, K::empty_list());
                    self.tell(Input::Change(Delta::Relisted(complete))).await?;
                    self.tell(Input::Synced(self.source.clone())).await?;
                    backoff.reset();
                }
                Ok(Event::Apply(object)) => self.tell(object.input()).await?,
                Ok(Event::Delete(object)) => self.tell(Input::Change(object.deletion())).await?,
                Err(error) => {
                    let pause =
                        if self.report(&error).await? { ASK_AGAIN } else { backoff.next().unwrap_or(ASK_AGAIN) };
                    tokio::time::sleep(pause).await;
                    if must_begin_anew(&error) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    async fn tell(&self, input: Input) -> Result<(), EngineGone> {
        self.inputs.send(input).await.map_err(|_| EngineGone)
    }

    /// Tells what is wrong; returns whether it is something that people have to put right.
    async fn report(&self, error: &watcher::Error) -> Result<bool, EngineGone> {
        if let Some(problem) = client_error(error).and_then(Problem::of) {
            self.tell(Input::Unreadable(self.source.clone(), problem)).await?;
            return Ok(true);
        }
        warn!(source = %self.source, %error, "the watch failed and is tried again");
        Ok(false)
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

/// The watcher lists anew by itself when a running watch tells it that its version is gone. When already the start of a
/// watch is refused it would ask for the same version for ever; so it would for a kind that was removed or forbidden.
fn must_begin_anew(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if matches!(status.code, 403 | 404 | 410))
}

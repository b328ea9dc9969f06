//! All watches: those that run from the start, and those that come and go with the APIs that are served.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::runtime::watcher::DefaultBackoff;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::{info, warn};

use super::Options;
use super::discovery::{Found, Question, Standing, Wanted, look};
use super::input::{Input, Problem, Source, Sources};
use super::reader::Reports;
use super::starter::{Over, Starter, Task};
use crate::extract::kinds::spec_of;
use crate::facts::{Delta, FactKind, KubernetesVersion, Listed};
use crate::signals::CustomObjects;
use crate::telemetry::metric::Metrics;

/// How often to look at what is served.
const PERIOD: Duration = Duration::from_secs(30);

/// The shortest time between two looks, however often they are asked for.
const SHORTEST: Duration = Duration::from_secs(3);

/// All watches. They end when this is dropped.
pub(super) struct Watches {
    starter: Starter,
    /// The watches that run whatever is served, until they are started.
    prepared: Vec<Task>,
    /// What they watch.
    sources: Vec<Source>,
    optional: Vec<Optional>,
    tasks: JoinSet<()>,
    /// What is known of other policy APIs.
    other_policies: Option<bool>,
    /// The version that the API server told last.
    server: Option<KubernetesVersion>,
    /// Versions of groups of which the API server cannot tell what they hold.
    unavailable: BTreeSet<String>,
}

/// A kind that is watched where it is served.
struct Optional {
    wanted: Wanted,
    standing: Standing,
    tasks: Vec<AbortHandle>,
}

impl Watches {
    /// Watches that take a kind for forbidden or not served when it has been refused for this time.
    pub(super) fn new(
        client: Client,
        options: &Options,
        inputs: Sender<Input>,
        metrics: Metrics,
        grace: Duration,
    ) -> Self {
        let names = |names: &Vec<String>| names.iter().map(|name| Some(name.as_str().into())).collect();
        let starter = Starter {
            client,
            inputs,
            extraction: options.extraction.clone(),
            fact_kinds: fact_kinds(options),
            reports: Reports { with_others: options.scope.signals.kinds().contains(&FactKind::Reports) },
            scopes: options.namespaces.as_ref().map_or_else(|| vec![None], names),
            grace,
            look: Arc::new(Notify::new()),
            metrics,
        };
        let (sources, prepared) = starter.static_watches().into_iter().unzip();
        let optional = |wanted| Optional { wanted, standing: Standing::default(), tasks: Vec::new() };
        Self {
            starter,
            prepared,
            sources,
            optional: Wanted::all(&options.configured, &fact_kinds(options), custom_objects(options))
                .into_iter()
                .map(optional)
                .collect(),
            tasks: JoinSet::new(),
            other_policies: None,
            server: None,
            unavailable: BTreeSet::new(),
        }
    }

    /// Finds out which optional APIs are served, however often it has to ask. That has to be known first: an API that is
    /// not looked at is no reason to call anything not covered.
    pub(super) fn find(&self) -> impl Future<Output = Found> + Send + use<> {
        let (client, question) = (self.starter.client.clone(), self.question());
        async move {
            let mut pauses = DefaultBackoff::default();
            loop {
                match look(&client, &question).await {
                    Ok(found) => return found,
                    Err(error) => {
                        warn!(
                            error,
                            "cannot find out which APIs are served; nothing is evaluated before that, trying again"
                        );
                        tokio::time::sleep(pauses.next().unwrap_or(PERIOD)).await;
                    }
                }
            }
        }
    }

    /// Finds out the same, or why that cannot be found out now.
    pub(super) fn try_find(&self) -> impl Future<Output = Result<Found, String>> + Send + use<> {
        let (client, question) = (self.starter.client.clone(), self.question());
        async move { look(&client, &question).await }
    }

    /// The kinds that have to be read before anything is said, where this is served.
    pub(super) fn sources(&self, found: &Found) -> Sources {
        let served = self.optional.iter().map(|optional| &optional.wanted);
        let served = served.filter(|wanted| Standing::default().next(wanted, found) != Standing::Absent);
        let served = served.flat_map(|wanted| self.starter.sources(wanted));
        Sources::new(self.sources.iter().cloned().chain(served))
    }

    /// Starts the watches and keeps to what is served. Returns when a watch has ended, which none does by itself.
    pub(super) async fn keep(mut self, found: Found) {
        let mut found = Ok(found);
        let mut fails = false;
        loop {
            match found {
                Ok(found) => {
                    if std::mem::take(&mut fails) {
                        info!("found out again which APIs are served");
                    }
                    if self.follow(&found).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut fails, true) {
                        warn!(error, "cannot find out which APIs are served; going on with those known, trying again");
                    }
                }
            }
            let watches = std::mem::take(&mut self.prepared).into_iter().map(|task| self.tasks.spawn(task)).count();
            if watches > 0 {
                info!(watches = self.tasks.len(), "watching");
            }
            let (question, starter) = (self.question(), &self.starter);
            found = tokio::select! {
                ended = self.tasks.join_next() => {
                    log_end(ended.and_then(Result::err));
                    return;
                }
                found = async { due(&starter.look).await; look(&starter.client, &question).await } => found,
            };
        }
    }

    /// What to ask the API server.
    fn question(&self) -> Question {
        let is_first = self.other_policies.is_none();
        let certain = self.optional.iter().filter_map(|Optional { wanted, standing, .. }| match standing {
            Standing::Served(version) => Some((wanted.group().to_owned(), version.clone())),
            Standing::Absent | Standing::Misfit => is_first.then(|| wanted.preferred()),
        });
        Question::new(self.optional.iter().map(|optional| &optional.wanted), certain)
    }

    /// Starts and ends watches as it follows from what is served.
    async fn follow(&mut self, found: &Found) -> Result<(), Over> {
        let unavailable = found.unavailable();
        if unavailable != self.unavailable {
            let groups = unavailable.iter().cloned().collect::<Vec<_>>().join(", ");
            if groups.is_empty() {
                info!("every API group tells what it serves again");
            } else {
                warn!(groups, "API groups cannot tell what they serve; none of their kinds counts as gone");
            }
            self.unavailable = unavailable;
        }
        let other_policies = found.has_other_policy_apis(self.other_policies);
        if self.other_policies.replace(other_policies) != Some(other_policies) {
            self.starter.tell(Input::OtherPolicyApis(other_policies)).await?;
        }
        if found.server.is_some() && found.server != self.server {
            self.server = found.server;
            self.starter.tell(Input::Change(Delta::ServerVersion(self.server))).await?;
        }
        let mut optional = std::mem::take(&mut self.optional);
        for optional in &mut optional {
            let next = optional.standing.next(&optional.wanted, found);
            if next != optional.standing {
                self.change(optional, next).await?;
            }
        }
        self.optional = optional;
        Ok(())
    }

    async fn change(&mut self, optional: &mut Optional, next: Standing) -> Result<(), Over> {
        let (wanted, before) = (&optional.wanted, std::mem::replace(&mut optional.standing, next));
        self.end(std::mem::take(&mut optional.tasks)).await?;
        if let Standing::Served(version) = &optional.standing {
            info!(kind = %wanted, version, "served and watched");
            let tasks = self.starter.optional_watches(wanted, version).into_iter();
            optional.tasks = tasks.map(|task| self.tasks.spawn(task)).collect();
            return Ok(());
        }
        // That it cannot be read is told before its objects go: nothing is to be published from their absence.
        if matches!(optional.standing, Standing::Misfit) {
            for source in self.starter.sources(wanted) {
                self.starter.tell(Input::Unreadable(source, Problem::Misconfigured)).await?;
            }
        }
        if matches!(before, Standing::Served(_)) {
            for scope in &self.starter.scopes {
                let nothing = Listed::empty(wanted.listed(), scope.clone());
                self.starter.tell(Input::Change(Delta::Relisted(nothing))).await?;
            }
        }
        if matches!(optional.standing, Standing::Absent) {
            for source in self.starter.sources(wanted) {
                self.starter.tell(Input::Gone(source)).await?;
            }
        }
        Ok(())
    }

    /// Ends watches and waits until they have ended: nothing comes from them any more.
    async fn end(&mut self, tasks: Vec<AbortHandle>) -> Result<(), Over> {
        tasks.iter().for_each(AbortHandle::abort);
        let mut left: HashSet<_> = tasks.iter().map(AbortHandle::id).collect();
        while !left.is_empty() {
            let ended = self.tasks.join_next_with_id().await.ok_or(Over)?;
            let (id, error) = match ended {
                Ok((id, ())) => (id, None),
                Err(error) => (error.id(), Some(error)),
            };
            if !left.remove(&id) {
                log_end(error);
                return Err(Over);
            }
        }
        Ok(())
    }
}

/// The kinds that are read for signals only. Where only some namespaces are looked at, nothing could be told of some of them.
fn fact_kinds(options: &Options) -> BTreeSet<FactKind> {
    let mut kinds = options.scope.signals.kinds();
    kinds.retain(|kind| options.namespaces.is_none() || spec_of(*kind).is_none_or(|spec| !spec.needs_cluster()));
    // Own Reports are watched whether a signal reads those of others or not.
    kinds.extend(options.reports.then_some(FactKind::Reports));
    kinds
}

/// What signals of the configuration look at. Where only some namespaces are looked at, nothing can be read that lies in none.
fn custom_objects(options: &Options) -> impl Iterator<Item = &Arc<CustomObjects>> {
    let is_read =
        |objects: &&Arc<CustomObjects>| options.namespaces.is_none() || !objects.fact_kind().is_cluster_scoped();
    options.scope.signals.custom().filter(is_read)
}

fn log_end(error: Option<JoinError>) {
    if let Some(error) = error {
        warn!(%error, "a watch ended abnormally");
    }
}

/// Waits until it is time to look at what is served, or somebody asks for it.
async fn due(asked: &Notify) {
    tokio::time::sleep(SHORTEST).await;
    // Without being asked for, the time comes by itself.
    drop(tokio::time::timeout(PERIOD.saturating_sub(SHORTEST), asked.notified()).await);
}

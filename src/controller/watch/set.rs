//! Set of all watches: those of built-in kinds, and those that start and end with the APIs that are served.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::watcher::DefaultBackoff;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::{info, warn};

use super::coverage::Coverage;
use super::discovery::{DiscoveryRequest, ServedApis, discover};
use super::event::WatchEvent;
use super::factory::{Closed, Task, WatchFactory};
use super::kinds::{builtin_watches, spec_of};
use super::optional::{OptionalResource, Presence};
use super::stream::RelistRequest;
use super::watched_kind::{Problem, WatchedKind};
use crate::controller::api_call::Clients;
use crate::controller::options::Options;
use crate::facts::{Delta, FactKind, KubernetesVersion, Listed};
use crate::signals::CustomObjects;
use crate::telemetry::metric::Metrics;

/// Time between two discoveries.
const PERIOD: Duration = Duration::from_secs(30);

/// Shortest time between two discoveries, however often one is requested.
const SHORTEST_PERIOD: Duration = Duration::from_secs(3);

/// All watches. They end when this is dropped.
pub(in crate::controller) struct WatchSet {
    factory: WatchFactory,
    /// Watches of built-in kinds, until they start.
    prepared: Vec<Task>,
    /// Kinds of these watches.
    builtin: Vec<WatchedKind>,
    optional: Vec<OptionalWatch>,
    tasks: JoinSet<()>,
    /// Last answer whether other policy APIs are served.
    other_policies: Option<bool>,
    /// Last version of the API server.
    server: Option<KubernetesVersion>,
    /// Group versions whose resources the API server could not list at the last discovery.
    unavailable: BTreeSet<String>,
}

/// Watches of an optional resource.
struct OptionalWatch {
    resource: OptionalResource,
    presence: Presence,
    tasks: Vec<AbortHandle>,
}

impl WatchSet {
    /// Prepares the watches. A kind that is refused for `grace` is reported as forbidden or not served.
    pub(in crate::controller) fn new(
        clients: Clients,
        options: &Options,
        events: Sender<WatchEvent>,
        metrics: Metrics,
        grace: Duration,
    ) -> Self {
        let names = |names: &Vec<String>| names.iter().map(|name| Some(name.as_str().into())).collect();
        let fact_kinds = fact_kinds(options);
        let optional = OptionalResource::all(&options.configured, &fact_kinds, custom_objects(options));
        let factory = WatchFactory {
            clients,
            events,
            extraction: options.extraction.clone(),
            fact_kinds,
            with_other_reports: options.scope.signals.kinds().contains(&FactKind::Reports),
            scopes: options.namespaces.as_ref().map_or_else(|| vec![None], names),
            grace,
            rediscover: Arc::new(Notify::new()),
            relist: RelistRequest::default(),
            metrics,
        };
        let (builtin, prepared) = builtin_watches(&factory).into_iter().unzip();
        let watch = |resource| OptionalWatch { resource, presence: Presence::default(), tasks: Vec::new() };
        Self {
            factory,
            prepared,
            builtin,
            optional: optional.into_iter().map(watch).collect(),
            tasks: JoinSet::new(),
            other_policies: None,
            server: None,
            unavailable: BTreeSet::new(),
        }
    }

    /// Returns a handle that makes the watches of the operator's own kinds list anew.
    pub(in crate::controller) fn relist(&self) -> RelistRequest {
        self.factory.relist.clone()
    }

    /// Finds out which optional APIs are served. Tries until that succeeds: an API that is served and not watched could
    /// make a result look covered.
    pub(in crate::controller) fn discover(&self) -> impl Future<Output = ServedApis> + Send + use<> {
        let (client, request) = (self.factory.clients.retrying.clone(), self.discovery_request());
        async move {
            let mut backoff = DefaultBackoff::default();
            loop {
                match discover(&client, &request).await {
                    Ok(apis) => return apis,
                    Err(error) => {
                        warn!(
                            error,
                            "cannot find out which APIs are served; nothing is evaluated before that, trying again"
                        );
                        tokio::time::sleep(backoff.next().unwrap_or(PERIOD)).await;
                    }
                }
            }
        }
    }

    /// Finds out which optional APIs are served, with one attempt.
    ///
    /// # Errors
    ///
    /// Returns a message if the API server does not list its groups.
    pub(in crate::controller) fn discover_once(
        &self,
    ) -> impl Future<Output = Result<ServedApis, String>> + Send + use<> {
        let (client, request) = (self.factory.clients.retrying.clone(), self.discovery_request());
        async move { discover(&client, &request).await }
    }

    /// Returns the coverage at start, where these APIs are served: the kinds to read before anything is written.
    pub(in crate::controller) fn coverage(&self, apis: &ServedApis, options: &Options) -> Coverage {
        let optional = self.optional.iter().map(|watch| &watch.resource);
        let served = optional.filter(|resource| Presence::default().next(resource, apis) != Presence::Absent);
        let served = served.flat_map(|resource| resource.kinds(&self.factory.scopes));
        let coverage = Coverage::new(self.builtin.iter().cloned().chain(served));
        match &options.namespaces {
            Some(namespaces) => coverage.limited_to(namespaces),
            None => coverage,
        }
    }

    /// Runs the watches, and starts and ends those of optional resources as the served APIs change. Returns only if a watch
    /// ends, which is a defect.
    pub(in crate::controller) async fn run(mut self, apis: ServedApis) {
        let mut discovered = Ok(apis);
        let mut is_failing = false;
        loop {
            match discovered {
                Ok(apis) => {
                    if std::mem::take(&mut is_failing) {
                        info!("found out again which APIs are served");
                    }
                    if self.update(&apis).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        warn!(error, "cannot find out which APIs are served; keeping the known ones, trying again");
                    }
                }
            }
            let started = std::mem::take(&mut self.prepared).into_iter().map(|task| self.tasks.spawn(task)).count();
            if started > 0 {
                info!(watches = self.tasks.len(), "watching");
            }
            let (request, factory) = (self.discovery_request(), &self.factory);
            discovered = tokio::select! {
                ended = self.tasks.join_next() => {
                    log_abnormal_end(ended.and_then(Result::err));
                    return;
                }
                apis = async { wait(&factory.rediscover).await; discover(&factory.clients.retrying, &request).await } => apis,
            };
        }
    }

    fn discovery_request(&self) -> DiscoveryRequest {
        let is_first = self.other_policies.is_none();
        let certain = self.optional.iter().filter_map(|watch| match &watch.presence {
            Presence::Served(version) => Some((watch.resource.group().to_owned(), version.clone())),
            Presence::Absent | Presence::Mismatch => is_first.then(|| watch.resource.preferred()),
        });
        DiscoveryRequest::new(self.optional.iter().map(|watch| watch.resource.group()), certain)
    }

    /// Starts and ends watches after a discovery.
    async fn update(&mut self, apis: &ServedApis) -> Result<(), Closed> {
        let unavailable = apis.unavailable();
        if unavailable != self.unavailable {
            let groups = unavailable.iter().cloned().collect::<Vec<_>>().join(", ");
            if groups.is_empty() {
                info!("the API server lists the resources of every group again");
            } else {
                warn!(
                    groups,
                    "the API server cannot list the resources of these groups; their kinds stay as they were"
                );
            }
            self.unavailable = unavailable;
        }
        let other_policies = apis.has_other_policy_apis(self.other_policies);
        if self.other_policies.replace(other_policies) != Some(other_policies) {
            self.factory.send(WatchEvent::OtherPolicyApis(other_policies)).await?;
        }
        if apis.server.is_some() && apis.server != self.server {
            self.server = apis.server;
            self.factory.send(WatchEvent::Change(Delta::ServerVersion(self.server))).await?;
        }
        let mut optional = std::mem::take(&mut self.optional);
        for watch in &mut optional {
            let next = watch.presence.next(&watch.resource, apis);
            if next != watch.presence {
                self.change(watch, next).await?;
            }
        }
        self.optional = optional;
        Ok(())
    }

    async fn change(&mut self, watch: &mut OptionalWatch, next: Presence) -> Result<(), Closed> {
        let (resource, before) = (&watch.resource, std::mem::replace(&mut watch.presence, next));
        self.end(std::mem::take(&mut watch.tasks)).await?;
        if let Presence::Served(version) = &watch.presence {
            info!(kind = %resource, version, "served and watched");
            let tasks = resource.watches(&self.factory, version).into_iter();
            watch.tasks = tasks.map(|task| self.tasks.spawn(task)).collect();
            return Ok(());
        }
        // The kind becomes unreadable before its objects go: nothing must be written because they are missing.
        if matches!(watch.presence, Presence::Mismatch) {
            for kind in resource.kinds(&self.factory.scopes) {
                self.factory.send(WatchEvent::Unreadable(kind, Problem::Misconfigured)).await?;
            }
        }
        if matches!(before, Presence::Served(_)) {
            for scope in &self.factory.scopes {
                let nothing = Listed::empty(resource.listed(), scope.clone());
                self.factory.send(WatchEvent::Change(Delta::Relisted(nothing))).await?;
            }
        }
        if matches!(watch.presence, Presence::Absent) {
            for kind in resource.kinds(&self.factory.scopes) {
                self.factory.send(WatchEvent::Removed(kind)).await?;
            }
        }
        Ok(())
    }

    /// Ends watches and waits for their end: no event comes from them after that.
    async fn end(&mut self, tasks: Vec<AbortHandle>) -> Result<(), Closed> {
        tasks.iter().for_each(AbortHandle::abort);
        let mut left: HashSet<_> = tasks.iter().map(AbortHandle::id).collect();
        while !left.is_empty() {
            let ended = self.tasks.join_next_with_id().await.ok_or(Closed)?;
            let (id, error) = match ended {
                Ok((id, ())) => (id, None),
                Err(error) => (error.id(), Some(error)),
            };
            if !left.remove(&id) {
                log_abnormal_end(error);
                return Err(Closed);
            }
        }
        Ok(())
    }
}

/// Returns the kinds that only signals read. If only some namespaces are watched, signals that need the whole cluster are
/// not evaluated, and their kinds are excluded.
fn fact_kinds(options: &Options) -> BTreeSet<FactKind> {
    let mut kinds = options.scope.signals.kinds();
    kinds.retain(|kind| options.namespaces.is_none() || spec_of(*kind).is_none_or(|spec| !spec.needs_cluster()));
    // The operator watches its own Reports even if no signal reads those of other writers.
    kinds.extend(options.reports.then_some(FactKind::Reports));
    kinds
}

/// Returns the kinds that custom signals read; without cluster-scoped kinds if only some namespaces are watched.
fn custom_objects(options: &Options) -> impl Iterator<Item = &Arc<CustomObjects>> {
    let is_read =
        |objects: &&Arc<CustomObjects>| options.namespaces.is_none() || !objects.fact_kind().is_cluster_scoped();
    options.scope.signals.custom().filter(is_read)
}

fn log_abnormal_end(error: Option<JoinError>) {
    if let Some(error) = error {
        warn!(%error, "a watch ended abnormally");
    }
}

/// Waits until the next discovery is due or requested.
async fn wait(requested: &Notify) {
    tokio::time::sleep(SHORTEST_PERIOD).await;
    // The period ends without a request, too.
    drop(tokio::time::timeout(PERIOD.saturating_sub(SHORTEST_PERIOD), requested.notified()).await);
}

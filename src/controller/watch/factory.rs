//! Creates the watches.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::api::Api;
use kube::core::ApiResource;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

use super::decode::{Decoder, Object, Watched};
use super::event::WatchEvent;
use super::kinds::{KINDS, KindSpec};
use super::optional::OptionalResource;
use super::stream::{RelistRequest, Stream};
use super::watched_kind::WatchedKind;
use crate::controller::api_call::Clients;
use crate::extract::{ConfiguredKind, Extraction};
use crate::facts::{FactKind, ListedKind};
use crate::telemetry::metric::Metrics;

/// Task of one watch.
pub(super) type Task = BoxFuture<'static, ()>;

/// Makes the watches of all kinds.
pub(super) struct WatchFactory {
    pub(super) clients: Clients,
    pub(super) events: Sender<WatchEvent>,
    pub(super) extraction: Arc<Extraction>,
    /// Kinds that only signals read.
    pub(super) fact_kinds: BTreeSet<FactKind>,
    /// True if a signal reads Reports of other writers.
    pub(super) with_other_reports: bool,
    /// Namespaces to watch; one `None` for the whole cluster.
    pub(super) scopes: Vec<Option<Arc<str>>>,
    /// Time for which a kind must be refused before it is reported as forbidden or not served.
    pub(super) grace: Duration,
    /// Requests a new discovery.
    pub(super) rediscover: Arc<Notify>,
    /// Requests new lists of the operator's own kinds.
    pub(super) relist: RelistRequest,
    pub(super) metrics: Metrics,
}

/// A watch has ended, or the engine has stopped and receives no more events.
pub(super) struct Closed;

impl WatchFactory {
    /// Sends an event that comes from no watch.
    pub(super) async fn send(&self, event: WatchEvent) -> Result<(), Closed> {
        self.events.send(event).await.map_err(|_| Closed)
    }

    /// Returns the watched kinds of an optional resource: one for each scope.
    pub(super) fn kinds(&self, resource: &OptionalResource) -> Vec<WatchedKind> {
        let kind =
            |scope: &_| WatchedKind::new(resource.group(), resource.plural(), resource.role(), Option::clone(scope));
        self.scopes.iter().map(kind).collect()
    }

    /// Returns the watches of the kinds that every cluster serves, which run from start to end.
    pub(super) fn builtin_watches(&self) -> Vec<(WatchedKind, Task)> {
        let is_read =
            |spec: &&KindSpec| !spec.optional && spec.fact_kind().is_none_or(|kind| self.fact_kinds.contains(&kind));
        KINDS.iter().filter(is_read).flat_map(|spec| self.watches_of(spec)).collect()
    }

    /// Returns the watches of a kind that every cluster serves: one for each scope; none for a cluster-scoped kind if only
    /// some namespaces are watched.
    fn watches_of(&self, spec: &'static KindSpec) -> Vec<(WatchedKind, Task)> {
        let scopes = self.scopes.iter().filter(|scope| spec.namespaced || scope.is_none());
        let watch = |scope: &Option<Arc<str>>| {
            let kind = WatchedKind::new(spec.group, spec.plural, spec.role(), scope.clone());
            (kind.clone(), (spec.watch)(self, spec, spec.preferred_version(), kind))
        };
        scopes.map(watch).collect()
    }

    /// Returns the watches of an optional kind in a version: one for each scope.
    pub(super) fn optional_watches(&self, optional: &OptionalResource, version: &str) -> Vec<Task> {
        let resource = optional.resource(version);
        let watch = |kind: WatchedKind| match optional {
            OptionalResource::BuiltIn(spec) => (spec.watch)(self, spec, version, kind),
            OptionalResource::Configured(configured) => {
                let configured = ConfiguredKind { version: version.to_owned(), ..configured.clone() };
                self.task(&resource, Decoder::configured_workloads(configured, &self.extraction), kind)
            }
            OptionalResource::Custom(objects) => self.task(&resource, Decoder::custom_facts(objects), kind),
        };
        self.kinds(optional).into_iter().map(watch).collect()
    }

    /// Returns the watch of a kind of the table in a version.
    pub(super) fn watch<O: Watched>(&self, spec: &KindSpec, version: &str, kind: WatchedKind) -> Task {
        let decoder = Decoder::<O>::of(spec, &self.extraction);
        let decoder = if O::KIND == ListedKind::Facts(FactKind::Reports) && !self.with_other_reports {
            decoder.own_reports_only()
        } else {
            decoder
        };
        self.task(&spec.resource(version), decoder, kind)
    }

    /// Returns the watch of a resource in the scope of a watched kind.
    fn task<O: Object>(&self, resource: &ApiResource, decoder: Decoder<O>, kind: WatchedKind) -> Task {
        let api = match kind.namespace() {
            Some(namespace) => Api::namespaced_with(self.clients.direct.clone(), namespace, resource),
            None => Api::all_with(self.clients.direct.clone(), resource),
        };
        let (events, rediscover) = (self.events.clone(), self.rediscover.clone());
        let relist = kind.role().is_own().then(|| self.relist.subscribe());
        let metrics = self.metrics.watch(kind.resource());
        Stream { api, decoder, kind, events, grace: self.grace, rediscover, relist, metrics }.run().boxed()
    }
}

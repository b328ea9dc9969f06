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
use super::stream::{RelistRequest, Stream};
use super::watched_kind::WatchedKind;
use crate::controller::api_call::Clients;
use crate::extract::Extraction;
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

    /// Returns the watch of a kind of the table. `large` means that an object can have hundreds of kilobytes.
    pub(super) fn watch<O: Watched>(&self, resource: &ApiResource, large: bool, kind: WatchedKind) -> Task {
        let decoder = Decoder::<O>::of_table(large, &self.extraction);
        let decoder = if O::KIND == ListedKind::Facts(FactKind::Reports) && !self.with_other_reports {
            decoder.own_reports_only()
        } else {
            decoder
        };
        self.task(resource, decoder, kind)
    }

    /// Returns the watch of a resource in the scope of a watched kind.
    pub(super) fn task<O: Object>(&self, resource: &ApiResource, decoder: Decoder<O>, kind: WatchedKind) -> Task {
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

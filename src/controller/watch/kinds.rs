//! Watched kinds: one line for each built-in kind, and one decoder for each optional kind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::api::Api;
use kube::core::{ApiResource, ClusterResourceScope, DynamicResourceScope, NamespaceResourceScope};
use kube::{Client, Resource};
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

use super::decode::{self, Decoder, Object};
use super::event::WatchEvent;
use super::optional::OptionalResource;
use super::stream::Stream;
use super::watched_kind::{KindRole, WatchedKind};
use crate::extract::{self, ConfiguredKind, Extract, Extraction};
use crate::facts::{FactKind, ListedKind, RouteKind};
use crate::telemetry::metric::Metrics;

/// Task of one watch.
pub(super) type Task = BoxFuture<'static, ()>;

/// Makes the watches of all kinds.
pub(super) struct WatchFactory {
    pub(super) client: Client,
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

    /// Returns the watches of built-in kinds, which run from start to end.
    pub(super) fn builtin_watches(&self) -> Vec<(WatchedKind, Task)> {
        use KindRole::{Additional, Assignments, Essential, Nodes, Policies, ServiceModels};
        let watches = [
            self.cluster_facts::<extract::Namespace>(Essential),
            self.cluster_facts::<extract::Node>(Nodes),
            self.facts::<extract::Deployment>(Essential),
            self.facts::<extract::StatefulSet>(Essential),
            self.facts::<extract::DaemonSet>(Essential),
            self.facts::<extract::ReplicaSet>(Essential),
            self.facts::<extract::ReplicationController>(Essential),
            self.facts::<extract::Job>(Essential),
            self.facts::<extract::CronJob>(Essential),
            self.facts::<extract::Pod>(Essential),
            self.facts::<extract::Service>(Additional),
            self.facts::<extract::Ingress>(Additional),
            self.facts::<extract::NetworkPolicy>(Policies),
            self.namespaced(decode::assignments, Assignments),
            self.cluster_scoped(decode::cluster_assignments, Assignments),
            self.cluster_scoped(decode::service_models, ServiceModels),
        ];
        let of_signals = self.fact_kinds.iter().flat_map(|kind| self.signal_watches(*kind));
        watches.into_iter().flatten().chain(of_signals).collect()
    }

    /// Returns the watches of a built-in kind that only signals read; none for an optional kind.
    fn signal_watches(&self, kind: FactKind) -> Vec<(WatchedKind, Task)> {
        let role = KindRole::Signals(kind);
        match kind {
            FactKind::Budgets => self.facts::<extract::PodDisruptionBudget>(role),
            FactKind::Claims => self.facts::<extract::PersistentVolumeClaim>(role),
            FactKind::StorageClasses => self.cluster_facts::<extract::StorageClass>(role),
            FactKind::Roles => self.facts::<extract::Role>(role),
            FactKind::RoleBindings => self.facts::<extract::RoleBinding>(role),
            FactKind::ClusterRoles => self.cluster_facts::<extract::ClusterRole>(role),
            FactKind::ClusterRoleBindings => self.cluster_facts::<extract::ClusterRoleBinding>(role),
            FactKind::VulnerabilityReports
            | FactKind::ConfigAuditReports
            | FactKind::Reports
            | FactKind::PolicyReports
            | FactKind::Certificates
            | FactKind::Backups
            | FactKind::Snapshots
            | FactKind::Custom(_) => Vec::new(),
        }
    }

    /// Returns the watches of an optional kind in a version.
    pub(super) fn optional_watches(&self, optional: &OptionalResource, version: &str) -> Vec<Task> {
        let resource = optional.resource(version);
        match optional {
            OptionalResource::BuiltIn(spec) => match spec.listed {
                ListedKind::Facts(kind) => self.optional_facts(optional, &resource, kind),
                ListedKind::Routes(RouteKind::OpenShiftRoute) => {
                    self.dynamic(optional, &resource, decode::openshift_routes)
                }
                ListedKind::Routes(route) => self.dynamic(optional, &resource, || decode::gateway_routes(route)),
                _ => self.dynamic(optional, &resource, decode::reference_grants),
            },
            OptionalResource::Configured(configured) => self.dynamic(optional, &resource, || {
                let kind = ConfiguredKind { version: version.to_owned(), ..configured.clone() };
                decode::configured_workloads(kind, &self.extraction)
            }),
            OptionalResource::Custom(objects) => self.dynamic(optional, &resource, || decode::custom_facts(objects)),
        }
    }

    /// Returns the watches of an optional kind that only signals read.
    fn optional_facts(&self, optional: &OptionalResource, resource: &ApiResource, kind: FactKind) -> Vec<Task> {
        match kind {
            FactKind::Certificates => {
                self.dynamic(optional, resource, || decode::optional_facts::<extract::Certificate>(kind))
            }
            FactKind::Backups => self.dynamic(optional, resource, || decode::optional_facts::<extract::Backup>(kind)),
            FactKind::Snapshots => {
                self.dynamic(optional, resource, || decode::optional_facts::<extract::VolumeSnapshot>(kind))
            }
            FactKind::Reports => self.dynamic(optional, resource, || decode::reports(self.with_other_reports)),
            _ => self.dynamic(optional, resource, || decode::optional_facts::<extract::ObservedReport>(kind)),
        }
    }

    /// Returns the watches of a namespaced kind that is decoded into facts.
    fn facts<K>(&self, role: KindRole) -> Vec<(WatchedKind, Task)>
    where
        K: Object + Extract + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        self.namespaced(|| decode::facts::<K>(&self.extraction), role)
    }

    /// Returns the watch of a cluster-scoped kind that is decoded into facts.
    fn cluster_facts<K>(&self, role: KindRole) -> Vec<(WatchedKind, Task)>
    where
        K: Object + Extract + Resource<DynamicType = (), Scope = ClusterResourceScope>,
    {
        self.cluster_scoped(|| decode::facts::<K>(&self.extraction), role)
    }

    /// Returns the watches of a namespaced kind: one for each scope.
    fn namespaced<K>(&self, decoder: impl Fn() -> Decoder<K>, role: KindRole) -> Vec<(WatchedKind, Task)>
    where
        K: Object + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let watch = |scope: &Option<Arc<str>>| {
            let api = match scope {
                Some(namespace) => Api::namespaced(self.client.clone(), namespace),
                None => Api::all(self.client.clone()),
            };
            self.builtin_watch(api, decoder(), role, scope.clone())
        };
        self.scopes.iter().map(watch).collect()
    }

    /// Returns the watch of a cluster-scoped kind; none if only some namespaces are watched.
    fn cluster_scoped<K>(&self, decoder: impl Fn() -> Decoder<K>, role: KindRole) -> Vec<(WatchedKind, Task)>
    where
        K: Object + Resource<DynamicType = (), Scope = ClusterResourceScope>,
    {
        let whole_cluster = self.scopes.iter().filter(|scope| scope.is_none());
        whole_cluster.map(|_| self.builtin_watch(Api::all(self.client.clone()), decoder(), role, None)).collect()
    }

    fn builtin_watch<K: Object + Resource<DynamicType = ()>>(
        &self,
        api: Api<K>,
        decoder: Decoder<K>,
        role: KindRole,
        scope: Option<Arc<str>>,
    ) -> (WatchedKind, Task) {
        let kind = WatchedKind::new(&K::group(&()), &K::plural(&()), role, scope);
        let task = self.task(api, decoder, kind.clone());
        (kind, task)
    }

    /// Returns the watches of an optional kind: one for each scope.
    fn dynamic<K>(
        &self,
        optional: &OptionalResource,
        resource: &ApiResource,
        decoder: impl Fn() -> Decoder<K>,
    ) -> Vec<Task>
    where
        K: Object + Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>,
    {
        let watch = |kind: WatchedKind| {
            let api = match kind.namespace() {
                Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
                None => Api::all_with(self.client.clone(), resource),
            };
            self.task(api, decoder(), kind)
        };
        self.kinds(optional).into_iter().map(watch).collect()
    }

    fn task<K: Object>(&self, api: Api<K>, decoder: Decoder<K>, kind: WatchedKind) -> Task {
        let (events, rediscover) = (self.events.clone(), self.rediscover.clone());
        let metrics = self.metrics.watch(kind.resource());
        Stream { api, decoder, kind, events, grace: self.grace, rediscover, metrics }.run().boxed()
    }
}

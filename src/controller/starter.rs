//! Makes the watches of every kind.

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

use super::discovery::Wanted;
use super::input::{Input, Source, SourceRole};
use super::reader::{
    ClusterAssignments, ConfiguredWorkloads, CustomFacts, Facts, GatewayRoutes, NamespacedAssignments, OpenShiftRoutes,
    OptionalFacts, Reader, ReferenceGrants, Reports, ServiceModels,
};
use super::watch::Watch;
use crate::extract::{self, ConfiguredKind, Extraction};
use crate::facts::{FactKind, ListedKind, RouteKind};
use crate::telemetry::metric::Metrics;

/// A task of a watch.
pub(super) type Task = BoxFuture<'static, ()>;

/// What every watch needs.
pub(super) struct Starter {
    pub(super) client: Client,
    pub(super) inputs: Sender<Input>,
    pub(super) extraction: Arc<Extraction>,
    /// The kinds that are read for signals only.
    pub(super) fact_kinds: BTreeSet<FactKind>,
    /// How Reports of OpenReports are read.
    pub(super) reports: Reports,
    /// The namespaces that are looked at; none stands for the whole cluster.
    pub(super) scopes: Vec<Option<Arc<str>>>,
    /// How long a kind has to be refused to count as forbidden or not served.
    pub(super) grace: Duration,
    /// Asks for a look at what is served.
    pub(super) look: Arc<Notify>,
    pub(super) metrics: Metrics,
}

/// A watch has ended, or there is nobody to watch for.
pub(super) struct Over;

impl Starter {
    /// Tells what no watch tells.
    pub(super) async fn tell(&self, input: Input) -> Result<(), Over> {
        self.inputs.send(input).await.map_err(|_| Over)
    }

    /// What is watched of an optional kind.
    pub(super) fn sources(&self, wanted: &Wanted) -> Vec<Source> {
        let source = |scope: &_| Source::new(wanted.group(), wanted.plural(), wanted.role(), Option::clone(scope));
        self.scopes.iter().map(source).collect()
    }

    /// The watches that run whatever is served, and what they watch.
    pub(super) fn static_watches(&self) -> Vec<(Source, Task)> {
        let facts = &self.extraction;
        let watches = [
            self.of_cluster(&Facts::<extract::Namespace>::new(facts), SourceRole::Essential),
            self.of_cluster(&Facts::<extract::Node>::new(facts), SourceRole::Nodes),
            self.of_namespaces(&Facts::<extract::Deployment>::new(facts), SourceRole::Essential),
            self.of_namespaces(&Facts::<extract::StatefulSet>::new(facts), SourceRole::Essential),
            self.of_namespaces(&Facts::<extract::DaemonSet>::new(facts), SourceRole::Essential),
            self.of_namespaces(&Facts::<extract::ReplicaSet>::new(facts), SourceRole::Essential),
            self.of_namespaces(&Facts::<extract::ReplicationController>::new(facts), SourceRole::Essential),
            self.of_namespaces(&Facts::<extract::Job>::new(facts), SourceRole::Essential),
            self.of_namespaces(&Facts::<extract::CronJob>::new(facts), SourceRole::Essential),
            self.of_namespaces(&Facts::<extract::Pod>::new(facts), SourceRole::Essential),
            self.of_namespaces(&Facts::<extract::Service>::new(facts), SourceRole::Additional),
            self.of_namespaces(&Facts::<extract::Ingress>::new(facts), SourceRole::Additional),
            self.of_namespaces(&Facts::<extract::NetworkPolicy>::new(facts), SourceRole::Policies),
            self.of_namespaces(&NamespacedAssignments, SourceRole::Assignments),
            self.of_cluster(&ClusterAssignments, SourceRole::Assignments),
            self.of_cluster(&ServiceModels, SourceRole::ServiceModels),
        ];
        let of_signals = self.fact_kinds.iter().flat_map(|kind| self.watches_of_facts(*kind));
        watches.into_iter().flatten().chain(of_signals).collect()
    }

    /// The watches of a kind that is read for signals only.
    fn watches_of_facts(&self, kind: FactKind) -> Vec<(Source, Task)> {
        let role = SourceRole::Signals(kind);
        let facts = &self.extraction;
        match kind {
            FactKind::Budgets => self.of_namespaces(&Facts::<extract::PodDisruptionBudget>::new(facts), role),
            FactKind::Claims => self.of_namespaces(&Facts::<extract::PersistentVolumeClaim>::new(facts), role),
            FactKind::StorageClasses => self.of_cluster(&Facts::<extract::StorageClass>::new(facts), role),
            FactKind::Roles => self.of_namespaces(&Facts::<extract::Role>::new(facts), role),
            FactKind::RoleBindings => self.of_namespaces(&Facts::<extract::RoleBinding>::new(facts), role),
            FactKind::ClusterRoles => self.of_cluster(&Facts::<extract::ClusterRole>::new(facts), role),
            FactKind::ClusterRoleBindings => self.of_cluster(&Facts::<extract::ClusterRoleBinding>::new(facts), role),
            // These are watched where they are served.
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

    /// A watch of a kind that lies in no namespace; none where only some namespaces are looked at.
    fn of_cluster<R>(&self, reader: &R, role: SourceRole) -> Vec<(Source, Task)>
    where
        R: Reader<Object: Resource<DynamicType = (), Scope = ClusterResourceScope>>,
    {
        let is_whole_cluster = |scope: &&Option<Arc<str>>| scope.is_none();
        let watch =
            |scope: &Option<Arc<str>>| self.static_watch(Api::all(self.client.clone()), reader, role, scope.clone());
        self.scopes.iter().filter(is_whole_cluster).map(watch).collect()
    }

    /// The watches of a kind that lies in namespaces.
    fn of_namespaces<R>(&self, reader: &R, role: SourceRole) -> Vec<(Source, Task)>
    where
        R: Reader<Object: Resource<DynamicType = (), Scope = NamespaceResourceScope>>,
    {
        let watch = |scope: &Option<Arc<str>>| {
            let client = self.client.clone();
            let api = match scope {
                Some(namespace) => Api::namespaced(client, namespace),
                None => Api::all(client),
            };
            self.static_watch(api, reader, role, scope.clone())
        };
        self.scopes.iter().map(watch).collect()
    }

    fn static_watch<R>(
        &self,
        api: Api<R::Object>,
        reader: &R,
        role: SourceRole,
        scope: Option<Arc<str>>,
    ) -> (Source, Task)
    where
        R: Reader<Object: Resource<DynamicType = ()>>,
    {
        let source = Source::new(&R::Object::group(&()), &R::Object::plural(&()), role, scope.clone());
        let task = self.watch(api, reader, source.clone(), scope);
        (source, task)
    }

    /// The watches of an optional kind in a version.
    pub(super) fn optional_watches(&self, wanted: &Wanted, version: &str) -> Vec<Task> {
        let resource = wanted.resource(version);
        match wanted {
            Wanted::BuiltIn(optional) => match optional.listed {
                ListedKind::Facts(kind) => self.optional_facts(wanted, &resource, kind),
                ListedKind::Routes(RouteKind::OpenShiftRoute) => {
                    self.dynamic_watches(wanted, &resource, &OpenShiftRoutes)
                }
                ListedKind::Routes(kind) => self.dynamic_watches(wanted, &resource, &GatewayRoutes(kind)),
                _ => self.dynamic_watches(wanted, &resource, &ReferenceGrants),
            },
            Wanted::Configured(configured) => {
                let kind = ConfiguredKind { version: version.to_owned(), ..configured.clone() };
                let reader = ConfiguredWorkloads { kind: Arc::new(kind), extraction: self.extraction.clone() };
                self.dynamic_watches(wanted, &resource, &reader)
            }
            Wanted::Custom(objects) => self.dynamic_watches(wanted, &resource, &CustomFacts(objects.clone())),
        }
    }

    /// The watches of an optional kind that is read for signals only.
    fn optional_facts(&self, wanted: &Wanted, resource: &ApiResource, kind: FactKind) -> Vec<Task> {
        match kind {
            FactKind::Certificates => {
                self.dynamic_watches(wanted, resource, &OptionalFacts::<extract::Certificate>::new(kind))
            }
            FactKind::Backups => self.dynamic_watches(wanted, resource, &OptionalFacts::<extract::Backup>::new(kind)),
            FactKind::Reports => self.dynamic_watches(wanted, resource, &self.reports),
            FactKind::Snapshots => {
                self.dynamic_watches(wanted, resource, &OptionalFacts::<extract::VolumeSnapshot>::new(kind))
            }
            _ => self.dynamic_watches(wanted, resource, &OptionalFacts::<extract::ObservedReport>::new(kind)),
        }
    }

    fn dynamic_watches<R>(&self, wanted: &Wanted, resource: &ApiResource, reader: &R) -> Vec<Task>
    where
        R: Reader<Object: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>>,
    {
        let watch = |(source, scope): (Source, &Option<Arc<str>>)| {
            let client = self.client.clone();
            let api = match scope {
                Some(namespace) => Api::namespaced_with(client, namespace, resource),
                None => Api::all_with(client, resource),
            };
            self.watch(api, reader, source, scope.clone())
        };
        self.sources(wanted).into_iter().zip(&self.scopes).map(watch).collect()
    }

    fn watch<R: Reader>(&self, api: Api<R::Object>, reader: &R, source: Source, scope: Option<Arc<str>>) -> Task {
        let (reader, inputs, look) = (reader.clone(), self.inputs.clone(), self.look.clone());
        let metrics = self.metrics.watch(source.resource());
        Watch { api, reader, source, scope, inputs, grace: self.grace, look, metrics }.run().boxed()
    }
}

//! Decoders: turn the objects of each kind into events for the engine.

use std::fmt::Debug;
use std::sync::Arc;

use kube::Resource;
use kube::runtime::watcher::Config;
use serde::de::DeserializeOwned;

use super::event::WatchEvent;
use crate::controller::observed::{ObservedAssignment, ObservedServiceModel};
use crate::extract::kinds::spec_of;
use crate::extract::{
    ClusterAssignment, ConfiguredKind, ConfiguredWorkload, CustomObject, Extract, Extraction, FactsOf, GatewayRoute,
    NamespacedAssignment, ObservedReport, OpenShiftRoute, OwnServiceModel, ReferenceGrant, object_name,
};
use crate::facts::published_report::{MANAGED_BY, SOURCE};
use crate::facts::{Delta, FactKind, ListedKind, RouteKind};
use crate::signals::CustomObjects;

/// Objects per page of a list. A whole page is in memory several times while it is decoded: twice as many objects raise the
/// peak memory of a start by a third and shorten the start by a twentieth.
const PAGE_SIZE: u32 = 250;

/// Objects per page for kinds whose objects can have hundreds of kilobytes.
const PAGE_SIZE_OF_LARGE: u32 = 25;

/// Object type of a watch.
pub(super) trait Object: Resource + Clone + Debug + DeserializeOwned + Send + 'static {}
impl<T: Resource + Clone + Debug + DeserializeOwned + Send + 'static> Object for T {}

/// Decoder of the objects of one kind.
pub(super) struct Decoder<O> {
    /// Kind of objects in a list, which decides what a complete list replaces.
    pub(super) listed: ListedKind,
    page_size: u32,
    /// Label selector of list and watch requests.
    selector: Option<String>,
    event: Box<dyn Fn(&O) -> WatchEvent + Send + Sync>,
    deletion: Box<dyn Fn(&O) -> Delta + Send + Sync>,
}

impl<O> Decoder<O> {
    fn new(
        listed: ListedKind,
        event: impl Fn(&O) -> WatchEvent + Send + Sync + 'static,
        deletion: impl Fn(&O) -> Delta + Send + Sync + 'static,
    ) -> Self {
        let (event, deletion) = (Box::new(event), Box::new(deletion));
        Self { listed, page_size: PAGE_SIZE, selector: None, event, deletion }
    }

    /// Returns the parameters of list and watch requests.
    pub(super) fn config(&self) -> Config {
        let config = Config::default().page_size(self.page_size);
        match &self.selector {
            Some(selector) => config.labels(selector),
            None => config,
        }
    }

    /// Returns the event for an object that was listed, created or changed.
    pub(super) fn event(&self, object: &O) -> WatchEvent {
        (self.event)(object)
    }

    /// Returns the change for an object that was deleted.
    pub(super) fn deletion(&self, object: &O) -> Delta {
        (self.deletion)(object)
    }
}

/// Decodes a built-in kind of Kubernetes into facts.
pub(super) fn facts<K: Extract + 'static>(extraction: &Arc<Extraction>) -> Decoder<K> {
    let extraction = extraction.clone();
    Decoder::new(K::listed(), move |object: &K| WatchEvent::Change(object.delta(&extraction)), K::deletion)
}

/// Decodes an optional kind that only signals read.
pub(super) fn optional_facts<O: FactsOf + Resource + 'static>(kind: FactKind) -> Decoder<O> {
    let change = move |object: &O| Delta::Facts(kind, object_name(object.meta()), object.facts());
    let decoder = Decoder::new(
        ListedKind::Facts(kind),
        move |object| WatchEvent::Change(change(object)),
        move |object| Delta::Facts(kind, object_name(object.meta()), None),
    );
    Decoder {
        page_size: if spec_of(kind).is_some_and(|spec| spec.large) { PAGE_SIZE_OF_LARGE } else { PAGE_SIZE },
        ..decoder
    }
}

pub(super) fn assignments() -> Decoder<NamespacedAssignment> {
    Decoder::new(
        ListedKind::Assignments,
        |object| WatchEvent::Assignment(Box::new(ObservedAssignment::namespaced(object))),
        |object| Delta::Assignment(ObservedAssignment::id_of(object.meta()), None),
    )
}

pub(super) fn cluster_assignments() -> Decoder<ClusterAssignment> {
    Decoder::new(
        ListedKind::ClusterAssignments,
        |object| WatchEvent::Assignment(Box::new(ObservedAssignment::cluster(object))),
        |object| Delta::Assignment(ObservedAssignment::id_of(object.meta()), None),
    )
}

pub(super) fn service_models() -> Decoder<OwnServiceModel> {
    Decoder::new(
        ListedKind::ServiceModels,
        |object| WatchEvent::ServiceModel(Box::new(ObservedServiceModel::new(object))),
        |object| Delta::ServiceModel(ObservedServiceModel::name_of(object.meta()), None),
    )
}

/// Decodes a workload kind of the configuration file.
pub(super) fn configured_workloads(kind: ConfiguredKind, extraction: &Arc<Extraction>) -> Decoder<ConfiguredWorkload> {
    let (kind, extraction) = (Arc::new(kind), extraction.clone());
    let deleted = kind.clone();
    Decoder::new(
        ListedKind::Workloads(kind.workload_kind()),
        move |object: &ConfiguredWorkload| WatchEvent::Change(object.delta(&kind, &extraction)),
        move |object| object.deletion(&deleted),
    )
}

/// Decodes a route kind of the Gateway API.
pub(super) fn gateway_routes(kind: RouteKind) -> Decoder<GatewayRoute> {
    Decoder::new(
        ListedKind::Routes(kind),
        move |object: &GatewayRoute| WatchEvent::Change(object.delta(kind)),
        move |object| object.deletion(kind),
    )
}

pub(super) fn openshift_routes() -> Decoder<OpenShiftRoute> {
    Decoder::new(
        ListedKind::Routes(RouteKind::OpenShiftRoute),
        |object: &OpenShiftRoute| WatchEvent::Change(object.delta()),
        OpenShiftRoute::deletion,
    )
}

pub(super) fn reference_grants() -> Decoder<ReferenceGrant> {
    Decoder::new(
        ListedKind::Grants,
        |object: &ReferenceGrant| WatchEvent::Change(object.delta()),
        ReferenceGrant::deletion,
    )
}

/// Decodes a kind that custom signals of the configuration file read.
pub(super) fn custom_facts(objects: &Arc<CustomObjects>) -> Decoder<CustomObject> {
    let (of_event, of_deletion) = (objects.clone(), objects.clone());
    let decoder = Decoder::new(
        ListedKind::Facts(objects.fact_kind()),
        move |object: &CustomObject| WatchEvent::Change(object.delta(&of_event)),
        move |object| object.deletion(&of_deletion),
    );
    Decoder { page_size: PAGE_SIZE_OF_LARGE, ..decoder }
}

/// Decodes Reports of OpenReports: the operator's own as [`WatchEvent::OwnReport`], others as facts for signals.
///
/// Without `with_others` only own Reports are requested. An own Report whose label is removed then looks deleted.
pub(super) fn reports(with_others: bool) -> Decoder<ObservedReport> {
    let others = optional_facts::<ObservedReport>(FactKind::Reports);
    let decoder = optional_facts::<ObservedReport>(FactKind::Reports);
    let event = move |object: &ObservedReport| match object.own() {
        Some((name, known)) => WatchEvent::OwnReport(name, Box::new(known)),
        None => others.event(object),
    };
    let selector = (!with_others).then(|| format!("{MANAGED_BY}={SOURCE}"));
    Decoder { event: Box::new(event), selector, page_size: PAGE_SIZE_OF_LARGE, ..decoder }
}

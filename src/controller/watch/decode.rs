//! Decoders: turn the objects of each kind into events for the engine.

use std::fmt::Debug;
use std::sync::Arc;

use kube::Resource;
use kube::api::{ListParams, WatchParams};
use kube::core::{ApiResource, DynamicResourceScope};
use serde::de::DeserializeOwned;

use super::event::WatchEvent;
use crate::controller::observed::{ObservedAssignment, ObservedServiceModel};
use crate::extract::{
    ClusterAssignment, ConfiguredKind, ConfiguredWorkload, CustomObject, Extract, Extraction, NamespacedAssignment,
    OwnServiceModel, Report, object_name,
};
use crate::facts::published_report::{MANAGED_BY, SOURCE};
use crate::facts::{Delta, FactKind, ListedKind};
use crate::signals::CustomObjects;

/// Objects per page of a list. A whole page is in memory several times while it is decoded: twice as many objects raise the
/// peak memory of a start by a third and shorten the start by a twentieth.
const PAGE_SIZE: u32 = 250;

/// Objects per page for kinds whose objects can have hundreds of kilobytes.
const PAGE_SIZE_OF_LARGE: u32 = 25;

/// Object type of a watch.
pub(super) trait Object:
    Resource<DynamicType = ApiResource, Scope = DynamicResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static
{
}

impl<O> Object for O where
    O: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static
{
}

/// Object type of a kind of the table.
pub(super) trait Watched: Object {
    /// Kind of objects in a list.
    const KIND: ListedKind;

    /// Returns the event for an object that was listed, created or changed.
    fn event(&self, extraction: &Extraction) -> WatchEvent;
}

impl<O: Extract + Object> Watched for O {
    const KIND: ListedKind = O::KIND;

    fn event(&self, extraction: &Extraction) -> WatchEvent {
        WatchEvent::Change(self.delta(extraction))
    }
}

impl Watched for NamespacedAssignment {
    const KIND: ListedKind = ListedKind::Assignments;

    fn event(&self, _: &Extraction) -> WatchEvent {
        WatchEvent::Assignment(Box::new(ObservedAssignment::namespaced(self)))
    }
}

impl Watched for ClusterAssignment {
    const KIND: ListedKind = ListedKind::ClusterAssignments;

    fn event(&self, _: &Extraction) -> WatchEvent {
        WatchEvent::Assignment(Box::new(ObservedAssignment::cluster(self)))
    }
}

impl Watched for OwnServiceModel {
    const KIND: ListedKind = ListedKind::ServiceModels;

    fn event(&self, _: &Extraction) -> WatchEvent {
        WatchEvent::ServiceModel(Box::new(ObservedServiceModel::new(self)))
    }
}

impl Watched for Report {
    const KIND: ListedKind = ListedKind::Facts(FactKind::Reports);

    /// Separates the operator's own Reports from those of others, which are facts for signals.
    fn event(&self, _: &Extraction) -> WatchEvent {
        match self.own() {
            Some((name, known)) => WatchEvent::OwnReport(name, Box::new(known)),
            None => WatchEvent::Change(Delta::Facts(FactKind::Reports, object_name(self.meta()), self.facts())),
        }
    }
}

/// Decoder of the objects of one kind.
pub(super) struct Decoder<O> {
    /// Kind of objects in a list, which decides what a complete list replaces.
    pub(super) listed: ListedKind,
    page_size: u32,
    /// Label selector of list and watch requests.
    selector: Option<String>,
    event: Box<dyn Fn(&O) -> WatchEvent + Send + Sync>,
}

impl<O: Object> Decoder<O> {
    fn new(listed: ListedKind, page_size: u32, event: impl Fn(&O) -> WatchEvent + Send + Sync + 'static) -> Self {
        Self { listed, page_size, selector: None, event: Box::new(event) }
    }

    /// Requests only the operator's own Reports. One whose label is removed then looks deleted.
    pub(super) fn own_reports_only(self) -> Self {
        Self { selector: Some(format!("{MANAGED_BY}={SOURCE}")), ..self }
    }

    /// Returns the parameters of a page of a list; the first page without a token.
    pub(super) fn list_params(&self, next_page: Option<&str>) -> ListParams {
        let mut params = ListParams::default().limit(self.page_size);
        params.label_selector.clone_from(&self.selector);
        match next_page {
            Some(token) => params.continue_token(token),
            None => params,
        }
    }

    /// Returns the parameters of a watch that the API server ends after this time.
    pub(super) fn watch_params(&self, seconds: u32) -> WatchParams {
        let mut params = WatchParams::default().timeout(seconds);
        params.label_selector.clone_from(&self.selector);
        params
    }

    /// Returns the event for an object that was listed, created or changed.
    pub(super) fn event(&self, object: &O) -> WatchEvent {
        (self.event)(object)
    }

    /// Returns the change for an object that was deleted.
    pub(super) fn deletion(&self, object: &O) -> Delta {
        self.listed.deletion(object_name(object.meta()))
    }
}

impl<O: Watched> Decoder<O> {
    /// Creates the decoder of a kind of the table. `large` means that an object can have hundreds of kilobytes.
    pub(super) fn of_table(large: bool, extraction: &Arc<Extraction>) -> Self {
        let extraction = extraction.clone();
        let page_size = if large { PAGE_SIZE_OF_LARGE } else { PAGE_SIZE };
        Self::new(O::KIND, page_size, move |object| object.event(&extraction))
    }
}

impl Decoder<ConfiguredWorkload> {
    /// Creates the decoder of a workload kind of the configuration file.
    pub(super) fn configured_workloads(kind: ConfiguredKind, extraction: &Arc<Extraction>) -> Self {
        let extraction = extraction.clone();
        Self::new(ListedKind::Workloads(kind.workload_kind()), PAGE_SIZE, move |object| {
            WatchEvent::Change(object.delta(&kind, &extraction))
        })
    }
}

impl Decoder<CustomObject> {
    /// Creates the decoder of a kind that custom signals of the configuration file read.
    pub(super) fn custom_facts(objects: &Arc<CustomObjects>) -> Self {
        let objects = objects.clone();
        Self::new(ListedKind::Facts(objects.fact_kind()), PAGE_SIZE_OF_LARGE, move |object| {
            WatchEvent::Change(object.delta(&objects))
        })
    }
}

#[cfg(test)]
mod tests;

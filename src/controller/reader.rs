//! How the objects of each kind are turned into what the engine is told.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use kube::Resource;
use kube::runtime::watcher::Config;
use serde::de::DeserializeOwned;

use super::input::{Input, Seen, SeenModel};
use crate::extract::kinds::spec_of;
use crate::extract::{
    ClusterAssignment, ConfiguredKind, ConfiguredWorkload, CustomObject, Extract, Extraction, FactsOf, GatewayRoute,
    NamespacedAssignment, ObservedReport, OpenShiftRoute, OwnServiceModel, ReferenceGrant, object_name,
};
use crate::facts::published_report::{MANAGED_BY, SOURCE};
use crate::facts::{Delta, FactKind, ListedKind, RouteKind};
use crate::signals::CustomObjects;

/// How many objects a page of a list holds: a page is in memory as a whole, several times over while it is read. Twice as many
/// take a third more at the peak of a start, and save a twentieth of its time.
const PAGE: u32 = 250;

/// The same of kinds whose objects may have hundreds of kilobytes, or any size.
const PAGE_OF_LARGE: u32 = 25;

/// A kind that can be watched for the engine.
pub(super) trait Reader: Clone + Send + Sync + 'static {
    /// As much of an object as counts.
    type Object: Resource + Clone + Debug + DeserializeOwned + Send + 'static;

    /// What a list of the kind holds.
    fn listed(&self) -> ListedKind;

    /// How it is listed and watched.
    fn config(&self) -> Config {
        Config::default().page_size(PAGE)
    }

    /// What an object as it stands amounts to.
    fn input(&self, object: &Self::Object) -> Input;

    /// The change that the deletion of an object amounts to.
    fn deletion(&self, object: &Self::Object) -> Delta;
}

/// Objects of a Kubernetes kind, which are facts and nothing else.
pub(super) struct Facts<K> {
    extraction: Arc<Extraction>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Facts<K> {
    pub(super) fn new(extraction: &Arc<Extraction>) -> Self {
        Self { extraction: extraction.clone(), kind: PhantomData }
    }
}

impl<K> Clone for Facts<K> {
    fn clone(&self) -> Self {
        Self::new(&self.extraction)
    }
}

impl<K: Extract + Clone + Debug + DeserializeOwned + Send + 'static> Reader for Facts<K> {
    type Object = K;

    fn listed(&self) -> ListedKind {
        K::listed()
    }

    fn input(&self, object: &K) -> Input {
        Input::Change(object.delta(&self.extraction))
    }

    fn deletion(&self, object: &K) -> Delta {
        object.deletion()
    }
}

/// ResponsibilityAssignments.
#[derive(Clone, Copy)]
pub(super) struct NamespacedAssignments;

impl Reader for NamespacedAssignments {
    type Object = NamespacedAssignment;

    fn listed(&self) -> ListedKind {
        ListedKind::Assignments
    }

    fn input(&self, object: &NamespacedAssignment) -> Input {
        Input::Assignment(Box::new(Seen::namespaced(object)))
    }

    fn deletion(&self, object: &NamespacedAssignment) -> Delta {
        Delta::Assignment(Seen::id_of(object.meta()), None)
    }
}

/// ClusterResponsibilityAssignments.
#[derive(Clone, Copy)]
pub(super) struct ClusterAssignments;

impl Reader for ClusterAssignments {
    type Object = ClusterAssignment;

    fn listed(&self) -> ListedKind {
        ListedKind::ClusterAssignments
    }

    fn input(&self, object: &ClusterAssignment) -> Input {
        Input::Assignment(Box::new(Seen::cluster(object)))
    }

    fn deletion(&self, object: &ClusterAssignment) -> Delta {
        Delta::Assignment(Seen::id_of(object.meta()), None)
    }
}

/// ServiceModels.
#[derive(Clone, Copy)]
pub(super) struct ServiceModels;

impl Reader for ServiceModels {
    type Object = OwnServiceModel;

    fn listed(&self) -> ListedKind {
        ListedKind::ServiceModels
    }

    fn input(&self, object: &OwnServiceModel) -> Input {
        Input::ServiceModel(Box::new(SeenModel::new(object)))
    }

    fn deletion(&self, object: &OwnServiceModel) -> Delta {
        Delta::ServiceModel(SeenModel::name_of(object.meta()), None)
    }
}

/// Workloads of a kind that the operator was told of.
#[derive(Clone)]
pub(super) struct ConfiguredWorkloads {
    pub(super) kind: Arc<ConfiguredKind>,
    pub(super) extraction: Arc<Extraction>,
}

impl Reader for ConfiguredWorkloads {
    type Object = ConfiguredWorkload;

    fn listed(&self) -> ListedKind {
        ListedKind::Workloads(self.kind.workload_kind())
    }

    fn input(&self, object: &ConfiguredWorkload) -> Input {
        Input::Change(object.delta(&self.kind, &self.extraction))
    }

    fn deletion(&self, object: &ConfiguredWorkload) -> Delta {
        object.deletion(&self.kind)
    }
}

/// Routes of the Gateway API of a kind.
#[derive(Clone, Copy)]
pub(super) struct GatewayRoutes(pub(super) RouteKind);

impl Reader for GatewayRoutes {
    type Object = GatewayRoute;

    fn listed(&self) -> ListedKind {
        ListedKind::Routes(self.0)
    }

    fn input(&self, object: &GatewayRoute) -> Input {
        Input::Change(object.delta(self.0))
    }

    fn deletion(&self, object: &GatewayRoute) -> Delta {
        object.deletion(self.0)
    }
}

/// Routes of OpenShift.
#[derive(Clone, Copy)]
pub(super) struct OpenShiftRoutes;

impl Reader for OpenShiftRoutes {
    type Object = OpenShiftRoute;

    fn listed(&self) -> ListedKind {
        ListedKind::Routes(RouteKind::OpenShiftRoute)
    }

    fn input(&self, object: &OpenShiftRoute) -> Input {
        Input::Change(object.delta())
    }

    fn deletion(&self, object: &OpenShiftRoute) -> Delta {
        object.deletion()
    }
}

/// ReferenceGrants.
#[derive(Clone, Copy)]
pub(super) struct ReferenceGrants;

impl Reader for ReferenceGrants {
    type Object = ReferenceGrant;

    fn listed(&self) -> ListedKind {
        ListedKind::Grants
    }

    fn input(&self, object: &ReferenceGrant) -> Input {
        Input::Change(object.delta())
    }

    fn deletion(&self, object: &ReferenceGrant) -> Delta {
        object.deletion()
    }
}

/// Objects of a kind that signals of the configuration look at.
#[derive(Clone)]
pub(super) struct CustomFacts(pub(super) Arc<CustomObjects>);

impl Reader for CustomFacts {
    type Object = CustomObject;

    fn listed(&self) -> ListedKind {
        ListedKind::Facts(self.0.fact_kind())
    }

    fn config(&self) -> Config {
        Config::default().page_size(PAGE_OF_LARGE)
    }

    fn input(&self, object: &CustomObject) -> Input {
        Input::Change(object.delta(&self.0))
    }

    fn deletion(&self, object: &CustomObject) -> Delta {
        object.deletion(&self.0)
    }
}

/// Objects of an optional kind that are read for signals only.
pub(super) struct OptionalFacts<O> {
    kind: FactKind,
    object: PhantomData<fn() -> O>,
}

impl<O> OptionalFacts<O> {
    pub(super) const fn new(kind: FactKind) -> Self {
        Self { kind, object: PhantomData }
    }
}

impl<O> Clone for OptionalFacts<O> {
    fn clone(&self) -> Self {
        Self::new(self.kind)
    }
}

impl<O: FactsOf + Resource + Clone + Debug + DeserializeOwned + Send + 'static> Reader for OptionalFacts<O> {
    type Object = O;

    fn listed(&self) -> ListedKind {
        ListedKind::Facts(self.kind)
    }

    fn config(&self) -> Config {
        Config::default().page_size(if spec_of(self.kind).is_some_and(|spec| spec.large) {
            PAGE_OF_LARGE
        } else {
            PAGE
        })
    }

    fn input(&self, object: &O) -> Input {
        Input::Change(Delta::Facts(self.kind, object_name(object.meta()), object.facts()))
    }

    fn deletion(&self, object: &O) -> Delta {
        Delta::Facts(self.kind, object_name(object.meta()), None)
    }
}

/// Reports of OpenReports: those of others are read for signals only, the operator's own are kept as they should be.
#[derive(Clone, Copy)]
pub(super) struct Reports {
    /// Whether a signal looks at those of others.
    pub(super) with_others: bool,
}

impl Reader for Reports {
    type Object = ObservedReport;

    fn listed(&self) -> ListedKind {
        ListedKind::Facts(FactKind::Reports)
    }

    fn config(&self) -> Config {
        let config = Config::default().page_size(PAGE_OF_LARGE);
        // Where its label is taken away from an own one, it is as if it had been deleted.
        if self.with_others { config } else { config.labels(&format!("{MANAGED_BY}={SOURCE}")) }
    }

    fn input(&self, object: &ObservedReport) -> Input {
        match object.own() {
            Some((name, known)) => Input::OwnReport(name, Box::new(known)),
            None => OptionalFacts::new(FactKind::Reports).input(object),
        }
    }

    fn deletion(&self, object: &ObservedReport) -> Delta {
        OptionalFacts::new(FactKind::Reports).deletion(object)
    }
}

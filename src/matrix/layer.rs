//! Layers: the rows of the matrix, with everything that is said of one.

use std::collections::BTreeMap;

use bitflags::bitflags;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::id_set::ModelSet;
use super::service_model::ServiceModel;

/// One of the two duties a layer can owe: the provider's half or the customer's half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, schemars::JsonSchema)]
pub enum Duty {
    /// The duty of the provider of the service model.
    Provider,
    /// The duty of the customer of the service model.
    Customer,
}

impl Duty {
    /// Both duties, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Provider, Self::Customer];

    /// The duty of the other side of the same layer.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Provider => Self::Customer,
            Self::Customer => Self::Provider,
        }
    }

    /// The word for this duty in sentences: `provider` or `customer`, also the field of an assignment that claims it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Customer => "customer",
        }
    }

    /// The word for this duty in statuses and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "Provider",
            Self::Customer => "Customer",
        }
    }
}

/// What a cell of the matrix says: who owes the layer under a service model. Ordered from the customer to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Owes {
    /// The customer duty only.
    Customer,
    /// Both duties.
    Shared,
    /// The provider duty only.
    Provider,
}

impl Owes {
    /// Whether this cell owes the given duty.
    #[must_use]
    pub fn includes(self, duty: Duty) -> bool {
        match duty {
            Duty::Provider => self != Self::Customer,
            Duty::Customer => self != Self::Provider,
        }
    }
}

/// Whose facts decide the service model of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Plane {
    /// The control plane of the cluster.
    Cluster,
    /// The nodes on which a workload may land.
    Node,
    /// The workload itself, hence its nodes too.
    Workload,
}

/// Who is told of a gap in a layer, and whose assignment outranks the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Audience {
    /// The team that runs the cluster.
    Platform,
    /// The team that runs the workload.
    Workload,
}

/// Which workloads have a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Presence {
    /// Every workload.
    Inherent,
    /// Workloads whose manifests, Services or routes show one of the layer's signals, and those where it is declared.
    Detected,
    /// Only workloads selected by an assignment that declares the layer.
    Declared,
}

bitflags! {
    /// Properties of a workload that make detected layers present.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct LayerTriggers: u8 {
        /// It keeps data in a volume that outlives its containers.
        const STORAGE = 1;
        /// It refers to secret material.
        const SECRETS = 1 << 1;
        /// It calls a service outside of the cluster.
        const EXTERNAL_SERVICES = 1 << 2;
        /// It is reachable from outside of the cluster through a Service, an Ingress or a route.
        const PUBLISHED = 1 << 3;
        /// It listens on the network of its node (hostPort or hostNetwork).
        const HOST_NETWORK = 1 << 4;
    }
}

impl LayerTriggers {
    /// Returns the names in `matrix.yaml`, such as `external-services`.
    pub fn names(self) -> impl Iterator<Item = String> {
        self.iter_names().map(|(name, _)| name.to_lowercase().replace('_', "-"))
    }
}

/// Reads a list of names.
impl<'de> Deserialize<'de> for LayerTriggers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let trigger = |name: String| {
            let found = Self::all().iter().find(|trigger| trigger.names().eq([name.as_str()]));
            found.ok_or_else(|| D::Error::custom(format!("{name:?} is not a layer trigger")))
        };
        names.into_iter().map(trigger).collect()
    }
}

/// What each side of a layer does, in words for messages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halves {
    /// What the provider does.
    pub provider: String,
    /// What the customer does.
    pub customer: String,
}

/// A layer of the security of a workload: one row of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Layer {
    /// Its name in assignments and statuses, such as `node-os`.
    pub name: String,
    /// What it is about.
    pub meaning: String,
    /// Whose facts decide its service model.
    pub plane: Plane,
    /// Who is told of its gaps.
    pub concern: Audience,
    /// Which workloads have it.
    pub presence: Presence,
    /// The triggers of a detected layer: one of them makes it present.
    #[serde(default)]
    pub triggers: LayerTriggers,
    /// Whether the customer stays accountable whoever does the work.
    #[serde(default)]
    pub retained: bool,
    /// Whether an exception from it may be made in a namespace at all; never for inherent and platform layers.
    #[serde(default = "yes")]
    pub tenant_exceptions: bool,
    /// What each side does; given wherever some service model shares the layer.
    #[serde(default)]
    pub halves: Option<Halves>,
    /// Who owes it under each built-in service model, with the sources of the statement; empty for a layer that a cluster
    /// defines.
    pub cells: BTreeMap<ServiceModel, (Owes, String)>,
    /// The service models of the cluster that define it; none for a built-in layer.
    #[serde(skip)]
    pub defined_by: ModelSet,
}

const fn yes() -> bool {
    true
}

impl Layer {
    /// What the given side does, or what the layer is about where one side does all of it.
    #[must_use]
    pub fn describe(&self, duty: Duty) -> &str {
        match (&self.halves, duty) {
            (Some(halves), Duty::Provider) => &halves.provider,
            (Some(halves), Duty::Customer) => &halves.customer,
            (None, _) => &self.meaning,
        }
    }

    /// Whether an exception from it may be made in a namespace. What every workload has, and what is the platform's, is not
    /// for a tenant to except.
    #[must_use]
    pub fn is_exceptable_by_tenants(&self) -> bool {
        self.tenant_exceptions && self.presence != Presence::Inherent && self.concern == Audience::Workload
    }
}

//! Layers: the rows of the matrix.

use std::collections::BTreeMap;

use bitflags::bitflags;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::id_set::ModelSet;
use super::service_model::ServiceModel;

/// One of the two duties that a layer can owe.
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

    /// Returns the other duty of the same layer.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Provider => Self::Customer,
            Self::Customer => Self::Provider,
        }
    }

    /// Returns the word in messages, `provider` or `customer`. It is also the name of the field in `spec.duties`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Customer => "customer",
        }
    }

    /// Returns the word in statuses and metrics, `Provider` or `Customer`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "Provider",
            Self::Customer => "Customer",
        }
    }
}

/// A cell of the matrix: the duties that a layer owes under a service model. Ordered from the customer to the provider.
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
    /// Returns true if the cell contains the duty.
    #[must_use]
    pub fn includes(self, duty: Duty) -> bool {
        match duty {
            Duty::Provider => self != Self::Customer,
            Duty::Customer => self != Self::Provider,
        }
    }
}

/// The part of the cluster that a layer belongs to. With a managed control plane, layers of the plane Cluster owe the duties
/// of CaaS instead of those of OnPremises or IaaS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Plane {
    /// The control plane of the cluster.
    Cluster,
    /// The nodes on which a workload can be scheduled.
    Node,
    /// The workload itself.
    Workload,
}

/// The team that a layer concerns. It decides which assignments list gaps of the layer, and which assignments take precedence
/// for its customer duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Audience {
    /// The team that runs the cluster.
    Platform,
    /// The team that runs the workload.
    Workload,
}

/// The workloads that have a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Presence {
    /// All workloads. For a layer that the cluster defines: all workloads under a service model that defines it.
    Inherent,
    /// Workloads that have one of the triggers of the layer, and workloads with an assignment that declares the layer.
    Detected,
    /// Workloads with an assignment that declares the layer.
    Declared,
}

bitflags! {
    /// Properties of a workload that make detected layers present.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct LayerTriggers: u8 {
        /// The workload has a volume with data that remains when its containers stop.
        const STORAGE = 1;
        /// The workload refers to Secrets or other secret material.
        const SECRETS = 1 << 1;
        /// The workload uses a service outside of the cluster.
        const EXTERNAL_SERVICES = 1 << 2;
        /// A Service, an Ingress or a route makes the workload accessible from outside of the cluster.
        const PUBLISHED = 1 << 3;
        /// The workload listens on the network of its node (hostPort or hostNetwork).
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

/// The work that each duty of a layer requires, for messages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halves {
    /// The work of the provider.
    pub provider: String,
    /// The work of the customer.
    pub customer: String,
}

/// A layer of the security of a workload: one row of the matrix.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Layer {
    /// The name in assignments and statuses, such as `node-os`.
    pub name: String,
    /// A description of the layer.
    pub meaning: String,
    /// The part of the cluster that the layer belongs to.
    pub plane: Plane,
    /// The team that the layer concerns.
    pub concern: Audience,
    /// The workloads that have the layer.
    pub presence: Presence,
    /// The triggers of a detected layer. One of them is enough.
    #[serde(default)]
    pub triggers: LayerTriggers,
    /// True if the customer stays accountable, even if another party does the work.
    #[serde(default)]
    pub retained: bool,
    /// False if assignments of a namespace cannot except the layer. It has an effect on detected workload layers only.
    #[serde(default = "default_true")]
    pub tenant_exceptions: bool,
    /// The work of the provider and of the customer. Present if a service model shares the layer.
    #[serde(default)]
    pub halves: Option<Halves>,
    /// The cell for each built-in service model, with its sources. Empty for a layer that the cluster defines.
    pub cells: BTreeMap<ServiceModel, (Owes, String)>,
    /// The service models of the cluster that define the layer. Empty for a built-in layer.
    #[serde(skip)]
    pub defined_by: ModelSet,
}

const fn default_true() -> bool {
    true
}

impl Layer {
    /// Returns the work that the duty requires, or the meaning of the layer if it has no halves.
    #[must_use]
    pub fn describe(&self, duty: Duty) -> &str {
        match (&self.halves, duty) {
            (Some(halves), Duty::Provider) => &halves.provider,
            (Some(halves), Duty::Customer) => &halves.customer,
            (None, _) => &self.meaning,
        }
    }

    /// Returns true if assignments of a namespace can except the layer. They cannot except inherent layers and platform
    /// layers.
    #[must_use]
    pub fn is_exceptable_by_tenants(&self) -> bool {
        self.tenant_exceptions && self.presence != Presence::Inherent && self.concern == Audience::Workload
    }
}

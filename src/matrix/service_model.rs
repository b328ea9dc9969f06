//! The built-in service models: the columns of the matrix.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much of the stack a provider runs; from left to right the provider takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum ServiceModel {
    /// Own hardware, own Kubernetes.
    OnPremises,
    /// Self-managed Kubernetes on rented machines.
    #[serde(rename = "IaaS")]
    Iaas,
    /// Managed control plane, own nodes.
    #[serde(rename = "CaaS")]
    Caas,
    /// Managed control plane and managed nodes.
    ManagedNodes,
    /// The provider runs platform and middleware.
    #[serde(rename = "PaaS")]
    Paas,
    /// The provider runs functions.
    #[serde(rename = "FaaS")]
    Faas,
    /// The provider runs the application.
    #[serde(rename = "SaaS")]
    Saas,
}

impl ServiceModel {
    /// All models in the order of the matrix.
    pub const ALL: [Self; 7] =
        [Self::OnPremises, Self::Iaas, Self::Caas, Self::ManagedNodes, Self::Paas, Self::Faas, Self::Saas];

    /// The name in manifests, statuses and flags.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnPremises => "OnPremises",
            Self::Iaas => "IaaS",
            Self::Caas => "CaaS",
            Self::ManagedNodes => "ManagedNodes",
            Self::Paas => "PaaS",
            Self::Faas => "FaaS",
            Self::Saas => "SaaS",
        }
    }
}

impl fmt::Display for ServiceModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no built-in service model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown service model {0:?}; write one of: OnPremises, IaaS, CaaS, ManagedNodes, PaaS, FaaS, SaaS")]
pub struct UnknownServiceModel(String);

impl FromStr for ServiceModel {
    type Err = UnknownServiceModel;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|model| model.name() == name).ok_or_else(|| UnknownServiceModel(name.to_owned()))
    }
}

/// The number of a service model: the built-in ones in the order of the matrix, then a cluster's own by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(u8);

impl ModelId {
    /// The model at a position; positions are below 64.
    #[must_use]
    pub const fn new(position: u8) -> Self {
        Self(position)
    }

    /// The position among the models.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<ServiceModel> for ModelId {
    fn from(model: ServiceModel) -> Self {
        Self(model as u8)
    }
}

/// A set of service models: a workload that falls under several owes the duties of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelSet(u64);

impl ModelSet {
    /// No model.
    pub const EMPTY: Self = Self(0);

    /// The models in their order.
    pub fn iter(self) -> impl Iterator<Item = ModelId> {
        (0..64).map(ModelId).filter(move |model| self.contains(*model))
    }

    /// Whether the model is in the set.
    #[must_use]
    pub const fn contains(self, model: ModelId) -> bool {
        self.0 & 1 << model.0 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many models there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The models of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether some model is in both sets.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl<M: Into<ModelId>> FromIterator<M> for ModelSet {
    fn from_iter<I: IntoIterator<Item = M>>(models: I) -> Self {
        Self(models.into_iter().fold(0, |set, model| set | 1 << model.into().0))
    }
}

//! The built-in service models: the columns of the matrix.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id_set::{ModelId, ModelSet};

/// A built-in service model. It says how much of the stack a provider runs. From left to right the provider runs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum ServiceModel {
    /// Own hardware and own Kubernetes.
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

    /// Returns the name in manifests, statuses and flags.
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

/// The error for a name that is not a built-in service model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown service model {0:?}; write one of: OnPremises, IaaS, CaaS, ManagedNodes, PaaS, FaaS, SaaS")]
pub struct UnknownServiceModel(String);

impl FromStr for ServiceModel {
    type Err = UnknownServiceModel;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|model| model.name() == name).ok_or_else(|| UnknownServiceModel(name.to_owned()))
    }
}

impl From<ServiceModel> for ModelId {
    fn from(model: ServiceModel) -> Self {
        Self::new(model as u8)
    }
}

impl FromIterator<ServiceModel> for ModelSet {
    fn from_iter<I: IntoIterator<Item = ServiceModel>>(models: I) -> Self {
        models.into_iter().map(ModelId::from).collect()
    }
}

//! Settings of the evaluation, the same for the whole cluster.

use crate::matrix::ServiceModel;

/// The configuration of the evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvaluationSettings {
    /// The service model of workloads without any node, and of nodes that show none.
    pub default_model: Option<ServiceModel>,
    /// True if the provider runs the control plane although no node shows it.
    pub managed_control_plane: bool,
    /// Treats unclaimed provider duties as assumed or as gaps.
    pub provider_duties: ProviderDuties,
}

/// The treatment of provider duties that nobody claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderDuties {
    /// They count as assumed.
    #[default]
    Assume,
    /// They are gaps until an assignment names a holder.
    Require,
}

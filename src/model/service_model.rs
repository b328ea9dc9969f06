//! Determines the service model of a workload.

use super::assignment::Assignment;
use super::node_model::SchedulableNodes;
use super::settings::EvaluationSettings;
use crate::facts::AssignmentId;
use crate::matrix::{Audience, Duty, LayerSet, Matrix, ModelId, ModelSet, Owed, Plane, ServiceModel};

/// Service models of a workload and the duties that they give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectiveModel {
    /// Models whose duties the workload owes together; empty if none is determined.
    pub models: ModelSet,
    /// Duties that the workload owes.
    pub owed: Owed,
    /// True if a cluster assignment names a model that does not exist or cannot be used. All results are then uncertain.
    pub not_found: bool,
    /// True if the model depends on the nodes.
    pub from_nodes: bool,
    /// True if an assignment names a service model that the cluster defines.
    pub uses_custom_model: bool,
}

/// Effects of the `serviceModel` claims of assignments on a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModelClaims {
    /// Models that apply independently of claims in the namespace.
    pub(super) determined: ModelSet,
    /// Assignments whose claim removes, or would remove, the customer duties of these layers.
    pub(super) contradicted: Vec<(AssignmentId, LayerSet)>,
    /// Assignments of a namespace whose claim applies because nothing else determines a model.
    pub(super) self_declared: Vec<AssignmentId>,
}

impl EffectiveModel {
    /// Returns the model of a workload that these assignments select, and the effects of their claims.
    ///
    /// The claims of the highest-ranking cluster assignments replace the models of the nodes. A claim in a namespace only adds
    /// customer duties, so that a tenant cannot reduce its own duties. If nothing else determines a model, the claim in a
    /// namespace applies. If only some nodes show a model, it applies to the other nodes.
    pub(super) fn of(
        matrix: &Matrix,
        settings: EvaluationSettings,
        nodes: SchedulableNodes,
        assignments: &[&Assignment],
    ) -> (Self, ModelClaims) {
        let (cluster, namespaced): (Vec<&Assignment>, Vec<&Assignment>) =
            assignments.iter().partition(|assignment| assignment.id.is_cluster());
        let base = Self {
            not_found: cluster.iter().any(|a| a.model.as_ref().is_some_and(|claim| claim.known().is_none())),
            uses_custom_model: assignments.iter().any(|assignment| assignment.uses_custom_model(matrix)),
            ..Self::default()
        };
        let mut claims = ModelClaims::default();
        let found = ModelFromNodes::of(matrix, settings, nodes);
        let claimed = highest(&cluster);
        let (determined, owed, from_nodes) = if !claimed.is_empty() {
            let models: ModelSet = claimed.iter().map(|(_, model)| *model).collect();
            (models, matrix.owed_under(models), false)
        } else if found.determined {
            (found.models, found.owed, true)
        } else {
            let taken = highest(&namespaced);
            let models: ModelSet = taken.iter().map(|(_, model)| *model).collect();
            claims.self_declared = taken.into_iter().map(|(assignment, _)| assignment.id.clone()).collect();
            if models.is_empty() || found.models.is_empty() {
                claims.determined = models;
                return (Self { models, owed: matrix.owed_under(models), from_nodes: true, ..base }, claims);
            }
            (found.models.union(models), found.owed.union(matrix.owed_under(models)), true)
        };
        claims.determined = determined;
        for (assignment, _) in &claimed {
            // A tenant writes the labels that a selector matches. So it can select a claim that overrules the default, or the
            // claim for all workloads.
            let by_label = assignment.selector.is_some();
            let overruled = cluster.iter().filter(|_| by_label).filter_map(|a| a.model.as_ref()?.known());
            let overruled = overruled.fold(LayerSet::empty(), |all, model| all.union(matrix.owed(model).customer));
            let shown = if found.complete || by_label { found.owed.customer } else { LayerSet::empty() };
            claims.contradicted.push((assignment.id.clone(), shown.union(overruled).difference(owed.customer)));
        }
        let mut adding = ModelSet::empty();
        let mut added = LayerSet::empty();
        for (assignment, model) in namespaced.iter().filter_map(|a| Some((a, a.model.as_ref()?.known()?))) {
            let customer = matrix.owed(model).customer;
            claims.contradicted.push((assignment.id.clone(), owed.customer.difference(customer)));
            if !customer.difference(owed.customer).is_empty() {
                adding = adding.union([model].into_iter().collect());
                added = added.union(customer);
            }
        }
        claims.contradicted.retain(|(_, layers)| !layers.is_empty());
        let owed = Owed { customer: owed.customer.union(added), ..owed };
        (Self { models: determined.union(adding), owed, from_nodes, ..base }, claims)
    }

    /// Returns true if no model is determined.
    #[must_use]
    pub const fn is_undetermined(&self) -> bool {
        self.models.is_empty()
    }
}

/// Models that the nodes show, and the configured default for nodes that show none.
struct ModelFromNodes {
    models: ModelSet,
    owed: Owed,
    /// True if every node shows its model.
    complete: bool,
    /// True unless some node shows no model and there is no default.
    determined: bool,
}

impl ModelFromNodes {
    fn of(matrix: &Matrix, settings: EvaluationSettings, nodes: SchedulableNodes) -> Self {
        let default: ModelSet = settings.default_model.into_iter().collect();
        let incomplete = nodes.models.is_empty() || nodes.undetermined;
        // The default applies to each node that shows no model.
        let models = if incomplete { nodes.models.union(default) } else { nodes.models };
        let managed = nodes.managed_control_plane || settings.managed_control_plane;
        let owed = matrix.owed_under(models);
        let owed = if managed { with_managed_control_plane(matrix, models, owed) } else { owed };
        Self { models, owed, complete: !incomplete, determined: !incomplete || !default.is_empty() }
    }
}

/// Raises on-premises and `IaaS` to `CaaS` for the layers of the cluster plane: with a managed control plane, the customer does
/// not run etcd, although it runs the nodes.
fn with_managed_control_plane(matrix: &Matrix, models: ModelSet, owed: Owed) -> Owed {
    let raised = |model: ModelId| {
        let own = [ServiceModel::OnPremises, ServiceModel::Iaas].map(ModelId::from);
        if own.contains(&model) { ServiceModel::Caas.into() } else { model }
    };
    let of_control_plane = matrix.owed_under(models.ids().map(raised).collect());
    let is_cluster = |plane: bool| -> LayerSet {
        matrix.layers().filter(|(_, layer)| (layer.plane == Plane::Cluster) == plane).map(|(id, _)| id).collect()
    };
    owed.intersection(is_cluster(false)).union(of_control_plane.intersection(is_cluster(true)))
}

/// Returns the claims of the highest rank that has one. All assignments are of one scope, so the rank for any duty orders them.
fn highest<'a>(assignments: &[&'a Assignment]) -> Vec<(&'a Assignment, ModelId)> {
    let rank = |a: &Assignment| a.rank(Audience::Platform, Duty::Customer);
    let claims = || assignments.iter().filter_map(|a| Some((*a, a.model.as_ref()?.known()?)));
    let top = claims().map(|(assignment, _)| rank(assignment)).max();
    claims().filter(|(assignment, _)| Some(rank(assignment)) == top).collect()
}

//! Which service model applies to a workload.

use super::assignment::Assignment;
use super::node_model::SchedulableNodes;
use super::settings::EvaluationSettings;
use crate::facts::AssignmentId;
use crate::matrix::{Audience, Duty, LayerSet, Matrix, ModelId, ModelSet, Owed, Plane, ServiceModel};

/// The service model of a workload and the duties that follow from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectiveModel {
    /// The models whose duties are owed together. Empty when nothing determines one.
    pub models: ModelSet,
    /// The duties owed.
    pub owed: Owed,
    /// Whether a cluster assignment names a model that does not exist or cannot be used: nothing can be concluded then.
    pub not_found: bool,
    /// Whether it would be another one if the nodes were others.
    pub from_nodes: bool,
    /// Whether an assignment names a service model that the cluster defines.
    pub uses_custom_model: bool,
}

/// What claims of assignments did or would do to the model of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModelClaims {
    /// The models that hold whatever the namespace claims beside them.
    pub(super) determined: ModelSet,
    /// Whose claim takes away, or would take away, customer duties of these layers.
    pub(super) contradicted: Vec<(AssignmentId, LayerSet)>,
    /// Whose claim in a namespace was taken because nothing else determines a model.
    pub(super) self_declared: Vec<AssignmentId>,
}

impl EffectiveModel {
    /// The model of a workload selected by these assignments, and what their claims did.
    ///
    /// The claims of the highest-ranking cluster assignments replace what the nodes show. A claim in a namespace only adds
    /// customer duties, so that nobody shrinks their own; where nothing else determines a model it is taken, and where only
    /// some nodes tell one, it stands for the others.
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
        } else if found.decides {
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
        if found.shown {
            let removed = found.owed.customer.difference(owed.customer);
            claims.contradicted.extend(claimed.iter().map(|(assignment, _)| (assignment.id.clone(), removed)));
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

    /// Whether nothing determines a model.
    #[must_use]
    pub const fn is_undetermined(&self) -> bool {
        self.models.is_empty()
    }
}

/// What the nodes show, and the configured default for those that show nothing.
struct ModelFromNodes {
    models: ModelSet,
    owed: Owed,
    /// Whether the nodes show all of it.
    shown: bool,
    /// Whether it is all there is to know: not where some nodes show nothing and there is no default.
    decides: bool,
}

impl ModelFromNodes {
    fn of(matrix: &Matrix, settings: EvaluationSettings, nodes: SchedulableNodes) -> Self {
        let default: ModelSet = settings.default_model.into_iter().collect();
        let nothing = nodes.models.is_empty() || nodes.undetermined;
        // The default stands for each node that shows nothing.
        let models = if nothing { nodes.models.union(default) } else { nodes.models };
        let managed = nodes.managed_control_plane || settings.managed_control_plane;
        let owed = matrix.owed_under(models);
        let owed = if managed { with_managed_control_plane(matrix, models, owed) } else { owed };
        Self { models, owed, shown: !nothing, decides: !nothing || !default.is_empty() }
    }
}

/// With a managed control plane nobody's own hardware or machines make them the owner of etcd: the layers of the control
/// plane are owed as under CaaS there.
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

/// The models claimed at the highest rank that claims one. Assignments are of one scope, so any duty orders them alike.
fn highest<'a>(assignments: &[&'a Assignment]) -> Vec<(&'a Assignment, ModelId)> {
    let rank = |a: &Assignment| a.rank(Audience::Platform, Duty::Customer);
    let claims = || assignments.iter().filter_map(|a| Some((*a, a.model.as_ref()?.known()?)));
    let top = claims().map(|(assignment, _)| rank(assignment)).max();
    claims().filter(|(assignment, _)| Some(rank(assignment)) == top).collect()
}

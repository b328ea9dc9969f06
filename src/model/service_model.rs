//! Which service model applies to a workload.

use super::assignment::{Assignment, ModelClaim};
use crate::matrix::{Matrix, Owed, ServiceModel, ServiceModels};

/// The service model of a workload and the duties that follow from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectiveModel {
    /// The models whose duties are owed together. Empty when nothing determines one.
    pub models: ServiceModels,
    /// The duties owed.
    pub owed: Owed,
    /// Whether a cluster assignment names a model that does not exist: nothing can be concluded then.
    pub not_found: bool,
}

impl EffectiveModel {
    /// The model of a workload selected by these assignments.
    ///
    /// The claims of the highest-ranking cluster assignments replace the default. A claim in a namespace only adds
    /// customer duties, so that nobody shrinks their own; where nothing else determines a model it is taken.
    #[must_use]
    pub fn of(matrix: &Matrix, assignments: &[&Assignment], default: Option<ServiceModel>) -> Self {
        let (cluster, namespaced): (Vec<&Assignment>, Vec<&Assignment>) =
            assignments.iter().partition(|assignment| assignment.id.is_cluster());
        let not_found = cluster.iter().any(|a| matches!(a.model, Some(ModelClaim::NotFound(_))));
        let claimed = highest(&cluster);
        let determined = if claimed.is_empty() { default.into_iter().collect() } else { claimed };
        if determined.is_empty() {
            let models = highest(&namespaced);
            return Self { models, owed: owed(matrix, models), not_found };
        }
        let found = owed(matrix, determined);
        let adds = |model: &ServiceModel| !matrix.owed(*model).customer.difference(found.customer).is_empty();
        let adding: ServiceModels = namespaced.iter().filter_map(|a| claim(a)).filter(adds).collect();
        let owed = Owed { customer: found.customer.union(owed(matrix, adding).customer), ..found };
        Self { models: determined.union(adding), owed, not_found }
    }

    /// Whether nothing determines a model.
    #[must_use]
    pub const fn is_undetermined(&self) -> bool {
        self.models.is_empty()
    }
}

const fn claim(assignment: &Assignment) -> Option<ServiceModel> {
    match assignment.model {
        Some(ModelClaim::BuiltIn(model)) => Some(model),
        Some(ModelClaim::NotFound(_)) | None => None,
    }
}

/// The models claimed at the highest rank that claims one. Assignments are of one scope, so any duty orders them alike.
fn highest(assignments: &[&Assignment]) -> ServiceModels {
    let rank = |a: &Assignment| a.rank(crate::matrix::Concern::Platform, crate::matrix::Duty::Customer);
    let claims = || assignments.iter().filter_map(|a| claim(a).map(|model| (rank(a), model)));
    let top = claims().map(|(rank, _)| rank).max();
    claims().filter(|(rank, _)| Some(*rank) == top).map(|(_, model)| model).collect()
}

fn owed(matrix: &Matrix, models: ServiceModels) -> Owed {
    models.iter().map(|model| matrix.owed(model)).fold(Owed::default(), Owed::union)
}

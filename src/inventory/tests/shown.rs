//! The complete results of an index, for comparison with another index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::facts::{AssignmentId, WorkloadKey};
use crate::inventory::Inventory;
use crate::matrix::{Layer, LayerId, Matrix};
use crate::model::{Assignment, Evaluation, RollUp};

/// The results of an assignment: its totals, the compiled assignment, and the custom layers and models in them by name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) roll_up: RollUp,
    assignment: Assignment,
    own_layers: Vec<Layer>,
    own_models: Vec<String>,
}

impl Shown {
    pub(super) fn new(matrix: &Matrix, roll_up: RollUp, assignment: Assignment) -> Self {
        let layers = roll_up.layers.ids().chain(assignment.declares.ids()).collect::<BTreeSet<LayerId>>();
        let is_own = |layer: &&Layer| !layer.defined_by.is_empty();
        Self {
            own_layers: layers.iter().map(|layer| matrix.layer(*layer)).filter(is_own).cloned().collect(),
            own_models: roll_up.models.ids().map(|model| matrix.model(model).name.clone()).collect(),
            roll_up,
            assignment,
        }
    }
}

/// Returns the results of every assignment.
pub(super) fn shown(inventory: &Inventory) -> BTreeMap<AssignmentId, Shown> {
    let one = |id: &AssignmentId| {
        let (roll_up, assignment) = (inventory.roll_up(id).unwrap(), inventory.assignment(id).unwrap());
        (id.clone(), Shown::new(inventory.matrix(), roll_up, (**assignment).clone()))
    };
    inventory.members.keys().map(one).collect()
}

/// Returns the evaluation of every workload that an assignment selects.
pub(super) fn evaluations(inventory: &Inventory) -> BTreeMap<WorkloadKey, Arc<Evaluation>> {
    let workloads = inventory.namespaces.values().flat_map(|namespace| namespace.workloads.values());
    workloads.filter_map(|workload| Some(((*workload.key).clone(), workload.evaluation.clone()?))).collect()
}

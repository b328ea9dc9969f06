//! Tests of changes that can only add duties, or only close gaps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::from_scratch::after;
use super::generate::{node, settings, steps};
use super::shown::evaluations;
use super::specs::{SERVICE_MODELS, fresh_claims};
use crate::api::ClusterResponsibilityAssignmentSpec;
use crate::facts::{AssignmentId, Delta, WorkloadKey};
use crate::inventory::Inventory;
use crate::matrix::{Duty, LayerId};
use crate::model::{Evaluation, State};

type Duties = BTreeSet<(LayerId, Duty)>;

fn owed(found: &Evaluation) -> Duties {
    found.duties.iter().map(|found| (found.layer, found.duty)).collect()
}

fn is_determined(found: &Evaluation) -> bool {
    found.duties.iter().all(|found| found.state != State::Unknown)
}

/// Returns the duties of each workload whose service model is determined.
fn determined(inventory: &Inventory) -> BTreeMap<WorkloadKey, Duties> {
    let found = evaluations(inventory).into_iter().filter(|(_, found)| is_determined(found));
    found.map(|(key, found)| (key, owed(&found))).collect()
}

/// Returns the change that sets or removes the service model of an assignment.
fn claiming(id: &AssignmentId, spec: &ClusterResponsibilityAssignmentSpec, service_model: Option<&str>) -> Delta {
    let mut spec = spec.clone();
    spec.assignment.service_model = service_model.map(str::to_owned);
    Delta::Assignment(id.clone(), Some(Arc::new(spec)))
}

proptest! {
    #![proptest_config(crate::model::testing::tried())]

    /// A new node never removes a duty of a workload whose nodes are known and have a determined service model.
    ///
    /// A workload without an admitted node, such as a pool that is scaled to zero, gets the service models of all
    /// nodes. There the first node of its pool can remove duties. The same applies to nodes whose service model becomes
    /// determined.
    #[test]
    fn a_further_node_never_takes_away_a_duty(settings in settings(), steps in steps(10..60), node in node()) {
        let (mut inventory, world) = after(settings, steps);
        let before = determined(&inventory);
        inventory.apply(Delta::Node("one-more".into(), Some(node)));
        let after = determined(&inventory);
        for (key, before) in before.iter().filter(|(key, _)| world.runs_on_known_nodes(key)) {
            let Some(after) = after.get(key) else { continue };
            prop_assert!(after.is_superset(before), "{}: {:?}", key, before.difference(after));
        }
    }

    /// The service model in a namespaced assignment can only add customer duties. This does not apply to workloads
    /// whose service model nothing else determines.
    #[test]
    fn a_service_model_claimed_in_a_namespace_never_takes_away_a_duty(settings in settings(), steps in steps(10..60)) {
        let (mut inventory, world) = after(settings, steps);
        let namespaced: Vec<_> = world.assignments().filter(|(id, _)| !id.is_cluster()).collect();
        for (id, spec) in &namespaced {
            inventory.apply(claiming(id, spec, None));
        }
        let by_others = determined(&inventory);
        for (id, spec) in &namespaced {
            inventory.apply(Delta::Assignment((*id).clone(), Some((*spec).clone())));
        }
        for (id, spec) in &namespaced {
            inventory.apply(claiming(id, spec, None));
            let without = evaluations(&inventory);
            for model in SERVICE_MODELS {
                inventory.apply(claiming(id, spec, Some(model)));
                let with = evaluations(&inventory);
                for (key, without) in without.iter().filter(|(key, _)| by_others.contains_key(key)) {
                    let without = &owed(without);
                    let with = owed(&with[key]);
                    prop_assert!(with.is_superset(without), "{} of {}: {:?}", model, key, without.difference(&with));
                    let added: Vec<_> = with.difference(without).collect();
                    prop_assert!(added.iter().all(|(_, duty)| *duty == Duty::Customer), "{}: {:?}", model, added);
                }
            }
            inventory.apply(Delta::Assignment((*id).clone(), Some((*spec).clone())));
        }
    }

    /// An assignment that gives duties to parties of its own never opens a gap, if no assignment of the same rank gives
    /// these duties to another party.
    #[test]
    fn a_valid_assignment_that_contradicts_nobody_never_opens_a_gap(
        settings in settings(),
        steps in steps(10..60),
        (cluster, spec) in fresh_claims(),
    ) {
        let (mut inventory, _) = after(settings, steps);
        let id = AssignmentId { namespace: (!cluster).then(|| "shop".into()), name: "fresh".into() };
        let spec = super::specs::without_contradiction(&inventory, &id, spec);
        let before = evaluations(&inventory);
        inventory.apply(Delta::Assignment(id, Some(Arc::new(spec))));
        for (key, after) in evaluations(&inventory) {
            let Some(before) = before.get(&key) else { continue };
            let (before, after): (Duties, Duties) = (before.gaps().collect(), after.gaps().collect());
            prop_assert!(before.is_superset(&after), "{}: {:?}", key, after.difference(&before));
        }
    }
}

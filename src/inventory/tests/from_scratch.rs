//! Compares the index with an evaluation from scratch of the same objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::generate::{listed_kinds, settings, steps};
use super::shown::{evaluations, shown};
use super::world::{Step, World};
use crate::facts::Delta;
use crate::inventory::ChangeSet;
use crate::inventory::namespace::Namespace;
use crate::inventory::{Inventory, ReportableNamespace, ReportableWorkload};
use crate::matrix::Duty;
use crate::model::{Evaluation, EvaluationSettings};

/// Returns the index after these steps, and the world with the same objects.
pub(super) fn after(settings: EvaluationSettings, steps: Vec<Step>) -> (Inventory, World) {
    let mut world = World::new(settings);
    let mut inventory = world.inventory();
    for step in steps {
        inventory.apply(world.take(step));
    }
    inventory.apply(world.later());
    (inventory, world)
}

/// Returns the reportable state of each namespace as text.
fn reported(inventory: &Inventory) -> BTreeMap<Arc<str>, String> {
    let of_namespace = |name: &Arc<str>| {
        let ReportableNamespace { uid, platform_elsewhere, is_unassigned, workloads, .. } = inventory.reportable(name);
        let of_workload = |workload: &ReportableWorkload<'_>| {
            let ReportableWorkload { key, identity, evaluation, assignment, owner } = workload;
            let uid = (!key.is_generated()).then_some(&identity.uid);
            format!("{key} {uid:?} {evaluation:?} {assignment} {owner:?}")
        };
        let workloads: Vec<String> = workloads.iter().map(of_workload).collect();
        // Without a workload nothing is reported.
        let elsewhere = platform_elsewhere && !workloads.is_empty();
        (name.clone(), format!("{:?}", (uid.filter(|_| !workloads.is_empty()), elsewhere, is_unassigned, workloads)))
    };
    inventory.namespaces().map(of_namespace).collect()
}

/// The reportable state of a namespace without workloads.
const NOTHING: &str = "(None, false, false, [])";

proptest! {
    #![proptest_config(crate::model::testing::tried())]

    /// After every change, duplicate and relist the index equals an evaluation from scratch. The [`ChangeSet`] contains
    /// every assignment with another status, every workload with other gaps, every namespace that became unassigned and
    /// every namespace with another report.
    #[test]
    fn any_sequence_of_changes_gives_the_same_as_evaluating_from_scratch(
        settings in settings(),
        first in steps(10..50),
        then in steps(1..6),
    ) {
        let (mut inventory, mut world) = after(settings, first);
        let mut before = shown(&inventory);
        prop_assert_eq!(&before, &world.shown());
        for step in then {
            let assigned = assigned(&inventory);
            let reported_before = reported(&inventory);
            let evaluated = evaluations(&inventory).into_iter();
            let found: BTreeMap<_, _> = evaluated.map(|(key, found)| (key, gaps(&found, &inventory))).collect();
            let delta = world.take(step);
            let mut changed = inventory.apply(delta.clone());
            changed.append(inventory.apply(world.later()));
            let after = shown(&inventory);
            prop_assert_eq!(&after, &world.shown());
            for (id, shown) in &after {
                let is_named = before.get(id) == Some(shown) || changed.assignments.contains(id);
                prop_assert!(is_named, "{} changed unnoticed", id);
            }
            for id in &changed.assignments {
                prop_assert!(after.contains_key(id), "{} is gone and cannot change", id);
            }
            for (key, now) in evaluations(&inventory) {
                // A gap of a layer that was removed from the matrix is not reported.
                let is_known = |(layer, _): &&(String, Duty)| inventory.matrix().find(layer).is_some();
                let other = found.get(&key).is_some_and(|before| {
                    before.iter().filter(is_known).cloned().collect::<BTreeSet<_>>() != gaps(&now, &inventory)
                });
                prop_assert!(!other || changed.workloads.iter().any(|change| *change.key == key), "{}", key);
            }
            for (namespace, was_assigned) in assigned {
                let left = was_assigned && inventory.namespaces.get(&namespace).is_some_and(Namespace::is_unassigned);
                prop_assert!(!left || changed.unassigned.contains(&namespace), "{} has nobody", namespace);
            }
            // After a change of service models, all reports are written again.
            for (namespace, now) in reported(&inventory) {
                let is_named = reported_before.get(&namespace).is_some_and(|before| *before == now)
                    || changed.reportable.contains(&namespace)
                    || changed.service_models;
                prop_assert!(is_named || now == NOTHING, "{} has something else to report", namespace);
            }
            prop_assert_eq!(inventory.apply(delta), ChangeSet::default(), "the same change again changes nothing");
            prop_assert_eq!(&shown(&inventory), &after);
            before = after;
        }
    }

    /// The result does not depend on the order of the changes, nor on objects that were deleted before.
    #[test]
    fn nothing_depends_on_history(
        settings in settings(),
        (steps, orders) in steps(1..50).prop_flat_map(|steps| {
            let deltas = after(EvaluationSettings::default(), steps.clone()).1.deltas();
            (Just(steps), [Just(deltas.clone()).prop_shuffle(), Just(deltas).prop_shuffle()])
        }),
    ) {
        let (reference, world) = after(settings, steps);
        let expected = shown(&reference);
        for order in orders {
            let mut inventory = world.inventory();
            for delta in order {
                inventory.apply(delta);
            }
            inventory.apply(world.clone().later());
            prop_assert_eq!(&shown(&inventory), &expected);
        }
    }

    /// A deferred index has no results before it catches up, and afterwards the same results as any other index.
    #[test]
    fn nothing_depends_on_when_the_evaluation_begins(
        settings in settings(),
        (steps, deltas) in steps(1..50).prop_flat_map(|steps| {
            let deltas = after(EvaluationSettings::default(), steps.clone()).1.deltas();
            (Just(steps), Just(deltas).prop_shuffle())
        }),
        begins in any::<prop::sample::Index>(),
    ) {
        let (reference, world) = after(settings, steps);
        let mut inventory = world.inventory().deferred();
        let (first, then) = deltas.split_at(begins.index(deltas.len() + 1));
        for delta in first {
            let changed = inventory.apply(delta.clone());
            prop_assert_eq!(changed.workloads, vec![]);
        }
        prop_assert_eq!((inventory.evaluated(), inventory.stats().unselected), (0, 0));
        let changed = inventory.catch_up();
        let selecting = inventory.members.iter().filter(|(_, members)| !members.is_empty());
        prop_assert_eq!(changed.assignments, selecting.map(|(id, _)| id.clone()).collect());
        for delta in then {
            inventory.apply(delta.clone());
        }
        inventory.apply(world.clone().later());
        prop_assert_eq!(&shown(&inventory), &shown(&reference));
        prop_assert_eq!(inventory.catch_up(), ChangeSet::default());
    }

    /// Empty lists of all kinds, in any order, leave an empty index.
    #[test]
    fn an_index_that_was_told_that_everything_is_gone_is_empty(
        settings in settings(),
        steps in steps(1..50),
        kinds in Just(listed_kinds()).prop_shuffle(),
    ) {
        let (mut inventory, mut world) = after(settings, steps);
        for kind in kinds {
            inventory.apply(world.take(Step::Relist { kind, scope: None, missing: u64::MAX }));
        }
        prop_assert!(inventory.namespaces.is_empty(), "{:?}", inventory.namespaces);
        prop_assert!(inventory.members.is_empty() && inventory.assignment_specs.is_empty(), "{:?}", inventory.members);
        prop_assert!(inventory.routes.is_empty() && inventory.cluster_assignments.is_empty());
        prop_assert!(inventory.service_models.is_empty());
        prop_assert_eq!(&**inventory.matrix(), crate::matrix::Matrix::built_in());
        prop_assert!(inventory.nodes.is_empty(), "{:?}", inventory.nodes);
        prop_assert_eq!(inventory.workloads(), (0, 0));
    }
}

/// Returns the gaps, with the names of the layers.
fn gaps(found: &Evaluation, inventory: &Inventory) -> BTreeSet<(String, Duty)> {
    found.gaps().map(|(layer, duty)| (inventory.matrix().layer(layer).name.clone(), duty)).collect()
}

/// Returns for each namespace true if it has no workloads or an assignment applies to it.
fn assigned(inventory: &Inventory) -> BTreeMap<std::sync::Arc<str>, bool> {
    let namespaces = super::generate::NAMESPACES.into_iter().map(Into::into);
    namespaces
        .map(|name: std::sync::Arc<str>| {
            let is_assigned = inventory.namespaces.get(&name).is_none_or(|namespace| !namespace.is_unassigned());
            (name, is_assigned)
        })
        .collect()
}

#[test]
fn telling_what_is_there_tells_everything() {
    let day = Step::Change(Delta::Day(super::generate::days_from_today(1)));
    assert_eq!(
        after(EvaluationSettings::default(), vec![day]).1.deltas().len(),
        4,
        "the day, if policies are known, if nodes can be read, the version of the API server, of an empty world"
    );
}

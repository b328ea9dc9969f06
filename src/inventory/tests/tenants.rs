//! Tests of isolation: the objects of a tenant never change the results of another tenant.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::from_scratch::after;
use super::generate::{settings, steps};
use super::shown::{Shown, evaluations, shown};
use super::world::Step;
use crate::facts::{AssignmentId, Delta, WorkloadKey};
use crate::inventory::Inventory;
use crate::model::Evaluation;

const TENANT: &str = "shop";

/// Returns the results of the tenant's assignments and workloads.
fn of_tenant(inventory: &Inventory) -> (BTreeMap<AssignmentId, Shown>, BTreeMap<WorkloadKey, Evaluation>) {
    let shown = shown(inventory).into_iter().filter(|(id, _)| id.namespace.as_deref() == Some(TENANT));
    let found = evaluations(inventory).into_iter().filter(|(key, _)| &*key.namespace == TENANT);
    (shown.collect(), found.map(|(key, found)| (key, (*found).clone())).collect())
}

/// Returns the namespace of a changed object; `None` if it is cluster-scoped or the change is not about an object.
fn namespace_of(delta: &Delta) -> Option<&str> {
    match delta {
        Delta::Workload(key, _) | Delta::Child(key, _) => Some(&key.namespace),
        Delta::Service(name, _) | Delta::Route(_, name, _) | Delta::Grant(name, _) | Delta::Policy(name, _) => {
            Some(&name.namespace)
        }
        Delta::Namespace(name, _) => Some(name),
        Delta::Assignment(id, _) => id.namespace.as_deref(),
        // Backups are about any namespace.
        Delta::Facts(kind, name, _) if !name.namespace.is_empty() && !kind.is_cross_namespace() => {
            Some(&name.namespace)
        }
        Delta::Node(..)
        | Delta::ServiceModel(..)
        | Delta::Relisted(_)
        | Delta::Day(_)
        | Delta::Time(_)
        | Delta::PolicyCoverage(_)
        | Delta::Facts(..)
        | Delta::Availability(..)
        | Delta::NodesReadable(_)
        | Delta::ServerVersion(_) => None,
    }
}

proptest! {
    #![proptest_config(crate::model::testing::tried())]

    /// The results of a tenant depend only on its own objects, on cluster-scoped objects and on routes of other
    /// namespaces that its own ReferenceGrants allow.
    #[test]
    fn a_tenant_is_shown_what_follows_from_its_own_objects_and_those_of_the_cluster(
        settings in settings(),
        steps in steps(10..60),
    ) {
        let (inventory, world) = after(settings, steps);
        let mut alone = world.inventory();
        for delta in world.deltas() {
            let is_granted = matches!(&delta, Delta::Route(kind, name, _) if world.has_grant(TENANT, *kind, &name.namespace));
            if is_granted || namespace_of(&delta).is_none_or(|namespace| namespace == TENANT) {
                alone.apply(delta);
            }
        }
        alone.apply(world.clone().later());
        prop_assert_eq!(of_tenant(&alone), of_tenant(&inventory));
    }

    /// A change in another namespace does not evaluate the tenant's assignments and workloads.
    #[test]
    fn what_happens_in_another_namespace_touches_nothing_of_the_tenant(
        settings in settings(),
        first in steps(10..50),
        noise in steps(1..30),
    ) {
        let (mut inventory, mut world) = after(settings, first);
        let before = of_tenant(&inventory);
        for step in noise {
            let Step::Change(delta) = &step else { continue };
            let is_granted = matches!(delta, Delta::Route(kind, name, _) if world.has_grant(TENANT, *kind, &name.namespace));
            if is_granted || namespace_of(delta).is_none_or(|namespace| namespace == TENANT) {
                continue;
            }
            let changed = inventory.apply(world.take(step));
            prop_assert!(changed.assignments.iter().all(|id| id.namespace.as_deref() != Some(TENANT)), "{:?}", changed);
            prop_assert!(changed.workloads.iter().all(|change| &*change.key.namespace != TENANT), "{:?}", changed);
            prop_assert!(!changed.unassigned.contains(TENANT), "{:?}", changed);
        }
        prop_assert_eq!(of_tenant(&inventory), before);
    }
}

//! Short constructors of objects.

use std::sync::Arc;

use serde_json::Value;

use super::{app, labels};
use crate::facts::{
    AssignmentId, ChildFacts, ChildObject, Controller, Delta, NodeFacts, ObjectIdentity, ObjectName, Placement,
    PodLabels, ServiceFacts, Toleration, WorkloadFacts, WorkloadKey, WorkloadKind, WorkloadObject,
};
use crate::inventory::{EXCLUDED_BY_DEFAULT, Inventory, InventoryOptions};
use crate::matrix::{LayerTriggers, ServiceModel};
use crate::model::EvaluationSettings;

/// Returns an index with this default service model.
pub(super) fn inventory_under(default_model: impl Into<Option<ServiceModel>>) -> Inventory {
    let settings = EvaluationSettings { default_model: default_model.into(), ..EvaluationSettings::default() };
    let excluded = EXCLUDED_BY_DEFAULT.split(',').collect();
    Inventory::new(
        InventoryOptions { settings, excluded, signals: super::custom::settings(), ..InventoryOptions::default() },
        super::generate::TODAY,
    )
}

pub(super) fn named(namespace: &str, name: &str) -> ObjectName {
    ObjectName { namespace: namespace.into(), name: name.into() }
}

pub(super) fn key(kind: &str, namespace: &str, name: &str) -> WorkloadKey {
    let built_in = WorkloadKind::BUILT_IN.into_iter().find(|built_in| built_in.name() == kind);
    let kind = built_in.unwrap_or_else(|| {
        let (kind, group) = kind.split_once('.').unwrap();
        WorkloadKind::of(group, kind)
    });
    WorkloadKey { namespace: namespace.into(), kind, name: name.into() }
}

/// Returns facts with the name as the label `app` of the workload and of its pods.
pub(super) fn facts_of(name: &str) -> WorkloadFacts {
    WorkloadFacts {
        labels: app(name),
        pods: PodLabels { template: app(name), ..PodLabels::default() },
        ..WorkloadFacts::default()
    }
}

/// Returns the same facts with these layer triggers.
pub(super) fn showing(name: &str, triggers: &[LayerTriggers]) -> WorkloadFacts {
    let triggers = triggers.iter().fold(LayerTriggers::default(), |all, trigger| all.union(*trigger));
    WorkloadFacts { triggers, ..facts_of(name) }
}

pub(super) fn itself(key: WorkloadKey, facts: WorkloadFacts) -> Delta {
    Delta::Workload(
        key,
        Some(Box::new(WorkloadObject {
            facts,
            part_of: None,
            identity: ObjectIdentity::default(),
            uid: Arc::default(),
        })),
    )
}

pub(super) fn part(key: WorkloadKey, of: &WorkloadKey, facts: WorkloadFacts) -> Delta {
    let part_of = Some(of.clone());
    Delta::Workload(
        key,
        Some(Box::new(WorkloadObject { facts, part_of, identity: ObjectIdentity::default(), uid: Arc::default() })),
    )
}

/// Returns the change to a child that refers to the controller `of` with this UID.
pub(super) fn child(key: &WorkloadKey, of: &WorkloadKey, uid: &str, facts: Option<ChildFacts>) -> Delta {
    let controller = Controller { key: of.clone(), uid: uid.into() };
    Delta::Child(
        key.clone(),
        Box::new(ChildObject { controller, uid: format!("uid of {}", key.name).into(), created: 0, facts }),
    )
}

pub(super) fn load_balancer(of: &str) -> ServiceFacts {
    ServiceFacts { selector: app(of), published: true, external_name: false }
}

pub(super) fn node(pairs: &[(&str, &str)]) -> NodeFacts {
    NodeFacts { labels: labels(pairs), ..NodeFacts::default() }
}

/// Returns a placement on nodes with these labels that tolerates every taint.
pub(super) fn on_nodes(pairs: &[(&str, &str)]) -> Arc<Placement> {
    let tolerations = [Toleration::default()].into();
    Arc::new(Placement { node_selector: labels(pairs), tolerations, ..Placement::default() })
}

pub(super) fn namespaced(namespace: &str, name: &str) -> AssignmentId {
    AssignmentId { namespace: Some(namespace.into()), name: name.into() }
}

pub(super) fn cluster(name: &str) -> AssignmentId {
    AssignmentId { namespace: None, name: name.into() }
}

/// Returns the change to an assignment with this spec.
pub(super) fn written(id: &AssignmentId, spec: Value) -> Delta {
    Delta::Assignment(id.clone(), Some(Arc::new(serde_json::from_value(spec).unwrap())))
}

pub(super) fn service_model(name: &str, spec: Value) -> Delta {
    Delta::ServiceModel(name.into(), Some(Box::new(serde_json::from_value(spec).unwrap())))
}

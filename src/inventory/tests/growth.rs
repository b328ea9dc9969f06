//! Tests of growth: the cost of a change does not depend on the size of the cluster, and a repeated object costs
//! nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::build::{
    cluster, facts_of, inventory_under, itself, key, load_balancer, named, namespaced, node, part, service_model,
    showing, written,
};
use super::costs::{cost, of_size};
use super::custom;
use super::labels;
use crate::facts::{
    BackupFacts, BackupPhase, BindingFacts, BudgetFacts, CertificateFacts, CustomFinding, CustomTarget, Delta,
    FactKind, Facts, GrantFacts, IngressRules, KindAndName, Listed, ListedKind, NamespaceFacts, ObjectName,
    PolicyCoverage, PolicyFacts, ReportFacts, Requirement, ResultCounts, RoleFacts, RouteFacts, RouteKind, Selector,
    ServiceFacts, SnapshotFacts, StorageClassFacts, WorkloadKind, WorkloadReference,
};
use crate::inventory::ChangeSet;
use crate::matrix::{LayerTriggers, ServiceModel};

/// The largest number of (assignment, workload) pairs of a namespace: three assignments and eleven workloads.
const MOST: u64 = 3 * 11;

fn policy(app: &str) -> PolicyFacts {
    PolicyFacts {
        pods: Selector::new(vec![Requirement::In("app".into(), vec![app.into()])]),
        ingress: IngressRules::Restricted,
    }
}

fn grant(kind: RouteKind) -> GrantFacts {
    GrantFacts { from: [(kind, Arc::from("team-8"))].into(), to: [None].into() }
}

fn route(kind: RouteKind, from: &str) -> Delta {
    Delta::Route(
        kind,
        named(from, "web"),
        Some(RouteFacts { backends: [named("team-7", "web")].into(), ..RouteFacts::default() }),
    )
}

/// Returns changes of every namespaced kind: each object is created, most are updated and all are deleted.
fn changes_in_a_namespace() -> Vec<Delta> {
    let web = || named("team-7", "web");
    let deployment = |name: &str| key("Deployment", "team-7", name);
    let (database, pod) = (key("Cluster.postgresql.cnpg.io", "team-7", "db"), key("Pod", "team-7", "db-1"));
    let facts = |tier: &str| NamespaceFacts { labels: labels(&[("tier", tier)]), uid: "u".into() };
    let one = json!({ "selector": { "matchLabels": { "app": "app-3" } } });
    let internal = ServiceFacts { published: false, ..load_balancer("app-3") };
    let mut changes = vec![
        itself(deployment("app-3"), showing("app-3", &[LayerTriggers::STORAGE])),
        itself(deployment("new"), facts_of("app-3")),
        Delta::Workload(deployment("new"), None),
        part(pod.clone(), &database, facts_of("db")),
        part(pod.clone(), &database, showing("db", &[LayerTriggers::STORAGE])),
        Delta::Workload(pod, None),
        Delta::Service(web(), Some(load_balancer("app-3"))),
        Delta::Service(web(), Some(load_balancer("app-4"))),
        Delta::Service(web(), Some(internal)),
        Delta::Policy(web(), Some(policy("app-3"))),
        Delta::Policy(web(), Some(PolicyFacts::default())),
        Delta::Policy(web(), None),
        Delta::Namespace("team-7".into(), Some(facts("gold"))),
        Delta::Namespace("team-7".into(), Some(facts("standard"))),
        Delta::Namespace("team-7".into(), None),
        written(&namespaced("team-7", "one"), one),
        written(&namespaced("team-7", "one"), json!({})),
        Delta::Assignment(namespaced("team-7", "one"), None),
    ];
    for kind in RouteKind::ALL {
        changes.extend([
            route(kind, "team-7"),
            route(kind, "team-8"),
            Delta::Grant(web(), Some(grant(kind))),
            Delta::Grant(web(), None),
            Delta::Route(kind, web(), None),
            Delta::Route(kind, named("team-8", "web"), None),
        ]);
    }
    changes.push(Delta::Service(web(), None));
    changes
}

#[test]
fn a_change_in_a_namespace_costs_the_same_among_ten_times_as_many_workloads() {
    let costs = |namespaces| -> Vec<_> {
        let mut inventory = of_size(namespaces);
        inventory.apply(Delta::PolicyCoverage(PolicyCoverage::Complete));
        // A cluster assignment for a part of the namespaces, which changes with their labels.
        let gold = json!({ "namespaceSelector": { "matchLabels": { "tier": "gold" } } });
        inventory.apply(written(&cluster("gold"), gold));
        changes_in_a_namespace()
            .into_iter()
            .map(|change| (format!("{change:?}"), cost(&mut inventory, change)))
            .collect()
    };
    let (few, many) = (costs(100), costs(1000));
    assert_eq!(few, many);
    for (change, (evaluated, changed)) in &many {
        assert!(*evaluated <= MOST, "{evaluated} pairs: {change}");
        assert!(changed.iter().all(|id| id.starts_with("team-7/") || !id.contains('/')), "{changed:?}: {change}");
    }
    let evaluating = many.iter().filter(|(_, (evaluated, _))| *evaluated > 0).count();
    assert!(evaluating > many.len() / 2, "most of them have to be ones that matter");
}

/// Returns some objects of a listed kind.
fn objects_of(kind: &ListedKind) -> Vec<Delta> {
    let web = || named("team-7", "web");
    match kind {
        ListedKind::Workloads(WorkloadKind::Pod) => {
            let database = key("Cluster.postgresql.cnpg.io", "team-7", "db");
            vec![part(key("Pod", "team-7", "db-1"), &database, facts_of("db"))]
        }
        ListedKind::Workloads(kind) => ["app-3", "app-4"]
            .map(|name| crate::facts::WorkloadKey { kind: kind.clone(), ..key("Deployment", "team-7", name) })
            .map(|key| itself(key, facts_of("app-3")))
            .into(),
        ListedKind::Services => vec![Delta::Service(web(), Some(load_balancer("app-3")))],
        ListedKind::Routes(kind) => vec![route(*kind, "team-7"), route(*kind, "team-8")],
        ListedKind::Grants => vec![Delta::Grant(web(), Some(grant(RouteKind::HttpRoute)))],
        ListedKind::Policies => vec![Delta::Policy(web(), Some(policy("app-4")))],
        ListedKind::Namespaces => ["team-7", "team-8"]
            .map(|name| {
                let facts = NamespaceFacts { labels: labels(&[("tier", "gold")]), uid: name.into() };
                Delta::Namespace(name.into(), Some(facts))
            })
            .into(),
        ListedKind::Nodes => vec![Delta::Node("n0".into(), Some(node(&[("eks.amazonaws.com/nodegroup", "main")])))],
        ListedKind::ServiceModels => {
            let cells = json!([{ "layer": "cloud-network", "owes": "Shared", "source": "contract" }]);
            vec![service_model("rosa", json!({ "extends": "CaaS", "cells": cells }))]
        }
        ListedKind::Assignments => vec![written(&namespaced("team-7", "all"), json!({ "serviceModel": "rosa" }))],
        ListedKind::ClusterAssignments => {
            let gold = json!({ "namespaceSelector": { "matchLabels": { "tier": "gold" } } });
            vec![written(&cluster("platform"), json!({})), written(&cluster("gold"), gold)]
        }
        ListedKind::Facts(kind) => facts_of_kind(*kind),
    }
}

/// Returns some objects of a kind that only signals read.
fn facts_of_kind(kind: FactKind) -> Vec<Delta> {
    let role = || Facts::Role(RoleFacts { everything: true, ..RoleFacts::default() });
    let binding = || {
        let accounts = [("team-7".into(), "".into())].into();
        Facts::Binding(BindingFacts { accounts, role: "web".into(), ..BindingFacts::default() })
    };
    let (name, facts) = match kind {
        FactKind::Budgets => (named("team-7", "web"), Facts::Budget(BudgetFacts { pods: None, blocks: true })),
        FactKind::Claims => (named("team-7", "web"), Facts::Claim(None)),
        FactKind::StorageClasses => (
            ObjectName::cluster("web"),
            Facts::StorageClass(StorageClassFacts { provisioner: "p".into(), encrypted: None, is_default: true }),
        ),
        FactKind::Roles => (named("team-7", "web"), role()),
        FactKind::RoleBindings => (named("team-7", "web"), binding()),
        FactKind::ClusterRoles => (ObjectName::cluster("web"), role()),
        FactKind::ClusterRoleBindings => (ObjectName::cluster("web"), binding()),
        FactKind::VulnerabilityReports | FactKind::ConfigAuditReports | FactKind::Reports | FactKind::PolicyReports => {
            let subject = KindAndName { kind: "Deployment".into(), name: "app-3".into() };
            let about = [(subject, ResultCounts { failed: 1, ..ResultCounts::default() })].into();
            (named("team-7", "web"), Facts::Report(ReportFacts { about, ..ReportFacts::default() }))
        }
        FactKind::Certificates => {
            let certificate = CertificateFacts { secret: "tls".into(), ready: Some(false), until: None, renewal: None };
            (named("team-7", "web"), Facts::Certificate(certificate))
        }
        FactKind::Backups => {
            let (phase, at) = (BackupPhase::Failed, jiff::Timestamp::UNIX_EPOCH);
            let (included, excluded) = (BTreeSet::new(), BTreeSet::new());
            let backup = BackupFacts { included, excluded, phase, has_volumes: true, at };
            (named("velero", "web"), Facts::Backup(backup))
        }
        FactKind::Snapshots => {
            let snapshot = SnapshotFacts { claim: "data".into(), ready: false, day: super::generate::TODAY };
            (named("team-7", "web"), Facts::Snapshot(snapshot))
        }
        FactKind::Custom(_) => {
            let name = if kind.is_cluster_scoped() { ObjectName::cluster("web") } else { named("team-7", "web") };
            let object = KindAndName { kind: "Deployment".into(), name: "app-3".into() };
            let about = CustomTarget::Workloads([WorkloadReference { namespace: "team-7".into(), object }].into());
            (name, Facts::Custom(vec![CustomFinding { signal: 0, about, outcome: Ok(false), until: None }]))
        }
    };
    vec![Delta::Facts(kind, name, Some(facts))]
}

fn every_kind() -> Vec<ListedKind> {
    let other = WorkloadKind::of("argoproj.io", "Rollout");
    let workloads = WorkloadKind::BUILT_IN.into_iter().chain([other]).map(ListedKind::Workloads);
    let routes = RouteKind::ALL.into_iter().map(ListedKind::Routes);
    let others = [
        ListedKind::Services,
        ListedKind::Grants,
        ListedKind::Policies,
        ListedKind::Namespaces,
        ListedKind::Nodes,
        ListedKind::ServiceModels,
        ListedKind::Assignments,
        ListedKind::ClusterAssignments,
    ];
    workloads.chain(routes).chain(others).chain(custom::fact_kinds().into_iter().map(ListedKind::Facts)).collect()
}

/// Returns the complete list of these objects.
fn list_of(kind: &ListedKind, objects: &[Delta]) -> Delta {
    let mut listed = Listed::empty(kind.clone(), None);
    for object in objects {
        match object {
            Delta::Assignment(id, _) => listed.insert_assignment(id),
            object => listed.insert(object),
        }
    }
    assert_eq!(listed.names.len(), objects.len(), "{kind:?}");
    Delta::Relisted(listed)
}

#[test]
fn a_list_of_what_is_known_evaluates_nothing_and_changes_nothing() {
    let mut inventory = inventory_under(ServiceModel::Caas);
    inventory.apply(Delta::PolicyCoverage(PolicyCoverage::Complete));
    every_kind().iter().flat_map(objects_of).for_each(|object| drop(inventory.apply(object)));
    let before = inventory.evaluated();
    for kind in every_kind() {
        let objects = objects_of(&kind);
        for object in &objects {
            assert_eq!(inventory.apply(object.clone()), ChangeSet::default(), "{object:?}");
        }
        assert_eq!(inventory.apply(list_of(&kind, &objects)), ChangeSet::default(), "{kind:?}");
        assert_eq!(inventory.evaluated(), before, "{kind:?}");
    }
}

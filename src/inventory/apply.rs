//! Applies each kind of change to the index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::namespace::Namespace;
use super::workload::Workload;
use super::{ChangeSet, Inventory};
use crate::facts::{
    Delta, FactKind, Facts, KubernetesVersion, NamespaceFacts, NodeFacts, ObjectName, PolicyFacts, RouteFacts,
    RouteKind, ServiceFacts, WorkloadFacts,
};
use crate::model::Assignment;
use crate::signals::ENFORCE;

impl Inventory {
    /// Applies a change and returns everything whose result may have changed.
    pub fn apply(&mut self, delta: Delta) -> ChangeSet {
        let mut changed = ChangeSet::default();
        match delta {
            Delta::Workload(key, object) => self.apply_workload(&key, object, &mut changed),
            Delta::Child(key, child) => self.apply_child(&key, *child, &mut changed),
            Delta::Time(now) => self.apply_time(now, &mut changed),
            Delta::Service(name, facts) => self.apply_service(&name, facts, &mut changed),
            Delta::Route(kind, name, facts) => self.apply_route((kind, name), facts, &mut changed),
            Delta::Grant(name, facts) => {
                let namespace = self.namespace_entry(&name.namespace);
                if put(&mut namespace.grants, &name.name, facts) {
                    self.evaluate_workloads(&name.namespace, |_| true, &mut changed);
                }
                self.remove_if_empty(&name.namespace);
            }
            Delta::Policy(name, facts) => self.apply_policy(&name, facts, &mut changed),
            Delta::Namespace(name, facts) => self.apply_namespace(&name, facts, &mut changed),
            Delta::Node(name, facts) => self.apply_node(&name, facts, &mut changed),
            Delta::ServiceModel(name, spec) => self.apply_service_model(&name, spec, &mut changed),
            Delta::Assignment(id, spec) => self.apply_assignment(&id, spec, &mut changed),
            Delta::Day(today) => self.apply_day(today, &mut changed),
            Delta::PolicyCoverage(coverage) => {
                if std::mem::replace(&mut self.policy_coverage, coverage) != coverage {
                    self.evaluate_all(&mut changed);
                }
            }
            Delta::Facts(kind, name, facts) => self.apply_facts(kind, &name, facts, &mut changed),
            Delta::Availability(kind, namespace, availability) => {
                if self.availabilities.put(kind, namespace.clone(), availability) {
                    match namespace.filter(|_| !kind.is_cross_namespace()) {
                        Some(namespace) => self.evaluate_workloads(&namespace, |_| true, &mut changed),
                        None => self.evaluate_all(&mut changed),
                    }
                }
            }
            Delta::NodesReadable(readable) => {
                if std::mem::replace(&mut self.nodes_readable, readable) != readable {
                    self.evaluate_all(&mut changed);
                }
            }
            Delta::ServerVersion(version) => self.apply_server_version(version, &mut changed),
            Delta::Relisted(listed) => {
                for deletion in self.missing_from(&listed) {
                    changed.append(self.apply(deletion));
                }
                self.remove_unlisted_pods(&listed, &mut changed);
                changed.assignments.retain(|id| self.members.contains_key(id));
            }
        }
        changed
    }

    fn apply_service(&mut self, name: &ObjectName, facts: Option<ServiceFacts>, changed: &mut ChangeSet) {
        let namespace = self.namespace_entry(&name.namespace);
        let before = namespace.services.get(&name.name).cloned();
        if put(&mut namespace.services, &name.name, facts.clone()) {
            namespace.selectors.put(&name.name, before.as_ref(), facts.as_ref());
            let mut versions: Vec<ServiceFacts> = before.into_iter().chain(facts).collect();
            versions.retain(|service| namespace.counts(&name.name, service));
            if !versions.is_empty() {
                let is_affected =
                    |facts: &WorkloadFacts| versions.iter().any(|service| service.affects(&name.name, facts));
                self.evaluate_workloads(&name.namespace, |workload| workload.parts.all().any(is_affected), changed);
            }
        }
        self.remove_if_empty(&name.namespace);
    }

    fn apply_route(&mut self, route: (RouteKind, ObjectName), facts: Option<RouteFacts>, changed: &mut ChangeSet) {
        let (kind, from) = (route.0, route.1.namespace.clone());
        let after = facts.clone().unwrap_or_default();
        let before = match facts {
            Some(facts) => self.routes.insert(route, facts),
            None => self.routes.remove(&route),
        };
        let before = before.unwrap_or_default();
        let mut affected: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
        // Other certificates affect every backend, also those in both versions of the route.
        let same = if before.tls == after.tls { before.backends.clone() } else { BTreeSet::new() };
        let unchanged: BTreeSet<_> = same.intersection(&after.backends).cloned().collect();
        for backend in before.backends.union(&after.backends).filter(|backend| !unchanged.contains(*backend)) {
            affected.entry(backend.namespace.clone()).or_default().insert(backend.name.clone());
        }
        for (target, services) in affected {
            let namespace = self.namespace_entry(&target);
            namespace.count_route(kind, &from, &after, true);
            namespace.count_route(kind, &from, &before, false);
            let services: Vec<(Arc<str>, ServiceFacts)> = services
                .iter()
                .filter_map(|service| namespace.services.get_key_value(service))
                .map(|(name, facts)| (name.clone(), facts.clone()))
                .collect();
            let is_affected =
                |facts: &WorkloadFacts| services.iter().any(|(name, service)| service.affects(name, facts));
            self.evaluate_workloads(&target, |workload| workload.parts.all().any(is_affected), changed);
            self.remove_if_empty(&target);
        }
    }

    fn apply_policy(&mut self, name: &ObjectName, facts: Option<PolicyFacts>, changed: &mut ChangeSet) {
        let namespace = self.namespace_entry(&name.namespace);
        let before = namespace.policies.get(&name.name).cloned();
        if put(&mut namespace.policies, &name.name, facts.clone()) {
            let versions: Vec<PolicyFacts> = before.into_iter().chain(facts).collect();
            let selects = |facts: &WorkloadFacts| versions.iter().any(|policy| policy.selects(facts));
            self.evaluate_workloads(&name.namespace, |workload| workload.parts.facts().any(selects), changed);
        }
        self.remove_if_empty(&name.namespace);
    }

    fn apply_facts(&mut self, kind: FactKind, name: &ObjectName, facts: Option<Facts>, changed: &mut ChangeSet) {
        let is_namespaced = !kind.is_cross_namespace() && !name.namespace.is_empty();
        let before = if kind.is_cross_namespace() {
            self.cross_namespace_index.put(kind, (&name.namespace, &name.name), facts.clone())
        } else if is_namespaced {
            self.namespace_entry(&name.namespace).signal_index.put(kind, &name.name, facts.clone())
        } else {
            self.signal_index.put(kind, &name.name, facts.clone())
        };
        if before != facts {
            let versions: Vec<Facts> = before.into_iter().chain(facts).collect();
            let namespaces = if is_namespaced { vec![name.namespace.clone()] } else { self.namespace_names() };
            for namespace in namespaces {
                self.evaluate_affected(&namespace, &name.name, &versions, changed);
            }
        }
        if is_namespaced {
            self.remove_if_empty(&name.namespace);
        }
    }

    fn apply_server_version(&mut self, version: Option<KubernetesVersion>, changed: &mut ChangeSet) {
        if std::mem::replace(&mut self.server, version) != version {
            let placements = self.nodes.set_server(version);
            self.evaluate_cluster_and_placements(&placements, changed);
        }
    }

    fn apply_namespace(&mut self, name: &Arc<str>, facts: Option<NamespaceFacts>, changed: &mut ChangeSet) {
        let namespace = self.namespace_entry(name);
        // Signals read the enforced Pod Security level and check that the namespace object is known.
        let enforced = |facts: Option<&NamespaceFacts>| facts.map(|facts| facts.labels.get(ENFORCE).map(str::to_owned));
        let affects_signals = enforced(namespace.facts.as_ref()) != enforced(facts.as_ref());
        let uid = |facts: Option<&NamespaceFacts>| facts.map(|facts| facts.uid.clone());
        if uid(namespace.facts.as_ref()) != uid(facts.as_ref()) {
            changed.reportable.insert(name.clone());
        }
        namespace.facts = facts;
        self.refresh_scope(name, &[], affects_signals, changed);
        self.remove_if_empty(name);
    }

    fn apply_node(&mut self, name: &Arc<str>, facts: Option<NodeFacts>, changed: &mut ChangeSet) {
        let placements = self.nodes.put(name, facts);
        self.evaluate_placements(&placements, changed);
    }

    /// Returns the names of all namespaces of the index.
    pub(super) fn namespace_names(&self) -> Vec<Arc<str>> {
        self.namespaces.keys().cloned().collect()
    }

    /// Returns the entry of a namespace; creates it if it does not exist.
    pub(super) fn namespace_entry(&mut self, name: &Arc<str>) -> &mut Namespace {
        if !self.namespaces.contains_key(name) {
            let mut name = name.clone();
            self.strings.share(&mut name);
            let mut namespace = Namespace::new(name.clone());
            namespace.update_assignments(&self.cluster_assignments, &self.excluded);
            self.namespaces.insert(name.clone(), namespace);
        }
        self.namespaces.get_mut(name).expect("the entry was created above if it was missing")
    }

    /// Removes the entry of a namespace if it is empty.
    pub(super) fn remove_if_empty(&mut self, name: &Arc<str>) {
        if self.namespaces.get(name).is_some_and(Namespace::is_empty) {
            self.namespaces.remove(name);
        }
    }

    /// Updates the cluster assignments that apply to a namespace and evaluates its workloads again: all of them if
    /// `all` is true or if the assignments, the declared parties or the scope changed, otherwise those that one of
    /// `versions` selects.
    pub(super) fn refresh_scope(
        &mut self,
        name: &Arc<str>,
        versions: &[&Assignment],
        all: bool,
        changed: &mut ChangeSet,
    ) {
        let Some(namespace) = self.namespaces.get_mut(name) else { return };
        let scope = |namespace: &Namespace| (namespace.in_scope, namespace.cluster_assignments.is_empty());
        let (before, was_unassigned) = (scope(namespace), namespace.is_unassigned());
        let directory = namespace.directory.clone();
        let affects_all = namespace.update_assignments(&self.cluster_assignments, &self.excluded);
        if scope(namespace) != before || directory != namespace.directory {
            changed.reportable.insert(name.clone());
            changed.assignments.extend(namespace.assignments.keys().cloned());
        }
        namespace.record_unassigned(was_unassigned, changed);
        let is_affected =
            |workload: &Workload| all || affects_all || versions.iter().any(|version| workload.is_selected_by(version));
        self.evaluate_workloads(name, is_affected, changed);
    }
}

/// Inserts a value, or removes it if it is `None`. Returns true if the map changed.
pub(super) fn put<K: Ord + Clone, V: PartialEq>(map: &mut BTreeMap<K, V>, key: &K, value: Option<V>) -> bool {
    let has_changed = map.get(key) != value.as_ref();
    match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(key),
    };
    has_changed
}

//! Changes, one function for each kind of them, and the evaluation of what they touch.

use super::namespace::Namespace;
use super::nodes::ChangedPlacements;
use super::workload::Workload;
use super::{ChangeSet, ChangedWorkload, Inventory};
use crate::facts::{
    AssignmentId, Delta, FactKind, Facts, HostAccess, KindAndName, KubernetesVersion, NamespaceFacts, NodeFacts,
    ObjectIdentity, ObjectName, PolicyCoverage, PolicyFacts, RouteFacts, RouteKind, ServiceFacts, WorkloadFacts,
    WorkloadKey, WorkloadKind, WorkloadObject,
};
use crate::model::{Assignment, Evaluation, Members, SchedulableNodes, WorkloadView, evaluate};
use crate::signals::ENFORCE;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What was found in a namespace, by all that it depends on there: workloads often differ in nothing that counts.
type EvaluationCache = HashMap<(WorkloadView, Vec<AssignmentId>), Arc<Evaluation>>;

impl Inventory {
    /// Takes in a change and returns what has another result.
    pub fn apply(&mut self, delta: Delta) -> ChangeSet {
        let mut changed = ChangeSet::default();
        match delta {
            Delta::Workload(key, object) => self.apply_workload(&key, object, &mut changed),
            Delta::Owned(child, owner) => self.apply_owner(&child, owner, &mut changed),
            Delta::Service(name, facts) => self.apply_service(&name, facts, &mut changed),
            Delta::Route(kind, name, facts) => self.apply_route((kind, name), facts, &mut changed),
            Delta::Grant(name, facts) => {
                let namespace = self.namespace_entry(&name.namespace);
                if put(&mut namespace.grants, &name.name, facts) {
                    self.evaluate_workloads(&name.namespace, |_| true, &mut changed);
                }
                self.forget_empty(&name.namespace);
            }
            Delta::Policy(name, facts) => self.apply_policy(&name, facts, &mut changed),
            Delta::Namespace(name, facts) => self.apply_namespace(&name, facts, &mut changed),
            Delta::Node(name, facts) => self.apply_node(&name, facts, &mut changed),
            Delta::ServiceModel(name, spec) => self.apply_service_model(&name, spec, &mut changed),
            Delta::Assignment(id, spec) => self.apply_assignment(&id, spec, &mut changed),
            Delta::Day(today) => self.apply_day(today, &mut changed),
            Delta::PolicyCoverage(policies) => {
                if std::mem::replace(&mut self.policies, policies) != policies {
                    self.evaluate_all(&mut changed);
                }
            }
            Delta::Facts(kind, name, facts) => self.apply_facts(kind, &name, facts, &mut changed),
            Delta::Availability(kind, namespace, standing) => {
                if self.availabilities.put(kind, namespace.clone(), standing) {
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
                for gone in self.missing_from(&listed) {
                    changed.append(self.apply(gone));
                }
                changed.assignments.retain(|id| self.members.contains_key(id));
            }
        }
        changed
    }

    /// Takes in that an object is made by a workload, which tells it all.
    fn apply_owner(&mut self, child: &WorkloadKey, owner: Option<WorkloadKey>, changed: &mut ChangeSet) {
        self.remove_object(child, None, changed);
        self.set_owner(child, owner, changed);
        self.forget_empty(&child.namespace);
    }

    /// Notes what a workload is made of at the moment. Where nothing speaks of that it is of no account.
    fn set_owner(&mut self, child: &WorkloadKey, owner: Option<WorkloadKey>, changed: &mut ChangeSet) {
        let subject = KindAndName { kind: child.kind.name().into(), name: child.name.clone() };
        let namespace = self.namespace_entry(&child.namespace);
        let concerned = namespace.set_owner(subject, owner);
        let is_spoken_of = !namespace.signal_index.is_empty() || !self.signal_index.is_empty();
        if is_spoken_of && !concerned.is_empty() {
            self.evaluate_workloads(&child.namespace, |workload| concerned.contains(&workload.key), changed);
        }
    }

    fn apply_workload(&mut self, key: &WorkloadKey, object: Option<Box<WorkloadObject>>, changed: &mut ChangeSet) {
        if key.kind == WorkloadKind::ReplicaSet {
            self.set_owner(key, None, changed);
        }
        let Some(object) = object else {
            self.remove_object(key, None, changed);
            return self.forget_empty(&key.namespace);
        };
        let WorkloadObject { mut facts, part_of, mut identity } = *object;
        let mut key = key.clone();
        self.strings.share(&mut key.namespace);
        self.strings.share(&mut identity.version);
        self.strings.share(&mut facts.service_account);
        // It may have been a part of another workload, or a workload by itself.
        let workload_key = Arc::new(part_of.clone().unwrap_or_else(|| key.clone()));
        self.remove_object(&key, Some(&workload_key), changed);
        let namespace = self.namespace_entry(&key.namespace);
        if let Some(known) = namespace.workloads.get_mut(&workload_key) {
            // Of what is known by its children the oldest tells the age, in whatever order they are seen.
            let same_object = known.identity.uid == identity.uid;
            let created = if same_object { known.identity.created.min(identity.created) } else { identity.created };
            // Of what has generated names each object is as good as another.
            if !same_object && !workload_key.is_generated() {
                changed.reportable.insert(key.namespace.clone());
            }
            known.identity = ObjectIdentity { created, ..identity.clone() };
            if known.parts.get(&workload_key, &key) == Some(&facts) {
                return;
            }
        }
        facts.placement = self.nodes.add_placement(&facts.placement);
        let Some(mut namespace) = self.namespaces.remove(&key.namespace) else { return };
        let was_unassigned = namespace.is_unassigned();
        let known = namespace.workloads.remove(&workload_key);
        let mut workload = known.unwrap_or_else(|| Workload::new(workload_key, identity));
        if part_of.is_some() {
            namespace.parts.insert(key.clone(), workload.key.clone());
        }
        if let Some(before) = workload.parts.put(&workload.key, &key, Some(facts)) {
            self.nodes.remove_placement(&before.placement);
        }
        self.evaluate_and_keep(&mut namespace, workload, changed);
        namespace.record_unassigned(was_unassigned, changed);
        self.namespaces.insert(key.namespace, namespace);
    }

    /// Takes an object out of the workload that it belongs to, unless that is the one that it belongs to now.
    fn remove_object(&mut self, key: &WorkloadKey, belongs_to: Option<&WorkloadKey>, changed: &mut ChangeSet) {
        let Some(mut namespace) = self.namespaces.remove(&key.namespace) else { return };
        let workload_key = namespace.parts.get(key).cloned().unwrap_or_else(|| Arc::new(key.clone()));
        if belongs_to != Some(&*workload_key) {
            namespace.parts.remove(key);
            if let Some(mut workload) = namespace.workloads.remove(&workload_key) {
                if let Some(facts) = workload.parts.put(&workload_key, key, None) {
                    self.nodes.remove_placement(&facts.placement);
                }
                let is_left = !workload.parts.is_empty();
                if is_left {
                    self.evaluate_and_keep(&mut namespace, workload, changed);
                } else {
                    changed.reportable.insert(namespace.name.clone());
                    move_member(&mut self.members, &workload, &[], None, changed);
                }
            }
        }
        self.namespaces.insert(key.namespace.clone(), namespace);
    }

    fn apply_service(&mut self, name: &ObjectName, facts: Option<ServiceFacts>, changed: &mut ChangeSet) {
        let namespace = self.namespace_entry(&name.namespace);
        let before = namespace.services.get(&name.name).cloned();
        if put(&mut namespace.services, &name.name, facts.clone()) {
            let versions: Vec<ServiceFacts> = before.into_iter().chain(facts).collect();
            let concerned = |facts: &WorkloadFacts| versions.iter().any(|service| service.affects(&name.name, facts));
            self.evaluate_workloads(&name.namespace, |workload| workload.parts.all().any(concerned), changed);
        }
        self.forget_empty(&name.namespace);
    }

    fn apply_route(&mut self, route: (RouteKind, ObjectName), facts: Option<RouteFacts>, changed: &mut ChangeSet) {
        let (kind, from) = (route.0, route.1.namespace.clone());
        let after = facts.clone().unwrap_or_default();
        let before = match facts {
            Some(facts) => self.routes.insert(route, facts),
            None => self.routes.remove(&route),
        };
        let before = before.unwrap_or_default();
        let mut touched: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
        // With another certificate each of them is reached otherwise.
        let same = if before.tls == after.tls { before.backends.clone() } else { BTreeSet::new() };
        let kept: BTreeSet<_> = same.intersection(&after.backends).cloned().collect();
        for backend in before.backends.union(&after.backends).filter(|backend| !kept.contains(*backend)) {
            touched.entry(backend.namespace.clone()).or_default().insert(backend.name.clone());
        }
        for (target, services) in touched {
            let namespace = self.namespace_entry(&target);
            namespace.count_route(kind, &from, &after, true);
            namespace.count_route(kind, &from, &before, false);
            let services: Vec<(Arc<str>, ServiceFacts)> = services
                .iter()
                .filter_map(|service| namespace.services.get_key_value(service))
                .map(|(name, facts)| (name.clone(), facts.clone()))
                .collect();
            let concerned = |facts: &WorkloadFacts| services.iter().any(|(name, service)| service.affects(name, facts));
            self.evaluate_workloads(&target, |workload| workload.parts.all().any(concerned), changed);
            self.forget_empty(&target);
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
        self.forget_empty(&name.namespace);
    }

    fn apply_facts(&mut self, kind: FactKind, name: &ObjectName, facts: Option<Facts>, changed: &mut ChangeSet) {
        let of_namespace = !kind.is_cross_namespace() && !name.namespace.is_empty();
        let before = if kind.is_cross_namespace() {
            self.far.put(kind, (&name.namespace, &name.name), facts.clone())
        } else if of_namespace {
            self.namespace_entry(&name.namespace).signal_index.put(kind, &name.name, facts.clone())
        } else {
            self.signal_index.put(kind, &name.name, facts.clone())
        };
        if before != facts {
            let versions: Vec<Facts> = before.into_iter().chain(facts).collect();
            let concerned = if of_namespace { vec![name.namespace.clone()] } else { self.namespace_names() };
            for namespace in concerned {
                self.evaluate_affected(&namespace, &name.name, &versions, changed);
            }
        }
        if of_namespace {
            self.forget_empty(&name.namespace);
        }
    }

    /// Evaluates the workloads of a namespace again of which an object speaks that is read for signals only.
    fn evaluate_affected(&mut self, namespace: &Arc<str>, name: &str, versions: &[Facts], changed: &mut ChangeSet) {
        let Some(known) = self.namespaces.get(namespace) else { return };
        let is_affected = |workload: &Workload| {
            let children = known.children(&workload.key);
            let affects =
                |of: &WorkloadFacts| versions.iter().any(|version| version.affects(name, &workload.key, of, children));
            workload.parts.facts().any(affects)
        };
        let touched: HashSet<Arc<WorkloadKey>> = known
            .workloads
            .values()
            .filter(|workload| is_affected(workload))
            .map(|workload| workload.key.clone())
            .collect();
        if !touched.is_empty() {
            self.evaluate_workloads(namespace, |workload| touched.contains(&workload.key), changed);
        }
    }

    fn apply_server_version(&mut self, version: Option<KubernetesVersion>, changed: &mut ChangeSet) {
        if std::mem::replace(&mut self.server, version) != version {
            let moved = self.nodes.set_server(version);
            self.evaluate_after(&moved, changed);
        }
    }

    fn apply_namespace(&mut self, name: &Arc<str>, facts: Option<NamespaceFacts>, changed: &mut ChangeSet) {
        let namespace = self.namespace_entry(name);
        // Signals look at what is enforced, and at whether the namespace is there.
        let shows = |facts: Option<&NamespaceFacts>| facts.map(|facts| facts.labels.get(ENFORCE).map(str::to_owned));
        let is_other = shows(namespace.facts.as_ref()) != shows(facts.as_ref());
        let uid = |facts: Option<&NamespaceFacts>| facts.map(|facts| facts.uid.clone());
        if uid(namespace.facts.as_ref()) != uid(facts.as_ref()) {
            changed.reportable.insert(name.clone());
        }
        namespace.facts = facts;
        self.refresh_scope(name, &[], is_other, changed);
        self.forget_empty(name);
    }

    fn apply_node(&mut self, name: &Arc<str>, facts: Option<NodeFacts>, changed: &mut ChangeSet) {
        let moved = self.nodes.put(name, facts);
        self.evaluate_placements(&moved, changed);
    }

    /// Evaluates the workloads again whose nodes come to something else.
    fn evaluate_placements(&mut self, moved: &ChangedPlacements, changed: &mut ChangeSet) {
        if moved.is_empty() {
            return;
        }
        let is_moved = |workload: &Workload| workload.parts.facts().any(|facts| moved.contains(&facts.placement));
        for namespace in self.namespace_names() {
            self.evaluate_workloads(&namespace, is_moved, changed);
        }
    }

    /// Evaluates what is seen otherwise when nodes come to something else, and the cluster may as well.
    pub(super) fn evaluate_after(&mut self, moved: &ChangedPlacements, changed: &mut ChangeSet) {
        if self.evaluate_cluster() {
            self.evaluate_all(changed);
        } else {
            self.evaluate_placements(moved, changed);
        }
    }

    pub(super) fn namespace_names(&self) -> Vec<Arc<str>> {
        self.namespaces.keys().cloned().collect()
    }

    pub(super) fn namespace_entry(&mut self, name: &Arc<str>) -> &mut Namespace {
        if !self.namespaces.contains_key(name) {
            let mut name = name.clone();
            self.strings.share(&mut name);
            let mut namespace = Namespace::new(name.clone());
            namespace.update_assignments(&self.cluster_assignments, &self.excluded);
            self.namespaces.insert(name.clone(), namespace);
        }
        self.namespaces.get_mut(name).expect("the entry was made above when it was missing")
    }

    /// A namespace of which nothing is known any more costs nothing.
    pub(super) fn forget_empty(&mut self, name: &Arc<str>) {
        if self.namespaces.get(name).is_some_and(Namespace::is_empty) {
            self.namespaces.remove(name);
        }
    }

    /// Looks up anew which cluster assignments take in a namespace. When that changes the parties of the namespace or
    /// whether it counts at all, all its workloads are evaluated again, otherwise those that one of these selects; with `all`
    /// in any case.
    pub(super) fn refresh_scope(
        &mut self,
        name: &Arc<str>,
        versions: &[&Assignment],
        all: bool,
        changed: &mut ChangeSet,
    ) {
        let Some(namespace) = self.namespaces.get_mut(name) else { return };
        let standing = |namespace: &Namespace| (namespace.in_scope, namespace.cluster_assignments.is_empty());
        let (before, was_unassigned) = (standing(namespace), namespace.is_unassigned());
        let directory = namespace.directory.clone();
        let moved = namespace.update_assignments(&self.cluster_assignments, &self.excluded);
        if standing(namespace) != before || directory != namespace.directory {
            changed.reportable.insert(name.clone());
            changed.assignments.extend(namespace.assignments.keys().cloned());
        }
        namespace.record_unassigned(was_unassigned, changed);
        let touched =
            |workload: &Workload| all || moved || versions.iter().any(|version| workload.is_selected_by(version));
        self.evaluate_workloads(name, touched, changed);
    }

    pub(super) fn evaluate_all(&mut self, changed: &mut ChangeSet) {
        for namespace in self.namespace_names() {
            self.evaluate_workloads(&namespace, |_| true, changed);
        }
    }

    /// Evaluates the touched workloads of a namespace again.
    pub(super) fn evaluate_workloads(
        &mut self,
        name: &Arc<str>,
        touched: impl Fn(&Workload) -> bool,
        changed: &mut ChangeSet,
    ) {
        let Some(mut namespace) = self.namespaces.remove(name) else { return };
        let mut workloads = std::mem::take(&mut namespace.workloads);
        let mut found = EvaluationCache::new();
        for workload in workloads.values_mut().filter(|workload| touched(workload)) {
            self.evaluate_workload(&namespace, workload, &mut found, changed);
        }
        namespace.workloads = workloads;
        self.namespaces.insert(name.clone(), namespace);
    }

    fn evaluate_and_keep(&mut self, namespace: &mut Namespace, mut workload: Workload, changed: &mut ChangeSet) {
        self.evaluate_workload(namespace, &mut workload, &mut EvaluationCache::new(), changed);
        namespace.workloads.insert(workload.key.clone(), workload);
    }

    /// Evaluates a workload of a namespace and moves it when the result is another. `found` is what was found for others of
    /// the namespace since it changed last.
    fn evaluate_workload(
        &mut self,
        namespace: &Namespace,
        workload: &mut Workload,
        found: &mut EvaluationCache,
        changed: &mut ChangeSet,
    ) {
        if self.deferred {
            return;
        }
        let selecting = namespace.selecting(workload);
        let ids: Vec<AssignmentId> = selecting.iter().map(|assignment| assignment.id.clone()).collect();
        let evaluation = (!selecting.is_empty()).then(|| {
            self.evaluated += selecting.len() as u64;
            let triggers = namespace.triggers(workload);
            let view = WorkloadView {
                triggers,
                host: workload.parts.facts().fold(HostAccess::default(), |all, facts| all.union(facts.host)),
                daemon_set: workload.key.kind == WorkloadKind::DaemonSet,
                nodes: workload
                    .parts
                    .facts()
                    .map(|facts| self.nodes.schedulable(&facts.placement))
                    .reduce(SchedulableNodes::union)
                    .unwrap_or_default(),
                unsegmented: self.policies == PolicyCoverage::Complete && namespace.is_unsegmented(workload),
                observed: self.observed(namespace, workload, triggers),
            };
            let key = (view, ids.clone());
            if let Some(known) = found.get(&key) {
                return known.clone();
            }
            self.computed += 1;
            let (matrix, settings, catalogue) = (&self.matrix, &self.settings, self.signals.catalogue());
            let evaluation = evaluate(matrix, settings, catalogue, &key.0, &selecting, &namespace.directory);
            let evaluation = self.evaluations.intern(evaluation);
            found.insert(key, evaluation.clone());
            evaluation
        });
        let reselected = *workload.selected_by != ids[..];
        if !reselected && workload.evaluation == evaluation {
            return;
        }
        changed.reportable.insert(namespace.name.clone());
        if let (Some(before), Some(after)) = (&workload.evaluation, &evaluation)
            && (reselected || !before.gaps().eq(after.gaps()))
        {
            let (key, before) = (workload.key.clone(), before.clone());
            changed.workloads.push(ChangedWorkload { key, before, reselected });
        }
        move_member(&mut self.members, workload, &ids, evaluation.as_ref(), changed);
        if reselected {
            workload.selected_by = ids.into();
            self.selections.share(&mut workload.selected_by);
        }
        workload.evaluation = evaluation;
    }
}

/// Takes a workload out of the assignments that selected it and puts it into those that select it now.
fn move_member(
    members: &mut HashMap<AssignmentId, Members>,
    workload: &Workload,
    ids: &[AssignmentId],
    evaluation: Option<&Arc<Evaluation>>,
    changed: &mut ChangeSet,
) {
    if let Some(old) = &workload.evaluation {
        for id in workload.selected_by.iter() {
            let Some(classes) = members.get_mut(id) else { continue };
            if let Some(class) = classes.get_mut(old) {
                class.remove(&workload.key);
                if class.is_empty() {
                    classes.remove(old);
                }
            }
            changed.assignments.insert(id.clone());
        }
    }
    if let Some(new) = evaluation {
        for id in ids {
            members.entry(id.clone()).or_default().entry(new.clone()).or_default().insert(workload.key.clone());
            changed.assignments.insert(id.clone());
        }
    }
}

/// Puts a value, or takes it out; returns whether that changed something.
pub(super) fn put<K: Ord + Clone, V: PartialEq>(map: &mut BTreeMap<K, V>, key: &K, value: Option<V>) -> bool {
    let changes = map.get(key) != value.as_ref();
    match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(key),
    };
    changes
}

//! Changes of live children and of the workloads that they belong to.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::children::{Child, Relinked};
use super::evaluate::move_member;
use super::namespace::Namespace;
use super::workload::{Parts, Workload};
use super::{ChangeSet, Inventory};
use crate::facts::{
    AssignmentId, ChildFacts, ChildObject, Listed, ListedKind, MAX_INJECTED, ObjectIdentity, WorkloadFacts,
    WorkloadKey, WorkloadKind, bounded,
};

impl Inventory {
    /// Applies a live child. The index verifies its owner reference.
    pub(super) fn apply_child(&mut self, key: &WorkloadKey, child: ChildObject, changed: &mut ChangeSet) {
        let ChildObject { mut controller, uid, created, facts } = child;
        self.strings.share(&mut controller.key.namespace);
        let facts = facts.map(|facts| self.child_facts.intern(facts));
        let (hash, now) = (self.names.hash_one(&*key.name), self.now);
        if key.kind == WorkloadKind::ReplicaSet {
            // Reports are about current ReplicaSets.
            let owner = facts.is_some().then(|| controller.key.clone());
            self.set_owner(key, owner, changed);
        }
        // It may have been a workload of its own before.
        let mut relinked = self.namespace_entry(&key.namespace).set_uid(key, None, now);
        self.remove_object(key, None, changed);
        let child = Child { controller, uid, created, facts };
        relinked.append(self.namespace_entry(&key.namespace).set_child(key, hash, child, now));
        self.settle(&key.namespace, relinked, changed);
    }

    /// Removes a live child, if it is one. The workloads are not evaluated before [`Self::settle`].
    pub(super) fn remove_child(&mut self, key: &WorkloadKey) -> Relinked {
        let (hash, now) = (self.names.hash_one(&*key.name), self.now);
        self.namespaces
            .get_mut(&key.namespace)
            .map(|namespace| namespace.remove_child(key, hash, now))
            .unwrap_or_default()
    }

    /// Evaluates the workloads with other children again.
    pub(super) fn settle(&mut self, name: &Arc<str>, relinked: Relinked, changed: &mut ChangeSet) {
        let Relinked { workloads, pending } = relinked;
        for workload in &workloads {
            self.refresh_children(name, workload, changed);
        }
        let is_relinked = !workloads.is_empty();
        self.pending.extend(pending.into_iter().map(|(due, controller)| (due, name.clone(), controller)));
        if is_relinked {
            self.announce_settled(name, changed);
        }
        self.remove_if_empty(name);
    }

    /// Applies the current time: children count whose owners are still not known.
    pub(super) fn apply_time(&mut self, now: i64, changed: &mut ChangeSet) {
        self.now = now;
        while let Some((due, name, controller)) = self.pending.pop_first() {
            if due > now {
                self.pending.insert((due, name, controller));
                break;
            }
            let namespace = self.namespaces.get_mut(&name);
            if let Some(workload) = namespace.and_then(|namespace| namespace.count_group(&controller, now)) {
                self.refresh_children(&name, &workload, changed);
                self.announce_settled(&name, changed);
            }
        }
    }

    /// Returns true if an assignment can select children that do not count yet, because their owners are not known.
    #[must_use]
    pub fn has_pending_children(&self, assignment: &AssignmentId) -> bool {
        let is_pending = |name: &Arc<str>| {
            let namespace = self.namespaces.get(name).filter(|namespace| namespace.children.has_pending());
            namespace.is_some_and(|namespace| match &assignment.namespace {
                Some(of) => of == name,
                None => namespace.cluster_assignments.iter().any(|applying| applying.id == *assignment),
            })
        };
        match &assignment.namespace {
            Some(name) => is_pending(name),
            None => self.pending.iter().map(|(_, name, _)| name).any(is_pending),
        }
    }

    /// Adds the assignments of a namespace to the changed ones if all of its children count: until then they were not
    /// newly covered.
    fn announce_settled(&self, name: &Arc<str>, changed: &mut ChangeSet) {
        let Some(namespace) = self.namespaces.get(name).filter(|namespace| !namespace.children.has_pending()) else {
            return;
        };
        changed.assignments.extend(namespace.assignments.keys().cloned());
        changed.assignments.extend(namespace.cluster_assignments.iter().map(|assignment| assignment.id.clone()));
    }

    /// Removes the live pods that a complete list does not contain.
    pub(super) fn remove_unlisted_pods(&mut self, listed: &Listed, changed: &mut ChangeSet) {
        if listed.kind != ListedKind::Workloads(WorkloadKind::Pod) {
            return;
        }
        let mut hashes: HashMap<&Arc<str>, HashSet<u64>> = HashMap::new();
        for object in &listed.names {
            hashes.entry(&object.namespace).or_default().insert(self.names.hash_one(&*object.name));
        }
        let none = HashSet::new();
        for name in self.namespace_names() {
            if listed.scope.as_ref().is_some_and(|scope| *scope != name) {
                continue;
            }
            let Some(namespace) = self.namespaces.get_mut(&name) else { continue };
            let mut relinked = Relinked::default();
            for hash in namespace.unlisted_pods(hashes.get(&name).unwrap_or(&none)) {
                namespace.remove_pod(hash, &mut relinked);
            }
            self.settle(&name, relinked, changed);
        }
    }

    /// Evaluates a workload with other children again. Creates it if it is only known from its children, and removes it
    /// with the last of them.
    fn refresh_children(&mut self, name: &Arc<str>, key: &WorkloadKey, changed: &mut ChangeSet) {
        let Some(mut namespace) = self.namespaces.remove(name) else { return };
        let was_unassigned = namespace.is_unassigned();
        let known = namespace.workloads.remove(key);
        let identity = namespace.children.of(key).next().map(|(controller, group)| ObjectIdentity {
            uid: controller.uid.clone(),
            version: WorkloadKind::BUILT_IN_VERSION.into(),
            created: group.oldest,
        });
        let workload = known.or_else(|| Some(Workload::new(Arc::new(key.clone()), identity?)));
        if let Some(mut workload) = workload {
            let is_changed = self.update_children(&namespace, &mut workload);
            if workload.parts.is_empty() {
                changed.reportable.insert(name.clone());
                move_member(&mut self.members, &workload, &[], None, changed);
            } else if is_changed {
                self.evaluate_and_insert(&mut namespace, workload, changed);
            } else {
                namespace.workloads.insert(workload.key.clone(), workload);
            }
        }
        namespace.record_unassigned(was_unassigned, changed);
        self.namespaces.insert(name.clone(), namespace);
    }

    /// Computes the facts that the children of a workload add. Returns true if they have changed.
    pub(super) fn update_children(&mut self, namespace: &Namespace, workload: &mut Workload) -> bool {
        let (mut added, injected) = added_facts(namespace, &workload.key, &workload.parts);
        if added == workload.parts.added && injected == workload.parts.injected {
            return false;
        }
        for facts in &mut added {
            facts.placement = self.nodes.add_placement(&facts.placement);
        }
        for facts in std::mem::replace(&mut workload.parts.added, added) {
            self.nodes.remove_placement(&facts.placement);
        }
        workload.parts.injected = injected;
        true
    }
}

/// Returns the facts that the children of a workload add, and the names of injected containers.
fn added_facts(namespace: &Namespace, key: &WorkloadKey, parts: &Parts) -> (Vec<WorkloadFacts>, Vec<Arc<str>>) {
    let base: Vec<&WorkloadFacts> = parts.base().collect();
    let mut injected: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut added: HashSet<WorkloadFacts> = HashSet::new();
    for (_, group) in namespace.children.of(key) {
        for facts in group.facts() {
            if group.verified && !base.is_empty() {
                added.extend(facts.excess(&base));
                injected.extend(facts.injected(&base).cloned());
            } else {
                added.insert(facts.in_full());
            }
        }
    }
    if parts.itself.is_some() {
        for object in parts.objects.values().filter(|object| !object.idle) {
            added.extend(ChildFacts::of_object(object).excess(&base));
        }
    }
    let mut added: Vec<WorkloadFacts> = added.into_iter().collect();
    added.sort_by_cached_key(|facts| {
        let mut hasher = DefaultHasher::new();
        facts.hash(&mut hasher);
        hasher.finish()
    });
    (bounded(added), injected.into_iter().take(MAX_INJECTED).collect())
}

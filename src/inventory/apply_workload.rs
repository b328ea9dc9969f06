//! Changes of workloads and of their parts.

use std::sync::Arc;

use super::evaluate::move_member;
use super::workload::Workload;
use super::{ChangeSet, Inventory};
use crate::facts::{KindAndName, ObjectIdentity, WorkloadKey, WorkloadKind, WorkloadObject};

impl Inventory {
    /// Records the owner of a current child. Evaluates the old and the new owner again if any signal object is indexed:
    /// only signals depend on children.
    pub(super) fn set_owner(&mut self, child: &WorkloadKey, owner: Option<WorkloadKey>, changed: &mut ChangeSet) {
        let object = KindAndName { kind: child.kind.name().into(), name: child.name.clone() };
        let namespace = self.namespace_entry(&child.namespace);
        let affected = namespace.set_owner(object, owner);
        let has_signal_objects = !namespace.signal_index.is_empty() || !self.signal_index.is_empty();
        if has_signal_objects && !affected.is_empty() {
            self.evaluate_workloads(&child.namespace, |workload| affected.contains(&workload.key), changed);
        }
    }

    pub(super) fn apply_workload(
        &mut self,
        key: &WorkloadKey,
        object: Option<Box<WorkloadObject>>,
        changed: &mut ChangeSet,
    ) {
        if key.kind == WorkloadKind::ReplicaSet {
            self.set_owner(key, None, changed);
        }
        let mut relinked = self.remove_child(key);
        let now = self.now;
        let Some(object) = object else {
            if let Some(namespace) = self.namespaces.get_mut(&key.namespace) {
                relinked.append(namespace.set_uid(key, None, now));
            }
            self.remove_object(key, None, changed);
            return self.settle(&key.namespace, relinked, changed);
        };
        let WorkloadObject { mut facts, part_of, mut identity, uid } = *object;
        let mut key = key.clone();
        self.strings.share(&mut key.namespace);
        self.strings.share(&mut identity.version);
        self.strings.share(&mut facts.service_account);
        // The object may have been a part of another workload before, or a workload of its own.
        let workload_key = Arc::new(part_of.clone().unwrap_or_else(|| key.clone()));
        self.remove_object(&key, Some(&workload_key), changed);
        let namespace = self.namespace_entry(&key.namespace);
        if let Some(known) = namespace.workloads.get_mut(&workload_key) {
            // For a workload that is only known from its children, the oldest child gives the creation time.
            let same_object = known.identity.uid == identity.uid;
            let created = if same_object { known.identity.created.min(identity.created) } else { identity.created };
            // Objects with generated names are interchangeable: another UID does not change the report.
            if !same_object && !workload_key.is_generated() {
                changed.reportable.insert(key.namespace.clone());
            }
            known.identity = ObjectIdentity { created, ..identity.clone() };
            if known.parts.get(&workload_key, &key) == Some(&facts) {
                relinked.append(namespace.set_uid(&key, Some(uid), now));
                return self.settle(&key.namespace, relinked, changed);
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
        relinked.append(namespace.set_uid(&key, Some(uid), now));
        self.update_children(&namespace, &mut workload);
        self.evaluate_and_insert(&mut namespace, workload, changed);
        namespace.record_unassigned(was_unassigned, changed);
        self.namespaces.insert(key.namespace.clone(), namespace);
        self.settle(&key.namespace, relinked, changed);
    }

    /// Removes an object from the workload that contains it, unless that workload is `keep_in`.
    pub(super) fn remove_object(&mut self, key: &WorkloadKey, keep_in: Option<&WorkloadKey>, changed: &mut ChangeSet) {
        let Some(mut namespace) = self.namespaces.remove(&key.namespace) else { return };
        let workload_key = namespace.parts.get(key).cloned().unwrap_or_else(|| Arc::new(key.clone()));
        if keep_in != Some(&*workload_key) {
            namespace.parts.remove(key);
            if let Some(mut workload) = namespace.workloads.remove(&workload_key) {
                if let Some(facts) = workload.parts.put(&workload_key, key, None) {
                    self.nodes.remove_placement(&facts.placement);
                }
                self.update_children(&namespace, &mut workload);
                if workload.parts.is_empty() {
                    changed.reportable.insert(namespace.name.clone());
                    move_member(&mut self.members, &workload, &[], None, changed);
                } else {
                    self.evaluate_and_insert(&mut namespace, workload, changed);
                }
            }
        }
        self.namespaces.insert(key.namespace.clone(), namespace);
    }
}

//! Changes of the live children of a namespace: finds the workload that each child belongs to, by verified owner
//! references.

use std::collections::HashSet;
use std::sync::Arc;

use super::children::{Child, Group, LiveOther, LivePod, NOT_KNOWN, Relinked};
use super::namespace::Namespace;
use crate::facts::{ChildFacts, Controller, WorkloadKey, WorkloadKind};

impl Namespace {
    /// Sets a live child. `hash` is the hash of its name. `now` is the current time, if it is known.
    pub(super) fn set_child(&mut self, key: &WorkloadKey, hash: u64, child: Child, now: i64) -> Relinked {
        let Child { controller, uid, created, facts } = child;
        let known = self.children.groups.get_key_value(&controller).map(|(known, _)| known.clone());
        let controller = known.unwrap_or_else(|| Arc::new(controller));
        let is_pod = key.kind == WorkloadKind::Pod;
        let is_same = if is_pod {
            let known = self.children.pods.get(&hash);
            known.is_some_and(|known| known.controller == controller && known.facts == facts)
        } else {
            let known = self.children.others.get(key);
            known.is_some_and(|known| known.controller == controller && known.facts == facts && known.uid == uid)
        };
        if is_same {
            return Relinked::default();
        }
        let mut relinked = Relinked::default();
        let oldest = if now == NOT_KNOWN { created } else { created.min(now) };
        // The new group is filled before the old child is removed: a group that stays keeps its state.
        let group = self.children.groups.entry(controller.clone()).or_insert_with(|| Group::new(&controller, oldest));
        group.oldest = group.oldest.min(oldest);
        let mut is_changed = false;
        if let Some(facts) = &facts {
            let count = group.facts.entry(facts.clone()).or_default();
            *count += 1;
            is_changed = *count == 1;
        }
        let before = if is_pod {
            let before = self.children.pods.insert(hash, LivePod { controller: controller.clone(), facts });
            before.map(|pod| (pod.controller, pod.facts))
        } else {
            group.others.insert(key.clone());
            let child = LiveOther { controller: controller.clone(), uid, facts };
            let before = self.children.others.insert(key.clone(), child);
            before.map(|other| (other.controller, other.facts))
        };
        if let Some((of, facts)) = before {
            let is_moved = of != controller;
            self.leave_group(key, &of, facts.as_ref(), is_moved, &mut relinked);
        }
        if is_changed {
            relinked.workloads.extend(self.workload_of(&controller));
        }
        self.relink(&controller, now, &mut relinked);
        if !is_pod {
            self.relink_children_of(key, now, &mut relinked);
        }
        relinked
    }

    /// Removes a live child, if it is one.
    pub(super) fn remove_child(&mut self, key: &WorkloadKey, hash: u64, now: i64) -> Relinked {
        let mut relinked = Relinked::default();
        if key.kind == WorkloadKind::Pod {
            self.remove_pod(hash, &mut relinked);
        } else if let Some(other) = self.children.others.remove(key) {
            self.leave_group(key, &other.controller, other.facts.as_ref(), true, &mut relinked);
            self.relink_children_of(key, now, &mut relinked);
        }
        relinked
    }

    /// Removes the live pod with this hash of its name, if there is one.
    pub(super) fn remove_pod(&mut self, hash: u64, relinked: &mut Relinked) {
        if let Some(pod) = self.children.pods.remove(&hash) {
            let key = WorkloadKey { namespace: self.name.clone(), kind: WorkloadKind::Pod, name: "".into() };
            self.leave_group(&key, &pod.controller, pod.facts.as_ref(), true, relinked);
        }
    }

    /// Records the UID of an object that can have children, or that it has ended.
    pub(super) fn set_uid(&mut self, key: &WorkloadKey, uid: Option<Arc<str>>, now: i64) -> Relinked {
        let mut relinked = Relinked::default();
        if key.kind == WorkloadKind::Pod {
            return relinked;
        }
        match uid {
            Some(uid) => self.children.uids.insert(key.clone(), uid),
            None => self.children.uids.remove(key),
        };
        self.relink_children_of(key, now, &mut relinked);
        relinked
    }

    /// Counts the group of a controller if its time has come. Returns the workload that it is attached to.
    pub(super) fn count_group(&mut self, controller: &Controller, now: i64) -> Option<WorkloadKey> {
        let group = self.children.groups.get_mut(controller).filter(|group| !group.counted && group.due() <= now)?;
        group.counted = true;
        let workload = group.workload.clone();
        self.children.pending.remove(controller);
        Some(workload)
    }

    fn workload_of(&self, controller: &Controller) -> Option<WorkloadKey> {
        self.children.groups.get(controller).map(|group| group.workload.clone())
    }

    /// Removes one child with these facts from a group.
    fn leave_group(
        &mut self,
        key: &WorkloadKey,
        controller: &Arc<Controller>,
        facts: Option<&Arc<ChildFacts>>,
        is_moved: bool,
        relinked: &mut Relinked,
    ) {
        let Some(group) = self.children.groups.get_mut(controller) else { return };
        if is_moved {
            group.others.remove(key);
        }
        if let Some(facts) = facts
            && let Some(count) = group.facts.get_mut(facts)
        {
            *count -= 1;
            if *count == 0 {
                group.facts.remove(facts);
                relinked.workloads.insert(group.workload.clone());
            }
        }
        if group.facts.is_empty() && group.others.is_empty() {
            let workload = group.workload.clone();
            self.children.groups.remove(controller);
            self.children.pending.remove(controller);
            self.detach(&workload, controller);
            relinked.workloads.insert(workload);
        }
    }

    fn detach(&mut self, workload: &WorkloadKey, controller: &Arc<Controller>) {
        if let Some(attached) = self.children.attached.get_mut(workload) {
            attached.remove(controller);
            if attached.is_empty() {
                self.children.attached.remove(workload);
            }
        }
    }

    /// Attaches the groups of all controllers with this key anew, and the groups of their children.
    fn relink_children_of(&mut self, key: &WorkloadKey, now: i64, relinked: &mut Relinked) {
        let first = Controller { key: key.clone(), uid: "".into() };
        let of_key = self.children.groups.range::<Controller, _>(&first..).map(|(controller, _)| controller);
        let controllers: Vec<Arc<Controller>> =
            of_key.take_while(|controller| controller.key == *key).cloned().collect();
        for controller in controllers {
            self.relink(&controller, now, relinked);
        }
    }

    /// Attaches a group to its workload.
    fn relink(&mut self, controller: &Arc<Controller>, now: i64, relinked: &mut Relinked) {
        let (workload, verified) = self.resolve(controller);
        let Some(group) = self.children.groups.get_mut(controller) else { return };
        let before = (group.workload.clone(), group.verified, group.counted);
        if before.1 && !verified {
            group.orphaned = now;
        }
        let is_same_workload = before.2 && before.0 == workload;
        group.counted = verified || is_same_workload || group.due() <= now;
        group.workload.clone_from(&workload);
        group.verified = verified;
        if group.counted {
            self.children.pending.remove(controller);
        } else {
            relinked.pending.push((group.due(), controller.clone()));
            self.children.pending.insert(controller.clone());
        }
        let is_changed = before != (workload.clone(), verified, group.counted);
        let others: Vec<WorkloadKey> = if is_changed { group.others.iter().cloned().collect() } else { Vec::new() };
        if before.0 != workload {
            self.detach(&before.0, controller);
        }
        self.children.attached.entry(workload.clone()).or_default().insert(controller.clone());
        if is_changed {
            relinked.workloads.extend([before.0, workload]);
            for other in others {
                self.relink_children_of(&other, now, relinked);
            }
        }
    }

    /// Returns the workload that a chain of owner references leads to, and true if every owner on the way is known under
    /// the UID of the reference.
    fn resolve(&self, controller: &Controller) -> (WorkloadKey, bool) {
        let has_uid = |uid: &Arc<str>| !uid.is_empty() && *uid == controller.uid;
        if let Some(other) = self.children.others.get(&controller.key).filter(|other| has_uid(&other.uid)) {
            // The kinds of owner and child are different on each step, so the chain has an end.
            return self.resolve(&other.controller);
        }
        if self.children.uids.get(&controller.key).is_some_and(has_uid) {
            let workload = self.parts.get(&controller.key);
            return (workload.map_or_else(|| controller.key.clone(), |workload| (**workload).clone()), true);
        }
        (controller.key.clone(), false)
    }

    /// Returns the hashes of the pods that are not in a list.
    pub(super) fn unlisted_pods(&self, listed: &HashSet<u64>) -> Vec<u64> {
        self.children.pods().filter(|hash| !listed.contains(hash)).collect()
    }
}

//! The live children of a namespace and the workloads that they belong to, as data. `adopt` changes them.
//!
//! The children of one controller are a group. The group is attached to a workload: to the one that its chain of verified
//! owner references leads to, otherwise to the one that the reference names, whether or not it exists.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::facts::{ChildFacts, Controller, WorkloadKey};

/// The time in seconds after which a child counts whose owner is not known. The watches of child and owner are separate,
/// so the child can arrive first.
pub(super) const OWNER_DELAY: i64 = 10;

/// A time before the current time is known.
pub(super) const NOT_KNOWN: i64 = i64::MIN;

/// The live children of a namespace.
#[derive(Debug, Default)]
pub(super) struct Children {
    /// The pods by the hash of their names. The hash has a random key: a tenant cannot choose two names with one hash.
    pub(super) pods: BTreeMap<u64, LivePod>,
    /// The ReplicaSets and Jobs.
    pub(super) others: BTreeMap<WorkloadKey, LiveOther>,
    pub(super) groups: BTreeMap<Arc<Controller>, Group>,
    /// The groups of each workload.
    pub(super) attached: BTreeMap<WorkloadKey, BTreeSet<Arc<Controller>>>,
    /// The controllers of the groups that do not count yet.
    pub(super) pending: BTreeSet<Arc<Controller>>,
    /// The UID of each workload and part of a workload that can have children.
    pub(super) uids: HashMap<WorkloadKey, Arc<str>>,
}

/// A live pod. A cluster has many, so it contains two pointers to shared values.
#[derive(Debug)]
pub(super) struct LivePod {
    pub(super) controller: Arc<Controller>,
    pub(super) facts: Option<Arc<ChildFacts>>,
}

/// A live ReplicaSet or Job.
#[derive(Debug)]
pub(super) struct LiveOther {
    pub(super) controller: Arc<Controller>,
    pub(super) uid: Arc<str>,
    /// `None` if it requests no pods.
    pub(super) facts: Option<Arc<ChildFacts>>,
}

/// The children of one controller.
#[derive(Debug)]
pub(super) struct Group {
    /// The different facts of the children, with the number of children.
    pub(super) facts: HashMap<Arc<ChildFacts>, usize>,
    /// The children that can have children.
    pub(super) others: BTreeSet<WorkloadKey>,
    /// The workload that it is attached to.
    pub(super) workload: WorkloadKey,
    /// True if the chain of owner references is verified.
    pub(super) verified: bool,
    /// False for some seconds if the owner is not known: see [`OWNER_DELAY`].
    pub(super) counted: bool,
    /// The creation time of the oldest child.
    pub(super) oldest: i64,
    /// The time at which its owner ended, if that is known.
    pub(super) orphaned: i64,
}

impl Group {
    pub(super) fn new(controller: &Controller, oldest: i64) -> Self {
        let workload = controller.key.clone();
        let (facts, others) = (HashMap::new(), BTreeSet::new());
        Self { facts, others, workload, verified: false, counted: false, oldest, orphaned: NOT_KNOWN }
    }

    /// Returns the time at which it counts although its owner is not known.
    pub(super) fn due(&self) -> i64 {
        self.oldest.max(self.orphaned).saturating_add(OWNER_DELAY)
    }

    /// Returns the different facts of its children.
    pub(super) fn facts(&self) -> impl Iterator<Item = &ChildFacts> {
        self.facts.keys().map(AsRef::as_ref)
    }
}

/// A live child, as the index keeps it.
pub(super) struct Child {
    pub(super) controller: Controller,
    pub(super) uid: Arc<str>,
    pub(super) created: i64,
    pub(super) facts: Option<Arc<ChildFacts>>,
}

/// A change of the children.
#[derive(Debug, Default)]
pub(super) struct Relinked {
    /// The workloads with other children.
    pub(super) workloads: BTreeSet<WorkloadKey>,
    /// The groups that count from a time on, unless their owners become known.
    pub(super) pending: Vec<(i64, Arc<Controller>)>,
}

impl Relinked {
    pub(super) fn append(&mut self, mut other: Self) {
        self.workloads.append(&mut other.workloads);
        self.pending.append(&mut other.pending);
    }
}

impl Children {
    pub(super) fn is_empty(&self) -> bool {
        self.pods.is_empty() && self.others.is_empty() && self.groups.is_empty() && self.uids.is_empty()
    }

    /// Returns true if it contains children that do not count yet because their owners are not known.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns the groups of a workload that count.
    pub(super) fn of(&self, workload: &WorkloadKey) -> impl Iterator<Item = (&Controller, &Group)> {
        let controllers = self.attached.get(workload).into_iter().flatten();
        let groups = controllers.filter_map(|controller| Some((&**controller, self.groups.get(controller)?)));
        groups.filter(|(_, group)| group.counted)
    }

    /// Returns the ReplicaSets and Jobs that refer to a controller.
    pub(super) fn others(&self) -> impl Iterator<Item = &WorkloadKey> {
        self.others.keys()
    }

    /// Returns the hashes of the names of the pods.
    pub(super) fn pods(&self) -> impl Iterator<Item = u64> {
        self.pods.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map adds at most half of its size again: a node of a B-tree is at least half full, usually two thirds.
    #[test]
    fn a_live_pod_takes_at_most_64_bytes() {
        let entry = size_of::<u64>() + size_of::<LivePod>();
        assert!(entry * 2 <= 64, "{entry} bytes in each entry");
    }
}

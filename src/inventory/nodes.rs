//! The nodes, and what they come to for each way of choosing among them.
//!
//! Many workloads choose nodes in the same way, so what a placement admits is kept once and counted by class of node: a node
//! that joins is matched against each distinct placement and nothing else, and only placements that find something new
//! have their workloads evaluated again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::model::{CONTROL_PLANE_LABEL, FoundNodes, NodeClass, NodeFacts, NodeModels, Placement};

#[derive(Debug)]
struct Node {
    facts: NodeFacts,
    class: NodeClass,
}

/// Nodes by class.
type Counts = BTreeMap<NodeClass, usize>;

#[derive(Debug, Default)]
struct Admitted {
    /// How many workloads, or parts of workloads, are placed so.
    users: usize,
    counts: Counts,
    found: FoundNodes,
}

/// The placements that find something else than before.
pub(super) type Moved = HashSet<Arc<Placement>>;

#[derive(Debug, Default)]
pub(super) struct Nodes {
    models: NodeModels,
    known: HashMap<Arc<str>, Node>,
    counts: Counts,
    /// How many nodes show that they run the control plane.
    control_planes: usize,
    placements: HashMap<Arc<Placement>, Admitted>,
}

impl Nodes {
    pub(super) fn new(models: NodeModels) -> Self {
        Self { models, ..Self::default() }
    }

    /// Whether nothing is left of nodes and placements.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.counts.is_empty() && self.placements.is_empty() && self.control_planes == 0
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.known.keys()
    }

    /// Takes in that a workload is placed so, and returns the placement that is kept.
    pub(super) fn adopt(&mut self, placement: &Arc<Placement>) -> Arc<Placement> {
        if let Some((known, _)) = self.placements.get_key_value(placement) {
            let known = known.clone();
            self.placements.entry(known.clone()).or_default().users += 1;
            return known;
        }
        let mut counts = Counts::new();
        for (_, node) in self.known.iter().filter(|(name, node)| placement.admits(name, &node.facts)) {
            *counts.entry(node.class).or_default() += 1;
        }
        let found = self.come_to(placement, &counts);
        self.placements.insert(placement.clone(), Admitted { users: 1, counts, found });
        placement.clone()
    }

    /// Takes in that a workload is placed so no more.
    pub(super) fn release(&mut self, placement: &Arc<Placement>) {
        if let Some(admitted) = self.placements.get_mut(placement) {
            admitted.users -= 1;
            if admitted.users == 0 {
                self.placements.remove(placement);
            }
        }
    }

    /// What the nodes come to for an adopted placement.
    pub(super) fn found(&self, placement: &Placement) -> FoundNodes {
        self.placements.get(placement).map(|admitted| admitted.found).unwrap_or_default()
    }

    /// Takes in a node as it is, or that it is gone.
    pub(super) fn put(&mut self, name: &Arc<str>, facts: Option<NodeFacts>) -> Moved {
        if self.known.get(name).map(|node| &node.facts) == facts.as_ref() {
            return Moved::new();
        }
        let runs_control_plane = |facts: &NodeFacts| facts.labels.get(CONTROL_PLANE_LABEL).is_some();
        let was_visible = self.control_planes > 0;
        if let Some(before) = self.known.remove(name) {
            self.control_planes -= usize::from(runs_control_plane(&before.facts));
            self.count(name, &before, |count| *count -= 1);
        }
        if let Some(facts) = facts {
            self.control_planes += usize::from(runs_control_plane(&facts));
            let class = self.models.classify(name, &facts, self.control_planes > 0);
            let node = Node { facts, class };
            self.count(name, &node, |count| *count += 1);
            self.known.insert(name.clone(), node);
        }
        if was_visible != (self.control_planes > 0) {
            self.classify_all();
        }
        self.find_all()
    }

    /// Counts a node in or out, wherever it is admitted.
    fn count(&mut self, name: &str, node: &Node, change: impl Fn(&mut usize)) {
        let apply = |counts: &mut Counts| {
            let count = counts.entry(node.class).or_default();
            change(count);
            if *count == 0 {
                counts.remove(&node.class);
            }
        };
        apply(&mut self.counts);
        for (_, admitted) in self.placements.iter_mut().filter(|(placement, _)| placement.admits(name, &node.facts)) {
            apply(&mut admitted.counts);
        }
    }

    /// Whether a control plane is visible decides what some nodes show: all are looked at anew.
    fn classify_all(&mut self) {
        let visible = self.control_planes > 0;
        self.counts.clear();
        self.placements.values_mut().for_each(|admitted| admitted.counts.clear());
        for (name, mut node) in std::mem::take(&mut self.known) {
            node.class = self.models.classify(&name, &node.facts, visible);
            self.count(&name, &node, |count| *count += 1);
            self.known.insert(name, node);
        }
    }

    /// Looks up anew what each placement finds.
    fn find_all(&mut self) -> Moved {
        let mut placements = std::mem::take(&mut self.placements);
        let mut moved = Moved::new();
        for (placement, admitted) in &mut placements {
            let found = self.come_to(placement, &admitted.counts);
            if found != admitted.found {
                admitted.found = found;
                moved.insert(placement.clone());
            }
        }
        self.placements = placements;
        moved
    }

    fn come_to(&self, placement: &Placement, admitted: &Counts) -> FoundNodes {
        if placement.fargate {
            return FoundNodes::fargate();
        }
        let managed = self.counts.keys().any(|class| class.managed_control_plane);
        // A pool that is scaled to zero says nothing: any node may be meant.
        let counts = if admitted.is_empty() { &self.counts } else { admitted };
        FoundNodes::of(counts.keys().copied(), managed)
    }
}

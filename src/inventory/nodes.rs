//! The nodes, and the result of each placement: the service models and observations of the nodes it admits.
//!
//! Many workloads share a placement, so each distinct placement is stored once, with the number of admitted nodes by
//! result. A new node is only matched against the distinct placements. Only workloads whose placement has another
//! result are evaluated again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::civil::Date;

use crate::facts::{KubernetesVersion, NodeFacts, Placement};
use crate::model::{CONTROL_PLANE_LABEL, NodeClass, NodeModels, Observation, SchedulableNodes};
use crate::signals::{ActiveSignals, NodeInput, distinct_per_signal};

#[derive(Debug)]
struct Node {
    facts: NodeFacts,
    result: NodeResult,
}

/// The class and the observations of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NodeResult {
    class: NodeClass,
    /// The observations of the node signals.
    observations: Arc<[Observation]>,
}

/// The number of nodes by result.
type Counts = BTreeMap<NodeResult, usize>;

#[derive(Debug, Default)]
struct PlacementEntry {
    /// The number of workloads and parts of workloads with this placement.
    users: usize,
    counts: Counts,
    result: PlacementResult,
}

/// The combined result of the nodes that a placement admits.
#[derive(Debug, Default, PartialEq, Eq)]
struct PlacementResult {
    schedulable: SchedulableNodes,
    observations: Vec<Observation>,
}

/// The placements whose result has changed.
pub(super) type ChangedPlacements = HashSet<Arc<Placement>>;

/// The nodes and the placements of workloads.
#[derive(Debug)]
pub(super) struct Nodes {
    models: NodeModels,
    signals: Arc<ActiveSignals>,
    today: Date,
    server: Option<KubernetesVersion>,
    by_name: HashMap<Arc<str>, Node>,
    counts: Counts,
    /// The number of nodes with the label of the control plane.
    control_planes: usize,
    placements: HashMap<Arc<Placement>, PlacementEntry>,
}

impl Nodes {
    pub(super) fn new(models: NodeModels, signals: Arc<ActiveSignals>, today: Date) -> Self {
        Self {
            models,
            signals,
            today,
            server: None,
            by_name: HashMap::new(),
            counts: Counts::new(),
            control_planes: 0,
            placements: HashMap::new(),
        }
    }

    /// Returns true if there are no nodes and no placements.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.counts.is_empty() && self.placements.is_empty() && self.control_planes == 0
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    /// Adds a user of a placement and returns the stored, shared placement.
    pub(super) fn add_placement(&mut self, placement: &Arc<Placement>) -> Arc<Placement> {
        if let Some((stored, _)) = self.placements.get_key_value(placement) {
            let stored = stored.clone();
            self.placements.entry(stored.clone()).or_default().users += 1;
            return stored;
        }
        let mut counts = Counts::new();
        for (_, node) in self.by_name.iter().filter(|(name, node)| placement.admits(name, &node.facts)) {
            *counts.entry(node.result.clone()).or_default() += 1;
        }
        let result = self.evaluate_placement(placement, &counts);
        self.placements.insert(placement.clone(), PlacementEntry { users: 1, counts, result });
        placement.clone()
    }

    /// Removes a user of a placement, and the placement with its last user.
    pub(super) fn remove_placement(&mut self, placement: &Arc<Placement>) {
        if let Some(entry) = self.placements.get_mut(placement) {
            entry.users -= 1;
            if entry.users == 0 {
                self.placements.remove(placement);
            }
        }
    }

    /// Returns the service models of the nodes that a stored placement admits.
    pub(super) fn schedulable(&self, placement: &Placement) -> SchedulableNodes {
        self.placements.get(placement).map(|entry| entry.result.schedulable).unwrap_or_default()
    }

    /// Returns the observations of the nodes that a stored placement admits.
    pub(super) fn observations(&self, placement: &Placement) -> &[Observation] {
        self.placements.get(placement).map(|entry| &*entry.result.observations).unwrap_or_default()
    }

    /// Inserts, updates or deletes a node. Returns the placements whose result has changed.
    pub(super) fn put(&mut self, name: &Arc<str>, facts: Option<NodeFacts>) -> ChangedPlacements {
        if self.by_name.get(name).map(|node| &node.facts) == facts.as_ref() {
            return ChangedPlacements::new();
        }
        let runs_control_plane = |facts: &NodeFacts| facts.labels.get(CONTROL_PLANE_LABEL).is_some();
        let was_visible = self.control_planes > 0;
        if let Some(before) = self.by_name.remove(name) {
            self.control_planes -= usize::from(runs_control_plane(&before.facts));
            self.count(name, &before, |count| *count -= 1);
        }
        if let Some(facts) = facts {
            self.control_planes += usize::from(runs_control_plane(&facts));
            let result = self.evaluate_node(name, &facts);
            let node = Node { facts, result };
            self.count(name, &node, |count| *count += 1);
            self.by_name.insert(name.clone(), node);
        }
        if was_visible != (self.control_planes > 0) {
            self.reevaluate_nodes();
        }
        self.reevaluate_placements()
    }

    /// Sets the current day, in UTC. Returns the placements whose result has changed.
    pub(super) fn set_day(&mut self, today: Date) -> ChangedPlacements {
        self.today = today;
        self.reevaluate_nodes();
        self.reevaluate_placements()
    }

    /// Sets the version of the API server. Returns the placements whose result has changed.
    pub(super) fn set_server(&mut self, server: Option<KubernetesVersion>) -> ChangedPlacements {
        self.server = server;
        self.reevaluate_nodes();
        self.reevaluate_placements()
    }

    fn evaluate_node(&self, name: &str, facts: &NodeFacts) -> NodeResult {
        let class = self.models.classify(name, facts, self.control_planes > 0);
        let view = NodeInput { today: self.today, facts, server: self.server };
        NodeResult { class, observations: self.signals.evaluate_node(&view, class.model).into() }
    }

    /// Applies `change` to the count of the result of a node, in total and for each placement that admits it.
    fn count(&mut self, name: &str, node: &Node, change: impl Fn(&mut usize)) {
        let apply = |counts: &mut Counts| {
            let count = counts.entry(node.result.clone()).or_default();
            change(count);
            if *count == 0 {
                counts.remove(&node.result);
            }
        };
        apply(&mut self.counts);
        for (_, entry) in self.placements.iter_mut().filter(|(placement, _)| placement.admits(name, &node.facts)) {
            apply(&mut entry.counts);
        }
    }

    /// Evaluates all nodes again. Results depend on the visibility of the control plane, the day and the version of the
    /// API server.
    fn reevaluate_nodes(&mut self) {
        self.counts.clear();
        self.placements.values_mut().for_each(|entry| entry.counts.clear());
        for (name, mut node) in std::mem::take(&mut self.by_name) {
            node.result = self.evaluate_node(&name, &node.facts);
            self.count(&name, &node, |count| *count += 1);
            self.by_name.insert(name, node);
        }
    }

    /// Evaluates all placements again. Returns those whose result has changed.
    fn reevaluate_placements(&mut self) -> ChangedPlacements {
        let mut placements = std::mem::take(&mut self.placements);
        let mut changed = ChangedPlacements::new();
        for (placement, entry) in &mut placements {
            let result = self.evaluate_placement(placement, &entry.counts);
            if result != entry.result {
                entry.result = result;
                changed.insert(placement.clone());
            }
        }
        self.placements = placements;
        changed
    }

    fn evaluate_placement(&self, placement: &Placement, admitted: &Counts) -> PlacementResult {
        if placement.fargate {
            return PlacementResult { schedulable: SchedulableNodes::fargate(), observations: Vec::new() };
        }
        let managed = self.counts.keys().any(|result| result.class.managed_control_plane);
        // A placement without nodes, such as a pool that is scaled to zero, gets the results of all nodes.
        let counts = if admitted.is_empty() { &self.counts } else { admitted };
        PlacementResult {
            schedulable: SchedulableNodes::of(counts.keys().map(|result| result.class), managed),
            observations: distinct_per_signal(counts.keys().flat_map(|result| &*result.observations)),
        }
    }
}

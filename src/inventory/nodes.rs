//! The nodes, and what they come to for each way of choosing among them.
//!
//! Many workloads choose nodes in the same way, so what a placement admits is kept once and counted by what nodes show: a
//! node that joins is matched against each distinct placement and nothing else, and only placements that find something new
//! have their workloads evaluated again.

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

/// What a node shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct NodeResult {
    class: NodeClass,
    /// What signals see of it.
    observations: Arc<[Observation]>,
}

/// Nodes by what they show.
type Counts = BTreeMap<NodeResult, usize>;

#[derive(Debug, Default)]
struct PlacementEntry {
    /// How many workloads, or parts of workloads, are placed so.
    users: usize,
    counts: Counts,
    result: PlacementResult,
}

/// What the nodes of a placement come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct PlacementResult {
    schedulable: SchedulableNodes,
    observations: Vec<Observation>,
}

/// The placements that find something else than before.
pub(super) type ChangedPlacements = HashSet<Arc<Placement>>;

#[derive(Debug)]
pub(super) struct Nodes {
    models: NodeModels,
    signals: Arc<ActiveSignals>,
    today: Date,
    server: Option<KubernetesVersion>,
    known: HashMap<Arc<str>, Node>,
    counts: Counts,
    /// How many nodes show that they run the control plane.
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
            known: HashMap::new(),
            counts: Counts::new(),
            control_planes: 0,
            placements: HashMap::new(),
        }
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
    pub(super) fn add_placement(&mut self, placement: &Arc<Placement>) -> Arc<Placement> {
        if let Some((known, _)) = self.placements.get_key_value(placement) {
            let known = known.clone();
            self.placements.entry(known.clone()).or_default().users += 1;
            return known;
        }
        let mut counts = Counts::new();
        for (_, node) in self.known.iter().filter(|(name, node)| placement.admits(name, &node.facts)) {
            *counts.entry(node.result.clone()).or_default() += 1;
        }
        let result = self.evaluate_placement(placement, &counts);
        self.placements.insert(placement.clone(), PlacementEntry { users: 1, counts, result });
        placement.clone()
    }

    /// Takes in that a workload is placed so no more.
    pub(super) fn remove_placement(&mut self, placement: &Arc<Placement>) {
        if let Some(admitted) = self.placements.get_mut(placement) {
            admitted.users -= 1;
            if admitted.users == 0 {
                self.placements.remove(placement);
            }
        }
    }

    /// What the nodes come to for an adopted placement.
    pub(super) fn schedulable(&self, placement: &Placement) -> SchedulableNodes {
        self.placements.get(placement).map(|admitted| admitted.result.schedulable).unwrap_or_default()
    }

    /// What signals see of the nodes of an adopted placement.
    pub(super) fn observations(&self, placement: &Placement) -> &[Observation] {
        self.placements.get(placement).map(|admitted| &*admitted.result.observations).unwrap_or_default()
    }

    /// Takes in a node as it is, or that it is gone.
    pub(super) fn put(&mut self, name: &Arc<str>, facts: Option<NodeFacts>) -> ChangedPlacements {
        if self.known.get(name).map(|node| &node.facts) == facts.as_ref() {
            return ChangedPlacements::new();
        }
        let runs_control_plane = |facts: &NodeFacts| facts.labels.get(CONTROL_PLANE_LABEL).is_some();
        let was_visible = self.control_planes > 0;
        if let Some(before) = self.known.remove(name) {
            self.control_planes -= usize::from(runs_control_plane(&before.facts));
            self.count(name, &before, |count| *count -= 1);
        }
        if let Some(facts) = facts {
            self.control_planes += usize::from(runs_control_plane(&facts));
            let result = self.evaluate_node(name, &facts);
            let node = Node { facts, result };
            self.count(name, &node, |count| *count += 1);
            self.known.insert(name.clone(), node);
        }
        if was_visible != (self.control_planes > 0) {
            self.reevaluate_nodes();
        }
        self.reevaluate_placements()
    }

    /// Takes in that it is another day.
    pub(super) fn set_day(&mut self, today: Date) -> ChangedPlacements {
        self.today = today;
        self.reevaluate_nodes();
        self.reevaluate_placements()
    }

    /// Takes in that the API server is of another version.
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

    /// Counts a node in or out, wherever it is admitted.
    fn count(&mut self, name: &str, node: &Node, change: impl Fn(&mut usize)) {
        let apply = |counts: &mut Counts| {
            let count = counts.entry(node.result.clone()).or_default();
            change(count);
            if *count == 0 {
                counts.remove(&node.result);
            }
        };
        apply(&mut self.counts);
        for (_, admitted) in self.placements.iter_mut().filter(|(placement, _)| placement.admits(name, &node.facts)) {
            apply(&mut admitted.counts);
        }
    }

    /// Whether a control plane is visible, the day and the version of the API server decide what some nodes show: all are
    /// looked at anew.
    fn reevaluate_nodes(&mut self) {
        self.counts.clear();
        self.placements.values_mut().for_each(|admitted| admitted.counts.clear());
        for (name, mut node) in std::mem::take(&mut self.known) {
            node.result = self.evaluate_node(&name, &node.facts);
            self.count(&name, &node, |count| *count += 1);
            self.known.insert(name, node);
        }
    }

    /// Looks up anew what each placement finds.
    fn reevaluate_placements(&mut self) -> ChangedPlacements {
        let mut placements = std::mem::take(&mut self.placements);
        let mut changed = ChangedPlacements::new();
        for (placement, admitted) in &mut placements {
            let result = self.evaluate_placement(placement, &admitted.counts);
            if result != admitted.result {
                admitted.result = result;
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
        // A pool that is scaled to zero says nothing: any node may be meant.
        let counts = if admitted.is_empty() { &self.counts } else { admitted };
        PlacementResult {
            schedulable: SchedulableNodes::of(counts.keys().map(|result| result.class), managed),
            observations: distinct_per_signal(counts.keys().flat_map(|result| &*result.observations)),
        }
    }
}

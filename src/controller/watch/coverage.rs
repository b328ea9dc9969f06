//! Coverage of the watches: which kinds are read, and which results are unknown while some are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::watched_kind::{KindRole, Problem, WatchedKind};
use crate::facts::{Availability, FactKind};
use crate::model::Completeness;
use crate::telemetry::health::Check;

/// Limit of the kinds or namespaces that one sentence names.
const NAMED: usize = 3;

/// State of every watched kind.
#[derive(Debug, Default)]
pub(in crate::controller) struct Coverage {
    /// Kinds that are neither read nor known to be unreadable yet.
    pending: BTreeSet<WatchedKind>,
    synced: BTreeSet<WatchedKind>,
    unreadable: BTreeMap<WatchedKind, Problem>,
    /// Sentence about kinds that an option excludes.
    excluded: Option<String>,
}

impl Coverage {
    /// Returns the coverage at start: every kind is pending.
    pub(super) fn new(kinds: impl IntoIterator<Item = WatchedKind>) -> Self {
        Self { pending: kinds.into_iter().collect(), ..Self::default() }
    }

    /// Adds that only some namespaces, and no cluster-scoped objects, are watched.
    #[must_use]
    pub(super) fn limited_to(self, namespaces: &[String]) -> Self {
        // Tenants can read this sentence, so it does not name the namespaces.
        let excluded = format!(
            "only the {} namespace(s) of --namespaces are watched; Nodes, Namespaces, \
             ClusterResponsibilityAssignments and ServiceModels are not",
            namespaces.len()
        );
        Self { excluded: Some(excluded), ..self }
    }

    /// Returns every watched kind.
    pub(in crate::controller) fn kinds(&self) -> impl Iterator<Item = &WatchedKind> {
        self.pending.iter().chain(&self.synced).chain(self.unreadable.keys())
    }

    /// Records that a kind is read. Returns true if that is a change.
    pub(in crate::controller) fn set_synced(&mut self, kind: WatchedKind) -> bool {
        self.pending.remove(&kind);
        self.unreadable.remove(&kind);
        self.synced.insert(kind)
    }

    /// Records that a kind cannot be read. Returns true if that is a change.
    pub(in crate::controller) fn set_unreadable(&mut self, kind: WatchedKind, problem: Problem) -> bool {
        self.pending.remove(&kind);
        self.synced.remove(&kind);
        self.unreadable.insert(kind, problem) != Some(problem)
    }

    /// Removes a kind that is no longer served. Returns true if it was watched.
    pub(in crate::controller) fn remove(&mut self, kind: &WatchedKind) -> bool {
        let was_pending = self.pending.remove(kind);
        let was_synced = self.synced.remove(kind);
        self.unreadable.remove(kind).is_some() || was_pending || was_synced
    }

    /// Returns true if every kind is either read or known to be unreadable. Nothing is written before that.
    pub(in crate::controller) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// Returns the state of each kind for the readiness probe: with a problem for each kind that is not read.
    pub(in crate::controller) fn checks(&self) -> Vec<Check> {
        let mut checks: BTreeMap<&Arc<str>, Check> = BTreeMap::new();
        let pending = self.pending.iter().map(|kind| (kind, Some(format!("{kind} is being read"))));
        let unreadable = self.unreadable.iter().map(|(kind, problem)| (kind, Some(problem.explain(kind))));
        let synced = self.synced.iter().map(|kind| (kind, None));
        // Keeps the first problem of a kind that is watched in hundreds of namespaces.
        for (kind, problem) in unreadable.chain(pending).chain(synced) {
            let (resource, required) = (kind.resource().to_string(), kind.role().is_required());
            checks.entry(kind.resource()).or_insert(Check { resource, problem, required });
        }
        checks.into_values().collect()
    }

    /// Returns true if every kind is read.
    pub(in crate::controller) fn is_complete(&self) -> bool {
        self.pending.is_empty() && self.unreadable.is_empty()
    }

    /// Returns true if a resource is read in a namespace.
    pub(in crate::controller) fn is_synced(&self, resource: &str, namespace: &str) -> bool {
        self.synced.iter().any(|kind| **kind.resource() == *resource && kind.covers(namespace))
    }

    /// Returns true unless nodes are unreadable.
    pub(in crate::controller) fn is_nodes_readable(&self) -> bool {
        self.unreadable.keys().all(|kind| kind.role() != KindRole::Nodes)
    }

    /// Returns the availability of each kind that only signals read, with its namespace, `None` for the whole cluster.
    pub(in crate::controller) fn availabilities(
        &self,
    ) -> impl Iterator<Item = (FactKind, Option<Arc<str>>, Availability)> {
        let synced = self.synced.iter().map(|kind| (kind, Availability::Read));
        let unreadable = self.unreadable.keys().map(|kind| (kind, Availability::Unreadable));
        synced
            .chain(unreadable)
            .filter_map(|(kind, availability)| Some((kind.fact_kind()?, kind.namespace().map(Arc::from), availability)))
    }

    /// Returns true if NetworkPolicies are read: a pod that none selects is then known to be unselected.
    pub(in crate::controller) fn is_policies_readable(&self) -> bool {
        let missing = self.pending.iter().chain(self.unreadable.keys());
        missing.into_iter().all(|kind| kind.role() != KindRole::Policies)
    }

    /// Returns the unreadable inputs of a namespace, or of a cluster assignment for `None`.
    ///
    /// Nodes count only if the service model of a workload comes from its nodes (`from_nodes`). ServiceModels count only if
    /// an assignment names a model that the cluster defines (`uses_custom_model`).
    pub(in crate::controller) fn completeness(
        &self,
        namespace: Option<&str>,
        from_nodes: bool,
        uses_custom_model: bool,
    ) -> Completeness {
        let mut problems: BTreeMap<(bool, Problem, &str), Vec<&WatchedKind>> = BTreeMap::new();
        let mut partial: BTreeMap<(&str, Problem, &str), Vec<&WatchedKind>> = BTreeMap::new();
        // A kind that is unreadable in one namespace does not affect another.
        let concerns = |kind: &WatchedKind| namespace.is_none_or(|namespace| kind.covers(namespace));
        for (kind, problem) in self.unreadable.iter().filter(|(kind, _)| concerns(kind)) {
            let essential = match kind.role() {
                KindRole::Essential | KindRole::Configured | KindRole::Assignments => true,
                KindRole::ServiceModels if uses_custom_model => true,
                KindRole::Nodes if from_nodes => true,
                KindRole::Additional | KindRole::Optional => false,
                KindRole::Policies => {
                    let effect = "the risk SegmentationAssumed and the signal network-policy are not evaluated";
                    partial.entry((effect, *problem, problem.advice(kind))).or_default().push(kind);
                    continue;
                }
                KindRole::Signals(_) | KindRole::OptionalSignals(_) => {
                    let effect = "signals that read them are Unknown";
                    partial.entry((effect, *problem, problem.advice(kind))).or_default().push(kind);
                    continue;
                }
                KindRole::ServiceModels | KindRole::Nodes => continue,
            };
            problems.entry((essential, *problem, problem.advice(kind))).or_default().push(kind);
        }
        let sentence = |((effect, problem, advice), kinds): (&(&str, Problem, &str), &Vec<&WatchedKind>)| {
            format!("{}, and {effect}", problem.sentence(&enumerate(kinds), advice))
        };
        let minor = partial.iter().map(sentence).collect();
        let namespaced_scope = self.excluded.clone();
        let mut completeness = Completeness { minor, namespaced_scope, ..Completeness::default() };
        // One sentence per remedy: hundreds of kinds and namespaces can be unreadable for one reason.
        for ((essential, problem, advice), kinds) in problems {
            let sentence = problem.sentence(&enumerate(&kinds), advice);
            if essential {
                completeness.essential.push(sentence);
            } else {
                completeness.additional.push(sentence);
            }
        }
        completeness
    }
}

/// Returns the first items as a list, and the number of further ones.
fn enumerate(items: &[impl fmt::Display]) -> String {
    let named: Vec<String> = items.iter().take(NAMED).map(ToString::to_string).collect();
    match items.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests;

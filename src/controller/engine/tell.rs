//! Events on workloads and namespaces: what is due to be looked at, and whether there is something to tell.

use std::sync::Arc;

use tracing::info;

use super::super::events::Telling;
use super::super::notices::{Due, is_young, namespace_note, workload_note};
use super::Engine;
use crate::facts::{AssignmentId, WorkloadKey};
use crate::model::{EffectiveModel, Evaluation};

impl Engine {
    /// Tells of a workload or a namespace whose change has lasted, if it has.
    pub(super) fn tell(&mut self, due: &Due) {
        let telling = match due {
            Due::Workload(key, before) => self.workload_telling(key, before),
            Due::Namespace(name) => self.namespace_telling(name),
        };
        let Some((namespace, telling)) = telling else { return };
        if !self.mandate.holds() {
            return;
        }
        if !self.gate.admit_minor(&namespace) {
            return self.count_dropped(telling.reason());
        }
        self.told += 1;
        let (events, now) = (self.events.clone(), self.clock.now());
        self.telling.spawn(async move { events.tell(telling, now).await });
    }

    fn workload_telling(&self, key: &WorkloadKey, before: &Evaluation) -> Option<(Arc<str>, Telling)> {
        let report = self.inventory.workload(key)?;
        let EffectiveModel { from_nodes, uses_custom_model, .. } = report.evaluation.model;
        // What is not known for certain, before or now, is nothing to tell of.
        let is_certain = before.is_certain() && report.evaluation.is_certain();
        let is_young = is_young(report.identity.created, self.clock.now().as_second());
        if !is_certain
            || is_young
            || report.identity.uid.is_empty()
            || !self.is_known(&key.namespace, from_nodes, uses_custom_model)
        {
            return None;
        }
        let before = self.inventory.gaps_of_workload_team(&key.namespace, before);
        let note = workload_note(self.inventory.matrix(), &before, &report.gaps, &report.assignment)?;
        let uid = &self.assignments.get(&report.assignment)?.seen.uid;
        info!(namespace = %key.namespace, workload = %key, reason = note.reason, "{}", note.note);
        let assignment = (&report.assignment, uid.as_str());
        Some((key.namespace.clone(), Telling::of_workload(key, &report.identity, assignment, &note, &self.turn())))
    }

    fn namespace_telling(&self, name: &Arc<str>) -> Option<(Arc<str>, Telling)> {
        let uid = self.inventory.unassigned(name)?;
        let is_known = self.is_known(name, false, false);
        is_known.then(|| (name.clone(), Telling::of_namespace(name, &uid, &namespace_note(), &self.turn())))
    }

    /// Counts an Event that is not written because there are too many.
    pub(super) fn count_dropped(&mut self, reason: &str) {
        self.dropped += 1;
        self.instruments.metrics.events(reason, "dropped", 1);
    }

    /// Whether everything is known of a namespace that its workloads depend on.
    fn is_known(&self, namespace: &Arc<str>, from_nodes: bool, uses_custom_model: bool) -> bool {
        let could_speak = |id: &AssignmentId| id.namespace.as_ref().is_none_or(|of| of == namespace);
        self.sources.completeness(Some(namespace), from_nodes, uses_custom_model).is_complete()
            && !self.unreadable.iter().any(could_speak)
    }

    /// Another text each time.
    fn turn(&self) -> String {
        format!("{}/{}", self.started.as_nanosecond(), self.told)
    }
}

//! Events on workloads and namespaces that are due.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::info;

use super::intake::Intake;
use super::publisher::Publisher;
use crate::controller::publish::{Due, EventDraft, is_young, namespace_note, workload_note};
use crate::facts::WorkloadKey;
use crate::model::{EffectiveModel, Evaluation};

impl Publisher {
    /// Emits the Event on a workload or a namespace, if its change still applies.
    pub(super) fn emit_due(&mut self, intake: &Intake, due: &Due) {
        let draft = match due {
            Due::Workload(key, before) => self.draft_of_workload(intake, key, before),
            Due::Namespace(name) => self.draft_of_namespace(intake, name),
        };
        let Some((namespace, draft)) = draft else { return };
        if !self.leadership.is_held() {
            return;
        }
        if !self.event_rate.admit_minor(&namespace, Instant::now()) {
            return self.count_dropped(draft.reason());
        }
        self.emitted += 1;
        let (events, now) = (self.events.clone(), self.clock.now());
        self.emitting.spawn(async move { events.emit(draft, now).await });
    }

    fn draft_of_workload(
        &self,
        intake: &Intake,
        key: &WorkloadKey,
        before: &Evaluation,
    ) -> Option<(Arc<str>, EventDraft)> {
        let inventory = intake.inventory();
        let report = inventory.workload(key)?;
        let EffectiveModel { from_nodes, uses_custom_model, .. } = report.evaluation.model;
        // An Event needs a certain result before the change and after it.
        let is_certain = before.is_certain() && report.evaluation.is_certain();
        let is_young = is_young(report.identity.created, self.clock.now().as_second());
        if !is_certain
            || is_young
            || report.identity.uid.is_empty()
            || !intake.is_complete_for(&key.namespace, from_nodes, uses_custom_model)
        {
            return None;
        }
        let before = inventory.gaps_of_workload_team(&key.namespace, before);
        let note = workload_note(inventory.matrix(), &before, &report.gaps, &report.assignment)?;
        let uid = &intake.assignments().get(&report.assignment)?.uid;
        info!(namespace = %key.namespace, workload = %key, reason = note.reason, "{}", note.note);
        let assignment = (&report.assignment, uid.as_str());
        let draft = EventDraft::of_workload(key, &report.identity, assignment, &note, &self.unique());
        Some((key.namespace.clone(), draft))
    }

    fn draft_of_namespace(&self, intake: &Intake, name: &Arc<str>) -> Option<(Arc<str>, EventDraft)> {
        let uid = intake.inventory().unassigned(name)?;
        let is_complete = intake.is_complete_for(name, false, false);
        is_complete.then(|| (name.clone(), EventDraft::of_namespace(name, &uid, &namespace_note(), &self.unique())))
    }

    /// Returns a text that is different for each Event.
    fn unique(&self) -> String {
        format!("{}/{}", self.started.as_nanosecond(), self.emitted)
    }
}

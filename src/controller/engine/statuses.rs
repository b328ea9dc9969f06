//! Statuses: start of a write, and handling of its outcome.

use std::sync::Arc;

use tokio::task::{self, JoinError};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::intake::{Intake, StatusKey};
use super::publisher::{Announcements, Publisher, priority};
use super::whole_seconds;
use crate::controller::publish::{
    PlanInput, Priority, StatusOutcome, WriteOutcome, execute, plan, plan_service_model, write_service_model,
};
use crate::facts::AssignmentId;

/// Number of failed writes in a row, the last by a contradiction of watch and API server, after which the watch lists anew.
const CONTRADICTIONS: u32 = 3;

impl Publisher {
    /// Evaluates an object and starts a write task if its status is out of date or Events are due.
    pub(super) fn start_status(&mut self, intake: &Intake, key: &StatusKey) {
        if !self.leadership.is_held() {
            // The process can have been paused while another replica became the leader.
            return self.requeue(intake, key);
        }
        match key {
            StatusKey::Assignment(id) => self.start_assignment(intake, id),
            StatusKey::ServiceModel(name) => self.start_service_model(intake, name),
        }
    }

    fn start_assignment(&mut self, intake: &Intake, id: &AssignmentId) {
        let key = StatusKey::Assignment(id.clone());
        let inventory = intake.inventory();
        // An assignment that does not match the schema selects nothing.
        let roll_up = inventory.roll_up(id).unwrap_or_default();
        let uses_custom_model = roll_up.uses_custom_model > 0
            || inventory.assignment(id).is_some_and(|assignment| assignment.uses_custom_model(inventory.matrix()));
        let completeness = intake.completeness_of(id, roll_up.from_nodes > 0, uses_custom_model);
        let Some(observed) = intake.assignments().get(id) else { return self.finish(intake, &key) };
        let announcements = self.announcements.entry(id.clone()).or_default();
        if announcements.uid != observed.uid {
            *announcements = Announcements { uid: observed.uid.clone(), ..Announcements::default() };
        }
        let input = PlanInput {
            observed,
            uncommitted: announcements.uncommitted.as_ref(),
            assignment: inventory.assignment(id).map(AsRef::as_ref),
            matrix: inventory.matrix(),
            catalogue: inventory.catalogue(),
            roll_up: &roll_up,
            completeness: &completeness,
            now: whole_seconds(self.clock.now()),
            at: Instant::now(),
        };
        let plan = plan(&input, &mut announcements.debounce, &mut self.event_rate);
        if let Some(time) = plan.requeue_at {
            self.queue.enqueue_at(&key, Priority::Background, time);
        }
        if plan.is_empty() {
            self.metrics.count_reconcile(key.kind(), "unchanged");
            return self.finish(intake, &key);
        }
        for note in plan.notes() {
            info!(assignment = %id, reason = note.reason, "{}", note.note);
        }
        if let Some(uncommitted) = plan.uncommitted() {
            announcements.uncommitted = Some(uncommitted);
        }
        let write = execute(plan, self.client.clone(), self.events.clone(), self.leadership.clone());
        self.spawn(key, observed.uid.clone(), write);
    }

    fn start_service_model(&mut self, intake: &Intake, name: &Arc<str>) {
        let key = StatusKey::ServiceModel(name.clone());
        let Some(observed) = intake.service_models().get(name) else { return self.finish(intake, &key) };
        let (inventory, now) = (intake.inventory(), whole_seconds(self.clock.now()));
        let Some(status) = plan_service_model(observed, inventory.matrix(), inventory.assignments_using(name), now)
        else {
            self.metrics.count_reconcile(key.kind(), "unchanged");
            return self.finish(intake, &key);
        };
        let write = write_service_model(self.client.clone(), observed.clone(), status, self.leadership.clone());
        self.spawn(key, observed.uid.clone(), write);
    }

    fn spawn(&mut self, key: StatusKey, uid: String, write: impl Future<Output = StatusOutcome> + Send + 'static) {
        let now = Instant::now();
        self.queue.count_writes(&key, 1, now);
        let task = self.writes.spawn(async move { (uid, write.await) });
        self.writing.insert(task.id(), (key, now));
    }

    /// Handles the end of a write task.
    pub(super) fn end_status(
        &mut self,
        intake: &mut Intake,
        ended: Result<(task::Id, (String, StatusOutcome)), JoinError>,
    ) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some((key, started)) = self.writing.remove(&task) else { return };
        match ended {
            Ok((_, (uid, outcome))) => {
                self.metrics.count_reconcile(key.kind(), outcome.name());
                self.metrics.observe_duration(key.kind(), started.elapsed());
                self.handle(intake, &key, &uid, outcome);
            }
            // Aborted because this replica no longer leads.
            Err(error) if error.is_cancelled() => self.finish(intake, &key),
            Err(error) => {
                warn!(status = %key, %error, "a write task ended abnormally");
                self.metrics.count_reconcile(key.kind(), "failed");
                self.fail(intake, &key);
            }
        }
    }

    fn handle(&mut self, intake: &mut Intake, key: &StatusKey, uid: &str, outcome: StatusOutcome) {
        match outcome {
            WriteOutcome::Written(written) => {
                debug!(status = %key, resource_version = written.resource_version, "wrote the status");
                if let StatusKey::Assignment(id) = key
                    && let Some(announcements) = self.announcements.get_mut(id).filter(|known| known.uid == uid)
                {
                    announcements.uncommitted = None;
                }
                intake.record_status(key, uid, written);
                self.finish(intake, key);
            }
            WriteOutcome::Unchanged => self.finish(intake, key),
            WriteOutcome::NotLeading => self.requeue(intake, key),
            // The watch event of the change or of the deletion normally comes before the retry.
            WriteOutcome::Conflict | WriteOutcome::Gone => {
                debug!(status = %key, "the object changed or was deleted meanwhile, evaluating it again");
                self.contradict(intake, key);
            }
            WriteOutcome::NotServed => {
                self.fail(intake, key);
            }
            WriteOutcome::Failed(failure) => {
                warn!(status = %key, error = failure.error, "cannot write the status, trying again");
                self.fail(intake, key);
            }
        }
    }

    fn finish(&mut self, intake: &Intake, key: &StatusKey) {
        self.queue.finished(key, priority(intake, key).unwrap_or_default());
    }

    fn fail(&mut self, intake: &Intake, key: &StatusKey) -> u32 {
        self.queue.failed(key, priority(intake, key).unwrap_or_default(), Instant::now())
    }

    /// Retries with growing delays after the API server contradicted the watch: it has another version of the object, or none.
    fn contradict(&mut self, intake: &Intake, key: &StatusKey) {
        if priority(intake, key).is_none() {
            // The watch has seen the deletion.
            return self.finish(intake, key);
        }
        let failures = self.fail(intake, key);
        if failures >= CONTRADICTIONS {
            warn!(status = %key, failures, "the API server has another version of the object than the watch, listing anew");
            self.relist.request();
        }
    }

    fn requeue(&mut self, intake: &Intake, key: &StatusKey) {
        self.finish(intake, key);
        self.enqueue(intake, [key.clone()]);
    }
}

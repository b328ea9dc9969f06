//! The statuses: what is worked on, and how the writes end.

use std::fmt;
use std::sync::Arc;

use tokio::task::{self, JoinError};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{Engine, Tracked, whole_seconds};
use crate::controller::input::{Seen, SeenModel};
use crate::controller::queue::Line;
use crate::controller::reconcile::{Outcome, Situation, Written, plan, plan_service_model, write_service_model};
use crate::facts::AssignmentId;

/// What a status is kept of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    Assignment(AssignmentId),
    ServiceModel(Arc<str>),
}

impl Work {
    /// The kind of the object, as the API calls it.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Assignment(id) => id.kind(),
            Self::ServiceModel(_) => "ServiceModel",
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assignment(id) => write!(f, "{id}"),
            Self::ServiceModel(name) => write!(f, "service model {name}"),
        }
    }
}

impl Engine {
    pub(super) fn start(&mut self, work: &Work) {
        if !self.mandate.holds() {
            // The process may have been paused while another took over.
            return self.again(work);
        }
        match work {
            Work::Assignment(id) => self.start_assignment(id),
            Work::ServiceModel(name) => self.start_service_model(name),
        }
    }

    fn start_assignment(&mut self, id: &AssignmentId) {
        let work = Work::Assignment(id.clone());
        // An assignment that does not parse selects nothing.
        let roll_up = self.inventory.roll_up(id).unwrap_or_default();
        let uses_custom_model = roll_up.uses_custom_model > 0
            || self
                .inventory
                .assignment(id)
                .is_some_and(|assignment| assignment.uses_custom_model(self.inventory.matrix()));
        let completeness = self.completeness_for(id, roll_up.from_nodes > 0, uses_custom_model);
        let Some(Tracked { seen, hold, told }) = self.assignments.get_mut(id) else {
            return self.finished(&work);
        };
        let situation = Situation {
            seen,
            told: told.as_ref(),
            assignment: self.inventory.assignment(id).map(AsRef::as_ref),
            matrix: self.inventory.matrix(),
            catalogue: self.inventory.catalogue(),
            roll_up: &roll_up,
            completeness: &completeness,
            gate: &self.gate,
            now: whole_seconds(self.clock.now()),
            at: Instant::now(),
        };
        let plan = plan(&situation, hold);
        if let Some(time) = plan.look_again {
            self.queue.mark_at(&work, Line::Routine, time);
        }
        if plan.is_nothing() {
            self.instruments.metrics.reconciled(work.kind(), "unchanged");
            return self.finished(&work);
        }
        for note in plan.notes() {
            info!(assignment = %id, reason = note.reason, "{}", note.note);
        }
        if let Some(telling) = plan.telling() {
            *told = Some(telling);
        }
        let uid = seen.uid.clone();
        let carried_out = plan.carry_out(self.client.clone(), self.events.clone(), self.mandate.clone());
        self.spawn(work, uid, carried_out);
    }

    fn start_service_model(&mut self, name: &Arc<str>) {
        let work = Work::ServiceModel(name.clone());
        let Some(seen) = self.service_models.get(name) else { return self.finished(&work) };
        let now = whole_seconds(self.clock.now());
        let planned = plan_service_model(seen, self.inventory.matrix(), self.inventory.assignments_using(name), now);
        let Some(status) = planned else {
            self.instruments.metrics.reconciled(work.kind(), "unchanged");
            return self.finished(&work);
        };
        let (uid, write) =
            (seen.uid.clone(), write_service_model(self.client.clone(), seen.clone(), status, self.mandate.clone()));
        self.spawn(work, uid, write);
    }

    fn spawn(&mut self, work: Work, uid: String, write: impl Future<Output = Outcome> + Send + 'static) {
        let now = Instant::now();
        self.queue.write_begins(&work, now);
        let task = self.writes.spawn(async move { (uid, write.await) });
        self.writing.insert(task.id(), (work, now));
    }

    pub(super) fn ended(&mut self, ended: Result<(task::Id, (String, Outcome)), JoinError>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some((work, begun)) = self.writing.remove(&task) else { return };
        match ended {
            Ok((_, (uid, outcome))) => {
                self.instruments.metrics.reconciled(work.kind(), outcome.name());
                self.instruments.metrics.took(work.kind(), begun.elapsed());
                self.finish(&work, &uid, outcome);
            }
            // Cut off when this process ceased to lead.
            Err(error) if error.is_cancelled() => self.finished(&work),
            Err(error) => {
                warn!(status = %work, %error, "a write ended abnormally");
                self.instruments.metrics.reconciled(work.kind(), "failed");
                self.failed(&work);
            }
        }
    }

    fn finish(&mut self, work: &Work, uid: &str, outcome: Outcome) {
        match outcome {
            Outcome::Written { resource_version, status } => {
                debug!(status = %work, resource_version, "published");
                self.published(work, uid, resource_version, status);
                self.finished(work);
            }
            Outcome::Unchanged | Outcome::Gone => self.finished(work),
            Outcome::NotLeading => self.again(work),
            Outcome::Conflict => {
                debug!(status = %work, "changed meanwhile, evaluating again");
                self.again(work);
            }
            Outcome::Failed(error) => {
                warn!(status = %work, error, "cannot publish the status, trying again");
                self.failed(work);
            }
        }
    }

    fn finished(&mut self, work: &Work) {
        let line = self.line(work).unwrap_or_default();
        self.queue.finished(work, line);
    }

    fn failed(&mut self, work: &Work) {
        let line = self.line(work).unwrap_or_default();
        self.queue.failed(work, line, Instant::now());
    }

    /// The line in which it waits now; none when it is not known.
    pub(super) fn line(&self, work: &Work) -> Option<Line> {
        let is_answered = match work {
            Work::Assignment(id) => self.assignments.get(id)?.seen.is_answered(),
            Work::ServiceModel(name) => self.service_models.get(name)?.is_answered(),
        };
        Some(if is_answered { Line::Routine } else { Line::Prompt })
    }

    /// Works on it anew.
    fn again(&mut self, work: &Work) {
        self.finished(work);
        self.mark([work.clone()]);
    }

    /// Takes in a status that was written, unless the watch knows of a later one by now.
    fn published(&mut self, work: &Work, uid: &str, resource_version: String, status: Written) {
        match (work, status) {
            (Work::Assignment(id), Written::Assignment(status)) => {
                let known = self.assignments.get_mut(id).filter(|known| known.seen.uid == uid);
                if let Some(Tracked { seen, told, .. }) = known {
                    *told = None;
                    let written = Seen { resource_version, status: *status, ..seen.clone() };
                    if !written.is_older_than(seen) {
                        *seen = written;
                    }
                }
            }
            (Work::ServiceModel(name), Written::ServiceModel(status)) => {
                if let Some(seen) = self.service_models.get_mut(name).filter(|known| known.uid == uid) {
                    let written = SeenModel { resource_version, status: *status, ..seen.clone() };
                    if !written.is_older_than(seen) {
                        *seen = written;
                    }
                }
            }
            (Work::Assignment(_), Written::ServiceModel(_)) | (Work::ServiceModel(_), Written::Assignment(_)) => {}
        }
    }
}

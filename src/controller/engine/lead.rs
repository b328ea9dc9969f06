//! Leading and standing by: of several replicas all watch and one writes.

use tokio::time::Instant;
use tracing::{info, warn};

use super::Engine;
use super::work::Work;
use crate::controller::hold::Hold;
use crate::controller::notices::Notices;

impl Engine {
    /// Takes in whether this process may write.
    pub(super) fn look_at_mandate(&mut self) {
        match (self.leads, self.mandate.holds()) {
            (false, true) => self.take_over(),
            (true, false) => self.stand_by(),
            _ => {}
        }
    }

    /// Whatever another has left undone is found by looking at everything: what is right already is not written.
    fn take_over(&mut self) {
        info!("leading: statuses and Events are written by this replica");
        self.leads = true;
        self.mark_assignments();
        self.mark_service_models();
        self.mark_all_reports();
    }

    /// Nothing is written any more, and what was to be told is another's to tell.
    fn stand_by(&mut self) {
        warn!("not leading any more: standing by");
        self.leads = false;
        self.queue.forget_waiting();
        self.writes.abort_all();
        self.telling.abort_all();
        self.reports.stand_by();
        self.notices = Notices::default();
        for tracked in self.assignments.values_mut() {
            tracked.hold = Hold::default();
            tracked.told = None;
        }
    }

    /// Marks what is to be worked on. One that stands by looks at everything when it takes over.
    pub(super) fn mark(&mut self, works: impl IntoIterator<Item = Work>) {
        if !self.leads {
            return;
        }
        let now = Instant::now();
        for work in works {
            if let Some(line) = self.line(&work) {
                self.queue.mark(&work, line, now);
            }
        }
    }

    pub(super) fn mark_service_models(&mut self) {
        let models: Vec<Work> = self.service_models.keys().cloned().map(Work::ServiceModel).collect();
        self.mark(models);
    }

    pub(super) fn mark_assignments(&mut self) {
        let assignments: Vec<Work> = self.assignments.keys().cloned().map(Work::Assignment).collect();
        self.mark(assignments);
    }
}

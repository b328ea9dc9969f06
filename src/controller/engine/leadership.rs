//! Leadership: of several replicas, all watch and one writes.

use tracing::{info, warn};

use super::intake::Intake;
use super::publisher::Publisher;
use crate::controller::publish::WorkloadEvents;

impl Publisher {
    /// Starts or stops writing when this replica has become or ceased to be the leader.
    pub(super) fn update_leadership(&mut self, intake: &Intake) {
        match (self.leads, self.leadership.is_held()) {
            (false, true) => self.start_leading(intake),
            (true, false) => self.stop_leading(),
            _ => {}
        }
    }

    /// Evaluates everything, to finish what an earlier leader did not. A status that is right already is not written.
    fn start_leading(&mut self, intake: &Intake) {
        info!("leading: this replica writes statuses and Events");
        self.leads = true;
        self.enqueue_assignments(intake);
        self.enqueue_service_models(intake);
        self.enqueue_all_reports(intake);
    }

    /// Stops all writes and drops pending Events: the new leader emits them.
    fn stop_leading(&mut self) {
        warn!("no longer leading: this replica is a standby");
        self.leads = false;
        self.queue.clear_waiting();
        self.writes.abort_all();
        self.emitting.abort_all();
        self.reports.stop_writes();
        self.workload_events = WorkloadEvents::default();
        self.announcements.clear();
    }
}

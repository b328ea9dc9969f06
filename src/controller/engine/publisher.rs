//! Publisher: what to write and when. It owns the queues, the rate limits and the tasks of writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio::task::{self, JoinSet};
use tokio::time::Instant;
use tracing::warn;

use super::intake::{Effects, Intake, StatusKey};
use crate::controller::election::Leadership;
use crate::controller::options::{Clock, Options};
use crate::controller::publish::{
    Debounce, EventRate, EventSink, Priority, Queue, Reports, StatusOutcome, Uncommitted, WorkloadEvents,
};
use crate::controller::watch::RelistRequest;
use crate::facts::AssignmentId;
use crate::telemetry::Instruments;
use crate::telemetry::health::Health;
use crate::telemetry::metric::Metrics;

/// Interval between log lines about dropped Events.
const DROPPED_LOG: Duration = Duration::from_mins(1);

/// Decides what to write and when.
pub(super) struct Publisher {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
    health: Health,
    pub(super) leadership: Leadership,
    /// True if this replica held the leadership at the last check. Nothing is written without it.
    pub(super) leads: bool,
    pub(super) events: EventSink,
    pub(super) event_rate: EventRate,
    pub(super) workload_events: WorkloadEvents,
    pub(super) announcements: HashMap<AssignmentId, Announcements>,
    pub(super) queue: Queue<StatusKey>,
    /// Write tasks of statuses. Each returns the UID of the object that it wrote.
    pub(super) writes: JoinSet<(String, StatusOutcome)>,
    /// Object and start time of each write task, also of one that panics.
    pub(super) writing: HashMap<task::Id, (StatusKey, Instant)>,
    pub(super) reports: Reports,
    /// Makes the watches of the operator's own kinds list anew.
    pub(super) relist: RelistRequest,
    /// Tasks that emit Events on workloads and namespaces.
    pub(super) emitting: JoinSet<()>,
    /// Number of Events on workloads and namespaces so far. Together with the start time it makes their names unique.
    pub(super) emitted: u64,
    pub(super) started: Timestamp,
    /// Number of Events that were dropped since the last log line about them.
    dropped: u64,
    dropped_logged: Instant,
}

/// State of the announcements of one assignment.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    /// UID of the object: another object of the same name starts anew.
    pub(super) uid: String,
    pub(super) debounce: Debounce,
    /// Announcements of emitted Events that no status has committed yet.
    pub(super) uncommitted: Option<Uncommitted>,
}

impl Publisher {
    pub(super) fn new(
        client: Client,
        options: &Options,
        instruments: &Instruments,
        leadership: Leadership,
        relist: RelistRequest,
    ) -> Self {
        let Instruments { metrics, health, .. } = instruments;
        Self {
            events: EventSink::new(client.clone(), &options.instance, metrics.clone()),
            client,
            started: options.clock.now(),
            clock: options.clock.clone(),
            metrics: metrics.clone(),
            health: health.clone(),
            leadership,
            leads: false,
            event_rate: EventRate::new(),
            workload_events: WorkloadEvents::default(),
            announcements: HashMap::new(),
            queue: Queue::new(options.status_writes_per_second),
            writes: JoinSet::new(),
            writing: HashMap::new(),
            reports: Reports::new(options.reports),
            relist,
            emitting: JoinSet::new(),
            emitted: 0,
            dropped: 0,
            dropped_logged: Instant::now(),
        }
    }

    pub(super) const fn is_leading(&self) -> bool {
        self.leads
    }

    /// Enqueues what the effects of an event can change.
    pub(super) fn apply(&mut self, intake: &Intake, effects: Effects) {
        for key in &effects.removed {
            self.queue.remove(key);
            if let StatusKey::Assignment(id) = key {
                self.announcements.remove(id);
            }
        }
        if effects.selection_changed {
            self.workload_events.retain_namespaces(|name| intake.inventory().has_no_assignment(name));
        }
        if effects.renumbered {
            self.workload_events.clear_workloads();
        }
        self.enqueue(intake, effects.changed);
        self.enqueue_reports(effects.reports);
        if effects.service_models_changed {
            self.enqueue_service_models(intake);
            self.enqueue_all_reports(intake);
        }
        if effects.coverage_changed {
            self.update_coverage(intake);
        }
        // While another replica leads, it emits these Events.
        if self.leads {
            for change in effects.workloads {
                if !self.workload_events.add_workload(change) {
                    self.count_dropped("unknown");
                }
            }
            for name in effects.unassigned {
                self.workload_events.add_namespace(name);
            }
        }
    }

    fn update_coverage(&mut self, intake: &Intake) {
        self.health.set_checks(intake.coverage().checks());
        if intake.coverage().is_settled() {
            // A replica takes part in the election only after this: before, it could not write.
            self.leadership.want();
            self.enqueue_assignments(intake);
            self.warn_if_reports_not_served(intake.coverage());
            self.enqueue_all_reports(intake);
        }
    }

    /// Enqueues objects whose status can be out of date. A standby enqueues nothing: it evaluates everything when it becomes
    /// the leader.
    pub(super) fn enqueue(&mut self, intake: &Intake, keys: impl IntoIterator<Item = StatusKey>) {
        if !self.leads {
            return;
        }
        let now = Instant::now();
        for key in keys {
            if let Some(priority) = priority(intake, &key) {
                self.queue.enqueue(&key, priority, now);
            }
        }
    }

    pub(super) fn enqueue_assignments(&mut self, intake: &Intake) {
        self.enqueue(intake, intake.assignments().keys().cloned().map(StatusKey::Assignment));
    }

    pub(super) fn enqueue_service_models(&mut self, intake: &Intake) {
        self.enqueue(intake, intake.service_models().keys().cloned().map(StatusKey::ServiceModel));
    }

    /// Counts an Event that the rate limit drops.
    pub(super) fn count_dropped(&mut self, reason: &str) {
        self.dropped += 1;
        self.metrics.count_events(reason, "dropped", 1);
    }

    /// Logs the number of dropped Events, at most once a minute.
    pub(super) fn log_dropped(&mut self) {
        if self.dropped_logged.elapsed() > DROPPED_LOG {
            self.dropped_logged = Instant::now();
            let dropped = std::mem::take(&mut self.dropped);
            if dropped > 0 {
                warn!(dropped, "dropped Events on workloads and namespaces: the rate limit is reached");
            }
        }
    }

    /// Waits for the writes in progress.
    pub(super) async fn finish_writes(&mut self) {
        while self.writes.join_next().await.is_some() {}
        while self.emitting.join_next().await.is_some() {}
        while self.reports.writes.join_next().await.is_some() {}
    }
}

/// Returns the priority of an object; `None` if it does not exist.
pub(super) fn priority(intake: &Intake, key: &StatusKey) -> Option<Priority> {
    let is_current = match key {
        StatusKey::Assignment(id) => intake.assignments().get(id)?.is_status_current(),
        StatusKey::ServiceModel(name) => intake.service_models().get(name)?.is_status_current(),
    };
    Some(if is_current { Priority::Background } else { Priority::User })
}

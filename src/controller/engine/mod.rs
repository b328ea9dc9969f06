//! Engine: the one task that owns the index, decides what to write, and starts the writes.
//!
//! ```text
//! WatchEvent -> Intake (index, coverage) -> Effects -> Publisher (queue, Events, statuses, Reports)
//! ```

mod intake;
mod leadership;
mod publisher;
mod reports;
mod snapshot;
mod statuses;
mod workload_events;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::election::Leadership;
use super::options::{Clock, Options};
use super::watch::{Coverage, RelistRequest, WatchEvent};
use crate::model::day;
use crate::telemetry::{Instruments, SnapshotRequest};
use publisher::Publisher;
use snapshot::snapshot;

pub(super) use intake::Intake;

/// Number of events that are processed before other work gets a turn.
const BATCH: usize = 256;

/// Maximum number of snapshot requests that share one snapshot.
const REQUESTS: usize = 16;

/// Interval of the checks of the date: a new day changes results without a change of an object.
const TICK: Duration = Duration::from_secs(1);

/// Time limit of the writes that are in progress when the operator stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The task that owns the index.
pub(super) struct Engine {
    intake: Intake,
    publisher: Publisher,
    clock: Arc<dyn Clock>,
    instruments: Instruments,
    /// True to count gaps by accountable party in metrics.
    owners_in_metrics: bool,
}

impl Engine {
    pub(super) fn new(
        client: Client,
        options: Options,
        coverage: Coverage,
        instruments: Instruments,
        leadership: Leadership,
        relist: RelistRequest,
    ) -> Self {
        instruments.health.set_checks(coverage.checks());
        Self {
            publisher: Publisher::new(client, &options, &instruments, leadership, relist),
            intake: Intake::new(options.scope, options.clock.now(), coverage),
            clock: options.clock,
            instruments,
            owners_in_metrics: options.owners_in_metrics,
        }
    }

    /// Runs until `stop` is cancelled, then waits for the writes in progress.
    pub(super) async fn run(mut self, mut events: Receiver<WatchEvent>, stop: &CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut requests = Vec::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // At each turn, because leadership can expire during other work.
            self.publisher.update_leadership(&self.intake);
            // Nothing is written before every kind is read or known to be unreadable.
            let can_write = self.publisher.is_leading() && self.intake.coverage().is_settled();
            let Publisher { leadership, queue, writes, emitting, workload_events, reports, .. } = &mut self.publisher;
            tokio::select! {
                () = stop.cancelled() => break,
                () = leadership.changed() => {}
                Some(ended) = writes.join_next_with_id() => self.publisher.end_status(&mut self.intake, ended),
                Some(_) = emitting.join_next() => {}
                _ = events.recv_many(&mut batch, BATCH) => batch.drain(..).for_each(|event| self.take(event)),
                _ = ticks.tick() => self.tick(),
                _ = self.instruments.requests.recv_many(&mut requests, REQUESTS), if !self.instruments.requests.is_closed() => {
                    self.send_snapshot(requests.drain(..));
                }
                key = queue.next(), if can_write => self.publisher.start_status(&self.intake, &key),
                namespace = reports.queue.next(), if can_write => self.publisher.start_reports(&self.intake, &namespace),
                Some(ended) = reports.writes.join_next_with_id() => self.publisher.end_reports(&self.intake, ended),
                due = workload_events.next(), if can_write => self.publisher.emit_due(&self.intake, &due),
            }
        }
        if tokio::time::timeout(STOP_TIMEOUT, self.publisher.finish_writes()).await.is_err() {
            warn!("stopped before some writes had ended");
        }
    }

    fn take(&mut self, event: WatchEvent) {
        self.publisher.record_reports(&event);
        let effects = self.intake.take(event);
        self.publisher.apply(&self.intake, effects);
    }

    fn tick(&mut self) {
        self.instruments.health.record_heartbeat();
        let now = self.clock.now();
        for effects in [self.intake.set_day(day(now)), self.intake.set_time(now.as_second())] {
            self.publisher.apply(&self.intake, effects);
        }
        self.publisher.log_dropped();
    }

    /// Sends one snapshot to all requests. Requests that timed out are skipped.
    fn send_snapshot(&self, requests: impl Iterator<Item = SnapshotRequest>) {
        let mut waiting = requests.filter(|request| !request.is_closed()).peekable();
        if waiting.peek().is_some() {
            let snapshot = Arc::new(snapshot(&self.intake, &self.publisher, self.owners_in_metrics));
            waiting.for_each(|request| drop(request.send(snapshot.clone())));
        }
    }
}

/// Truncates a time to whole seconds, which times in the API have.
fn whole_seconds(time: Timestamp) -> Timestamp {
    time.round(jiff::TimestampRound::new().smallest(jiff::Unit::Second).mode(jiff::RoundMode::Trunc)).unwrap_or(time)
}

//! The one task that owns the index: it takes in what the watches tell, decides what to publish and keeps account of the
//! writes.

use std::collections::HashMap;

use jiff::Timestamp;
use kube::Client;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::events::{EventSink, Gate};
use super::hold::Hold;
use super::input::{Input, Seen, Sources};
use super::queue::Queue;
use super::reconcile::{Outcome, Situation, plan};
use super::{Options, STOP_LIMIT};
use crate::inventory::{Changed, Delta, Inventory, Listed};
use crate::model::{AssignmentId, Completeness};

/// How many waiting inputs are taken in before other work has a turn.
const BATCH: usize = 256;

/// An assignment that the operator keeps the status of.
#[derive(Debug)]
struct Tracked {
    seen: Seen,
    hold: Hold,
}

pub(super) struct Engine {
    client: Client,
    events: EventSink,
    gate: Gate,
    inventory: Inventory,
    assignments: HashMap<AssignmentId, Tracked>,
    sources: Sources,
    completeness: Completeness,
    queue: Queue,
    writes: JoinSet<(AssignmentId, String, Outcome)>,
}

impl Engine {
    pub(super) fn new(client: Client, options: Options, sources: Sources) -> Self {
        Self {
            events: EventSink::new(client.clone(), &options.instance),
            client,
            gate: Gate::new(),
            inventory: Inventory::new(options.settings, options.left_out),
            assignments: HashMap::new(),
            completeness: sources.completeness(),
            sources,
            queue: Queue::default(),
            writes: JoinSet::new(),
        }
    }

    /// Works until `stop` is cancelled, then lets the writes under way end.
    pub(super) async fn run(mut self, mut inputs: Receiver<Input>, stop: &CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = self.writes.join_next() => match ended {
                    Ok((id, uid, outcome)) => self.finish(&id, &uid, outcome),
                    Err(error) => warn!(%error, "a write ended abnormally"),
                },
                received = inputs.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        warn!("all watches have ended");
                        break;
                    }
                    batch.drain(..).for_each(|input| self.take(input));
                }
                // Nothing is published from an inventory that was read in part.
                id = self.queue.next(), if self.sources.settled() => self.start(id),
            }
        }
        let writes_under_way = async { while self.writes.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_LIMIT, writes_under_way).await.is_err() {
            warn!("some writes were cut off");
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Change(delta) => self.change(delta),
            Input::Assignment(seen) => self.see(*seen),
            Input::Synced(source) => {
                if self.sources.synced(source.clone()) {
                    info!(%source, "read");
                    self.sources_changed();
                }
            }
            Input::Unreadable(source, problem) => {
                if self.sources.unreadable(source.clone(), problem) {
                    warn!(%source, "{}", problem.explain(&source));
                    self.sources_changed();
                }
            }
        }
    }

    fn change(&mut self, delta: Delta) {
        let gone: Vec<AssignmentId> = match &delta {
            Delta::Assignment(id, None) => vec![id.clone()],
            Delta::Relisted(Listed::Assignments { cluster, ids }) => {
                let missing = |id: &&AssignmentId| id.is_cluster() == *cluster && !ids.contains(*id);
                self.assignments.keys().filter(missing).cloned().collect()
            }
            _ => Vec::new(),
        };
        for id in gone {
            self.assignments.remove(&id);
            self.queue.forget(&id);
        }
        let changed = self.inventory.apply(delta);
        self.mark(&changed);
    }

    fn see(&mut self, mut seen: Seen) {
        let assignment = seen.assignment.take();
        let id = seen.id.clone();
        let hold = match self.assignments.remove(&id) {
            Some(known) if seen.is_older_than(&known.seen) => {
                self.assignments.insert(id, known);
                return;
            }
            Some(known) if known.seen.uid == seen.uid => {
                if known.seen.resource_version != seen.resource_version {
                    self.queue.mark(&id, Instant::now());
                }
                known.hold
            }
            Some(_) | None => {
                self.queue.mark(&id, Instant::now());
                Hold::default()
            }
        };
        self.assignments.insert(id.clone(), Tracked { seen, hold });
        let changed = self.inventory.apply(Delta::Assignment(id, assignment));
        self.mark(&changed);
    }

    fn mark(&mut self, changed: &Changed) {
        let now = Instant::now();
        changed.iter().filter(|id| self.assignments.contains_key(id)).for_each(|id| self.queue.mark(id, now));
    }

    fn sources_changed(&mut self) {
        self.completeness = self.sources.completeness();
        if self.sources.settled() {
            let (workloads, left_out) = self.inventory.workloads();
            let assignments = self.assignments.len();
            info!(workloads, left_out, assignments, complete = self.completeness.is_complete(), "inventory settled");
            let now = Instant::now();
            self.assignments.keys().for_each(|id| self.queue.mark(id, now));
        }
    }

    fn start(&mut self, id: AssignmentId) {
        let Some(Tracked { seen, hold }) = self.assignments.get_mut(&id) else {
            return self.queue.finished(&id);
        };
        // An assignment that does not parse selects nothing.
        let roll_up = self.inventory.roll_up(&id).unwrap_or_default();
        let (now, at) = (whole_seconds(Timestamp::now()), Instant::now());
        let (completeness, gate) = (&self.completeness, &self.gate);
        let plan = plan(&Situation { seen, roll_up: &roll_up, completeness, gate, now, at }, hold);
        if let Some(time) = plan.look_again {
            self.queue.mark_at(&id, time);
        }
        if plan.is_nothing() {
            return self.queue.finished(&id);
        }
        for note in plan.notes() {
            info!(assignment = %id, reason = note.reason, "{}", note.note);
        }
        let (uid, work) = (seen.uid.clone(), plan.carry_out(self.client.clone(), self.events.clone()));
        self.writes.spawn(async move { (id, uid, work.await) });
    }

    fn finish(&mut self, id: &AssignmentId, uid: &str, outcome: Outcome) {
        match outcome {
            Outcome::Written { resource_version, status } => {
                debug!(assignment = %id, resource_version, "published");
                if let Some(Tracked { seen, .. }) = self.assignments.get_mut(id).filter(|known| known.seen.uid == uid) {
                    let written = Seen { resource_version, status: *status, ..seen.clone() };
                    if !written.is_older_than(seen) {
                        *seen = written;
                    }
                }
                self.queue.finished(id);
            }
            Outcome::Unchanged | Outcome::Gone => self.queue.finished(id),
            Outcome::Conflict => {
                debug!(assignment = %id, "changed meanwhile, evaluating again");
                self.queue.failed(id, Instant::now());
            }
            Outcome::Failed(error) => {
                warn!(assignment = %id, error, "cannot publish the status, trying again");
                self.queue.failed(id, Instant::now());
            }
        }
    }
}

/// Times in the API have whole seconds.
fn whole_seconds(time: Timestamp) -> Timestamp {
    time.round(jiff::TimestampRound::new().smallest(jiff::Unit::Second).mode(jiff::RoundMode::Trunc)).unwrap_or(time)
}

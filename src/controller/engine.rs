//! The one task that owns the index: it takes in what the watches tell, decides what to publish and keeps account of the
//! writes.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use kube::Client;
use tokio::sync::mpsc::Receiver;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::events::{EventSink, Gate};
use super::hold::Hold;
use super::input::{Input, Seen, Sources};
use super::queue::Queue;
use super::reconcile::{Outcome, Situation, Told, plan};
use super::{Options, STOP_LIMIT};
use crate::inventory::{Changed, Delta, Inventory, Listed};
use crate::model::{AssignmentId, Completeness};

/// How many unreadable assignments a condition names.
const NAMED: usize = 3;

/// How many waiting inputs are taken in before other work has a turn.
const BATCH: usize = 256;

/// An assignment that the operator keeps the status of.
#[derive(Debug)]
struct Tracked {
    seen: Seen,
    hold: Hold,
    /// What Events have told of and no status has committed yet.
    told: Option<Told>,
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
    writes: JoinSet<(String, Outcome)>,
    /// Whose status a write is of: known also of one that ends abnormally.
    writing: HashMap<task::Id, AssignmentId>,
    /// Assignments that do not parse: what they say is missing.
    unreadable: BTreeSet<AssignmentId>,
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
            writing: HashMap::new(),
            unreadable: BTreeSet::new(),
        }
    }

    /// Works until `stop` is cancelled, then lets the writes under way end.
    pub(super) async fn run(mut self, mut inputs: Receiver<Input>, stop: &CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = self.writes.join_next_with_id() => self.ended(ended),
                _ = inputs.recv_many(&mut batch, BATCH) => batch.drain(..).for_each(|input| self.take(input)),
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
            self.set_unreadable(&id, false);
        }
        let changed = self.inventory.apply(delta);
        self.mark(&changed);
    }

    fn see(&mut self, mut seen: Seen) {
        let assignment = seen.assignment.take();
        let id = seen.id.clone();
        let (hold, told) = match self.assignments.remove(&id) {
            Some(known) if seen.is_older_than(&known.seen) => {
                self.assignments.insert(id, known);
                return;
            }
            Some(known) if known.seen.uid == seen.uid => {
                if known.seen.resource_version != seen.resource_version {
                    self.queue.mark(&id, Instant::now());
                }
                (known.hold, known.told)
            }
            Some(_) | None => {
                self.queue.mark(&id, Instant::now());
                (Hold::default(), None)
            }
        };
        self.set_unreadable(&id, assignment.is_none());
        self.assignments.insert(id.clone(), Tracked { seen, hold, told });
        let changed = self.inventory.apply(Delta::Assignment(id, assignment));
        self.mark(&changed);
    }

    /// Notes whether an assignment can be read. One that cannot may hold duties, conflict with others or claim a service
    /// model: whoever it could speak for must not be called covered.
    fn set_unreadable(&mut self, id: &AssignmentId, unreadable: bool) {
        let news = if unreadable { self.unreadable.insert(id.clone()) } else { self.unreadable.remove(id) };
        if news {
            let now = Instant::now();
            let concerned = self.assignments.keys().filter(|other| speaks_for(id, other));
            concerned.for_each(|other| self.queue.mark(other, now));
        }
    }

    fn completeness_for(&self, id: &AssignmentId) -> Completeness {
        let mut completeness = self.completeness.clone();
        for unreadable in self.unreadable.iter().filter(|other| *other != id && speaks_for(other, id)).take(NAMED) {
            completeness.additional.push(format!("the assignment {unreadable} cannot be read, apply it again"));
        }
        completeness
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
        let completeness = self.completeness_for(&id);
        let Some(Tracked { seen, hold, told }) = self.assignments.get_mut(&id) else {
            return self.queue.finished(&id);
        };
        // An assignment that does not parse selects nothing.
        let roll_up = self.inventory.roll_up(&id).unwrap_or_default();
        let (now, at) = (whole_seconds(Timestamp::now()), Instant::now());
        let (completeness, gate, before) = (&completeness, &self.gate, told.as_ref());
        let plan = plan(&Situation { seen, told: before, roll_up: &roll_up, completeness, gate, now, at }, hold);
        if let Some(time) = plan.look_again {
            self.queue.mark_at(&id, time);
        }
        if plan.is_nothing() {
            return self.queue.finished(&id);
        }
        for note in plan.notes() {
            info!(assignment = %id, reason = note.reason, "{}", note.note);
        }
        if let Some(telling) = plan.telling() {
            *told = Some(telling);
        }
        let (uid, work) = (seen.uid.clone(), plan.carry_out(self.client.clone(), self.events.clone()));
        let task = self.writes.spawn(async move { (uid, work.await) });
        self.writing.insert(task.id(), id);
    }

    fn ended(&mut self, ended: Result<(task::Id, (String, Outcome)), JoinError>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(id) = self.writing.remove(&task) else { return };
        match ended {
            Ok((_, (uid, outcome))) => self.finish(&id, &uid, outcome),
            Err(error) => {
                warn!(assignment = %id, %error, "a write ended abnormally");
                self.queue.failed(&id, Instant::now());
            }
        }
    }

    fn finish(&mut self, id: &AssignmentId, uid: &str, outcome: Outcome) {
        match outcome {
            Outcome::Written { resource_version, status } => {
                debug!(assignment = %id, resource_version, "published");
                let known = self.assignments.get_mut(id).filter(|known| known.seen.uid == uid);
                if let Some(Tracked { seen, told, .. }) = known {
                    *told = None;
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
                self.queue.finished(id);
                self.queue.mark(id, Instant::now());
            }
            Outcome::Failed(error) => {
                warn!(assignment = %id, error, "cannot publish the status, trying again");
                self.queue.failed(id, Instant::now());
            }
        }
    }
}

/// Whether an assignment can have a say about the workloads of another.
fn speaks_for(one: &AssignmentId, other: &AssignmentId) -> bool {
    one.is_cluster() || one.namespace == other.namespace
}

/// Times in the API have whole seconds.
fn whole_seconds(time: Timestamp) -> Timestamp {
    time.round(jiff::TimestampRound::new().smallest(jiff::Unit::Second).mode(jiff::RoundMode::Trunc)).unwrap_or(time)
}

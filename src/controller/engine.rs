//! The one task that owns the index: it takes in what the watches tell, decides what to publish and keeps account of the
//! writes.

mod lead;
mod report;
mod reports;
mod tell;
mod work;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio::sync::mpsc::Receiver;
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::clock::Clock;
use super::election::Mandate;
use super::events::EventSink;
use super::gate::Gate;
use super::hold::Hold;
use super::input::{Input, Seen, SeenModel, Sources};
use super::notices::Notices;
use super::queue::Queue;
use super::reconcile::{Outcome, Told};
use super::reports::Reports;
use super::{Options, STOP_LIMIT};
use crate::facts::{AssignmentId, Availability, Delta, FactKind, Listed, ListedKind, PolicyCoverage};
use crate::inventory::{ChangeSet, Inventory};
use crate::model::{Completeness, day};
use crate::telemetry::Instruments;
use work::Work;

/// How many unreadable assignments a condition names.
const NAMED: usize = 3;

/// How many waiting inputs are taken in before other work has a turn.
const BATCH: usize = 256;

/// How many who want to know how things are get one answer.
const ASKERS: usize = 16;

/// How often the clock is looked at: a new day changes results without any object having changed.
const TICK: Duration = Duration::from_secs(1);

/// How often the Events that were dropped are logged.
const DROPPED_LOG: Duration = Duration::from_mins(1);

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
    clock: Arc<dyn Clock>,
    instruments: Instruments,
    /// Whether the accountable parties are told of in metrics.
    tells_owners: bool,
    mandate: Mandate,
    /// Whether the mandate held when it was looked at last: without it nothing is published.
    leads: bool,
    events: EventSink,
    gate: Gate,
    notices: Notices,
    inventory: Inventory,
    assignments: HashMap<AssignmentId, Tracked>,
    service_models: HashMap<Arc<str>, SeenModel>,
    sources: Sources,
    /// Whether everything could be read when that was logged last.
    settled: Option<bool>,
    other_policy_apis: bool,
    queue: Queue<Work>,
    writes: JoinSet<(String, Outcome)>,
    /// Whose status a write is of, and when it began: known also of one that ends abnormally.
    writing: HashMap<task::Id, (Work, Instant)>,
    reports: Reports,
    /// Events on workloads and namespaces under way.
    telling: JoinSet<()>,
    /// How many Events on workloads and namespaces were told: with the time of the start, no two have the same name.
    told: u64,
    started: Timestamp,
    /// How many Events were dropped since that was logged last.
    dropped: u64,
    dropped_logged: Instant,
    /// Assignments that do not parse: what they say is missing.
    unreadable: BTreeSet<AssignmentId>,
}

impl Engine {
    pub(super) fn new(
        client: Client,
        options: Options,
        sources: Sources,
        instruments: Instruments,
        mandate: Mandate,
    ) -> Self {
        let started = options.clock.now();
        instruments.health.set(sources.checks());
        Self {
            events: EventSink::new(client.clone(), &options.instance, instruments.metrics.clone()),
            client,
            clock: options.clock,
            instruments,
            tells_owners: options.owners_in_metrics,
            mandate,
            leads: false,
            gate: Gate::new(),
            notices: Notices::default(),
            inventory: Inventory::new(options.scope, day(started)).deferred(),
            assignments: HashMap::new(),
            service_models: HashMap::new(),
            sources,
            settled: None,
            other_policy_apis: false,
            queue: Queue::new(options.status_writes_per_second),
            writes: JoinSet::new(),
            writing: HashMap::new(),
            reports: Reports::new(options.reports),
            telling: JoinSet::new(),
            told: 0,
            started,
            dropped: 0,
            dropped_logged: Instant::now(),
            unreadable: BTreeSet::new(),
        }
    }

    /// Works until `stop` is cancelled, then lets the writes under way end.
    pub(super) async fn run(mut self, mut inputs: Receiver<Input>, stop: &CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut askers = Vec::new();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // At each turn: a mandate may run out while something else is done.
            self.look_at_mandate();
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.mandate.changed() => {}
                Some(ended) = self.writes.join_next_with_id() => self.ended(ended),
                Some(_) = self.telling.join_next() => {}
                _ = inputs.recv_many(&mut batch, BATCH) => batch.drain(..).for_each(|input| self.take(input)),
                _ = ticks.tick() => self.look_at_clock(),
                _ = self.instruments.questions.recv_many(&mut askers, ASKERS), if !self.instruments.questions.is_closed() => {
                    self.answer(askers.drain(..));
                }
                // Nothing is published from an inventory that was read in part.
                work = self.queue.next(), if self.leads && self.sources.settled() => self.start(&work),
                namespace = self.reports.queue.next(), if self.leads && self.sources.settled() => self.start_reports(&namespace),
                Some(ended) = self.reports.writes.join_next_with_id() => self.reports_ended(ended),
                due = self.notices.next(), if self.leads && self.sources.settled() => self.tell(&due),
            }
        }
        let writes_under_way = async {
            while self.writes.join_next().await.is_some() {}
            while self.telling.join_next().await.is_some() {}
            while self.reports.writes.join_next().await.is_some() {}
        };
        if tokio::time::timeout(STOP_LIMIT, writes_under_way).await.is_err() {
            warn!("some writes were cut off");
        }
    }

    /// Takes in what the watches tell until everything was read that can be. Nothing is published.
    pub(super) async fn read(&mut self, inputs: &mut Receiver<Input>) {
        while !self.sources.settled() {
            match inputs.recv().await {
                Some(input) => self.take(input),
                // Whoever keeps the watches ends with them.
                None => std::future::pending().await,
            }
        }
    }

    /// The index.
    pub(super) const fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// What cannot be read of all that counts in a namespace, in sentences.
    pub(super) fn missing(&self, namespace: &str) -> Vec<String> {
        let Completeness { essential, additional, minor, namespaced_scope } =
            self.sources.completeness(Some(namespace), true, true);
        essential.into_iter().chain(additional).chain(minor).chain(namespaced_scope).collect()
    }

    /// What cannot be read in a namespace of workloads and assignments, in sentences.
    pub(super) fn missing_essentials(&self, namespace: &str) -> Vec<String> {
        self.sources.completeness(Some(namespace), false, false).essential
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Change(delta) => self.change(delta),
            Input::Assignment(seen) => self.see(*seen),
            Input::ServiceModel(seen) => self.see_service_model(*seen),
            Input::OwnReport(name, known) => {
                // It may have been somebody else's before.
                self.apply(Delta::Facts(FactKind::Reports, name.clone(), None));
                self.see_report(&name, *known);
            }
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
            Input::Gone(source) => {
                if let Some(kind) = source.fact_kind() {
                    let namespace = source.namespace().map(Arc::from);
                    self.apply(Delta::Availability(kind, namespace, Availability::Absent));
                }
                if self.sources.gone(&source) {
                    info!(%source, "served no more");
                    self.sources_changed();
                }
            }
            Input::OtherPolicyApis(served) => {
                self.other_policy_apis = served;
                self.policies_changed();
            }
        }
    }

    fn change(&mut self, delta: Delta) {
        match &delta {
            Delta::Assignment(id, None) => self.forget(&id.clone()),
            Delta::ServiceModel(name, None) => self.forget_service_model(&name.clone()),
            Delta::Relisted(listed) => self.forget_missing(listed),
            Delta::Facts(FactKind::Reports, name, _) => self.forget_report(name),
            _ => {}
        }
        self.apply(delta);
    }

    fn forget_missing(&mut self, listed: &Listed) {
        self.forget_missing_reports(listed);
        match listed.kind {
            ListedKind::Assignments | ListedKind::ClusterAssignments => {
                let gone: Vec<AssignmentId> =
                    self.assignments.keys().filter(|id| listed.misses_assignment(id)).cloned().collect();
                for id in &gone {
                    self.forget(id);
                }
            }
            ListedKind::ServiceModels => {
                let gone: Vec<Arc<str>> =
                    self.service_models.keys().filter(|name| listed.misses("", name)).cloned().collect();
                for name in &gone {
                    self.forget_service_model(name);
                }
            }
            _ => {}
        }
    }

    fn forget(&mut self, id: &AssignmentId) {
        self.assignments.remove(id);
        self.queue.forget(&Work::Assignment(id.clone()));
        self.set_unreadable(id, false);
    }

    fn forget_service_model(&mut self, name: &Arc<str>) {
        self.service_models.remove(name);
        self.queue.forget(&Work::ServiceModel(name.clone()));
    }

    /// Takes a change into the index and marks what has another result.
    fn apply(&mut self, delta: Delta) {
        let may_assign = matches!(delta, Delta::Assignment(..) | Delta::Namespace(..) | Delta::Relisted(_));
        let ChangeSet { assignments, workloads, unassigned, reportable, service_models, renumbered } =
            self.inventory.apply(delta);
        if may_assign {
            let inventory = &self.inventory;
            self.notices.retain_namespaces(|name| inventory.has_no_assignment(name));
        }
        self.mark(assignments.into_iter().map(Work::Assignment));
        if renumbered {
            self.notices.forget_workloads();
        }
        self.mark_reports(reportable);
        if service_models {
            self.mark_service_models();
            // What layers are called, and what is said of them, may be shown anywhere.
            self.mark_all_reports();
        }
        // What is so at start is no news, and what happens while another leads is that one's to tell.
        if self.leads && self.sources.settled() {
            for change in workloads {
                // What is read again after it could not be is no news either.
                let is_news = self.sources.completeness(Some(&change.key.namespace), true, true).is_complete();
                if is_news && !self.notices.workload(change) {
                    self.count_dropped("unknown");
                }
            }
            for name in unassigned {
                self.notices.namespace(name);
            }
        }
    }

    fn see(&mut self, seen: Seen) {
        let id = seen.id.clone();
        let work = Work::Assignment(id.clone());
        let mut is_news = true;
        let (hold, told) = match self.assignments.remove(&id) {
            Some(known) if seen.is_older_than(&known.seen) => {
                self.assignments.insert(id, known);
                return;
            }
            Some(known) if known.seen.uid == seen.uid => {
                is_news = known.seen.resource_version != seen.resource_version;
                (known.hold, known.told)
            }
            Some(_) | None => (Hold::default(), None),
        };
        let unreadable = seen.spec.is_err();
        let spec = seen.spec.as_ref().ok().cloned();
        self.assignments.insert(id.clone(), Tracked { seen, hold, told });
        self.set_unreadable(&id, unreadable);
        if is_news {
            self.mark([work]);
        }
        self.apply(Delta::Assignment(id, spec));
    }

    fn see_service_model(&mut self, seen: SeenModel) {
        let name = seen.name.clone();
        let known = self.service_models.get(&name);
        if known.is_some_and(|known| seen.is_older_than(known)) {
            return;
        }
        let is_news = known.is_none_or(|known| known.resource_version != seen.resource_version);
        let spec = seen.spec.as_ref().ok().cloned();
        self.service_models.insert(name.clone(), seen);
        if is_news {
            self.mark([Work::ServiceModel(name.clone())]);
        }
        self.apply(Delta::ServiceModel(name, spec));
    }

    /// Notes whether an assignment can be read. One that cannot may hold duties, conflict with others or claim a service
    /// model: whoever it could speak for must not be called covered.
    fn set_unreadable(&mut self, id: &AssignmentId, unreadable: bool) {
        let news = if unreadable { self.unreadable.insert(id.clone()) } else { self.unreadable.remove(id) };
        if news {
            let inventory = &self.inventory;
            let concerned = self.assignments.keys().filter(|other| has_a_say(inventory, id, other));
            let concerned: Vec<Work> = concerned.cloned().map(Work::Assignment).collect();
            self.mark(concerned);
        }
    }

    fn completeness_for(&self, id: &AssignmentId, from_nodes: bool, uses_custom_model: bool) -> Completeness {
        let mut completeness = self.sources.completeness(id.namespace.as_deref(), from_nodes, uses_custom_model);
        let unreadable = self.unreadable.iter().filter(|other| *other != id && has_a_say(&self.inventory, other, id));
        let sentence = |unreadable| format!("the assignment {unreadable} cannot be read, apply it again");
        completeness.additional.extend(unreadable.take(NAMED).map(sentence));
        completeness
    }

    fn sources_changed(&mut self) {
        self.policies_changed();
        self.standings_changed();
        self.instruments.health.set(self.sources.checks());
        if self.sources.settled() {
            // What is so at start is no news: all assignments are marked below.
            self.inventory.catch_up();
            self.mandate.want();
            let complete = self.sources.is_complete();
            if self.settled.replace(complete) != Some(complete) {
                let (workloads, left_out) = self.inventory.workloads();
                info!(workloads, left_out, assignments = self.assignments.len(), complete, "inventory settled");
            }
            self.mark_assignments();
            self.look_for_reports();
            self.mark_all_reports();
        }
    }

    fn policies_changed(&mut self) {
        let policies = match (self.sources.policies_readable(), self.other_policy_apis) {
            (false, _) => PolicyCoverage::Unreadable,
            (true, true) => PolicyCoverage::OtherApisServed,
            (true, false) => PolicyCoverage::Complete,
        };
        self.apply(Delta::PolicyCoverage(policies));
    }

    /// Tells the index what signals can read. What is served no more is told as such when its objects go.
    fn standings_changed(&mut self) {
        self.apply(Delta::NodesReadable(self.sources.nodes_readable()));
        let availabilities: Vec<_> = self.sources.availabilities().collect();
        for (kind, namespace, standing) in availabilities {
            self.apply(Delta::Availability(kind, namespace, standing));
        }
    }

    fn look_at_clock(&mut self) {
        self.instruments.health.beat();
        let today = day(self.clock.now());
        if today != self.inventory.today() {
            info!(%today, "a new day");
            self.apply(Delta::Day(today));
        }
        if self.dropped_logged.elapsed() > DROPPED_LOG {
            self.dropped_logged = Instant::now();
            let dropped = std::mem::take(&mut self.dropped);
            if dropped > 0 {
                warn!(dropped, "Events on workloads and namespaces were dropped: there were too many at once");
            }
        }
    }
}

/// Whether an assignment can have a say about the workloads of another.
fn has_a_say(inventory: &Inventory, one: &AssignmentId, other: &AssignmentId) -> bool {
    match &one.namespace {
        None => true,
        Some(namespace) if other.is_cluster() => inventory.applies_to_namespace(other, namespace),
        Some(_) => one.namespace == other.namespace,
    }
}

/// Times in the API have whole seconds.
fn whole_seconds(time: Timestamp) -> Timestamp {
    time.round(jiff::TimestampRound::new().smallest(jiff::Unit::Second).mode(jiff::RoundMode::Trunc)).unwrap_or(time)
}

//! Intake: applies watch events to the index and the coverage, and returns their effects. Writes nothing.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::mpsc::Receiver;
use tracing::{info, warn};

use crate::controller::observed::{ObservedAssignment, ObservedServiceModel};
use crate::controller::publish::{OwnStatus, WrittenStatus};
use crate::controller::watch::{Coverage, WatchEvent};
use crate::facts::{AssignmentId, Availability, Delta, FactKind, Listed, ListedKind, PolicyCoverage};
use crate::inventory::{ChangeSet, ChangedWorkload, Inventory, InventoryOptions};
use crate::model::{Completeness, day};

/// Maximum number of unreadable assignments that a condition names.
const NAMED: usize = 3;

/// State of the cluster as the watches report it.
pub(in crate::controller) struct Intake {
    inventory: Inventory,
    coverage: Coverage,
    assignments: HashMap<AssignmentId, ObservedAssignment>,
    service_models: HashMap<Arc<str>, ObservedServiceModel>,
    /// Assignments that do not match the schema: their duties are unknown.
    unreadable: BTreeSet<AssignmentId>,
    other_policy_apis: bool,
    /// Last logged completeness; `None` before the coverage is settled.
    logged_complete: Option<bool>,
}

/// Object that has a status.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum StatusKey {
    Assignment(AssignmentId),
    ServiceModel(Arc<str>),
}

impl StatusKey {
    /// Returns the kind of the object in the API.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Assignment(id) => id.kind(),
            Self::ServiceModel(_) => "ServiceModel",
        }
    }
}

impl fmt::Display for StatusKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assignment(id) => write!(f, "{id}"),
            Self::ServiceModel(name) => write!(f, "service model {name}"),
        }
    }
}

/// Effects of an event on what has to be written.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(super) struct Effects {
    /// Objects whose status can be out of date.
    pub(super) changed: Vec<StatusKey>,
    /// Objects that were deleted.
    pub(super) removed: Vec<StatusKey>,
    /// Namespaces whose Reports can be out of date.
    pub(super) reports: Vec<Arc<str>>,
    /// Workloads with another result. Empty while the inputs of their namespace are incomplete: a result that differs because
    /// an input can be read again is not a change in the cluster.
    pub(super) workloads: Vec<ChangedWorkload>,
    /// Namespaces with workloads that no longer have, or never had, an assignment.
    pub(super) unassigned: Vec<Arc<str>>,
    /// True if a ServiceModel changed: names and texts of layers can differ in every status and Report.
    pub(super) service_models_changed: bool,
    /// True if layers were renumbered.
    pub(super) renumbered: bool,
    /// True if assignments or namespaces changed, so that other assignments can apply.
    pub(super) selection_changed: bool,
    /// True if a kind was read, became unreadable or was removed.
    pub(super) coverage_changed: bool,
}

impl Intake {
    /// Creates an intake without objects. `now` is the current time.
    pub(in crate::controller) fn new(scope: InventoryOptions, now: Timestamp, coverage: Coverage) -> Self {
        let mut inventory = Inventory::new(scope, day(now)).deferred();
        inventory.apply(Delta::Time(now.as_second()));
        Self {
            inventory,
            coverage,
            assignments: HashMap::new(),
            service_models: HashMap::new(),
            unreadable: BTreeSet::new(),
            other_policy_apis: false,
            logged_complete: None,
        }
    }

    /// Applies events until every kind is read or known to be unreadable.
    pub(in crate::controller) async fn read(&mut self, events: &mut Receiver<WatchEvent>) {
        while !self.coverage.is_settled() {
            match events.recv().await {
                Some(event) => drop(self.take(event)),
                // The caller ends with the watches.
                None => std::future::pending().await,
            }
        }
    }

    pub(in crate::controller) const fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    pub(in crate::controller) const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    pub(super) const fn assignments(&self) -> &HashMap<AssignmentId, ObservedAssignment> {
        &self.assignments
    }

    pub(super) const fn service_models(&self) -> &HashMap<Arc<str>, ObservedServiceModel> {
        &self.service_models
    }

    /// Applies an event.
    pub(super) fn take(&mut self, event: WatchEvent) -> Effects {
        let mut effects = Effects::default();
        match event {
            WatchEvent::Change(delta) => self.change(delta, &mut effects),
            WatchEvent::Assignment(observed) => self.observe_assignment(*observed, &mut effects),
            WatchEvent::ServiceModel(observed) => self.observe_service_model(*observed, &mut effects),
            // A Report of the operator is not a fact. It can have been the Report of another writer before.
            WatchEvent::OwnReport(name, _) => self.apply(Delta::Facts(FactKind::Reports, name, None), &mut effects),
            WatchEvent::Synced(kind) => {
                if self.coverage.set_synced(kind.clone()) {
                    info!(%kind, "read");
                    self.update_coverage(&mut effects);
                }
            }
            WatchEvent::Unreadable(kind, problem) => {
                if self.coverage.set_unreadable(kind.clone(), problem) {
                    warn!(%kind, "{}", problem.explain(&kind));
                    self.update_coverage(&mut effects);
                }
            }
            WatchEvent::Removed(kind) => {
                if let Some(fact_kind) = kind.fact_kind() {
                    let namespace = kind.namespace().map(Arc::from);
                    self.apply(Delta::Availability(fact_kind, namespace, Availability::Absent), &mut effects);
                }
                if self.coverage.remove(&kind) {
                    info!(%kind, "no longer served");
                    self.update_coverage(&mut effects);
                }
            }
            WatchEvent::OtherPolicyApis(served) => {
                self.other_policy_apis = served;
                self.update_policies(&mut effects);
            }
        }
        effects
    }

    /// Sets the date of evaluations.
    pub(super) fn set_day(&mut self, today: Date) -> Effects {
        let mut effects = Effects::default();
        if today != self.inventory.today() {
            info!(%today, "evaluating for a new day");
            self.apply(Delta::Day(today), &mut effects);
        }
        effects
    }

    /// Sets the current time in seconds since 1970.
    pub(super) fn set_time(&mut self, now: i64) -> Effects {
        let mut effects = Effects::default();
        self.apply(Delta::Time(now), &mut effects);
        effects
    }

    fn change(&mut self, delta: Delta, effects: &mut Effects) {
        match &delta {
            Delta::Assignment(id, None) => self.remove_assignment(id, effects),
            Delta::ServiceModel(name, None) => self.remove_service_model(name, effects),
            Delta::Relisted(listed) => self.remove_unlisted(listed, effects),
            _ => {}
        }
        self.apply(delta, effects);
    }

    fn remove_unlisted(&mut self, listed: &Listed, effects: &mut Effects) {
        match listed.kind {
            ListedKind::Assignments | ListedKind::ClusterAssignments => {
                let gone: Vec<AssignmentId> =
                    self.assignments.keys().filter(|id| listed.misses_assignment(id)).cloned().collect();
                for id in &gone {
                    self.remove_assignment(id, effects);
                }
            }
            ListedKind::ServiceModels => {
                let gone: Vec<Arc<str>> =
                    self.service_models.keys().filter(|name| listed.misses("", name)).cloned().collect();
                for name in &gone {
                    self.remove_service_model(name, effects);
                }
            }
            _ => {}
        }
    }

    fn remove_assignment(&mut self, id: &AssignmentId, effects: &mut Effects) {
        self.assignments.remove(id);
        effects.removed.push(StatusKey::Assignment(id.clone()));
        self.set_unreadable(id, false, effects);
    }

    fn remove_service_model(&mut self, name: &Arc<str>, effects: &mut Effects) {
        self.service_models.remove(name);
        effects.removed.push(StatusKey::ServiceModel(name.clone()));
    }

    /// Applies a change to the index.
    fn apply(&mut self, delta: Delta, effects: &mut Effects) {
        effects.selection_changed |= matches!(delta, Delta::Assignment(..) | Delta::Namespace(..) | Delta::Relisted(_));
        let ChangeSet { assignments, workloads, unassigned, reportable, service_models, renumbered } =
            self.inventory.apply(delta);
        effects.changed.extend(assignments.into_iter().map(StatusKey::Assignment));
        effects.reports.extend(reportable);
        effects.service_models_changed |= service_models;
        effects.renumbered |= renumbered;
        // The results at start are no changes.
        if self.coverage.is_settled() {
            let is_complete = |change: &ChangedWorkload| {
                self.coverage.completeness(Some(&change.key.namespace), true, true).is_complete()
            };
            effects.workloads.extend(workloads.into_iter().filter(is_complete));
            effects.unassigned.extend(unassigned);
        }
    }

    fn observe_assignment(&mut self, observed: ObservedAssignment, effects: &mut Effects) {
        let id = observed.id.clone();
        let known = self.assignments.get(&id);
        if known.is_some_and(|known| observed.is_older_than(known)) {
            return;
        }
        let is_same = |known: &ObservedAssignment| {
            known.uid == observed.uid && known.resource_version == observed.resource_version
        };
        let is_new = !known.is_some_and(is_same);
        let spec = observed.spec.as_ref().ok().cloned();
        self.assignments.insert(id.clone(), observed);
        self.set_unreadable(&id, spec.is_none(), effects);
        if is_new {
            effects.changed.push(StatusKey::Assignment(id.clone()));
        }
        self.apply(Delta::Assignment(id, spec), effects);
    }

    fn observe_service_model(&mut self, observed: ObservedServiceModel, effects: &mut Effects) {
        let name = observed.name.clone();
        let known = self.service_models.get(&name);
        if known.is_some_and(|known| observed.is_older_than(known)) {
            return;
        }
        let is_new = known.is_none_or(|known| known.resource_version != observed.resource_version);
        let spec = observed.spec.as_ref().ok().cloned();
        self.service_models.insert(name.clone(), observed);
        if is_new {
            effects.changed.push(StatusKey::ServiceModel(name.clone()));
        }
        self.apply(Delta::ServiceModel(name, spec), effects);
    }

    /// Records a status that was written for the object with this UID, unless a watch event has brought a later version.
    pub(super) fn record_status(&mut self, key: &StatusKey, uid: &str, written: WrittenStatus) {
        let WrittenStatus { resource_version, status } = written;
        match (key, status) {
            (StatusKey::Assignment(id), OwnStatus::Assignment(status)) => {
                if let Some(known) = self.assignments.get_mut(id).filter(|known| known.uid == uid) {
                    let written = ObservedAssignment { resource_version, status: *status, ..known.clone() };
                    if !written.is_older_than(known) {
                        *known = written;
                    }
                }
            }
            (StatusKey::ServiceModel(name), OwnStatus::ServiceModel(status)) => {
                if let Some(known) = self.service_models.get_mut(name).filter(|known| known.uid == uid) {
                    let written = ObservedServiceModel { resource_version, status: *status, ..known.clone() };
                    if !written.is_older_than(known) {
                        *known = written;
                    }
                }
            }
            (StatusKey::Assignment(_), OwnStatus::ServiceModel(_))
            | (StatusKey::ServiceModel(_), OwnStatus::Assignment(_)) => {}
        }
    }

    /// Records whether an assignment matches the schema. One that does not could hold duties, conflict with others or name a
    /// service model, so no assignment that it could affect is called covered.
    fn set_unreadable(&mut self, id: &AssignmentId, is_unreadable: bool, effects: &mut Effects) {
        let is_change = if is_unreadable { self.unreadable.insert(id.clone()) } else { self.unreadable.remove(id) };
        if is_change {
            let affected = self.assignments.keys().filter(|other| can_affect(&self.inventory, id, other));
            effects.changed.extend(affected.cloned().map(StatusKey::Assignment));
        }
    }

    /// Returns the unreadable inputs of an assignment. The parameters are those of [`Coverage::completeness`].
    pub(super) fn completeness_of(&self, id: &AssignmentId, from_nodes: bool, uses_custom_model: bool) -> Completeness {
        let mut completeness = self.coverage.completeness(id.namespace.as_deref(), from_nodes, uses_custom_model);
        let unreadable = self.unreadable.iter().filter(|other| *other != id && can_affect(&self.inventory, other, id));
        let sentence = |unreadable| format!("the assignment {unreadable} does not match the schema; apply it again");
        completeness.additional.extend(unreadable.take(NAMED).map(sentence));
        // A child with an unknown owner is not evaluated for some seconds. Meanwhile an assignment does not become covered.
        if self.inventory.has_pending_children(id) && !self.assignments.get(id).is_some_and(is_covered) {
            completeness.additional.push("the owners of some new pods are not known yet".to_owned());
        }
        completeness
    }

    /// Returns true if every input of the workloads of a namespace is read.
    pub(super) fn is_complete_for(&self, namespace: &Arc<str>, from_nodes: bool, uses_custom_model: bool) -> bool {
        let can_affect = |id: &AssignmentId| id.namespace.as_ref().is_none_or(|of| of == namespace);
        self.coverage.completeness(Some(namespace), from_nodes, uses_custom_model).is_complete()
            && !self.unreadable.iter().any(can_affect)
    }

    fn update_coverage(&mut self, effects: &mut Effects) {
        self.update_policies(effects);
        self.update_availability(effects);
        effects.coverage_changed = true;
        if self.coverage.is_settled() {
            self.inventory.catch_up();
            let complete = self.coverage.is_complete();
            if self.logged_complete.replace(complete) != Some(complete) {
                let (workloads, excluded) = self.inventory.workloads();
                info!(workloads, excluded, assignments = self.assignments.len(), complete, "index synced");
            }
        }
    }

    fn update_policies(&mut self, effects: &mut Effects) {
        let policies = match (self.coverage.is_policies_readable(), self.other_policy_apis) {
            (false, _) => PolicyCoverage::Unreadable,
            (true, true) => PolicyCoverage::OtherApisServed,
            (true, false) => PolicyCoverage::Complete,
        };
        self.apply(Delta::PolicyCoverage(policies), effects);
    }

    /// Passes on which kinds signals can read. A kind that is no longer served is passed on when it is removed.
    fn update_availability(&mut self, effects: &mut Effects) {
        self.apply(Delta::NodesReadable(self.coverage.is_nodes_readable()), effects);
        let availabilities: Vec<_> = self.coverage.availabilities().collect();
        for (kind, namespace, availability) in availabilities {
            self.apply(Delta::Availability(kind, namespace, availability), effects);
        }
    }
}

/// Returns true if the last written status of an assignment calls it covered.
fn is_covered(assignment: &ObservedAssignment) -> bool {
    let conditions = &assignment.status.conditions;
    conditions.iter().any(|condition| condition.type_ == "Covered" && condition.status == "True")
}

/// Returns true if an assignment can affect the results of another.
fn can_affect(inventory: &Inventory, one: &AssignmentId, other: &AssignmentId) -> bool {
    match &one.namespace {
        None => true,
        Some(namespace) if other.is_cluster() => inventory.applies_to_namespace(other, namespace),
        Some(_) => one.namespace == other.namespace,
    }
}

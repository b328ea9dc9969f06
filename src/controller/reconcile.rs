//! One round of work on an assignment: what to publish (pure), then the Events and the status (I/O).

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::core::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use super::MANAGER;
use super::election::Mandate;
use super::events::{EventSink, Occasion};
use super::gate::Gate;
use super::hold::Hold;
use super::input::{Seen, SeenModel};
use crate::api::{
    Announcement, AssignmentStatus, ClusterResponsibilityAssignment, ResponsibilityAssignment, ServiceModel,
    ServiceModelStatus,
};
use crate::facts::AssignmentId;
use crate::matrix::Matrix;
use crate::model::{
    Acceptance, Assignment, Catalogue, Completeness, Note, RollUp, StatusInput, Transitions, bound, reminders,
    service_model_status, status,
};

/// When to look again at what could not be told before something else was committed.
const COMMIT: Duration = Duration::from_secs(1);

/// How long a status write may take; the client would go on trying for minutes.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// What is to be published about an assignment.
#[derive(Debug)]
pub(super) struct Plan {
    occasion: Occasion,
    /// The version of the object that the result was computed from.
    resource_version: String,
    notes: Vec<Note>,
    /// None when the published status is right already.
    status: Option<AssignmentStatus>,
    /// When to look again, because a change is to be told then.
    pub(super) look_again: Option<Instant>,
    /// The time of the Events.
    now: Timestamp,
}

/// What Events have told of.
#[derive(Clone, Debug)]
pub(super) struct Told {
    announced: Option<Vec<Announcement>>,
    transitions: i64,
    reminded: Vec<String>,
}

/// How a round of work ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The status is published, as this version of the object.
    Written { resource_version: String, status: Written },
    /// There was nothing to write.
    Unchanged,
    /// The object changed meanwhile: the watch tells of it.
    Conflict,
    /// The object is gone.
    Gone,
    /// This process ceased to lead before the write.
    NotLeading,
    /// The write failed.
    Failed(String),
}

impl Outcome {
    /// The word in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Written { .. } => "written",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::NotLeading => "not_leading",
            Self::Failed(_) => "failed",
        }
    }
}

/// A status that is published.
#[derive(Debug)]
pub(super) enum Written {
    Assignment(Box<AssignmentStatus>),
    ServiceModel(Box<ServiceModelStatus>),
}

/// What a plan is made from.
pub(super) struct Situation<'a> {
    pub(super) seen: &'a Seen,
    /// What Events told of without a status that committed it: the object changed in between.
    pub(super) told: Option<&'a Told>,
    /// What the assignment says as of today; none when the stored object does not parse.
    pub(super) assignment: Option<&'a Assignment>,
    pub(super) matrix: &'a Matrix,
    pub(super) catalogue: &'a Catalogue,
    pub(super) roll_up: &'a RollUp,
    pub(super) completeness: &'a Completeness,
    pub(super) gate: &'a Gate,
    /// The wall clock: dates in statuses.
    pub(super) now: Timestamp,
    /// The steady clock: waiting times.
    pub(super) at: Instant,
}

/// Decides what to publish. Pure but for the clocks it is given and the gate, which counts what it lets through.
pub(super) fn plan(situation: &Situation<'_>, hold: &mut Hold) -> Plan {
    let Situation { seen, told, assignment, matrix, catalogue, roll_up, completeness, gate, now, at } = *situation;
    let acceptance = match (&seen.spec, assignment) {
        (Err(error), _) => Acceptance::SchemaOutdated(error.clone()),
        (Ok(_), Some(assignment)) => assignment.acceptance(),
        (Ok(_), None) => Acceptance::Accepted { unknown_layers: vec![] },
    };
    let subject = StatusInput {
        id: &seen.id,
        generation: seen.generation,
        acceptance: &acceptance,
        completeness,
        roll_up,
        catalogue,
        assignment,
    };
    let mut before = seen.status.clone();
    if let Some(Told { announced, transitions, reminded }) = told {
        before.announced.clone_from(announced);
        before.transitions = *transitions;
        before.reminded.clone_from(reminded);
    }
    let mut next = status(matrix, &subject, &before, now);
    let mut plan = Plan {
        occasion: Occasion { id: seen.id.clone(), uid: seen.uid.clone(), transitions: before.transitions + 1 },
        resource_version: seen.resource_version.clone(),
        notes: Vec::new(),
        status: None,
        look_again: None,
        now,
    };
    let is_accepted = matches!(acceptance, Acceptance::Accepted { .. });
    let can_tell = completeness.is_complete() && is_accepted && roll_up.model_not_found == 0;
    let nameless = seen.id.is_cluster().then(|| roll_up.clone().without_subjects());
    let told_of = nameless.as_ref().unwrap_or(roll_up);
    let untold = Transitions::between(matrix, catalogue, before.announced.as_deref(), told_of).filter(|_| can_tell);
    let mut announced = None;
    match untold {
        // What was told has to be committed first: after a crash nobody would know of which transitions Events have told.
        Some(_) if told.is_some() => plan.look_again = Some(at + COMMIT),
        Some(transitions) => match hold.due(&transitions.announced, at) {
            due if due > at => plan.look_again = Some(due),
            _ => {
                plan.notes = transitions.notes;
                announced = Some(transitions.announced);
            }
        },
        None => hold.release(),
    }
    let (dates, reminded) = match assignment {
        Some(assignment) if told.is_none() => reminders(assignment, &before.reminded),
        _ => (Vec::new(), before.reminded.clone()),
    };
    plan.notes.extend(dates);
    if let Err(wait) = gate.admit(&seen.id, plan.notes.len()) {
        let again = at + wait;
        plan.look_again = Some(plan.look_again.map_or(again, |earlier| earlier.min(again)));
        plan.notes.clear();
    } else {
        next.transitions += i64::from(!plan.notes.is_empty());
        next.reminded = reminded;
        if announced.is_some() {
            hold.release();
            next.announced = announced;
        }
        bound(&mut next);
    }
    plan.status = (next != seen.status).then_some(next);
    plan
}

/// The status of a service model to publish, none when the published one is right already. Pure.
pub(super) fn plan_service_model(
    seen: &SeenModel,
    matrix: &Matrix,
    assignments_using: usize,
    now: Timestamp,
) -> Option<ServiceModelStatus> {
    let outdated = seen.spec.as_ref().err().map(String::as_str);
    let next =
        service_model_status(matrix, &seen.name, seen.generation, outdated, assignments_using, &seen.status, now);
    (next != seen.status).then_some(next)
}

/// Writes the status of a service model.
pub(super) async fn write_service_model(
    client: Client,
    seen: SeenModel,
    status: ServiceModelStatus,
    mandate: Mandate,
) -> Outcome {
    if !mandate.holds() {
        return Outcome::NotLeading;
    }
    let api = Api::<PartialObjectMeta<ServiceModel>>::all(client);
    let name = Name { namespace: None, name: &seen.name };
    let write = apply(&api, name, &seen.resource_version, &status);
    outcome(write, Written::ServiceModel(Box::new(status.clone()))).await
}

impl Plan {
    /// Whether there is nothing to write.
    pub(super) const fn is_nothing(&self) -> bool {
        self.status.is_none() && self.notes.is_empty()
    }

    /// What will have been told after the Events of this plan, if it has any.
    pub(super) fn telling(&self) -> Option<Told> {
        let status = self.status.as_ref().filter(|_| !self.notes.is_empty())?;
        Some(Told {
            announced: status.announced.clone(),
            transitions: status.transitions,
            reminded: status.reminded.clone(),
        })
    }

    /// What will be told in Events.
    pub(super) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Writes the Events, then the status, which is the commit: after a crash in between, the same Events are tried again
    /// under the same names.
    pub(super) async fn carry_out(self, client: Client, events: EventSink, mandate: Mandate) -> Outcome {
        if !mandate.holds() {
            return Outcome::NotLeading;
        }
        events.write(&self.occasion, &self.notes, self.now).await;
        let Some(status) = self.status else { return Outcome::Unchanged };
        if !mandate.holds() {
            return Outcome::NotLeading;
        }
        let write = write_status(&client, &self.occasion.id, &self.resource_version, &status);
        outcome(write, Written::Assignment(Box::new(status.clone()))).await
    }
}

/// How a write ends.
async fn outcome(write: impl Future<Output = kube::Result<String>>, status: Written) -> Outcome {
    match tokio::time::timeout(WRITE_LIMIT, write).await {
        Ok(Ok(resource_version)) => Outcome::Written { resource_version, status },
        Ok(Err(kube::Error::Api(answer))) if answer.code == 409 => Outcome::Conflict,
        Ok(Err(kube::Error::Api(answer))) if answer.code == 404 => Outcome::Gone,
        Ok(Err(kube::Error::Api(answer))) => Outcome::Failed(format!("{} (code {})", answer.message, answer.code)),
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => Outcome::Failed(format!("the API server did not answer within {WRITE_LIMIT:?}")),
    }
}

async fn write_status(
    client: &Client,
    id: &AssignmentId,
    resource_version: &str,
    status: &AssignmentStatus,
) -> kube::Result<String> {
    let name = Name { namespace: id.namespace.as_deref(), name: &id.name };
    if let Some(namespace) = &id.namespace {
        let api = Api::<PartialObjectMeta<ResponsibilityAssignment>>::namespaced(client.clone(), namespace);
        apply(&api, name, resource_version, status).await
    } else {
        let api = Api::<PartialObjectMeta<ClusterResponsibilityAssignment>>::all(client.clone());
        apply(&api, name, resource_version, status).await
    }
}

/// The name of an object and its namespace, if it has one.
struct Name<'a> {
    namespace: Option<&'a str>,
    name: &'a str,
}

/// Applies the status. The version makes the API server refuse it when the object has changed since: server-side apply
/// alone would be taken even by another object of the same name.
async fn apply<K>(
    api: &Api<PartialObjectMeta<K>>,
    object: Name<'_>,
    resource_version: &str,
    status: &impl Serialize,
) -> kube::Result<String>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": object.name, "namespace": object.namespace, "resourceVersion": resource_version },
        "status": status,
    });
    let written = api.patch_status(object.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(body)).await?;
    Ok(written.metadata.resource_version.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::GapReason;
    use crate::matrix::{Duty, LayerSet};

    /// An assignment that selects one workload, with or without a gap, and what becomes of it.
    struct Round {
        seen: Seen,
        told: Option<Told>,
        hold: Hold,
        gate: Gate,
        start: Instant,
    }

    fn roll_up(gap: bool) -> RollUp {
        let node_os = Matrix::built_in().find("node-os").unwrap();
        let mut roll_up = RollUp { workloads: 1, ..RollUp::default() };
        roll_up.layers.insert(LayerSet::of(node_os));
        if gap {
            roll_up.rows.entry((node_os, Duty::Customer, GapReason::LayerUnowned)).or_default().workloads = 1;
        } else {
            roll_up.held.customer.insert(LayerSet::of(node_os));
        }
        roll_up
    }

    impl Round {
        fn new() -> Self {
            let seen = Seen {
                id: AssignmentId { namespace: Some("shop".into()), name: "team".into() },
                uid: "5f0c".into(),
                resource_version: "1".into(),
                generation: Some(1),
                status: AssignmentStatus { announced: Some(vec![]), transitions: 3, ..AssignmentStatus::default() },
                spec: Ok(Arc::default()),
            };
            Self { seen, told: None, hold: Hold::default(), gate: Gate::new(), start: Instant::now() }
        }

        /// Plans so many milliseconds after the start; the status is taken as published, what is told as uncommitted.
        fn plan(&mut self, gap: bool, millis: u64) -> Plan {
            let situation = Situation {
                seen: &self.seen,
                told: self.told.as_ref(),
                assignment: None,
                matrix: Matrix::built_in(),
                catalogue: &Catalogue::default(),
                roll_up: &roll_up(gap),
                completeness: &Completeness::default(),
                gate: &self.gate,
                now: Timestamp::UNIX_EPOCH,
                at: self.start + Duration::from_millis(millis),
            };
            plan(&situation, &mut self.hold)
        }

        fn publish(&mut self, plan: &Plan) {
            self.seen.status = plan.status.clone().unwrap();
        }
    }

    fn reasons(plan: &Plan) -> Vec<&str> {
        plan.notes().iter().map(|note| note.reason).collect()
    }

    #[test]
    fn a_gap_is_published_at_once_and_told_after_it_has_lasted() {
        let mut round = Round::new();
        let first = round.plan(true, 0);
        assert_eq!(reasons(&first), [""; 0]);
        assert_eq!(first.look_again, Some(round.start + Duration::from_secs(2)));
        round.publish(&first);
        assert_eq!(round.seen.status.unowned_layers.len(), 1);
        assert!(round.plan(true, 1000).is_nothing());
        let second = round.plan(true, 2000);
        assert_eq!(reasons(&second), ["LayerUnowned"]);
        assert_eq!(second.status.as_ref().unwrap().transitions, 4);
    }

    #[test]
    fn a_gap_that_is_undone_while_it_is_held_is_never_told() {
        let mut round = Round::new();
        let opened = round.plan(true, 0);
        round.publish(&opened);
        let closed = round.plan(false, 1500);
        assert_eq!((reasons(&closed), closed.look_again), (vec![], None));
        round.publish(&closed);
        assert!(round.plan(false, 60_000).is_nothing());
    }

    #[test]
    fn what_was_told_before_a_conflict_is_committed_and_its_end_is_told() {
        let mut round = Round::new();
        round.plan(true, 0);
        let told = round.plan(true, 2000);
        round.told = told.telling();
        // The write was refused; by now the gap is closed.
        let again = round.plan(false, 2100);
        assert_eq!(reasons(&again), [""; 0]);
        assert_eq!(again.status.as_ref().unwrap().transitions, 4);
        let still = round.plan(false, 4100);
        assert_eq!(reasons(&still), [""; 0], "nothing more is told before that is committed");
        assert!(still.look_again.is_some());
        round.publish(&still);
        round.told = None;
        round.plan(false, 4200);
        let later = round.plan(false, 6200);
        assert_eq!(reasons(&later), ["LayerOwned"]);
        assert_eq!(later.status.as_ref().unwrap().transitions, 5);
    }
}

//! One round of work on an assignment: what to publish (pure), then the Events and the status (I/O).

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::core::Resource;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use super::MANAGER;
use super::events::{EventSink, Gate, Occasion};
use super::hold::Hold;
use super::input::Seen;
use crate::api::{AssignmentStatus, ClusterResponsibilityAssignment, ResponsibilityAssignment};
use crate::matrix::Matrix;
use crate::model::{Acceptance, AssignmentId, Completeness, Note, RollUp, Subject, Transitions, status};

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
}

/// How a round of work ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The status is published, as this version of the object.
    Written { resource_version: String, status: Box<AssignmentStatus> },
    /// There was nothing to write.
    Unchanged,
    /// The object changed meanwhile: the watch tells of it.
    Conflict,
    /// The object is gone.
    Gone,
    /// The write failed.
    Failed(String),
}

/// What a plan is made from.
pub(super) struct Situation<'a> {
    pub(super) seen: &'a Seen,
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
    let Situation { seen, roll_up, completeness, gate, now, at } = *situation;
    let matrix = Matrix::built_in();
    let subject =
        Subject { id: &seen.id, generation: seen.generation, acceptance: &seen.acceptance, completeness, roll_up };
    let mut next = status(matrix, &subject, &seen.status, now);
    let mut plan = Plan {
        occasion: Occasion { id: seen.id.clone(), uid: seen.uid.clone(), transitions: seen.status.transitions + 1 },
        resource_version: seen.resource_version.clone(),
        notes: Vec::new(),
        status: None,
        look_again: None,
    };
    let can_tell = completeness.is_complete() && matches!(seen.acceptance, Acceptance::Accepted { .. });
    let untold = Transitions::between(matrix, seen.status.announced.as_deref(), roll_up).filter(|_| can_tell);
    if let Some(transitions) = untold {
        let due = hold.due(&transitions.announced, at);
        if due > at {
            plan.look_again = Some(due);
        } else if let Err(wait) = gate.admit(&seen.id, transitions.notes.len()) {
            plan.look_again = Some(at + wait);
        } else {
            hold.release();
            next.transitions += i64::from(!transitions.notes.is_empty());
            next.announced = Some(transitions.announced);
            plan.notes = transitions.notes;
        }
    } else {
        hold.release();
    }
    plan.status = (next != seen.status).then_some(next);
    plan
}

impl Plan {
    /// Whether there is nothing to write.
    pub(super) const fn is_nothing(&self) -> bool {
        self.status.is_none() && self.notes.is_empty()
    }

    /// What will be told in Events.
    pub(super) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Writes the Events, then the status, which is the commit: after a crash in between, the same Events are tried again
    /// under the same names.
    pub(super) async fn carry_out(self, client: Client, events: EventSink) -> Outcome {
        events.write(&self.occasion, &self.notes).await;
        let Some(status) = self.status else { return Outcome::Unchanged };
        let write = write_status(&client, &self.occasion.id, &self.resource_version, &status);
        match tokio::time::timeout(WRITE_LIMIT, write).await {
            Ok(Ok(resource_version)) => Outcome::Written { resource_version, status: Box::new(status) },
            Ok(Err(kube::Error::Api(answer))) if answer.code == 409 => Outcome::Conflict,
            Ok(Err(kube::Error::Api(answer))) if answer.code == 404 => Outcome::Gone,
            Ok(Err(kube::Error::Api(answer))) => Outcome::Failed(format!("{} (code {})", answer.message, answer.code)),
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(_) => Outcome::Failed(format!("the API server did not answer within {WRITE_LIMIT:?}")),
        }
    }
}

async fn write_status(
    client: &Client,
    id: &AssignmentId,
    resource_version: &str,
    status: &AssignmentStatus,
) -> kube::Result<String> {
    if let Some(namespace) = &id.namespace {
        let api = Api::<PartialObjectMeta<ResponsibilityAssignment>>::namespaced(client.clone(), namespace);
        apply(&api, id, resource_version, status).await
    } else {
        let api = Api::<PartialObjectMeta<ClusterResponsibilityAssignment>>::all(client.clone());
        apply(&api, id, resource_version, status).await
    }
}

/// Applies the status. The version makes the API server refuse it when the object has changed since: server-side apply
/// alone would be taken even by another object of the same name.
async fn apply<K>(
    api: &Api<PartialObjectMeta<K>>,
    id: &AssignmentId,
    resource_version: &str,
    status: &AssignmentStatus,
) -> kube::Result<String>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": id.name, "namespace": id.namespace, "resourceVersion": resource_version },
        "status": status,
    });
    let written = api.patch_status(&id.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(body)).await?;
    Ok(written.metadata.resource_version.unwrap_or_default())
}

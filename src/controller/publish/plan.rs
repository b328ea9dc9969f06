//! Plan of one evaluation: decides what to write for an assignment or a ServiceModel. Pure: clocks are arguments.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::debounce::Debounce;
use super::event_rate::EventRate;
use super::events::AssignmentTransition;
use crate::api::{Announcement, AssignmentStatus, ServiceModelStatus};
use crate::controller::observed::{ObservedAssignment, ObservedServiceModel};
use crate::matrix::Matrix;
use crate::model::{
    Acceptance, Assignment, Catalogue, Completeness, Note, RollUp, StatusInput, Transitions, bound, reminders,
    service_model_status, status,
};

/// Delay of the next evaluation while emitted Events wait for the status that commits them.
const COMMIT_DELAY: Duration = Duration::from_secs(1);

/// Writes that an assignment needs.
#[derive(Debug)]
pub(in crate::controller) struct Plan {
    pub(super) transition: AssignmentTransition,
    /// Version of the object that the plan was computed from.
    pub(super) resource_version: String,
    pub(super) notes: Vec<Note>,
    /// Status to write; `None` if the stored one is right.
    pub(super) status: Option<AssignmentStatus>,
    /// Time of the next evaluation, for an announcement that is due then.
    pub(in crate::controller) requeue_at: Option<Instant>,
    /// Time of the Events.
    pub(super) now: Timestamp,
}

/// Part of a status that emitted Events have announced, and that no written status has committed yet.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Uncommitted {
    announced: Option<Vec<Announcement>>,
    transitions: i64,
    reminded: Vec<String>,
}

/// Input of a plan.
pub(in crate::controller) struct PlanInput<'a> {
    pub(in crate::controller) observed: &'a ObservedAssignment,
    /// Announcements without a committed status: the object changed between the Events and the status.
    pub(in crate::controller) uncommitted: Option<&'a Uncommitted>,
    /// Compiled assignment as of today; `None` if the stored object does not match the schema.
    pub(in crate::controller) assignment: Option<&'a Assignment>,
    pub(in crate::controller) matrix: &'a Matrix,
    pub(in crate::controller) catalogue: &'a Catalogue,
    pub(in crate::controller) roll_up: &'a RollUp,
    pub(in crate::controller) completeness: &'a Completeness,
    /// Wall clock, for dates in statuses.
    pub(in crate::controller) now: Timestamp,
    /// Monotonic clock, for delays.
    pub(in crate::controller) at: Instant,
}

/// Decides what to write for an assignment. Counts the Events of the plan in `rate`.
pub(in crate::controller) fn plan(input: &PlanInput<'_>, debounce: &mut Debounce, rate: &mut EventRate) -> Plan {
    let PlanInput { observed, uncommitted, assignment, matrix, catalogue, roll_up, completeness, now, at } = *input;
    let acceptance = match (&observed.spec, assignment) {
        (Err(error), _) => Acceptance::SchemaOutdated(error.clone()),
        (Ok(_), Some(assignment)) => assignment.acceptance(),
        (Ok(_), None) => Acceptance::Accepted { unknown_layers: vec![] },
    };
    let subject = StatusInput {
        id: &observed.id,
        generation: observed.generation,
        acceptance: &acceptance,
        completeness,
        roll_up,
        catalogue,
        assignment,
    };
    let mut before = observed.status.clone();
    if let Some(Uncommitted { announced, transitions, reminded }) = uncommitted {
        before.announced.clone_from(announced);
        before.transitions = *transitions;
        before.reminded.clone_from(reminded);
    }
    let mut next = status(matrix, &subject, &before, now);
    let mut plan = Plan {
        transition: AssignmentTransition {
            id: observed.id.clone(),
            uid: observed.uid.clone(),
            transitions: before.transitions + 1,
        },
        resource_version: observed.resource_version.clone(),
        notes: Vec::new(),
        status: None,
        requeue_at: None,
        now,
    };
    let is_accepted = matches!(acceptance, Acceptance::Accepted { .. });
    let can_announce = completeness.is_complete() && is_accepted && roll_up.model_not_found == 0;
    // Events on cluster assignments are in the namespace `default`: they must not show names that tenants chose.
    let nameless = observed.id.is_cluster().then(|| roll_up.clone().without_subjects());
    let announced_roll_up = nameless.as_ref().unwrap_or(roll_up);
    let pending = Transitions::between(matrix, catalogue, before.announced.as_deref(), announced_roll_up)
        .filter(|_| can_announce);
    let mut announced = None;
    match pending {
        // Earlier announcements are committed first: after a crash nothing else records which Events were emitted.
        Some(_) if uncommitted.is_some() => plan.requeue_at = Some(at + COMMIT_DELAY),
        Some(transitions) => match debounce.due(&transitions.announced, at) {
            due if due > at => plan.requeue_at = Some(due),
            _ => {
                plan.notes = transitions.notes;
                announced = Some(transitions.announced);
            }
        },
        None => debounce.reset(),
    }
    let (dates, reminded) = match assignment {
        Some(assignment) if uncommitted.is_none() => reminders(assignment, &before.reminded),
        _ => (Vec::new(), before.reminded.clone()),
    };
    plan.notes.extend(dates);
    if let Err(wait) = rate.admit(&observed.id, plan.notes.len(), at) {
        let retry = at + wait;
        plan.requeue_at = Some(plan.requeue_at.map_or(retry, |earlier| earlier.min(retry)));
        plan.notes.clear();
    } else {
        next.transitions += i64::from(!plan.notes.is_empty());
        next.reminded = reminded;
        if announced.is_some() {
            debounce.reset();
            next.announced = announced;
        }
        bound(&mut next);
    }
    plan.status = (next != observed.status).then_some(next);
    plan
}

impl Plan {
    /// Returns true if there is nothing to write.
    pub(in crate::controller) const fn is_empty(&self) -> bool {
        self.status.is_none() && self.notes.is_empty()
    }

    /// Returns the announcements of this plan's Events, which its status will commit; `None` for a plan without Events.
    pub(in crate::controller) fn uncommitted(&self) -> Option<Uncommitted> {
        let status = self.status.as_ref().filter(|_| !self.notes.is_empty())?;
        Some(Uncommitted {
            announced: status.announced.clone(),
            transitions: status.transitions,
            reminded: status.reminded.clone(),
        })
    }

    /// Returns the notes of the Events.
    pub(in crate::controller) fn notes(&self) -> &[Note] {
        &self.notes
    }
}

/// Returns the status to write for a ServiceModel; `None` if the stored one is right.
pub(in crate::controller) fn plan_service_model(
    observed: &ObservedServiceModel,
    matrix: &Matrix,
    assignments_using: usize,
    now: Timestamp,
) -> Option<ServiceModelStatus> {
    let outdated = observed.spec.as_ref().err().map(String::as_str);
    let ObservedServiceModel { name, generation, status, .. } = observed;
    let next = service_model_status(matrix, name, *generation, outdated, assignments_using, status, now);
    (next != *status).then_some(next)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::GapReason;
    use crate::facts::AssignmentId;
    use crate::matrix::{Duty, LayerSet};

    /// Assignment that selects one workload, with or without a gap.
    struct Round {
        observed: ObservedAssignment,
        uncommitted: Option<Uncommitted>,
        debounce: Debounce,
        rate: EventRate,
        start: Instant,
    }

    fn roll_up(gap: bool) -> RollUp {
        let node_os = Matrix::built_in().find("node-os").unwrap();
        let mut roll_up = RollUp { workloads: 1, ..RollUp::default() };
        roll_up.layers.insert(LayerSet::of(node_os));
        if gap {
            roll_up.rows.entry((node_os, Duty::Customer, GapReason::LayerUnowned)).or_default().workloads = 1;
        } else {
            roll_up.owned.customer.insert(LayerSet::of(node_os));
        }
        roll_up
    }

    impl Round {
        fn new() -> Self {
            let observed = ObservedAssignment {
                id: AssignmentId { namespace: Some("shop".into()), name: "team".into() },
                uid: "5f0c".into(),
                resource_version: "1".into(),
                generation: Some(1),
                status: AssignmentStatus { announced: Some(vec![]), transitions: 3, ..AssignmentStatus::default() },
                spec: Ok(Arc::default()),
            };
            Self {
                observed,
                uncommitted: None,
                debounce: Debounce::default(),
                rate: EventRate::new(),
                start: Instant::now(),
            }
        }

        /// Plans at a time in milliseconds after the start.
        fn plan(&mut self, gap: bool, millis: u64) -> Plan {
            let input = PlanInput {
                observed: &self.observed,
                uncommitted: self.uncommitted.as_ref(),
                assignment: None,
                matrix: Matrix::built_in(),
                catalogue: &Catalogue::default(),
                roll_up: &roll_up(gap),
                completeness: &Completeness::default(),
                now: Timestamp::UNIX_EPOCH,
                at: self.start + Duration::from_millis(millis),
            };
            plan(&input, &mut self.debounce, &mut self.rate)
        }

        fn publish(&mut self, plan: &Plan) {
            self.observed.status = plan.status.clone().unwrap();
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
        assert_eq!(first.requeue_at, Some(round.start + Duration::from_secs(2)));
        round.publish(&first);
        assert_eq!(round.observed.status.unowned_layers.len(), 1);
        assert!(round.plan(true, 1000).is_empty());
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
        assert_eq!((reasons(&closed), closed.requeue_at), (vec![], None));
        round.publish(&closed);
        assert!(round.plan(false, 60_000).is_empty());
    }

    #[test]
    fn what_was_told_before_a_conflict_is_committed_and_its_end_is_told() {
        let mut round = Round::new();
        round.plan(true, 0);
        let limited = round.plan(true, 2000);
        round.uncommitted = limited.uncommitted();
        // The write was refused; by now the gap is closed.
        let again = round.plan(false, 2100);
        assert_eq!(reasons(&again), [""; 0]);
        assert_eq!(again.status.as_ref().unwrap().transitions, 4);
        let still = round.plan(false, 4100);
        assert_eq!(reasons(&still), [""; 0], "no further Event before these are committed");
        assert!(still.requeue_at.is_some());
        round.publish(&still);
        round.uncommitted = None;
        round.plan(false, 4200);
        let later = round.plan(false, 6200);
        assert_eq!(reasons(&later), ["LayerOwned"]);
        assert_eq!(later.status.as_ref().unwrap().transitions, 5);
    }
}

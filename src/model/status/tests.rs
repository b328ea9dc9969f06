//! Status of an assignment.

mod bounds;
mod conditions;
mod dates;
mod fulfilment;
mod risks;
mod rows;
mod steady;
mod totals;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{StatusInput, status};
use crate::api::AssignmentStatus;
use crate::facts::AssignmentId;
use crate::model::testing::{catalogue, cluster, matrix, minute, namespaced};
use crate::model::{Acceptance, Assignment, Completeness, RollUp};

/// Input of a status.
#[derive(Clone, Debug)]
struct Given {
    id: AssignmentId,
    generation: i64,
    acceptance: Acceptance,
    completeness: Completeness,
    roll_up: RollUp,
    assignment: Option<Assignment>,
}

impl Given {
    /// An accepted namespaced assignment with a complete inventory.
    fn namespaced(roll_up: RollUp) -> Self {
        Self {
            id: namespaced("shop").id,
            generation: 1,
            acceptance: Acceptance::Accepted { unknown_layers: vec![] },
            completeness: Completeness::default(),
            roll_up,
            assignment: Some(namespaced("shop")),
        }
    }

    fn cluster(roll_up: RollUp) -> Self {
        let assignment = cluster("platform");
        Self { id: assignment.id.clone(), assignment: Some(assignment), ..Self::namespaced(roll_up) }
    }

    fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn without_workloads_readable(self) -> Self {
        self.but(|given| given.completeness.essential = vec!["Deployments cannot be read".to_owned()])
    }

    fn without_services_readable(self) -> Self {
        self.but(|given| given.completeness.additional = vec!["Services cannot be read".to_owned()])
    }

    fn naming_no_service_model(self) -> Self {
        self.but(|given| given.acceptance = Acceptance::ServiceModelNotFound("Cass".to_owned()))
    }

    fn not_parsing(self) -> Self {
        self.but(|given| {
            given.acceptance = Acceptance::SchemaOutdated("missing field `duties`".to_owned());
            given.assignment = None;
        })
    }

    /// First status of the assignment.
    fn status(&self) -> AssignmentStatus {
        self.after(&AssignmentStatus::default(), minute(0))
    }

    fn after(&self, previous: &AssignmentStatus, now: Timestamp) -> AssignmentStatus {
        let subject = StatusInput {
            id: &self.id,
            generation: Some(self.generation),
            acceptance: &self.acceptance,
            completeness: &self.completeness,
            roll_up: &self.roll_up,
            catalogue: &catalogue(),
            assignment: self.assignment.as_ref(),
        };
        status(matrix(), &subject, previous, now)
    }
}

fn condition<'a>(status: &'a AssignmentStatus, kind: &str) -> &'a Condition {
    let mut of_kind = status.conditions.iter().filter(|condition| condition.type_ == kind);
    let condition = of_kind.next().unwrap_or_else(|| panic!("no condition {kind}"));
    assert!(of_kind.next().is_none(), "{kind} twice");
    condition
}

/// Status and reason of a condition.
fn verdict<'a>(status: &'a AssignmentStatus, kind: &str) -> (&'a str, &'a str) {
    let Condition { status, reason, .. } = condition(status, kind);
    (status, reason)
}

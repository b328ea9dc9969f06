//! Snapshot: the state of the engine for metrics.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::intake::Intake;
use super::publisher::Publisher;
use crate::controller::observed::ObservedAssignment;
use crate::facts::AssignmentId;
use crate::telemetry::snapshot::Snapshot;

/// Returns the current state. With `owners_in_metrics` it counts the gaps of each accountable party.
pub(super) fn snapshot(intake: &Intake, publisher: &Publisher, owners_in_metrics: bool) -> Snapshot {
    let (inventory, coverage) = (intake.inventory(), intake.coverage());
    let leads = publisher.is_leading();
    let checks = coverage.checks().into_iter();
    Snapshot {
        leads,
        complete: coverage.is_complete(),
        // A standby writes nothing, so nothing is due.
        waiting: if leads { publisher.queue.waiting() } else { 0 },
        running: publisher.queue.running(),
        oldest: if leads { publisher.queue.longest_wait(Instant::now()) } else { Duration::ZERO },
        synced: checks.map(|check| (check.resource, check.problem.is_none())).collect(),
        matrix: inventory.matrix().clone(),
        catalogue: inventory.catalogue().clone(),
        stats: inventory.stats(),
        assignments: intake.assignments().len(),
        conditions: conditions(intake.assignments()),
        owners: owners_in_metrics.then(|| owner_gaps(intake.assignments())),
    }
}

/// Counts the gaps in written statuses by namespace, empty for cluster assignments, and accountable party.
fn owner_gaps(assignments: &HashMap<AssignmentId, ObservedAssignment>) -> BTreeMap<(String, String), usize> {
    let mut owners = BTreeMap::new();
    for (id, observed) in assignments {
        let owner = observed.spec.as_ref().ok().and_then(|spec| spec.assignment.accountable.as_ref());
        if let (Some(owner), Some(summary)) = (owner, &observed.status.summary) {
            let duties = &summary.duties;
            let gaps = duties.unowned + duties.invalid + duties.conflicted + duties.lapsed - summary.platform_gaps;
            let namespace = id.namespace.as_deref().unwrap_or_default().to_owned();
            *owners.entry((namespace, owner.0.clone())).or_default() += usize::try_from(gaps).unwrap_or_default();
        }
    }
    owners
}

/// Counts assignments by kind, condition type and condition status, as written statuses have them.
fn conditions(
    assignments: &HashMap<AssignmentId, ObservedAssignment>,
) -> BTreeMap<(&'static str, String, String), usize> {
    let mut counts: BTreeMap<(&'static str, &str, &str), usize> = BTreeMap::new();
    for (id, observed) in assignments {
        for condition in &observed.status.conditions {
            *counts.entry((id.kind(), &condition.type_, &condition.status)).or_default() += 1;
        }
    }
    let owned = |((kind, condition, status), count): ((&'static str, &str, &str), usize)| {
        ((kind, condition.to_owned(), status.to_owned()), count)
    };
    counts.into_iter().map(owned).collect()
}

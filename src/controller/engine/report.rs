//! What the engine tells of itself when it is asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Engine, Tracked};
use crate::facts::AssignmentId;
use crate::telemetry::Asker;
use crate::telemetry::snapshot::Snapshot;

impl Engine {
    /// Tells all who ask the same. Whoever asked may have gone.
    pub(super) fn answer(&self, askers: impl Iterator<Item = Asker>) {
        let mut waiting = askers.filter(|asker| !asker.is_closed()).peekable();
        if waiting.peek().is_some() {
            let snapshot = Arc::new(self.snapshot());
            waiting.for_each(|asker| drop(asker.send(snapshot.clone())));
        }
    }

    fn snapshot(&self) -> Snapshot {
        let checks = self.sources.checks().into_iter();
        Snapshot {
            leads: self.leads,
            complete: self.sources.is_complete(),
            // What a replica keeps that stands by is not due.
            waiting: if self.leads { self.queue.waiting() } else { 0 },
            running: self.queue.running(),
            oldest: if self.leads { self.queue.oldest(Instant::now()) } else { Duration::ZERO },
            synced: checks.map(|check| (check.resource, check.problem.is_none())).collect(),
            matrix: self.inventory.matrix().clone(),
            catalogue: self.inventory.catalogue().clone(),
            stats: self.inventory.stats(),
            assignments: self.assignments.len(),
            conditions: conditions(&self.assignments),
            owners: self.tells_owners.then(|| self.owner_gaps()),
        }
    }

    /// The gaps that published statuses list, by namespace and accountable party.
    fn owner_gaps(&self) -> BTreeMap<(String, String), usize> {
        let mut owners = BTreeMap::new();
        for (id, Tracked { seen, .. }) in &self.assignments {
            let owner = seen.spec.as_ref().ok().and_then(|spec| spec.assignment.accountable.as_ref());
            if let (Some(owner), Some(summary)) = (owner, &seen.status.summary) {
                let duties = &summary.duties;
                let gaps = duties.unowned + duties.invalid + duties.conflicted + duties.lapsed - summary.platform_gaps;
                let namespace = id.namespace.as_deref().unwrap_or_default().to_owned();
                *owners.entry((namespace, owner.0.clone())).or_default() += usize::try_from(gaps).unwrap_or_default();
            }
        }
        owners
    }
}

/// Assignments by kind, condition and its status, as they are published.
fn conditions<'a>(
    assignments: impl IntoIterator<Item = (&'a AssignmentId, &'a Tracked)>,
) -> BTreeMap<(&'static str, String, String), usize> {
    let mut counts: BTreeMap<(&'static str, &str, &str), usize> = BTreeMap::new();
    for (id, Tracked { seen, .. }) in assignments {
        for condition in &seen.status.conditions {
            *counts.entry((id.kind(), &condition.type_, &condition.status)).or_default() += 1;
        }
    }
    let owned = |((kind, condition, status), count): ((&'static str, &str, &str), usize)| {
        ((kind, condition.to_owned(), status.to_owned()), count)
    };
    counts.into_iter().map(owned).collect()
}

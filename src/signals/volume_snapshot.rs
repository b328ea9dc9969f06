//! Whether snapshots of a workload's volumes are usable.

use super::signal::{Reading, Reads, Signal, SignalFunction, Threshold, WorkloadInput};
use crate::facts::{FactKind, Facts, SnapshotFacts, VolumeClaim};
use crate::model::days_before;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "volume-snapshot",
    layer: Some("backup-recovery"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Facts(FactKind::Snapshots)],
    rule: "Of each of its claims that has VolumeSnapshots the newest that is older than a day is ready to use, and no older than the \
           threshold. Snapshots lie beside what they are of: alone they are no backup. Claims of volumeClaimTemplates are not looked at.",
    source: "https://kubernetes.io/docs/concepts/storage/volume-snapshots/",
    threshold: Some(Threshold { default: 8, least: 1, most: 90, unit: "days" }),
    passed: "its volumes have usable snapshots",
    failed: "the newest snapshot of a volume is not usable",
    unseen: "no VolumeSnapshot is of its claims",
    remedy: "see the events of the VolumeSnapshot",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, days: u32) -> Reading {
    let named = view.facts.iter().flat_map(|facts| &facts.claims).filter_map(|claim| match claim {
        VolumeClaim::Named(name) => Some(name),
        VolumeClaim::PerPod(_) => None,
    });
    let mut named = named.peekable();
    if named.peek().is_none() {
        return Reading::NOT_APPLICABLE;
    }
    if let Err(seen) = view.read(FactKind::Snapshots) {
        return seen;
    }
    let seen = named.filter_map(|claim| {
        // One that was begun today may still become usable.
        let settled = days_before(view.today, 1);
        let of_claim = view.namespace.of(FactKind::Snapshots).filter_map(|(_, facts)| match facts {
            Facts::Snapshot(snapshot) if snapshot.claim == *claim && (snapshot.ready || snapshot.day < settled) => {
                Some(snapshot)
            }
            _ => None,
        });
        let SnapshotFacts { ready, day, .. } = of_claim.max_by_key(|snapshot| (snapshot.day, snapshot.ready))?;
        Some(match ready {
            false => Reading::failed(format!("the snapshot of {day} of claim {claim} is not usable")),
            true if *day < days_before(view.today, days) => {
                Reading::stale(format!("the newest snapshot of claim {claim} is of {day}, older than {days} days"))
            }
            true => Reading::passed_if(true),
        })
    });
    Reading::worst_of(seen).unwrap_or(Reading::UNSEEN)
}

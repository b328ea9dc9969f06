//! Checks that the snapshots of a workload's volumes are usable.

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
    rule: "For each of its claims with VolumeSnapshots, the newest VolumeSnapshot is ready to use and not older than the threshold. \
           A VolumeSnapshot that is not ready counts only if it is older than a day. Snapshots are usually in the same storage as \
           the volume, so they are not a backup on their own. Claims from volumeClaimTemplates are not checked.",
    source: "https://kubernetes.io/docs/concepts/storage/volume-snapshots/",
    threshold: Some(Threshold { default: 8, least: 1, most: 90, unit: "days" }),
    passed: "its volumes have usable snapshots",
    failed: "the newest snapshot of a volume is not usable",
    unseen: "its claims have no usable VolumeSnapshot yet",
    remedy: "check the Events of the VolumeSnapshot",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, days: u32) -> Reading {
    let named = input.facts.iter().flat_map(|facts| &facts.claims).filter_map(|claim| match claim {
        VolumeClaim::Named(name) => Some(name),
        VolumeClaim::PerPod(_) => None,
    });
    let mut claims = named.peekable();
    if claims.peek().is_none() {
        return Reading::NOT_APPLICABLE;
    }
    if let Err(reading) = input.read(FactKind::Snapshots) {
        return reading;
    }
    let readings = claims.filter_map(|claim| {
        // A recent snapshot can still become usable.
        let yesterday = days_before(input.today, 1);
        let of_claim = input.namespace.of(FactKind::Snapshots).filter_map(|(_, facts)| match facts {
            Facts::Snapshot(snapshot) if snapshot.claim == *claim && (snapshot.ready || snapshot.day < yesterday) => {
                Some(snapshot)
            }
            _ => None,
        });
        let SnapshotFacts { ready, day, .. } = of_claim.max_by_key(|snapshot| (snapshot.day, snapshot.ready))?;
        Some(match ready {
            false => Reading::failed(format!("the snapshot of claim {claim} from {day} is not usable")),
            true if *day < days_before(input.today, days) => {
                Reading::stale(format!("the newest snapshot of claim {claim} is from {day}, older than {days} days"))
            }
            true => Reading::passed_if(true),
        })
    });
    Reading::worst_of(readings).unwrap_or(Reading::UNSEEN)
}

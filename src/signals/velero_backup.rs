//! Whether the data of a workload is backed up.

use super::signal::{Reading, Reads, Signal, SignalFunction, Threshold, WorkloadInput};
use crate::facts::{BackupPhase, FactKind, Facts};
use crate::matrix::LayerTriggers;
use crate::model::{Attribution, Reach};
use crate::model::{day, days_before};

pub(super) const SIGNAL: Signal = Signal {
    id: "velero-backup",
    layer: Some("backup-recovery"),
    attribution: Attribution::Customer,
    reach: Reach::Duty,
    reads: &[Reads::Facts(FactKind::Backups)],
    rule: "The newest Backup of Velero that holds all of the namespace is Completed, not PartiallyFailed or Failed, no older than the \
           threshold, and tells that data of volumes is in it: by completed snapshots or moves of data, or as all volumes are \
           saved as files. \
           Backups of some resources, of some labels or without volumes do not count, nor those outside of veleroNamespace of the \
           configuration file (velero).",
    source: "https://velero.io/docs/main/api-types/backup/: lastBackup of a Schedule only says that one was begun. AKS support \
             policies: backup is the customer's",
    threshold: Some(Threshold { default: 8, least: 1, most: 90, unit: "days" }),
    passed: "its namespace is backed up",
    failed: "the newest backup of its namespace failed",
    unseen: "no Backup holds all of its namespace",
    remedy: "see velero backup describe",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, days: u32) -> Reading {
    if !view.triggers.contains(LayerTriggers::STORAGE) {
        return Reading::NOT_APPLICABLE;
    }
    if let Err(seen) = view.read_in(FactKind::Backups, view.velero_namespace) {
        return seen;
    }
    let backups = view.far.of(FactKind::Backups, view.velero_namespace).filter_map(|(name, facts)| match facts {
        Facts::Backup(backup) if backup.contains_namespace(&view.key.namespace) => Some((name, backup)),
        _ => None,
    });
    let Some((_, newest)) = backups.max_by_key(|(name, backup)| (backup.at, (*name).clone())) else {
        return Reading::UNSEEN;
    };
    let day = day(newest.at);
    match newest.phase {
        BackupPhase::Failed => Reading::failed(format!("the newest backup of its namespace, of {day}, failed")),
        BackupPhase::Completed if day < days_before(view.today, days) => {
            Reading::stale(format!("the newest backup of its namespace is of {day}, older than {days} days"))
        }
        BackupPhase::Completed if !newest.has_volumes => Reading::unseen(format!(
            "the newest backup of its namespace, of {day}, does not tell that volumes are in it"
        )),
        BackupPhase::Completed => Reading::passed_if(true),
    }
}

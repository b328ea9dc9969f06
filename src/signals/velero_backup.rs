//! Checks that Velero backs up the data of a workload.

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
    rule: "The newest Backup of Velero that contains the whole namespace is Completed, not PartiallyFailed or Failed, and not older \
           than the threshold. It shows that it contains volume data: completed snapshots or data movements, or a file system backup \
           of all volumes. Backups of some resources, of some labels or without volumes do not count, nor Backups outside \
           veleroNamespace of the configuration file (default: velero).",
    source: "https://velero.io/docs/main/api-types/backup/: lastBackup of a Schedule only shows that a Backup was started. AKS \
             support policies: the customer is responsible for backups",
    threshold: Some(Threshold { default: 8, least: 1, most: 90, unit: "days" }),
    passed: "its namespace is backed up",
    failed: "the newest backup of its namespace failed",
    unseen: "no Backup contains its whole namespace",
    remedy: "run velero backup describe",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, days: u32) -> Reading {
    if !input.triggers.contains(LayerTriggers::STORAGE) {
        return Reading::NOT_APPLICABLE;
    }
    if let Err(reading) = input.read_in(FactKind::Backups, input.velero_namespace) {
        return reading;
    }
    let backups = input.far.of(FactKind::Backups, input.velero_namespace).filter_map(|(name, facts)| match facts {
        Facts::Backup(backup) if backup.contains_namespace(&input.key.namespace) => Some((name, backup)),
        _ => None,
    });
    let Some((_, newest)) = backups.max_by_key(|(name, backup)| (backup.at, (*name).clone())) else {
        return Reading::UNSEEN;
    };
    let day = day(newest.at);
    match newest.phase {
        BackupPhase::Failed => Reading::failed(format!("the newest backup of its namespace, from {day}, failed")),
        BackupPhase::Completed if day < days_before(input.today, days) => {
            Reading::stale(format!("the newest backup of its namespace is from {day}, older than {days} days"))
        }
        BackupPhase::Completed if !newest.has_volumes => Reading::unseen(format!(
            "the newest backup of its namespace, from {day}, does not show that it contains volumes"
        )),
        BackupPhase::Completed => Reading::passed_if(true),
    }
}

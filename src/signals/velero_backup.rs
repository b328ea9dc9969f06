//! Whether the data of a workload is backed up.

use super::facts::{BackupPhase, FactKind, Facts, days_before};
use super::signal::{Look, Reads, Seen, Signal, Threshold, View};
use crate::matrix::Signal as Shown;
use crate::model::{Attribution, Reach};

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
    look: Look::Workload(look),
};

fn look(view: &View<'_>, days: u32) -> Seen {
    if !view.signals.contains(Shown::Storage) {
        return Seen::NOT_APPLICABLE;
    }
    if let Err(seen) = view.read_in(FactKind::Backups, view.velero_namespace) {
        return seen;
    }
    let backups = view.far.of(FactKind::Backups, view.velero_namespace).filter_map(|(name, facts)| match facts {
        Facts::Backup(backup) if backup.holds(&view.key.namespace) => Some((name, backup)),
        _ => None,
    });
    let Some((_, newest)) = backups.max_by_key(|(name, backup)| (backup.at, (*name).clone())) else {
        return Seen::UNSEEN;
    };
    let day = newest.day();
    match newest.phase {
        BackupPhase::Failed => Seen::failed(format!("the newest backup of its namespace, of {day}, failed")),
        BackupPhase::Completed if day < days_before(view.today, days) => {
            Seen::stale(format!("the newest backup of its namespace is of {day}, older than {days} days"))
        }
        BackupPhase::Completed if !newest.has_volumes => {
            Seen::unseen(format!("the newest backup of its namespace, of {day}, does not tell that volumes are in it"))
        }
        BackupPhase::Completed => Seen::passed_if(true),
    }
}

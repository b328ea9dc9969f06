//! Whether the data of a workload is backed up.

use jiff::civil::Date;

use super::facts::{BackupFacts, BackupPhase, FactKind, Facts, days_before};
use super::signal::{Look, Reads, Seen, Signal, Threshold, View};
use crate::matrix::Signal as Shown;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "velero-backup",
    layer: Some("backup-recovery"),
    attribution: Attribution::Customer,
    reach: Reach::Duty,
    reads: &[Reads::Facts(FactKind::Backups)],
    rule: "The newest Backup of Velero that holds the namespace is Completed, not PartiallyFailed or Failed, and no older than the \
           threshold.",
    source: "https://velero.io/docs/main/api-types/backup/: lastBackup of a Schedule only says that one was begun. AKS support \
             policies: backup is the customer's",
    threshold: Some(Threshold { default: 8, least: 1, most: 90, unit: "days" }),
    passed: "its namespace is backed up",
    failed: "the newest backup of its namespace failed",
    unseen: "no Backup holds its namespace",
    remedy: "see velero backup describe",
    look: Look::Workload(look),
};

fn look(view: &View<'_>, days: u32) -> Seen {
    if !view.signals.contains(Shown::Storage) {
        return Seen::NOT_APPLICABLE;
    }
    if let Err(seen) = view.read(FactKind::Backups) {
        return seen;
    }
    let backups = view.far.of(FactKind::Backups).filter_map(|(name, facts)| match facts {
        Facts::Backup(backup) if backup.holds(&view.key.namespace) => Some((backup.day, name, backup)),
        _ => None,
    });
    let newest: Option<(Date, _, &BackupFacts)> = backups.max_by_key(|(day, name, _)| (*day, (*name).clone()));
    match newest {
        None => Seen::UNSEEN,
        Some((day, _, BackupFacts { phase: BackupPhase::Failed, .. })) => {
            Seen::failed(format!("the newest backup of its namespace, of {day}, failed"))
        }
        Some((day, ..)) if day < days_before(view.today, days) => {
            Seen::stale(format!("the newest backup of its namespace is of {day}, older than {days} days"))
        }
        Some(_) => Seen::passed_if(true),
    }
}

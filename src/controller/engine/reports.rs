//! Reports of namespaces: watch events, start of a write, and handling of its outcome.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::{self, JoinError};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::intake::Intake;
use super::publisher::Publisher;
use crate::controller::publish::{Priority, REPORT_KIND, Round, WriteOutcome, write_reports};
use crate::controller::watch::{Coverage, WatchEvent};
use crate::facts::published_report::is_report_name;
use crate::facts::{Delta, FactKind, ListedKind, ObjectName};
use crate::openreports::{PublishedReports, ReportWrite, build_reports, report_writes};

/// Resource as RBAC rules name it.
const RESOURCE: &str = "reports.openreports.io";

impl Publisher {
    /// Enqueues namespaces whose Reports can be out of date.
    pub(super) fn enqueue_reports(&mut self, namespaces: impl IntoIterator<Item = Arc<str>>) {
        if self.leads {
            let now = Instant::now();
            namespaces.into_iter().for_each(|namespace| self.reports.enqueue(&namespace, now));
        }
    }

    /// Enqueues all namespaces. Reports that are right already are not written.
    pub(super) fn enqueue_all_reports(&mut self, intake: &Intake) {
        if self.reports.is_enabled() && self.leads {
            let known = intake.inventory().namespaces().chain(self.reports.namespaces());
            let all: BTreeSet<Arc<str>> = known.cloned().collect();
            self.enqueue_reports(all);
        }
    }

    /// Warns once if Reports are enabled and the API server does not serve them.
    pub(super) fn warn_if_reports_not_served(&mut self, coverage: &Coverage) {
        let is_served = coverage.kinds().any(|kind| **kind.resource() == *RESOURCE);
        if self.reports.is_enabled() && !is_served && !std::mem::replace(&mut self.reports.warned_not_served, true) {
            warn!("{RESOURCE} are not served, so no Reports are written; install OpenReports, or remove --reports");
        }
    }

    /// Records the watch events of the operator's Reports.
    pub(super) fn record_reports(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::OwnReport(name, known)
                if self.reports.is_enabled() && self.reports.record(name, (**known).clone(), self.leads) =>
            {
                self.enqueue_reports([name.namespace.clone()]);
            }
            WatchEvent::Change(Delta::Facts(FactKind::Reports, name, _)) => self.remove_report(name),
            WatchEvent::Change(Delta::Relisted(listed)) if listed.kind == ListedKind::Facts(FactKind::Reports) => {
                for name in self.reports.missing_from(listed) {
                    self.remove_report(&name);
                }
            }
            _ => {}
        }
    }

    /// Removes a Report that was deleted or belongs to another writer. The operator can write one of that name then.
    fn remove_report(&mut self, name: &ObjectName) {
        if self.reports.remove(name, self.leads) || is_report_name(&name.name) {
            self.enqueue_reports([name.namespace.clone()]);
        }
    }

    /// Starts a write task for the Reports of a namespace that are out of date.
    pub(super) fn start_reports(&mut self, intake: &Intake, namespace: &Arc<str>) {
        if !self.leadership.is_held() {
            // The process can have been paused while another replica became the leader.
            return self.requeue_reports(namespace);
        }
        let Some(changes) = self.report_changes(intake, namespace) else {
            return self.finish_reports(intake, namespace);
        };
        if changes.is_empty() {
            self.metrics.count_reconcile(REPORT_KIND, "unchanged");
            self.reports.settle(namespace);
            self.record_no_failure(namespace);
            return self.finish_reports(intake, namespace);
        }
        let now = Instant::now();
        let count = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        self.reports.queue.count_writes(namespace, count, now);
        let write = write_reports(self.client.clone(), namespace.clone(), changes, self.leadership.clone());
        let task = self.reports.writes.spawn(write);
        self.reports.writing.insert(task.id(), (namespace.clone(), now));
    }

    /// Returns the changes that the Reports of a namespace need; `None` while essential inputs cannot be read. All namespaces
    /// are enqueued when they can.
    fn report_changes(&mut self, intake: &Intake, namespace: &Arc<str>) -> Option<Vec<ReportWrite>> {
        let (inventory, coverage) = (intake.inventory(), intake.coverage());
        let reported = inventory.reportable(namespace);
        let completeness = coverage.completeness(Some(namespace), reported.from_nodes(), reported.uses_custom_model());
        if !coverage.is_synced(RESOURCE, namespace) || !completeness.essential.is_empty() {
            return None;
        }
        let none = PublishedReports::default();
        let own = self.reports.own(namespace).unwrap_or(&none);
        let wanted = build_reports(inventory.matrix(), inventory.catalogue(), &reported, own);
        self.reports.keep_times_of(namespace, &wanted);
        let own = self.reports.own(namespace).unwrap_or(&none);
        Some(report_writes(wanted, own, self.clock.now().as_second()))
    }

    /// Handles the end of a write task.
    pub(super) fn end_reports(&mut self, intake: &Intake, ended: Result<(task::Id, Round), JoinError>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some((namespace, started)) = self.reports.writing.remove(&task) else { return };
        let mut round = match ended {
            Ok((_, round)) => round,
            // Aborted because this replica no longer leads.
            Err(error) if error.is_cancelled() => {
                return self.reports.queue.finished(&namespace, Priority::Background);
            }
            Err(error) => Round::failed(error.to_string()),
        };
        self.metrics.count_reconcile(REPORT_KIND, round.outcome.name());
        self.metrics.observe_duration(REPORT_KIND, started.elapsed());
        self.reports.record_written(&namespace, &mut round);
        debug!(%namespace, outcome = round.outcome.name(), "wrote Reports");
        match round.outcome {
            WriteOutcome::Written(()) if round.is_partial => self.requeue_reports(&namespace),
            WriteOutcome::Written(()) | WriteOutcome::Unchanged | WriteOutcome::Gone => {
                self.record_no_failure(&namespace);
                self.finish_reports(intake, &namespace);
            }
            WriteOutcome::NotLeading => self.requeue_reports(&namespace),
            // The watch event of the change normally comes before the retry.
            WriteOutcome::Conflict | WriteOutcome::NotServed => {
                self.reports.queue.failed(&namespace, Priority::Background, Instant::now());
            }
            WriteOutcome::Failed(failure) => {
                if self.reports.is_new_failure(&namespace, &failure) {
                    let error = failure.error;
                    warn!(%namespace, error, "cannot write Reports, trying again");
                }
                self.reports.queue.failed(&namespace, Priority::Background, Instant::now());
            }
        }
    }

    fn record_no_failure(&mut self, namespace: &Arc<str>) {
        if self.reports.is_last_failure_over(namespace) {
            info!("Reports can be written again");
        }
    }

    /// Ends the work on a namespace, and removes the state of one that was deleted.
    fn finish_reports(&mut self, intake: &Intake, namespace: &Arc<str>) {
        if !intake.inventory().has_namespace(namespace) && self.reports.own(namespace).is_none() {
            self.record_no_failure(namespace);
            self.reports.queue.remove(namespace);
        }
        self.reports.queue.finished(namespace, Priority::Background);
    }

    fn requeue_reports(&mut self, namespace: &Arc<str>) {
        self.reports.queue.finished(namespace, Priority::Background);
        self.enqueue_reports([namespace.clone()]);
    }
}

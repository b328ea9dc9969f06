//! The Reports of namespaces: when they are looked at, and how their writes end.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::{self, JoinError};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::Engine;
use crate::controller::queue::Line;
use crate::controller::reports::{End, KIND, Round, write};
use crate::facts::published_report::is_report_name;
use crate::facts::{FactKind, Listed, ListedKind, ObjectName, PublishedReport};
use crate::openreports::{PublishedReports, ReportWrite, build_reports, report_writes};

/// As permissions name it.
const RESOURCE: &str = "reports.openreports.io";

impl Engine {
    /// Marks namespaces of which there may be something else to report.
    pub(super) fn mark_reports(&mut self, namespaces: impl IntoIterator<Item = Arc<str>>) {
        if self.leads {
            let now = Instant::now();
            namespaces.into_iter().for_each(|namespace| self.reports.mark(&namespace, now));
        }
    }

    /// Marks all of them: what is right already is not written.
    pub(super) fn mark_all_reports(&mut self) {
        if self.reports.is_on() && self.leads {
            let known = self.inventory.namespaces().chain(self.reports.namespaces());
            let all: BTreeSet<Arc<str>> = known.cloned().collect();
            self.mark_reports(all);
        }
    }

    /// Says once that nothing can be reported, where that is so.
    pub(super) fn look_for_reports(&mut self) {
        let is_served = self.sources.all().any(|source| source.resource() == RESOURCE);
        if self.reports.is_on() && !is_served && !std::mem::replace(&mut self.reports.said_absent, true) {
            warn!(
                "{RESOURCE} are not served: no Reports are written until they are; install OpenReports, or leave out --reports"
            );
        }
    }

    pub(super) fn see_report(&mut self, name: &ObjectName, known: PublishedReport) {
        if self.reports.is_on() && self.reports.see(name, known, self.leads) {
            self.mark_reports([name.namespace.clone()]);
        }
    }

    /// A Report is gone, or is somebody else's: one of this name that stood in the way may have gone.
    pub(super) fn forget_report(&mut self, name: &ObjectName) {
        if self.reports.forget(name, self.leads) || is_report_name(&name.name) {
            self.mark_reports([name.namespace.clone()]);
        }
    }

    pub(super) fn forget_missing_reports(&mut self, listed: &Listed) {
        if listed.kind == ListedKind::Facts(FactKind::Reports) {
            for name in self.reports.missing_from(listed) {
                self.forget_report(&name);
            }
        }
    }

    /// Begins to write what has to be other in the Reports of a namespace.
    pub(super) fn start_reports(&mut self, namespace: &Arc<str>) {
        if !self.mandate.holds() {
            // The process may have been paused while another took over.
            return self.look_at_reports_again(namespace);
        }
        // Nothing while that cannot be told: when it can, all namespaces are looked at.
        let Some(changes) = self.report_changes(namespace) else { return self.reports_finished(namespace) };
        if changes.is_empty() {
            self.instruments.metrics.reconciled(KIND, "unchanged");
            self.reports.settle(namespace);
            self.nothing_fails(namespace);
            return self.reports_finished(namespace);
        }
        let now = Instant::now();
        for _ in &changes {
            self.reports.queue.write_begins(namespace, now);
        }
        let write = write(self.client.clone(), namespace.clone(), changes, self.mandate.clone());
        let task = self.reports.writes.spawn(write);
        self.reports.writing.insert(task.id(), (namespace.clone(), now));
    }

    /// What has to be other; none where that cannot be told.
    fn report_changes(&mut self, namespace: &Arc<str>) -> Option<Vec<ReportWrite>> {
        let reported = self.inventory.reportable(namespace);
        let completeness =
            self.sources.completeness(Some(namespace), reported.from_nodes(), reported.uses_custom_model());
        if !self.sources.reads(RESOURCE, namespace) || !completeness.essential.is_empty() {
            return None;
        }
        let none = PublishedReports::default();
        let own = self.reports.own(namespace).unwrap_or(&none);
        let wanted = build_reports(self.inventory.matrix(), self.inventory.catalogue(), &reported, own);
        self.reports.keep_times_of(namespace, &wanted);
        let own = self.reports.own(namespace).unwrap_or(&none);
        Some(report_writes(wanted, own, self.clock.now().as_second()))
    }

    pub(super) fn reports_ended(&mut self, ended: Result<(task::Id, Round), JoinError>) {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some((namespace, begun)) = self.reports.writing.remove(&task) else { return };
        let mut round = match ended {
            Ok((_, round)) => round,
            // Cut off when this process ceased to lead.
            Err(error) if error.is_cancelled() => return self.reports.queue.finished(&namespace, Line::Routine),
            Err(error) => Round::failed(error.to_string()),
        };
        self.instruments.metrics.reconciled(KIND, round.end.name());
        self.instruments.metrics.took(KIND, begun.elapsed());
        self.reports.take_in(&namespace, &mut round);
        debug!(%namespace, end = round.end.name(), "Reports");
        match round.end {
            End::Written if round.is_part => self.look_at_reports_again(&namespace),
            End::Written | End::Gone => {
                self.nothing_fails(&namespace);
                self.reports_finished(&namespace);
            }
            End::NotLeading | End::Conflict => self.look_at_reports_again(&namespace),
            End::NotServed => self.reports.queue.failed(&namespace, Line::Routine, Instant::now()),
            End::Failed(failure) => {
                if self.reports.is_news(&namespace, &failure) {
                    let error = failure.error;
                    warn!(%namespace, error, "cannot write Reports, trying again");
                }
                self.reports.queue.failed(&namespace, Line::Routine, Instant::now());
            }
        }
    }

    fn nothing_fails(&mut self, namespace: &Arc<str>) {
        if self.reports.is_end(namespace) {
            info!("Reports can be written again");
        }
    }

    /// The work on a namespace ended. Of one that is gone nothing is kept.
    fn reports_finished(&mut self, namespace: &Arc<str>) {
        if !self.inventory.has_namespace(namespace) && self.reports.own(namespace).is_none() {
            self.nothing_fails(namespace);
            self.reports.queue.forget(namespace);
        }
        self.reports.queue.finished(namespace, Line::Routine);
    }

    fn look_at_reports_again(&mut self, namespace: &Arc<str>) {
        self.reports.queue.finished(namespace, Line::Routine);
        self.mark_reports([namespace.clone()]);
    }
}

//! The Reports of namespaces: when they are looked at, and how their writes end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::{self, JoinError};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::Engine;
use crate::controller::queue::Line;
use crate::controller::reports::{End, KIND, Round, write};
use crate::inventory::{Listed, ListedKind, ObjectName};
use crate::openreports::{Change, Known, changes, reports};
use crate::signals::FactKind;

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

    pub(super) fn see_report(&mut self, name: &ObjectName, known: Known) {
        if self.reports.is_on() && self.reports.see(name, known) {
            self.mark_reports([name.namespace.clone()]);
        }
    }

    /// A Report is gone, or is somebody else's.
    pub(super) fn forget_report(&mut self, name: &ObjectName) {
        if self.reports.forget(name) {
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
        let changes = if self.mandate.holds() { self.report_changes(namespace) } else { Vec::new() };
        if changes.is_empty() {
            self.instruments.metrics.reconciled(KIND, "unchanged");
            return self.reports.queue.finished(namespace, Line::Routine);
        }
        let now = Instant::now();
        for _ in &changes {
            self.reports.queue.write_begins(namespace, now);
        }
        let write = write(self.client.clone(), namespace.clone(), changes, self.mandate.clone());
        let task = self.reports.writes.spawn(write);
        self.reports.writing.insert(task.id(), (namespace.clone(), now));
    }

    /// What has to be other. Nothing while that cannot be told: when it can, all namespaces are looked at.
    fn report_changes(&self, namespace: &Arc<str>) -> Vec<Change> {
        if !self.sources.reads(RESOURCE, namespace) {
            return Vec::new();
        }
        let reported = self.inventory.reported(namespace);
        let completeness = self.sources.completeness(Some(namespace), reported.from_nodes(), reported.names_own());
        if !completeness.essential.is_empty() {
            return Vec::new();
        }
        let wanted = reports(self.inventory.matrix(), self.inventory.catalogue(), &reported);
        let none = BTreeMap::new();
        changes(wanted, self.reports.known(namespace).unwrap_or(&none), self.clock.now().as_second())
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
        match round.end {
            End::Written | End::Gone | End::NotLeading => {
                debug!(%namespace, end = round.end.name(), "Reports");
                self.reports.queue.finished(&namespace, Line::Routine);
            }
            End::Conflict => {
                self.reports.queue.finished(&namespace, Line::Routine);
                self.mark_reports([namespace]);
            }
            End::Failed(error) => {
                if self.reports.is_news(Some(&error)) {
                    warn!(%namespace, error, "cannot write Reports, trying again");
                }
                return self.reports.queue.failed(&namespace, Line::Routine, Instant::now());
            }
        }
        if self.reports.is_news(None) {
            info!("Reports can be written again");
        }
    }
}

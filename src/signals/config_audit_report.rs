//! Whether a scanner found critical mistakes in the manifests of a workload.

use super::report_summary::{ReportSummary, summarize};
use super::signal::{Reading, Reads, Signal, SignalFunction, Threshold, WorkloadInput};
use crate::facts::FactKind;
use crate::model::{Attribution, Reach};

pub(super) const SIGNAL: Signal = Signal {
    id: "config-audit-report",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Facts(FactKind::ConfigAuditReports)],
    rule: "No ConfigAuditReport of Trivy about the workload, or about the ReplicaSet that it runs at the moment, counts a critical \
           failure; the oldest is no older than the threshold.",
    source: "https://aquasecurity.github.io/trivy-operator/latest/docs/crds/configaudit-report/",
    threshold: Some(Threshold { default: 30, least: 1, most: 365, unit: "days" }),
    passed: "no critical mistake was found in its manifests",
    failed: "critical mistakes were found in its manifests",
    unseen: "no ConfigAuditReport is about it",
    remedy: "mend what its ConfigAuditReport lists as critical",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, days: u32) -> Reading {
    match summarize(view, FactKind::ConfigAuditReports) {
        Err(seen) => seen,
        Ok(ReportSummary { outcome, .. }) if outcome.failed > 0 => Reading::passed_if(false),
        Ok(found) => found.unless_older(view.today, days, "its ConfigAuditReport"),
    }
}

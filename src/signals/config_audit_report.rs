//! Checks that Trivy found no critical misconfigurations in the manifests of a workload.

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
    rule: "No ConfigAuditReport of Trivy about the workload or its current ReplicaSet counts a critical failure. The oldest of these \
           reports is not older than the threshold.",
    source: "https://aquasecurity.github.io/trivy-operator/latest/docs/crds/configaudit-report/",
    threshold: Some(Threshold { default: 30, least: 1, most: 365, unit: "days" }),
    passed: "no critical misconfiguration was found in its manifests",
    failed: "critical misconfigurations were found in its manifests",
    unseen: "it has no ConfigAuditReport",
    remedy: "fix the critical checks in its ConfigAuditReport",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, days: u32) -> Reading {
    match summarize(input, FactKind::ConfigAuditReports) {
        Err(reading) => reading,
        Ok(ReportSummary { outcome, .. }) if outcome.failed > 0 => Reading::passed_if(false),
        Ok(summary) => summary.unless_older(input.today, days, "its ConfigAuditReport"),
    }
}

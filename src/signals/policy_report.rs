//! Checks that policy engines report no violation by a workload.

use super::report_summary::{ReportSummary, summarize};
use super::signal::{Reading, Reads, Signal, SignalFunction, WorkloadInput};
use crate::facts::FactKind;
use crate::model::{Attribution, Reach, SignalVerdict};

pub(super) const SIGNAL: Signal = Signal {
    id: "policy-report",
    layer: Some("workload-configuration"),
    attribution: Attribution::Customer,
    reach: Reach::Part,
    reads: &[Reads::Facts(FactKind::Reports), Reads::Facts(FactKind::PolicyReports)],
    rule: "No result about the workload in a Report (OpenReports) or a PolicyReport is a failure with high or critical severity, or \
           without a severity. A result with an error makes it Unknown, and skipped results do not count. The Reports of the operator \
           itself do not count.",
    source: "https://github.com/openreports/reports-api; https://kyverno.io/docs/policy-reports/",
    threshold: None,
    passed: "it violates no evaluated policy of high severity",
    failed: "it violates a policy of high severity",
    unseen: "it has no Report or PolicyReport",
    remedy: "fix the failed results in its reports",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(input: &WorkloadInput<'_>, _: u32) -> Reading {
    let evaluate = |kind| match summarize(input, kind) {
        Err(reading) => reading,
        Ok(ReportSummary { outcome, .. }) => match (outcome.failed, outcome.errors, outcome.passed) {
            (1.., _, _) => Reading::passed_if(false),
            (0, 1.., _) => Reading {
                verdict: SignalVerdict::Unreadable,
                detail: Some("a policy could not be evaluated for it, which can hide a failure".into()),
            },
            (0, 0, 1..) => Reading::passed_if(true),
            (0, 0, 0) => Reading::UNSEEN,
        },
    };
    let (one, other) = (evaluate(FactKind::Reports), evaluate(FactKind::PolicyReports));
    if one.verdict >= other.verdict { one } else { other }
}

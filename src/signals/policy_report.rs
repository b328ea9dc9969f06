//! Whether policy engines found that a workload breaks a policy.

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
    rule: "No result about the workload in a Report (OpenReports) or a PolicyReport is a failure of high or critical severity, or of \
           none. A result that is an error leaves it unknown; one that was skipped says nothing. What the operator itself reports does not count.",
    source: "https://github.com/openreports/reports-api; https://kyverno.io/docs/policy-reports/",
    threshold: None,
    passed: "it breaks no policy of high severity that was tried",
    failed: "it breaks a policy of high severity",
    unseen: "no Report or PolicyReport is about it",
    remedy: "mend what its reports list as failed",
    evaluate: SignalFunction::Workload(evaluate),
};

fn evaluate(view: &WorkloadInput<'_>, _: u32) -> Reading {
    let of = |kind| match summarize(view, kind) {
        Err(seen) => seen,
        Ok(ReportSummary { outcome, .. }) => match (outcome.failed, outcome.errors, outcome.passed) {
            (1.., _, _) => Reading::passed_if(false),
            (0, 1.., _) => Reading {
                verdict: SignalVerdict::Unreadable,
                detail: Some("a policy could not be tried on it, which may hide a failure".into()),
            },
            (0, 0, 1..) => Reading::passed_if(true),
            (0, 0, 0) => Reading::UNSEEN,
        },
    };
    let (one, other) = (of(FactKind::Reports), of(FactKind::PolicyReports));
    if one.verdict >= other.verdict { one } else { other }
}

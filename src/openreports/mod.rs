//! Builds `Report`s of OpenReports, the format of policy engines and scanners, from the failures of duties.
//!
//! Each namespace has its own set of Reports, which contain failures only. The assignment of results to Reports depends only on
//! the results and on the published Reports. So every process builds the same Reports, and a change of one workload changes one
//! Report.
//!
//! Fields as documented: <https://github.com/openreports/reports-api/blob/main/docs/api-docs.md>.

mod build;
mod published;
mod report;
mod result_draft;
#[cfg(test)]
mod tests;
mod writes;

pub use build::build_reports;
pub use published::PublishedReports;
pub use report::{Report, ReportResult, ResultStatus, Severity, Summary, Timestamp};
pub use writes::{ReportWrite, report_writes};

/// The property with the unique ID of a result. Policy Reporter reads it too.
pub const RESULT_ID: &str = "resultID";

/// The maximum number of results in two split Reports together that are joined again. It is well below
/// [`RESULTS`](crate::facts::published_report::RESULTS), because a split or a join moves all their results.
pub const REJOIN: usize = 150;

/// The maximum number of writes to the Reports of a namespace in one round, enough for all of its Reports. If somebody creates
/// thousands of Reports that look like those of the operator, other namespaces do not wait for the cleanup.
pub const ROUND: usize = 40;

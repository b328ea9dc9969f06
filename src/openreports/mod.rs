//! What is wrong with duties, in the form in which policy engines and scanners report: `Report`s of OpenReports.
//!
//! One set of Reports for each namespace, with failures only. Which result lies in which Report follows from what there is to
//! report and from the Reports that are there, and from nothing else, so that every process makes the same ones, and a change
//! of one workload is a change of one Report.
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

/// The property of a result with its unique ID, which Policy Reporter also reads.
pub const RESULT_ID: &str = "resultID";

/// The most results of two split Reports together that are joined again. It is well below
/// [`RESULTS`](crate::facts::published_report::RESULTS): a split or a join moves all their results.
pub const REJOIN: usize = 150;

/// The most writes to the Reports of a namespace in one round. That is enough for all of them. If somebody creates thousands of
/// Reports that look like those of the operator, other namespaces do not wait for the cleanup.
pub const ROUND: usize = 40;

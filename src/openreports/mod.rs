//! What is wrong with duties, in the form in which policy engines and scanners report: `Report`s of OpenReports.
//!
//! One set of Reports for each namespace, with failures only. Which result lies in which Report follows from what there is to
//! report and from the Reports that are there, and from nothing else, so that every process makes the same ones, and a change
//! of one workload is a change of one Report.
//!
//! Fields as documented: <https://github.com/openreports/reports-api/blob/main/docs/api-docs.md>.

mod changes;
mod finding;
mod known;
mod report;
mod shards;
#[cfg(test)]
mod tests;

pub use changes::{Change, changes};
pub use known::{Known, OwnReports, is_name, own_labels};
pub use report::{Outcome, Report, ReportResult, Severity, Summary, Timestamp};
pub use shards::reports;

/// The API group of Reports, and their plural, as permissions name them.
pub const GROUP_AND_PLURAL: (&str, &str) = ("openreports.io", "reports");

/// Who reports, as OpenReports calls it.
pub const SOURCE: &str = "responsibility-operator";

/// The label by which own Reports are known, and its value [`SOURCE`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The label with whom the layers of a Report are of concern to: the team of the workloads, or the platform's.
pub const CONCERN: &str = "sharedresponsibility.dev/concern";

/// The label with the party that answers for all workloads of a Report, where it is one.
pub const OWNER: &str = "sharedresponsibility.dev/owner";

/// The annotation with the digest of what a Report says, times aside.
pub const DIGEST: &str = "sharedresponsibility.dev/digest";

/// The property of a result that tells it from every other one, also to Policy Reporter.
pub const RESULT_ID: &str = "resultID";

/// The most results of a Report. Each has less than 1.5 KB, so a Report stays far below what etcd takes.
pub const RESULTS: usize = 250;

/// The most results of Reports that are halves of one and go together again. Well below [`RESULTS`]: when halves go together or
/// apart all of their results move.
pub const REJOIN: usize = 150;

/// The most changes that are made to the Reports of a namespace at once: enough for all of them, and no more where somebody has
/// made thousands that look like the operator's, for which other namespaces would have to wait.
pub const ROUND: usize = 40;

/// How often the workloads of a namespace are halved at most: 16 Reports, and one for the platform.
pub const HALVINGS: u32 = 4;

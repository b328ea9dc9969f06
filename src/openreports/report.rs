//! The types of OpenReports, as far as they are written.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::facts::published_report::{CONCERN, DIGEST, MANAGED_BY, OWNER, SOURCE};
use crate::matrix::Audience;

/// A `Report` of `openreports.io/v1alpha1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its API group and version.
    pub api_version: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// Its name, its namespace, its labels, and the digest of what it says.
    pub metadata: ObjectMeta,
    /// Who reports.
    pub source: &'static str,
    /// The results by outcome.
    pub summary: Summary,
    /// What is wrong.
    pub results: Vec<ReportResult>,
}

/// How many results there are of each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// What is well is not reported.
    pub pass: usize,
    /// What is wrong.
    pub fail: usize,
    /// What may be wrong.
    pub warn: usize,
    /// What was wrong and cannot be seen any more.
    pub error: usize,
    /// Nothing is reported that does not apply.
    pub skip: usize,
}

/// Whether something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultStatus {
    /// It is.
    Fail,
    /// It may be.
    Warn,
    /// It was, and whether it still is cannot be found out.
    Error,
}

impl ResultStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Warn, Self::Error];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// How much it weighs. Ordered by weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is only told.
    Info,
    /// What was seen is too old or cannot be seen any more, or nobody has said anything yet.
    Low,
    /// A duty that another party may take over.
    Medium,
    /// A duty for which the customer answers whoever does the work.
    High,
}

/// One result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportResult {
    /// Who reports: readers of today look at it here and not at the Report.
    pub source: &'static str,
    /// The layer.
    pub policy: String,
    /// Why it is a gap, or the signal that shows that it is not done.
    pub rule: String,
    /// Whether it is about who holds a duty, or about whether it is done.
    pub category: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// When it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Whether something is wrong.
    pub result: ResultStatus,
    /// Whether it counts against the workload.
    pub scored: bool,
    /// What it is about.
    pub resources: [ObjectReference; 1],
    /// What is wrong and what to write, in the words of the statuses.
    pub message: String,
    /// What else tells about it.
    pub properties: BTreeMap<&'static str, String>,
    /// Its number, and those that it has when it comes out otherwise.
    #[serde(skip)]
    pub numbers: [u64; 3],
}

/// A time, as OpenReports has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Always 0.
    pub nanos: i32,
}

impl Report {
    /// A Report of these results, with the digest of them.
    pub(super) fn new(
        namespace: &str,
        name: String,
        concern: Audience,
        owner: Option<&str>,
        results: Vec<ReportResult>,
    ) -> Self {
        let count = |outcome| results.iter().filter(|result| result.result == outcome).count();
        let [fail, warn, error] = ResultStatus::ALL.map(count);
        let summary = Summary { fail, warn, error, ..Summary::default() };
        let concern = match concern {
            Audience::Workload => "workload",
            Audience::Platform => "platform",
        };
        let labels = [(MANAGED_BY, Some(SOURCE)), (CONCERN, Some(concern)), (OWNER, owner)];
        let labels: BTreeMap<String, String> =
            labels.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?.to_owned()))).collect();
        let mut report = Self {
            api_version: "openreports.io/v1alpha1",
            kind: "Report",
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(namespace.to_owned()),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            source: SOURCE,
            summary,
            results,
        };
        let digest = report.compute_digest();
        report.metadata.annotations = Some(BTreeMap::from([(DIGEST.to_owned(), digest)]));
        report
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// The digest of what it says, times aside.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.metadata.annotations.as_ref().and_then(|all| all.get(DIGEST)).map_or("", String::as_str)
    }

    fn compute_digest(&self) -> String {
        // Serialising plain data to memory cannot fail; if it did, the Report would be written each time.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let digest = Sha256::digest(bytes).iter().take(16).fold(0, |number, byte| (number << 8) | u128::from(*byte));
        format!("{digest:032x}")
    }
}

//! The types of OpenReports that the operator writes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::facts::published_report::{CONCERN, DIGEST, MANAGED_BY, OWNER, SOURCE};
use crate::matrix::Audience;
use crate::printable::{make_line_printable, make_printable};

/// A `Report` of `openreports.io/v1alpha1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The API group and version.
    pub api_version: &'static str,
    /// The kind, always `Report`.
    pub kind: &'static str,
    /// The name, the namespace, the labels, and the digest as an annotation.
    pub metadata: ObjectMeta,
    /// The tool that reports.
    pub source: &'static str,
    /// The number of results by status.
    pub summary: Summary,
    /// The results.
    pub results: Vec<ReportResult>,
}

/// The number of results of each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Always 0: passes are not reported.
    pub pass: usize,
    /// Failures.
    pub fail: usize,
    /// Possible failures.
    pub warn: usize,
    /// Earlier failures whose source cannot be read any more.
    pub error: usize,
    /// Always 0: signals that do not apply are not reported.
    pub skip: usize,
}

/// The status of a result. Passes are not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultStatus {
    /// A failure.
    Fail,
    /// A possible failure.
    Warn,
    /// An earlier failure whose source cannot be read any more.
    Error,
}

impl ResultStatus {
    /// All statuses.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Warn, Self::Error];

    /// Returns the word in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The severity of a result, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information only.
    Info,
    /// An observation that is too old or cannot be repeated, or a namespace without an assignment.
    Low,
    /// A duty that another party may take over.
    Medium,
    /// A duty for which the customer stays accountable even if another party does the work.
    High,
}

/// A result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportResult {
    /// The tool that reports. Current readers use this field and ignore `source` of the Report.
    pub source: &'static str,
    /// The name of the layer.
    pub policy: String,
    /// The reason of a gap, or the signal that shows that the duty is not fulfilled.
    pub rule: String,
    /// `Ownership` or `Fulfilment`.
    pub category: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The time at which the failure was first reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// The status.
    pub result: ResultStatus,
    /// True if the result counts against the workload.
    pub scored: bool,
    /// The workload or namespace that the result is about.
    pub resources: [ObjectReference; 1],
    /// The message of the status: what is wrong and what to write.
    pub message: String,
    /// Further properties, such as the layer and the party.
    pub properties: BTreeMap<&'static str, String>,
    /// The ID of the result, then the IDs that it has with the other statuses.
    #[serde(skip)]
    pub ids: [u64; 3],
}

impl ReportResult {
    /// Makes the texts that users can influence printable.
    fn make_printable(&mut self) {
        self.properties.values_mut().chain([&mut self.message]).for_each(make_line_printable);
        self.resources.iter_mut().for_each(make_printable);
    }
}

/// A time in the format of OpenReports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Always 0.
    pub nanos: i32,
}

impl Report {
    /// Builds a Report and computes its digest.
    pub(super) fn new(
        namespace: &str,
        name: String,
        audience: Audience,
        owner: Option<&str>,
        mut results: Vec<ReportResult>,
    ) -> Self {
        results.iter_mut().for_each(ReportResult::make_printable);
        let count = |status| results.iter().filter(|result| result.result == status).count();
        let [fail, warn, error] = ResultStatus::ALL.map(count);
        let summary = Summary { fail, warn, error, ..Summary::default() };
        let audience = match audience {
            Audience::Workload => "workload",
            Audience::Platform => "platform",
        };
        let labels = [(MANAGED_BY, Some(SOURCE)), (CONCERN, Some(audience)), (OWNER, owner)];
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

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Returns the digest of the content without the times.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.metadata.annotations.as_ref().and_then(|all| all.get(DIGEST)).map_or("", String::as_str)
    }

    fn compute_digest(&self) -> String {
        // Serialization of plain data to memory cannot fail. If it did, the Report would be written each time.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let digest = Sha256::digest(bytes).iter().take(16).fold(0, |number, byte| (number << 8) | u128::from(*byte));
        format!("{digest:032x}")
    }
}

//! Reports of OpenReports that the operator itself has written.

use std::collections::BTreeMap;

/// The API group of Reports and their plural, as permissions name them.
pub const GROUP_AND_PLURAL: (&str, &str) = ("openreports.io", "reports");

/// The source of the Reports of the operator, also its field manager and the value of [`MANAGED_BY`].
pub const SOURCE: &str = "responsibility-operator";

/// The label that marks the Reports of the operator; its value is [`SOURCE`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The label with the audience of a Report: `workload` or `platform`.
pub const CONCERN: &str = "sharedresponsibility.dev/concern";

/// The label with the accountable party of all workloads in a Report, if there is exactly one.
pub const OWNER: &str = "sharedresponsibility.dev/owner";

/// The annotation with the digest of the content of a Report without its times.
pub const DIGEST: &str = "sharedresponsibility.dev/digest";

/// The most results in a Report. Each has less than 1.5 KB, so a Report stays far below the size limit of etcd.
pub const RESULTS: usize = 250;

/// The most times that the workloads of a namespace are split in two: at most 16 Reports, and one for the platform.
pub const MAX_SPLITS: u32 = 4;

/// A Report of the operator as the API server stores it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedReport {
    /// The resource version.
    pub resource_version: String,
    /// The digest of its content without times; none if another client may have changed the content.
    pub digest: Option<String>,
    /// The labels that the operator sets.
    pub labels: BTreeMap<String, String>,
    /// The result IDs with the time of each result in seconds since 1970, sorted.
    pub since: Vec<(u64, i64)>,
}

impl PublishedReport {
    /// Parses result IDs (hexadecimal) and keeps their times, sorted. Keeps at most [`RESULTS`]; other texts are
    /// ignored.
    pub fn times<'a>(times: impl Iterator<Item = (&'a str, i64)>) -> Vec<(u64, i64)> {
        let times = times.filter_map(|(id, seconds)| Some((u64::from_str_radix(id, 16).ok()?, seconds)));
        let mut times: Vec<(u64, i64)> = times.take(RESULTS).collect();
        times.sort_unstable();
        times
    }
}

/// Returns the labels that the operator sets on Reports.
#[must_use]
pub fn report_labels(labels: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let is_own = |label: &str| [MANAGED_BY, CONCERN, OWNER].contains(&label);
    let own = labels.into_iter().flatten().filter(|(label, _)| is_own(label));
    own.map(|(label, value)| (label.clone(), value.clone())).collect()
}

/// Returns true if the operator gives such a name to its Reports.
#[must_use]
pub fn is_report_name(name: &str) -> bool {
    let is_split = |digits: &str| {
        (1..=MAX_SPLITS as usize).contains(&digits.len()) && digits.bytes().all(|digit| matches!(digit, b'0' | b'1'))
    };
    match name.strip_prefix(SOURCE).map(|rest| rest.strip_prefix('-').ok_or(rest)) {
        Some(Ok(rest)) => rest == "platform" || is_split(rest),
        Some(Err(rest)) => rest.is_empty(),
        None => false,
    }
}

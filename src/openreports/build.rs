//! Assigns results to Reports.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::REJOIN;
use super::published::PublishedReports;
use super::report::{Report, ReportResult};
use super::result_draft::{ReportSubject, ResultDraft};
use crate::facts::published_report::{MAX_SPLITS, RESULTS, SOURCE};
use crate::inventory::ReportableNamespace;
use crate::matrix::{Audience, Matrix};
use crate::model::{Catalogue, Evaluation};

/// The maximum length of a label value in bytes.
const LABEL_LIMIT: usize = 63;

/// A subject, its hash, and its results.
struct Entry<'a> {
    hash: u64,
    subject: ReportSubject<'a>,
    drafts: Vec<&'a ResultDraft>,
}

/// Builds the Reports of a namespace. A Report without results is not built.
///
/// The workloads share one Report. If they have more results than a Report holds, they are split in halves by their hashes, and
/// each half again, so that a change of a workload changes only its Report. Published halves are joined again only if that
/// leaves room (see [`REJOIN`]), so that small changes near the limit move no results. If cluster assignments list the platform
/// layers, the results of these layers are reported once for the namespace, in a Report of their own.
#[must_use]
pub fn build_reports(
    matrix: &Matrix,
    catalogue: &Catalogue,
    reported: &ReportableNamespace<'_>,
    published: &PublishedReports,
) -> Vec<Report> {
    // Workloads with the same evaluation share their results.
    let mut drafts_of: HashMap<*const Evaluation, Vec<ResultDraft>> = HashMap::new();
    for workload in &reported.workloads {
        let evaluation = workload.evaluation;
        drafts_of.entry(Arc::as_ptr(evaluation)).or_insert_with(|| ResultDraft::all(matrix, catalogue, evaluation));
    }
    let (unassigned, namespace) = (ResultDraft::unassigned(), ReportSubject::namespace(reported));
    let is_listed_here = |draft: &&ResultDraft| !(reported.platform_elsewhere && draft.audience == Audience::Platform);
    let (mut entries, mut platform_drafts) = (Vec::new(), BTreeMap::new());
    for workload in &reported.workloads {
        let drafts = drafts_of.get(&Arc::as_ptr(workload.evaluation)).map(Vec::as_slice).unwrap_or_default();
        let (mut here, elsewhere): (Vec<&ResultDraft>, Vec<&ResultDraft>) = drafts.iter().partition(is_listed_here);
        for draft in elsewhere.into_iter().filter(|draft| draft.should_report(&namespace, published)) {
            platform_drafts.entry(draft.key()).or_insert(draft);
        }
        let subject = ReportSubject::workload(workload);
        here.retain(|draft| draft.should_report(&subject, published));
        if !here.is_empty() {
            entries.push(Entry { hash: subject.hash(), subject, drafts: here });
        }
    }
    let entry = |drafts| Entry { hash: namespace.hash(), subject: namespace.clone(), drafts };
    if reported.is_unassigned {
        entries.push(entry(vec![&unassigned]));
    }
    let mut order: Vec<&Entry<'_>> = entries.iter().collect();
    order.sort_by_key(|entry| entry.hash);
    let mut builder = Builder { reported, published, namespace: &namespace, reports: Vec::new() };
    builder.split(&order, &format!("{SOURCE}-"), 0);
    if !platform_drafts.is_empty() {
        let all: Vec<&ResultDraft> = platform_drafts.into_values().collect();
        let is_new = |draft: &&ResultDraft| !all.iter().any(|other| draft.is_covered_by(other));
        let entry = entry(all.iter().copied().filter(is_new).collect());
        builder.add_report(&[&entry], format!("{SOURCE}-platform"), Audience::Platform);
    }
    builder.reports
}

/// Builds the Reports of one namespace.
struct Builder<'a> {
    reported: &'a ReportableNamespace<'a>,
    published: &'a PublishedReports,
    namespace: &'a ReportSubject<'a>,
    reports: Vec<Report>,
}

impl Builder<'_> {
    /// Adds one Report with entries sorted by hash, or splits them in halves by the next bit of the hashes if they have too many
    /// results.
    fn split(&mut self, entries: &[&Entry<'_>], name: &str, depth: u32) {
        let count: usize = entries.iter().map(|entry| entry.drafts.len()).sum();
        if count == 0 {
            return;
        }
        let limit = if self.published.has_splits(name) { REJOIN } else { RESULTS };
        if count <= limit || depth == MAX_SPLITS {
            return self.add_report(entries, name.trim_end_matches('-').to_owned(), Audience::Workload);
        }
        let is_first = |entry: &&Entry<'_>| (entry.hash >> (u64::BITS - 1 - depth)) & 1 == 0;
        let (first, second) = entries.split_at(entries.partition_point(is_first));
        self.split(first, &format!("{name}0"), depth + 1);
        self.split(second, &format!("{name}1"), depth + 1);
    }

    /// Adds a Report with entries. If they have more results than it holds, it contains the most severe ones and counts the rest.
    fn add_report(&mut self, entries: &[&Entry<'_>], name: String, audience: Audience) {
        let mut order: Vec<&Entry<'_>> = entries.to_vec();
        order.sort_by(|one, other| one.subject.name.cmp(&other.subject.name));
        let listed = order.iter().flat_map(|entry| entry.drafts.iter().map(|draft| (&entry.subject, *draft)));
        let mut listed: Vec<(usize, (&ReportSubject<'_>, &ResultDraft))> = listed.enumerate().collect();
        let omitted = (listed.len() > RESULTS).then(|| {
            listed.sort_by_key(|(position, (_, draft))| (Reverse(draft.severity), *position));
            let omitted = listed.split_off(RESULTS - 1).len();
            listed.sort_by_key(|(position, _)| *position);
            ResultDraft::omitted(omitted, RESULTS)
        });
        let result = |(_, (subject, draft)): (usize, (&ReportSubject<'_>, &ResultDraft))| draft.result(subject, "");
        let mut results: Vec<ReportResult> = listed.into_iter().map(result).collect();
        results.extend(omitted.map(|draft| draft.result(self.namespace, &name)));
        let owners: BTreeSet<Option<&str>> = entries.iter().map(|entry| entry.subject.owner).collect();
        let owner =
            owners.first().filter(|_| owners.len() == 1).copied().flatten().filter(|owner| is_label_value(owner));
        self.reports.push(Report::new(self.reported.namespace, name, audience, owner, results));
    }
}

/// Returns true if a text is a valid label value.
fn is_label_value(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= LABEL_LIMIT
        && is_end(text.chars().next())
        && is_end(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

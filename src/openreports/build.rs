//! Which result lies in which Report.

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

/// The longest value of a label.
const LABEL_LIMIT: usize = 63;

/// A subject, its number, and what is wrong with it.
struct Entry<'a> {
    number: u64,
    subject: ReportSubject<'a>,
    findings: Vec<&'a ResultDraft>,
}

/// The Reports of a namespace, those with results only.
///
/// The workloads have one together; where they have more results than a Report holds they are halved by their numbers, and
/// each half again, so that a change of a workload is one of the Report that it lies in. Halves that are `known` go together
/// again when that leaves room: what comes and goes at the border moves nothing. What of platform layers is told to the cluster
/// assignments is reported once for the namespace, in a Report of its own.
#[must_use]
pub fn build_reports(
    matrix: &Matrix,
    catalogue: &Catalogue,
    reported: &ReportableNamespace<'_>,
    known: &PublishedReports,
) -> Vec<Report> {
    // Workloads that differ in nothing that counts share what was found for them.
    let mut found: HashMap<*const Evaluation, Vec<ResultDraft>> = HashMap::new();
    for workload in &reported.workloads {
        let evaluation = workload.evaluation;
        found.entry(Arc::as_ptr(evaluation)).or_insert_with(|| ResultDraft::all(matrix, catalogue, evaluation));
    }
    let (unassigned, namespace) = (ResultDraft::unassigned(), ReportSubject::namespace(reported));
    let is_own = |finding: &&ResultDraft| !(reported.platform_elsewhere && finding.concern == Audience::Platform);
    let (mut entries, mut platform_drafts) = (Vec::new(), BTreeMap::new());
    for workload in &reported.workloads {
        let found = found.get(&Arc::as_ptr(workload.evaluation)).map(Vec::as_slice).unwrap_or_default();
        let (mut own, elsewhere): (Vec<&ResultDraft>, Vec<&ResultDraft>) = found.iter().partition(is_own);
        for finding in elsewhere.into_iter().filter(|finding| finding.should_report(&namespace, known)) {
            platform_drafts.entry(finding.key()).or_insert(finding);
        }
        let subject = ReportSubject::workload(workload);
        own.retain(|finding| finding.should_report(&subject, known));
        if !own.is_empty() {
            entries.push(Entry { number: subject.number(), subject, findings: own });
        }
    }
    let entry = |findings| Entry { number: namespace.number(), subject: namespace.clone(), findings };
    if reported.is_unassigned {
        entries.push(entry(vec![&unassigned]));
    }
    let mut order: Vec<&Entry<'_>> = entries.iter().collect();
    order.sort_by_key(|entry| entry.number);
    let mut builder = Builder { reported, known, namespace: &namespace, made: Vec::new() };
    builder.split(&order, &format!("{SOURCE}-"), 0);
    if !platform_drafts.is_empty() {
        let all: Vec<&ResultDraft> = platform_drafts.into_values().collect();
        let is_new = |finding: &&ResultDraft| !all.iter().any(|other| finding.is_covered_by(other));
        let entry = entry(all.iter().copied().filter(is_new).collect());
        builder.make(&[&entry], format!("{SOURCE}-platform"), Audience::Platform);
    }
    builder.made
}

/// The Reports of a namespace while they are made.
struct Builder<'a> {
    reported: &'a ReportableNamespace<'a>,
    known: &'a PublishedReports,
    namespace: &'a ReportSubject<'a>,
    made: Vec<Report>,
}

impl Builder<'_> {
    /// Makes one Report of entries sorted by number, or those of their halves where they are too many. The halves are told
    /// apart by the next bit of the numbers.
    fn split(&mut self, entries: &[&Entry<'_>], name: &str, depth: u32) {
        let count: usize = entries.iter().map(|entry| entry.findings.len()).sum();
        if count == 0 {
            return;
        }
        let limit = if self.known.has_splits(name) { REJOIN } else { RESULTS };
        if count <= limit || depth == MAX_SPLITS {
            return self.make(entries, name.trim_end_matches('-').to_owned(), Audience::Workload);
        }
        let is_first = |entry: &&Entry<'_>| (entry.number >> (u64::BITS - 1 - depth)) & 1 == 0;
        let (first, second) = entries.split_at(entries.partition_point(is_first));
        self.split(first, &format!("{name}0"), depth + 1);
        self.split(second, &format!("{name}1"), depth + 1);
    }

    /// Makes a Report of entries. Where they have more results than it holds, the weightiest are in it and the rest is counted.
    fn make(&mut self, entries: &[&Entry<'_>], name: String, concern: Audience) {
        let mut order: Vec<&Entry<'_>> = entries.to_vec();
        order.sort_by(|one, other| one.subject.name.cmp(&other.subject.name));
        let listed = order.iter().flat_map(|entry| entry.findings.iter().map(|finding| (&entry.subject, *finding)));
        let mut listed: Vec<(usize, (&ReportSubject<'_>, &ResultDraft))> = listed.enumerate().collect();
        let omitted = (listed.len() > RESULTS).then(|| {
            listed.sort_by_key(|(place, (_, finding))| (Reverse(finding.severity), *place));
            let omitted = listed.split_off(RESULTS - 1).len();
            listed.sort_by_key(|(place, _)| *place);
            ResultDraft::omitted(omitted, RESULTS)
        });
        let result = |(_, (subject, finding)): (usize, (&ReportSubject<'_>, &ResultDraft))| finding.result(subject, "");
        let mut results: Vec<ReportResult> = listed.into_iter().map(result).collect();
        results.extend(omitted.map(|finding| finding.result(self.namespace, &name)));
        let owners: BTreeSet<Option<&str>> = entries.iter().map(|entry| entry.subject.owner).collect();
        let owner = owners.first().filter(|_| owners.len() == 1).copied().flatten().filter(|owner| is_label(owner));
        self.made.push(Report::new(self.reported.namespace, name, concern, owner, results));
    }
}

/// Whether a text can be the value of a label.
fn is_label(text: &str) -> bool {
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= LABEL_LIMIT
        && is_end(text.chars().next())
        && is_end(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

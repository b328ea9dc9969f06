//! Drafts of results: one for each gap and for each signal that failed, without the workload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use sha2::{Digest, Sha256};

use super::RESULT_ID;
use super::published::PublishedReports;
use super::report::{ReportResult, ResultStatus, Severity};
use crate::api::Fulfilment;
use crate::facts::published_report::SOURCE;
use crate::inventory::{ReportableNamespace, ReportableWorkload};
use crate::matrix::{Audience, Duty, Layer, LayerId, Matrix};
use crate::model::{
    Catalogue, DutyState, Evaluation, SignalResult, SignalVerdict, State, UNASSIGNED, failure_sentence, sentence,
    unreadable_sentence,
};

/// The category of results about the holder of a duty.
const OWNERSHIP: &str = "Ownership";

/// The category of results about the fulfilment of a duty.
const FULFILMENT: &str = "Fulfilment";

/// A result without its subject. Workloads with the same evaluation share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResultDraft {
    pub(super) audience: Audience,
    pub(super) severity: Severity,
    /// The layer and its duty, for a result about a duty.
    duty: Option<(LayerId, Duty)>,
    policy: String,
    rule: String,
    category: &'static str,
    pub(super) status: ResultStatus,
    message: String,
    properties: BTreeMap<&'static str, String>,
}

/// The workload or namespace that a result is about.
#[derive(Clone, Debug)]
pub(super) struct ReportSubject<'a> {
    /// The name that sorts the subject among others. It is unique in the namespace.
    pub(super) name: String,
    reference: ObjectReference,
    /// The assignment, as `Kind/name`.
    assignment: Option<String>,
    /// The accountable party of the assignment.
    pub(super) owner: Option<&'a str>,
}

impl<'a> ReportSubject<'a> {
    /// Returns the hash that decides in which half of a split Report the subject is.
    pub(super) fn hash(&self) -> u64 {
        hash(&[&self.name])
    }

    pub(super) fn workload(workload: &ReportableWorkload<'a>) -> Self {
        let ReportableWorkload { key, identity, assignment, owner, .. } = *workload;
        let (group, version) = (key.kind.group(), &identity.version);
        let uid = Some(identity.uid.to_string()).filter(|uid| !uid.is_empty() && !key.is_generated());
        Self {
            name: key.to_string(),
            reference: ObjectReference {
                api_version: Some(if group.is_empty() { version.to_string() } else { format!("{group}/{version}") }),
                kind: Some(key.kind.name().to_owned()),
                namespace: Some(key.namespace.to_string()),
                name: Some(key.name.to_string()),
                uid,
                ..ObjectReference::default()
            },
            assignment: Some(format!("{}/{}", assignment.kind(), assignment.name)),
            owner,
        }
    }

    pub(super) fn namespace(reported: &ReportableNamespace<'a>) -> Self {
        Self {
            name: String::new(),
            reference: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Namespace".to_owned()),
                // A Namespace is in no namespace, but Policy Reporter groups results by this field.
                namespace: Some(reported.namespace.to_owned()),
                name: Some(reported.namespace.to_owned()),
                uid: reported.uid.map(ToString::to_string),
                ..ObjectReference::default()
            },
            assignment: None,
            owner: None,
        }
    }
}

impl ResultDraft {
    /// Returns the results of a workload in the order of the matrix: for each duty its gap, then the signals that failed, are
    /// stale or cannot be read.
    pub(super) fn all(matrix: &Matrix, catalogue: &Catalogue, evaluation: &Evaluation) -> Vec<Self> {
        let mut drafts = Vec::new();
        for duty in &evaluation.duties {
            let layer = matrix.layer(duty.layer);
            drafts.extend(Self::gap(layer, duty));
            let mut signals = BTreeSet::new();
            let results = evaluation.results.iter();
            // If a signal has two results for a duty, only the more severe one counts.
            let results = results.rev().filter(|result| (result.layer, result.duty) == (duty.layer, duty.duty));
            let mut listed: Vec<Self> = results
                .filter_map(|result| {
                    let draft = Self::unfulfilled(layer, catalogue, duty, result)?;
                    signals.insert(result.signal).then_some(draft)
                })
                .collect();
            listed.reverse();
            drafts.append(&mut listed);
        }
        drafts
    }

    fn gap(layer: &Layer, duty: &DutyState) -> Option<Self> {
        let State::Gap(reason) = duty.state else { return None };
        let party = duty.holder.as_ref().or(duty.subject.as_ref());
        let message = sentence(layer, duty.duty, reason, duty.subject.as_deref());
        let state = reason.state().name();
        Some(Self::of_duty(layer, duty, (OWNERSHIP, reason.name()), (ResultStatus::Fail, state), party, message))
    }

    fn unfulfilled(layer: &Layer, catalogue: &Catalogue, duty: &DutyState, result: &SignalResult) -> Option<Self> {
        let (status, fulfilment) = match (result.verdict, duty.fulfilment) {
            (SignalVerdict::Failed, fulfilment) => (ResultStatus::Fail, fulfilment),
            // An observation that is too old counts only if no newer one shows a failure.
            (SignalVerdict::Stale, Fulfilment::Stale) => (ResultStatus::Warn, Fulfilment::Stale),
            (SignalVerdict::Unreadable, fulfilment) => (ResultStatus::Error, fulfilment),
            _ => return None,
        };
        let signal_text = catalogue.get(result.signal);
        let message = match status {
            ResultStatus::Error => unreadable_sentence(signal_text, result.detail.as_deref()),
            ResultStatus::Fail | ResultStatus::Warn => failure_sentence(signal_text, result.detail.as_deref()),
        };
        let listed = (status, fulfilment.name());
        let mut draft =
            Self::of_duty(layer, duty, (FULFILMENT, &signal_text.signal), listed, duty.holder.as_ref(), message);
        draft.properties.insert("signal", signal_text.signal.to_string());
        Some(draft)
    }

    fn of_duty(
        layer: &Layer,
        duty: &DutyState,
        (category, rule): (&'static str, &str),
        (status, state): (ResultStatus, &str),
        party: Option<&Arc<str>>,
        message: String,
    ) -> Self {
        let listed = [
            ("layer", Some(layer.name.clone())),
            ("duty", Some(duty.duty.name().to_owned())),
            ("state", Some(state.to_owned())),
            ("party", party.map(ToString::to_string)),
        ];
        Self {
            audience: layer.concern,
            severity: match status {
                ResultStatus::Warn | ResultStatus::Error => Severity::Low,
                ResultStatus::Fail if layer.retained => Severity::High,
                ResultStatus::Fail => Severity::Medium,
            },
            duty: Some((duty.layer, duty.duty)),
            policy: layer.name.clone(),
            rule: rule.to_owned(),
            category,
            status,
            message,
            properties: listed.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        }
    }

    /// Returns the result for a namespace without an assignment.
    pub(super) fn unassigned() -> Self {
        Self { severity: Severity::Low, ..Self::of_operator("NamespaceUnassigned", UNASSIGNED.to_owned()) }
    }

    /// Returns the result for `count` failures that do not fit in a Report.
    pub(super) fn omitted(count: usize, limit: usize) -> Self {
        let message = format!(
            "{count} more failure(s) of these workloads do not fit: a Report has at most {limit} results. The statuses of the \
             assignments count all of them."
        );
        let mut draft = Self::of_operator("ResultsLeftOut", message);
        draft.properties.insert("leftOut", count.to_string());
        draft
    }

    fn of_operator(rule: &str, message: String) -> Self {
        Self {
            audience: Audience::Workload,
            severity: Severity::Info,
            duty: None,
            policy: SOURCE.to_owned(),
            rule: rule.to_owned(),
            category: OWNERSHIP,
            status: ResultStatus::Warn,
            message,
            properties: BTreeMap::new(),
        }
    }

    /// Returns true if this is an error and `other` shows the same failure without doubt.
    pub(super) fn is_covered_by(&self, other: &Self) -> bool {
        let is_same = (self.duty, &self.rule, self.party()) == (other.duty, &other.rule, other.party());
        self.status == ResultStatus::Error && other.status != ResultStatus::Error && is_same
    }

    /// Returns the identity of the result among those of the same subject.
    pub(super) fn key(&self) -> (Option<(LayerId, Duty)>, &str, ResultStatus, &str) {
        (self.duty, &self.rule, self.status, self.party())
    }

    /// Returns the holder of the duty, or the party that the gap is about; empty if there is none.
    fn party(&self) -> &str {
        self.properties.get("party").map(String::as_str).unwrap_or_default()
    }

    /// Returns true if the result is reported for a subject: an error only if the subject failed before.
    pub(super) fn should_report(&self, subject: &ReportSubject<'_>, published: &PublishedReports) -> bool {
        self.status != ResultStatus::Error || self.ids(subject, "").iter().any(|id| published.since(*id).is_some())
    }

    /// Returns the ID of the result for a subject, then the IDs that it has with the other statuses: readers expect another ID for
    /// another status. `report` distinguishes equal results in several Reports.
    fn ids(&self, subject: &ReportSubject<'_>, report: &str) -> [u64; 3] {
        let ObjectReference { namespace, name, uid, .. } = &subject.reference;
        let [namespace, name, uid] = [namespace, name, uid].map(|part| part.as_deref().unwrap_or_default());
        let duty = self.duty.map_or("", |(_, duty)| duty.name());
        let (policy, rule, party) = (self.policy.as_str(), self.rule.as_str(), self.party());
        let id = |status: ResultStatus| {
            hash(&[namespace, &subject.name, name, uid, policy, duty, rule, party, status.name(), report])
        };
        let mut statuses = ResultStatus::ALL;
        statuses.sort_by_key(|status| *status != self.status);
        statuses.map(id)
    }

    /// Returns the result for a subject. `report` is empty, or the name of the Report if it can have equal results in others.
    pub(super) fn result(&self, subject: &ReportSubject<'_>, report: &str) -> ReportResult {
        let ids = self.ids(subject, report);
        let [id, ..] = ids;
        let mut properties = self.properties.clone();
        properties.insert(RESULT_ID, format!("{id:016x}"));
        let further = [("assignment", subject.assignment.as_deref()), ("owner", subject.owner)];
        properties.extend(further.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))));
        ReportResult {
            source: SOURCE,
            policy: self.policy.clone(),
            rule: self.rule.clone(),
            category: self.category,
            severity: self.severity,
            timestamp: None,
            result: self.status,
            scored: self.status == ResultStatus::Fail,
            resources: [subject.reference.clone()],
            message: self.message.clone(),
            properties,
            ids,
        }
    }
}

/// Hashes texts. The hash is the same in every process and version.
fn hash(parts: &[&str]) -> u64 {
    let digest = Sha256::digest(parts.join("\n"));
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

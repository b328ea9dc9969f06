//! What is wrong with a workload, one finding for each duty and what shows it.

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

/// The category of results about who holds a duty.
const OWNERSHIP: &str = "Ownership";

/// The category of results about whether a duty is done.
const FULFILMENT: &str = "Fulfilment";

/// Something that is wrong, whatever it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResultDraft {
    pub(super) concern: Audience,
    pub(super) severity: Severity,
    /// The layer and its duty, where it is about one.
    about: Option<(LayerId, Duty)>,
    policy: String,
    rule: String,
    category: &'static str,
    pub(super) outcome: ResultStatus,
    message: String,
    properties: BTreeMap<&'static str, String>,
}

/// What findings are about.
#[derive(Clone, Debug)]
pub(super) struct ReportSubject<'a> {
    /// What it is called, by which it has its place among others: no two of a namespace are called the same.
    pub(super) name: String,
    reference: ObjectReference,
    /// What tells who has to do something: the assignment and the party that answers for it.
    assignment: Option<String>,
    pub(super) owner: Option<&'a str>,
}

impl<'a> ReportSubject<'a> {
    /// The number by which it has its place in a Report.
    pub(super) fn number(&self) -> u64 {
        number(&[&self.name])
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
                // It lies in none. Policy Reporter has it among what is in it, where it takes the results to be.
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
    /// What is wrong with a workload, in matrix order: gaps, then what shows duties not to be done, or would if it could be
    /// read.
    pub(super) fn all(matrix: &Matrix, catalogue: &Catalogue, evaluation: &Evaluation) -> Vec<Self> {
        let mut findings = Vec::new();
        for duty in &evaluation.duties {
            let layer = matrix.layer(duty.layer);
            findings.extend(Self::gap(layer, duty));
            let mut seen = BTreeSet::new();
            let results = evaluation.results.iter();
            // Two things seen by one signal may be wrong: it is one failure, of what weighs more.
            let results = results.rev().filter(|result| (result.layer, result.duty) == (duty.layer, duty.duty));
            let mut listed: Vec<Self> = results
                .filter_map(|result| {
                    let finding = Self::unfulfilled(layer, catalogue, duty, result)?;
                    seen.insert(result.signal).then_some(finding)
                })
                .collect();
            listed.reverse();
            findings.append(&mut listed);
        }
        findings
    }

    fn gap(layer: &Layer, duty: &DutyState) -> Option<Self> {
        let State::Gap(reason) = duty.state else { return None };
        let party = duty.holder.as_ref().or(duty.subject.as_ref());
        let message = sentence(layer, duty.duty, reason, duty.subject.as_deref());
        let state = reason.state().name();
        Some(Self::of_duty(layer, duty, (OWNERSHIP, reason.name()), (ResultStatus::Fail, state), party, message))
    }

    fn unfulfilled(layer: &Layer, catalogue: &Catalogue, duty: &DutyState, result: &SignalResult) -> Option<Self> {
        let (outcome, fulfilment) = match (result.verdict, duty.fulfilment) {
            (SignalVerdict::Failed, fulfilment) => (ResultStatus::Fail, fulfilment),
            // What was seen too long ago counts where nothing newer shows a failure.
            (SignalVerdict::Stale, Fulfilment::Stale) => (ResultStatus::Warn, Fulfilment::Stale),
            (SignalVerdict::Unreadable, fulfilment) => (ResultStatus::Error, fulfilment),
            _ => return None,
        };
        let signal_text = catalogue.get(result.signal);
        let message = match outcome {
            ResultStatus::Error => unreadable_sentence(signal_text, result.detail.as_deref()),
            ResultStatus::Fail | ResultStatus::Warn => failure_sentence(signal_text, result.detail.as_deref()),
        };
        let listed = (outcome, fulfilment.name());
        let mut finding =
            Self::of_duty(layer, duty, (FULFILMENT, &signal_text.signal), listed, duty.holder.as_ref(), message);
        finding.properties.insert("signal", signal_text.signal.to_string());
        Some(finding)
    }

    fn of_duty(
        layer: &Layer,
        duty: &DutyState,
        (category, rule): (&'static str, &str),
        (outcome, state): (ResultStatus, &str),
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
            concern: layer.concern,
            severity: match outcome {
                ResultStatus::Warn | ResultStatus::Error => Severity::Low,
                ResultStatus::Fail if layer.retained => Severity::High,
                ResultStatus::Fail => Severity::Medium,
            },
            about: Some((duty.layer, duty.duty)),
            policy: layer.name.clone(),
            rule: rule.to_owned(),
            category,
            outcome,
            message,
            properties: listed.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        }
    }

    /// That no assignment speaks for the workloads of a namespace.
    pub(super) fn unassigned() -> Self {
        Self { severity: Severity::Low, ..Self::of_operator("NamespaceUnassigned", UNASSIGNED.to_owned()) }
    }

    /// That so many failures are left out.
    pub(super) fn omitted(count: usize, limit: usize) -> Self {
        let message = format!(
            "{count} more failure(s) of these workloads are left out: a Report holds at most {limit} results. The statuses of \
             the assignments count all of them"
        );
        let mut finding = Self::of_operator("ResultsLeftOut", message);
        finding.properties.insert("leftOut", count.to_string());
        finding
    }

    fn of_operator(rule: &str, message: String) -> Self {
        Self {
            concern: Audience::Workload,
            severity: Severity::Info,
            about: None,
            policy: SOURCE.to_owned(),
            rule: rule.to_owned(),
            category: OWNERSHIP,
            outcome: ResultStatus::Warn,
            message,
            properties: BTreeMap::new(),
        }
    }

    /// Whether another tells of the same that it is wrong for certain.
    pub(super) fn is_covered_by(&self, other: &Self) -> bool {
        let is_same = (self.about, &self.rule, self.party()) == (other.about, &other.rule, other.party());
        self.outcome == ResultStatus::Error && other.outcome != ResultStatus::Error && is_same
    }

    /// What tells it from others about the same subject.
    pub(super) fn key(&self) -> (Option<(LayerId, Duty)>, &str, ResultStatus, &str) {
        (self.about, &self.rule, self.outcome, self.party())
    }

    /// Who holds the duty, or whom the gap is about.
    fn party(&self) -> &str {
        self.properties.get("party").map(String::as_str).unwrap_or_default()
    }

    /// Whether it is to be reported of a subject: what cannot be seen is, where it was wrong when it was seen last.
    pub(super) fn should_report(&self, subject: &ReportSubject<'_>, known: &PublishedReports) -> bool {
        self.outcome != ResultStatus::Error || self.numbers(subject, "").iter().any(|id| known.since(*id).is_some())
    }

    /// The number of the result that tells it of a subject, and those that it has when it comes out otherwise: readers take
    /// one that came out otherwise for another. `place` tells those apart that are alike in several Reports.
    fn numbers(&self, subject: &ReportSubject<'_>, place: &str) -> [u64; 3] {
        let ObjectReference { namespace, name, uid, .. } = &subject.reference;
        let [namespace, name, uid] = [namespace, name, uid].map(|part| part.as_deref().unwrap_or_default());
        let duty = self.about.map_or("", |(_, duty)| duty.name());
        let (policy, rule, party) = (self.policy.as_str(), self.rule.as_str(), self.party());
        let id = |outcome: ResultStatus| {
            number(&[namespace, &subject.name, name, uid, policy, duty, rule, party, outcome.name(), place])
        };
        let mut outcomes = ResultStatus::ALL;
        outcomes.sort_by_key(|outcome| *outcome != self.outcome);
        outcomes.map(id)
    }

    /// The result that tells it of a subject.
    pub(super) fn result(&self, subject: &ReportSubject<'_>, place: &str) -> ReportResult {
        let numbers = self.numbers(subject, place);
        let [id, ..] = numbers;
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
            result: self.outcome,
            scored: self.outcome == ResultStatus::Fail,
            resources: [subject.reference.clone()],
            message: self.message.clone(),
            properties,
            numbers,
        }
    }
}

/// A number made of texts, the same in every process and version.
fn number(parts: &[&str]) -> u64 {
    let digest = Sha256::digest(parts.join("\n"));
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

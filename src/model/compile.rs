//! Compiles the spec of an assignment against a matrix, as of a day: resolves names to layers, creates one claim per layer and
//! duty, and evaluates dates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::assignment::{
    AgreementCover, Assignment, Claim, Deadline, DeadlineKind, EvidenceFacts, ExceptionState, ModelClaim,
    PartyDeclaration, Refusal, Review,
};
use super::calendar::{Calendar, days_after, months_after};
use crate::api::{
    self, AssignmentSpec, ClusterResponsibilityAssignmentSpec, DutyEntry, LabelSelector, LabelSelectorRequirement,
    LayerName, Operator,
};
use crate::facts::{AssignmentId, Requirement, Selector};
use crate::matrix::{Duty, LayerSet, Matrix, Unusable};

/// Days before the last valid day from which a deadline is reported.
const NOTICE: i32 = 30;
/// Default days from one review to the next, and default days of grace.
const REVIEW: (i32, i32) = (365, 30);
/// Months after the end of its period for which evidence is valid.
const STALE: i32 = 12;
/// Maximum days that an exception can reach ahead.
const EXCEPTION: i32 = 400;

/// Compiles the spec of an assignment as of a day. Ignores the `namespaceSelector` of a namespaced assignment.
#[must_use]
pub fn compile(
    matrix: &Matrix,
    today: Date,
    id: AssignmentId,
    spec: &ClusterResponsibilityAssignmentSpec,
) -> Assignment {
    let namespace_selector = spec.namespace_selector.as_ref().filter(|_| id.is_cluster());
    let digest = digest(spec);
    let spec = &spec.assignment;
    let mut compiler =
        Compiler { matrix, calendar: Calendar::new(today), unknown: BTreeSet::new(), deadlines: BTreeSet::new() };
    let declares = compiler.layers(&spec.declares);
    let parties = compiler.parties(spec, &digest);
    let claims = compiler.claims(spec);
    let exceptions = compiler.exceptions(spec, id.is_cluster());
    let review = compiler.review(spec.review.as_ref());
    let Compiler { calendar, unknown, deadlines, .. } = compiler;
    Assignment {
        selector: spec.selector.as_ref().and_then(selector),
        namespace_selector: namespace_selector.and_then(selector),
        model: spec.service_model.as_deref().map(|name| model_claim(matrix, name)),
        declares,
        parties,
        claims,
        exceptions,
        review,
        deadlines: deadlines.into_iter().collect(),
        next_change: calendar.next_change(),
        digest: digest.into(),
        unknown_layers: unknown.into_iter().collect(),
        id,
    }
}

fn model_claim(matrix: &Matrix, name: &str) -> ModelClaim {
    match matrix.find_model(name) {
        Ok(model) => ModelClaim::Known(model),
        Err(Unusable::NotFound) => ModelClaim::NotFound(name.to_owned()),
        Err(Unusable::Refused(why)) => ModelClaim::Refused { name: name.to_owned(), why: why.to_owned() },
    }
}

/// State while an assignment is compiled.
struct Compiler<'a> {
    matrix: &'a Matrix,
    calendar: Calendar,
    /// Names of undefined layers.
    unknown: BTreeSet<String>,
    deadlines: BTreeSet<Deadline>,
}

impl Compiler<'_> {
    fn layers(&mut self, names: &[LayerName]) -> LayerSet {
        let mut found = LayerSet::empty();
        for LayerName(name) in names {
            match self.matrix.find(name) {
                Some(layer) => found.insert(LayerSet::of(layer)),
                None => {
                    self.unknown.insert(name.clone());
                }
            }
        }
        found
    }

    /// Returns true if a last valid day has passed. Records a deadline if the day is within 30 days or has passed.
    fn has_ended(&mut self, date: Date, kind: DeadlineKind, subject: &str) -> bool {
        let passed = self.calendar.has_passed(date);
        if passed || self.calendar.has_come(days_after(date, -NOTICE)) {
            self.deadlines.insert(Deadline { date, kind, subject: subject.into(), passed });
        }
        passed
    }

    fn parties(&mut self, spec: &AssignmentSpec, digest: &str) -> BTreeMap<Arc<str>, PartyDeclaration> {
        let declare = |party: &api::Party| {
            let accepts = party.accepts.as_ref().map(|layers| self.layers(layers));
            let evidence = self.evidence(party);
            // Without the digest the acknowledged duties are unknown. A date in the future is not an acknowledgement yet.
            let acknowledged = party.acknowledgement.as_ref().is_some_and(|acknowledgement| {
                acknowledgement.digest.as_deref() == Some(digest)
                    && parse(&acknowledgement.at).is_some_and(|at| self.calendar.has_come(at))
            });
            let reachable = party.contact.is_some();
            let declaration = PartyDeclaration { role: party.role, accepts, evidence, reachable, acknowledged };
            (party.name.0.as_str().into(), declaration)
        };
        spec.parties.iter().map(declare).collect()
    }

    fn evidence(&mut self, party: &api::Party) -> Box<[EvidenceFacts]> {
        let mut dated: Vec<(Option<LayerSet>, Option<Date>)> = Vec::new();
        for evidence in &party.evidence {
            let layers = evidence.layers.as_ref().map(|layers| self.layers(layers));
            // Evidence about a period that has not ended does not count yet.
            let period_end = evidence.period_end.as_ref().and_then(parse);
            if period_end.is_none_or(|end| self.calendar.has_come(end)) {
                dated.push((layers, last_day_of(evidence)));
            }
        }
        let facts = dated.iter().map(|(layers, until)| {
            // Evidence with an invalid date counts as ended.
            let Some(until) = *until else { return EvidenceFacts { layers: *layers, ended: true } };
            let is_renewed = dated.iter().any(|(of, later)| {
                later.is_some_and(|later| later > until)
                    && of.is_none_or(|of| layers.is_some_and(|these| these.difference(of).is_empty()))
            });
            // The end of renewed evidence is not a deadline.
            let ended = if is_renewed {
                self.calendar.has_passed(until)
            } else {
                self.has_ended(until, DeadlineKind::Evidence, &party.name.0)
            };
            EvidenceFacts { layers: *layers, ended }
        });
        facts.collect()
    }

    fn claims(&mut self, spec: &AssignmentSpec) -> Vec<Claim> {
        let agreements = self.agreements(&spec.duties);
        let mut claims = Vec::new();
        for entry in &spec.duties {
            let layers = self.layers(&entry.layers);
            for (duty, party) in holders(entry) {
                let accountable = entry.accountable.as_ref().or(spec.accountable.as_ref());
                claims.extend(layers.ids().map(|layer| Claim {
                    layer,
                    duty,
                    party: party.into(),
                    accountable: accountable.map(|name| Arc::from(name.0.as_str())),
                    agreement: match agreements.get(party) {
                        Some(covered) if covered.listed.has(layer) => AgreementCover::Listed,
                        Some(covered) if covered.by_entry.has(layer) => AgreementCover::Entry,
                        _ => AgreementCover::Missing,
                    },
                }));
            }
        }
        claims.sort_by_key(|claim| (claim.layer, claim.duty));
        claims.dedup();
        claims
    }

    /// Returns the layers that the agreements in force cover, by party: the listed layers, or those of the duty entry.
    fn agreements<'a>(&mut self, entries: &'a [DutyEntry]) -> BTreeMap<&'a str, Covered> {
        let mut covered: BTreeMap<&str, Covered> = BTreeMap::new();
        for entry in entries {
            let Some(agreement) = &entry.agreement else { continue };
            let by_entry = self.layers(&entry.layers);
            let listed = agreement.layers.as_ref().map(|layers| self.layers(layers));
            for (_, party) in holders(entry) {
                if let Some(until) = &agreement.valid_until {
                    // An agreement with an invalid date is not in force.
                    let in_force =
                        parse(until).is_some_and(|until| !self.has_ended(until, DeadlineKind::Agreement, party));
                    if !in_force {
                        continue;
                    }
                }
                let all = covered.entry(party).or_default();
                match listed {
                    Some(listed) => all.listed = all.listed.union(listed),
                    None => all.by_entry = all.by_entry.union(by_entry),
                }
            }
        }
        covered
    }

    fn exceptions(&mut self, spec: &AssignmentSpec, cluster: bool) -> BTreeMap<crate::matrix::LayerId, ExceptionState> {
        let mut exceptions = BTreeMap::new();
        for exception in &spec.exceptions {
            for id in self.layers(std::slice::from_ref(&exception.layer)).ids() {
                let layer = self.matrix.layer(id);
                let allowed = if cluster { !layer.retained } else { layer.is_exceptable_by_tenants() };
                let state = match parse(&exception.until) {
                    _ if !allowed => ExceptionState::Refused(Refusal::Layer),
                    Some(until) if self.has_ended(until, DeadlineKind::Exception, &layer.name) => {
                        ExceptionState::Expired(until)
                    }
                    Some(until) if self.calendar.has_come(days_after(until, -EXCEPTION)) => ExceptionState::Valid,
                    // An invalid date counts as too far ahead.
                    Some(_) | None => ExceptionState::Refused(Refusal::TooFar),
                };
                exceptions.insert(id, state);
            }
        }
        exceptions
    }

    fn review(&mut self, review: Option<&api::Review>) -> Review {
        let Some((review, last)) = review.and_then(|review| Some((review, parse(&review.last_at)?))) else {
            return Review::Missing;
        };
        // A date in the future is not a review yet.
        if !self.calendar.has_come(last) {
            return Review::Missing;
        }
        let due = days_after(last, review.every_days.unwrap_or(REVIEW.0));
        let lapsed = self.calendar.has_passed(days_after(due, review.grace_days.unwrap_or(REVIEW.1)));
        let is_due = self.calendar.has_come(days_after(due, -NOTICE));
        if is_due || lapsed {
            let (kind, subject) = (DeadlineKind::Review, "".into());
            self.deadlines.insert(Deadline { date: due, kind, subject, passed: lapsed });
        }
        match (lapsed, is_due) {
            (true, _) => Review::Lapsed(due),
            (false, true) => Review::Due(due),
            (false, false) => Review::Current(due),
        }
    }
}

/// Layers that agreements with a party cover.
#[derive(Clone, Copy, Default)]
struct Covered {
    listed: LayerSet,
    by_entry: LayerSet,
}

/// Returns the last valid day of evidence: `validUntil`, or 12 months after the end of the audited period.
fn last_day_of(evidence: &api::Evidence) -> Option<Date> {
    match (&evidence.valid_until, &evidence.period_end) {
        (Some(until), _) => parse(until),
        (None, Some(end)) => Some(months_after(parse(end)?, STALE)),
        (None, None) => None,
    }
}

fn parse(date: &api::Date) -> Option<Date> {
    date.0.parse().ok()
}

fn holders(entry: &DutyEntry) -> impl Iterator<Item = (Duty, &str)> {
    let holders = [(Duty::Provider, &entry.provider), (Duty::Customer, &entry.customer)];
    holders.into_iter().filter_map(|(duty, party)| party.as_ref().map(|party| (duty, party.0.as_str())))
}

/// Converts a label selector; `None` if it is empty.
#[must_use]
pub fn selector(selector: &LabelSelector) -> Option<Selector> {
    let labels = selector.match_labels.iter().map(|(key, value)| Requirement::In(key.clone(), vec![value.0.clone()]));
    let expressions = selector
        .match_expressions
        .iter()
        .map(|written| requirement(written.key.clone(), written.operator, written.values.clone()));
    Selector::new(labels.chain(expressions).collect())
}

/// Converts a requirement of a label selector.
#[must_use]
pub fn requirement(key: String, operator: Operator, values: Vec<String>) -> Requirement {
    match operator {
        Operator::In => Requirement::In(key, values),
        Operator::NotIn => Requirement::NotIn(key, values),
        Operator::Exists => Requirement::Exists(key),
        Operator::DoesNotExist => Requirement::DoesNotExist(key),
    }
}

/// Returns the SHA-256 of what the assignment gives to its parties: duties, accountable parties, agreements and the selection of
/// workloads. The order of entries does not matter. Dates and contacts are not included.
fn digest(spec: &ClusterResponsibilityAssignmentSpec) -> String {
    let mut lines = BTreeSet::new();
    let word = |name: Option<&api::PartyName>| name.map_or("", |name| name.0.as_str()).to_owned();
    for entry in &spec.assignment.duties {
        let accountable = word(entry.accountable.as_ref().or(spec.assignment.accountable.as_ref()));
        let agreement = entry.agreement.as_ref().map_or("", |agreement| agreement.uri.0.as_str());
        for (LayerName(layer), (duty, party)) in entry.layers.iter().flat_map(|l| holders(entry).map(move |h| (l, h))) {
            lines.insert(format!("{layer}\t{}\t{party}\t{accountable}\t{agreement}", duty.word()));
        }
    }
    for LayerName(layer) in &spec.assignment.declares {
        lines.insert(format!("declares\t{layer}"));
    }
    for (name, selector) in [("selector", &spec.assignment.selector), ("namespaces", &spec.namespace_selector)] {
        let selector = selector.iter();
        for (key, value) in selector.clone().flat_map(|selector| &selector.match_labels) {
            lines.insert(format!("{name}\t{key}\t{}", value.0));
        }
        for LabelSelectorRequirement { key, operator, values } in selector.flat_map(|s| &s.match_expressions) {
            let values: BTreeSet<&String> = values.iter().collect();
            lines.insert(format!("{name}\t{key}\t{operator:?}\t{values:?}"));
        }
    }
    if let Some(model) = &spec.assignment.service_model {
        lines.insert(format!("model\t{model}"));
    }
    let mut hasher = Sha256::new();
    for line in lines {
        hasher.update(format!("{line}\n"));
    }
    hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;

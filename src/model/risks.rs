//! Detects risks. A risk is not a gap, but can become or hide one. It does not change the state of a duty.
//!
//! Each rule is a function with the source of the rule. The rules of [`workload_risks`] check a workload and its duties, those of
//! [`assignment_risks`] an assignment alone. The risk of a claim appears in the status of its assignment, the risk of a workload
//! in all assignments that select it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::assignment::{
    AgreementCover, Assignment, Claim, DeadlineKind, ExceptionState, PartyDeclaration, Refusal, Review,
};
use super::context::{DutyVerdict, EvaluationContext};
use super::directory::{Directory, EvidenceState, PartyStanding};
use super::evaluation::{Risk, State};
use super::service_model::ModelClaims;
use crate::api::{RiskReason, Role};
use crate::facts::{AssignmentId, HostAccess};
use crate::matrix::{Duty, LayerId, LayerSet, Matrix};

impl Risk {
    const fn of_workload(reason: RiskReason, layer: Option<LayerId>) -> Self {
        Self { reason, layer, assignment: None, subject: None }
    }

    fn of_claim(reason: RiskReason, assignment: &Assignment, claim: &Claim) -> Self {
        Self {
            reason,
            layer: Some(claim.layer),
            assignment: Some(assignment.id.clone()),
            subject: Some(claim.party.clone()),
        }
    }

    const fn of_assignment(reason: RiskReason, layer: Option<LayerId>, subject: Option<Arc<str>>) -> Self {
        Self { reason, layer, assignment: None, subject }
    }
}

/// Returns the risks of a workload and of the claims about it, sorted.
pub(super) fn workload_risks(
    context: &EvaluationContext<'_>,
    claims: &ModelClaims,
    verdicts: &[DutyVerdict<'_>],
) -> Vec<Risk> {
    type Rule = fn(&EvaluationContext<'_>, &[DutyVerdict<'_>]) -> Vec<Risk>;
    const RULES: [Rule; 11] = [
        claims_on_duties_not_owed,
        accountable_missing,
        claim_overruled,
        provider_claim_without_evidence,
        evidence_lapsed,
        backup_assumed_provided,
        blanket_provider_assignment,
        segmentation_assumed,
        host_access_defeats_provider_nodes,
        pods_differ_from_template,
        impossible_on_declared_compute,
    ];
    let found: BTreeSet<Risk> = RULES
        .iter()
        .flat_map(|rule| rule(context, verdicts))
        .chain(service_model_contradicted(context, claims))
        .chain(service_model_self_declared(claims))
        .collect();
    found.into_iter().collect()
}

/// The `serviceModel` of an assignment removes customer duties that other inputs show (docs/concepts.md).
fn service_model_contradicted(context: &EvaluationContext<'_>, claims: &ModelClaims) -> Vec<Risk> {
    let risk = |(id, layers): &(AssignmentId, LayerSet)| {
        let id = id.clone();
        layers.intersection(context.present).ids().map(move |layer| Risk {
            assignment: Some(id.clone()),
            ..Risk::of_workload(RiskReason::ServiceModelContradicted, Some(layer))
        })
    };
    claims.contradicted.iter().flat_map(risk).collect()
}

/// The service model comes only from an assignment of the namespace (docs/concepts.md).
fn service_model_self_declared(claims: &ModelClaims) -> Vec<Risk> {
    let risk = |id: &AssignmentId| Risk {
        assignment: Some(id.clone()),
        ..Risk::of_workload(RiskReason::ServiceModelSelfDeclared, None)
    };
    claims.self_declared.iter().map(risk).collect()
}

/// A claim names a duty that the layer does not owe under the service model, and has no effect (PCI DSS 12.8.5: list which
/// party holds which requirement).
fn claims_on_duties_not_owed(context: &EvaluationContext<'_>, _: &[DutyVerdict<'_>]) -> Vec<Risk> {
    if context.model.is_undetermined() {
        return Vec::new();
    }
    let claims =
        context.assignments.iter().flat_map(|assignment| assignment.claims.iter().map(move |c| (assignment, c)));
    let without_effect =
        claims.filter(|(_, claim)| context.present.has(claim.layer) && !context.owes(claim.layer, claim.duty));
    without_effect
        .map(|(assignment, claim)| {
            let reason = match claim.duty {
                Duty::Provider => RiskReason::ProviderClaimsCustomerLayer,
                Duty::Customer => RiskReason::CustomerClaimsProviderLayer,
            };
            Risk::of_claim(reason, assignment, claim)
        })
        .collect()
}

/// A party that is not a Customer holds a customer duty, and no accountable party is named (CSA CCM STA-04: list outsourced
/// duties with the accountable party).
fn accountable_missing(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    let of_customer = verdicts.iter().filter(|verdict| verdict.duty.duty == Duty::Customer);
    let outsourced = of_customer.flat_map(|verdict| &verdict.deciding).filter(|(assignment, claim)| {
        claim.accountable.is_none()
            && role_of(context.directory, assignment, claim).is_some_and(|r| r != Role::Customer)
    });
    outsourced.map(|(assignment, claim)| Risk::of_claim(RiskReason::AccountableMissing, assignment, claim)).collect()
}

/// A cluster assignment decides and names another party than the namespace (docs/concepts.md).
fn claim_overruled(_: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    let by_cluster =
        |verdict: &&DutyVerdict<'_>| verdict.deciding.iter().any(|(assignment, _)| assignment.id.is_cluster());
    let losing = verdicts.iter().filter(by_cluster).flat_map(|verdict| {
        let differs = |claim: &Claim| verdict.deciding.iter().all(|(_, deciding)| deciding.party != claim.party);
        verdict.overruled.iter().filter(move |(assignment, claim)| !assignment.id.is_cluster() && differs(claim))
    });
    losing.map(|(assignment, claim)| Risk::of_claim(RiskReason::ClaimOverruled, assignment, claim)).collect()
}

/// A provider duty is held without evidence (FedRAMP: an inherited control refers to the authorization it comes from).
fn provider_claim_without_evidence(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    provider_claims_with(context, verdicts, EvidenceState::Missing, RiskReason::ProviderClaimWithoutEvidence)
}

/// The evidence for a provider duty has ended and the duty counts as assumed (PCI DSS 12.8.4).
fn evidence_lapsed(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    provider_claims_with(context, verdicts, EvidenceState::Ended, RiskReason::EvidenceLapsed)
}

fn provider_claims_with(
    context: &EvaluationContext<'_>,
    verdicts: &[DutyVerdict<'_>],
    state: EvidenceState,
    reason: RiskReason,
) -> Vec<Risk> {
    let held = verdicts.iter().filter(|verdict| {
        verdict.duty.duty == Duty::Provider && matches!(verdict.duty.state, State::Owned | State::Assumed)
    });
    let claims = held.flat_map(|verdict| &verdict.deciding);
    let matching =
        claims.filter(|(assignment, claim)| context.directory.evidence(assignment, &claim.party, claim.layer) == state);
    matching.map(|(assignment, claim)| Risk::of_claim(reason, assignment, claim)).collect()
}

/// A party that is not a Customer holds the customer duty of backup without an agreement that lists it (AKS support policies:
/// the customer is responsible for cluster backup and recovery).
fn backup_assumed_provided(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    let is_backup = |verdict: &&DutyVerdict<'_>| {
        verdict.duty.duty == Duty::Customer && context.matrix.layer(verdict.duty.layer).name == "backup-recovery"
    };
    let assumed =
        verdicts.iter().filter(is_backup).flat_map(|verdict| &verdict.deciding).filter(|(assignment, claim)| {
            claim.agreement != AgreementCover::Listed
                && role_of(context.directory, assignment, claim).is_some_and(|role| role != Role::Customer)
        });
    assumed.map(|(assignment, claim)| Risk::of_claim(RiskReason::BackupAssumedProvided, assignment, claim)).collect()
}

/// One party that is not a Customer holds every customer duty of the workload, or is named as the only provider for it.
fn blanket_provider_assignment(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    let owed: Vec<LayerId> = verdicts
        .iter()
        .filter(|verdict| verdict.duty.duty == Duty::Customer && verdict.duty.state != State::Unknown)
        .map(|verdict| verdict.duty.layer)
        .collect();
    let claims_about = |layer, duty| -> Vec<(&&Assignment, &Claim)> {
        let claims = context.assignments.iter().flat_map(|a| a.claims_about(layer, duty).map(move |claim| (a, claim)));
        claims.collect()
    };
    let mut parties = BTreeSet::new();
    for layer in &owed {
        let customers = claims_about(*layer, Duty::Customer);
        let claims = if customers.is_empty() { claims_about(*layer, Duty::Provider) } else { customers };
        if claims.is_empty() {
            return Vec::new();
        }
        for (assignment, claim) in claims {
            if role_of(context.directory, assignment, claim).is_none_or(|role| role == Role::Customer) {
                return Vec::new();
            }
            parties.insert(claim.party.clone());
        }
    }
    let one = if parties.len() == 1 { parties.pop_first() } else { None };
    let risk = |party| Risk { subject: Some(party), ..Risk::of_workload(RiskReason::BlanketProviderAssignment, None) };
    one.map(risk).into_iter().collect()
}

/// Network segmentation has an owner, but no NetworkPolicy selects the pods (NSA/CISA Kubernetes Hardening Guidance: network
/// separation; AKS support policies: the customer is responsible for NetworkPolicies).
fn segmentation_assumed(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    let is_owned = |verdict: &&DutyVerdict<'_>| {
        verdict.duty.duty == Duty::Customer
            && verdict.duty.state == State::Owned
            && context.matrix.layer(verdict.duty.layer).name == "network-segmentation"
    };
    let owned = verdicts.iter().filter(|_| context.workload.unsegmented).filter(is_owned);
    let claims = owned.flat_map(|verdict| &verdict.deciding);
    claims.map(|(assignment, claim)| Risk::of_claim(RiskReason::SegmentationAssumed, assignment, claim)).collect()
}

/// Only the provider owes duties of the node, but the pod can access the node (Amazon EKS Auto Mode security overview:
/// privileged containers and hostPath remain possible).
fn host_access_defeats_provider_nodes(context: &EvaluationContext<'_>, _: &[DutyVerdict<'_>]) -> Vec<Risk> {
    const ACCESSES: HostAccess = HostAccess::PRIVILEGED
        .union(HostAccess::HOST_PID)
        .union(HostAccess::HOST_IPC)
        .union(HostAccess::HOST_NETWORK)
        .union(HostAccess::SYS_ADMIN)
        .union(HostAccess::WRITABLE_HOST_PATH);
    let host = context.workload.host;
    let Some(node_os) = context.matrix.find("node-os") else { return Vec::new() };
    let is_providers = !context.model.is_undetermined()
        && context.owes(node_os, Duty::Provider)
        && !context.owes(node_os, Duty::Customer);
    let defeats = is_providers && host.intersects(ACCESSES) && !host.contains(HostAccess::KNOWN_AGENT);
    let risk = || Risk::of_workload(RiskReason::HostAccessDefeatsProviderNodes, Some(node_os));
    defeats.then(risk).into_iter().collect()
}

/// Live pods have containers that were injected after the template was written, for example by an admission plugin. Their
/// missing security settings are not those of the workload (NSA/CISA Kubernetes Hardening Guidance: pod security).
fn pods_differ_from_template(context: &EvaluationContext<'_>, _: &[DutyVerdict<'_>]) -> Vec<Risk> {
    let risk = |name: &Arc<str>| Risk {
        subject: Some(name.clone()),
        ..Risk::of_workload(RiskReason::PodsDifferFromTemplate, None)
    };
    context.workload.injected.iter().map(risk).collect()
}

/// The pods need features that AWS Fargate does not support, so they do not run there (Amazon EKS user guide, Fargate).
fn impossible_on_declared_compute(context: &EvaluationContext<'_>, _: &[DutyVerdict<'_>]) -> Vec<Risk> {
    const ACCESSES: HostAccess = HostAccess::PRIVILEGED.union(HostAccess::HOST_PORT).union(HostAccess::HOST_NETWORK);
    let unsupported = context.workload.daemon_set || context.workload.host.intersects(ACCESSES);
    let risk = || Risk::of_workload(RiskReason::ImpossibleOnDeclaredCompute, None);
    (context.workload.nodes.fargate && unsupported).then(risk).into_iter().collect()
}

fn role_of(directory: &Directory, assignment: &Assignment, claim: &Claim) -> Option<Role> {
    match directory.standing(assignment, &claim.party, claim.layer) {
        PartyStanding::Known { role, .. } => Some(role),
        PartyStanding::Unknown | PartyStanding::Ambiguous => None,
    }
}

/// Returns the risks of an assignment, sorted. `directory` is the one of its namespace, `workloads` the number it selects.
#[must_use]
pub fn assignment_risks(
    matrix: &Matrix,
    assignment: &Assignment,
    directory: &Directory,
    workloads: usize,
) -> Vec<Risk> {
    const RULES: [fn(&Matrix, &Assignment) -> Vec<Risk>; 7] = [
        customer_duties_empty,
        evidence_expiring,
        evidence_of_wrong_half,
        exception_refused,
        exception_expired,
        review_due,
        review_missing,
    ];
    let found: BTreeSet<Risk> = RULES
        .iter()
        .flat_map(|rule| rule(matrix, assignment))
        .chain(unacknowledged(assignment, directory))
        .chain(owner_unreachable(assignment, directory))
        .chain(party_redefined(assignment, directory))
        .chain(matches_nothing(workloads))
        .collect();
    found.into_iter().collect()
}

/// A namespace declares a party that a cluster assignment also declares. The cluster assignment takes precedence.
fn party_redefined(assignment: &Assignment, directory: &Directory) -> Vec<Risk> {
    let redefined = assignment.parties.keys().filter(|name| !assignment.id.is_cluster() && directory.declares(name));
    named(RiskReason::PartyRedefined, redefined)
}

/// The assignment selects no workload and has no effect.
fn matches_nothing(workloads: usize) -> Vec<Risk> {
    let risk = || Risk::of_assignment(RiskReason::MatchesNothing, None, None);
    (workloads == 0).then(risk).into_iter().collect()
}

/// The assignment names only providers (AWS and Azure shared responsibility models: the customer keeps duties under every
/// service model).
fn customer_duties_empty(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let only_providers =
        !assignment.claims.is_empty() && assignment.claims.iter().all(|claim| claim.duty == Duty::Provider);
    let risk = || Risk::of_assignment(RiskReason::CustomerDutiesEmpty, None, None);
    only_providers.then(risk).into_iter().collect()
}

/// Evidence ends within 30 days (PCI DSS 12.8.4: monitor the status of providers).
fn evidence_expiring(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let ending =
        assignment.deadlines.iter().filter(|deadline| deadline.kind == DeadlineKind::Evidence && !deadline.passed);
    named(RiskReason::EvidenceExpiring, ending.map(|deadline| format!("{} on {}", deadline.subject, deadline.date)))
}

/// Evidence covers a customer duty: one that the assignment gives to the party, or one that the customer owes under every
/// service model (AWS: customers inherit only the controls *of* the cloud).
fn evidence_of_wrong_half(matrix: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let mut found = Vec::new();
    for (name, party) in &assignment.parties {
        let held: LayerSet = assignment
            .claims
            .iter()
            .filter(|claim| claim.duty == Duty::Customer && claim.party == *name)
            .map(|claim| claim.layer)
            .collect();
        for evidence in &party.evidence {
            let named = evidence.layers.unwrap_or_default().intersection(matrix.customer_everywhere());
            let wrong = evidence.layers.unwrap_or(held).intersection(held).union(named);
            let risk = |layer| Risk::of_assignment(RiskReason::EvidenceOfWrongHalf, Some(layer), Some(name.clone()));
            found.extend(wrong.ids().map(risk));
        }
    }
    found
}

/// An exception is not allowed (docs/concepts.md). A namespaced assignment cannot except platform layers and
/// layers that every workload has. No assignment can except retained layers, or reach more than 400 days ahead.
fn exception_refused(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let refused = assignment.exceptions.iter().filter_map(|(layer, state)| match state {
        ExceptionState::Refused(Refusal::Layer) => Some((*layer, None)),
        ExceptionState::Refused(Refusal::TooFar) => Some((*layer, Some("until".into()))),
        ExceptionState::Valid | ExceptionState::Expired(_) => None,
    });
    refused.map(|(layer, subject)| Risk::of_assignment(RiskReason::ExceptionRefused, Some(layer), subject)).collect()
}

/// An exception has ended and has no effect.
fn exception_expired(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let expired = assignment.exceptions.iter().filter_map(|(layer, state)| match state {
        ExceptionState::Expired(until) => Some((*layer, until.to_string())),
        ExceptionState::Valid | ExceptionState::Refused(_) => None,
    });
    let risk = |(layer, until): (LayerId, String)| {
        Risk::of_assignment(RiskReason::ExceptionExpired, Some(layer), Some(until.into()))
    };
    expired.map(risk).collect()
}

/// The review is due within 30 days, or overdue (ISO/IEC 27001 A.5.22: review supplier services regularly).
fn review_due(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let due = match assignment.review {
        Review::Due(due) | Review::Lapsed(due) => Some(due),
        Review::Missing | Review::Current(_) => None,
    };
    let risk = |due: jiff::civil::Date| Risk::of_assignment(RiskReason::ReviewDue, None, Some(due.to_string().into()));
    due.map(risk).into_iter().collect()
}

/// The assignment has no recorded review.
fn review_missing(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let risk = || Risk::of_assignment(RiskReason::ReviewMissing, None, None);
    (assignment.review == Review::Missing).then(risk).into_iter().collect()
}

/// A party with customer duties has not acknowledged the current duties (PCI DSS 12.8.2 and 12.9.1 require written
/// acknowledgements; this is a reminder, not the document).
fn unacknowledged(assignment: &Assignment, directory: &Directory) -> Vec<Risk> {
    let missing = holders(assignment, directory).into_iter().filter(|(_, party)| !party.acknowledged);
    named(RiskReason::Unacknowledged, missing.map(|(name, _)| name))
}

/// A party with customer duties has no contact.
fn owner_unreachable(assignment: &Assignment, directory: &Directory) -> Vec<Risk> {
    let missing = holders(assignment, directory).into_iter().filter(|(_, party)| !party.reachable);
    named(RiskReason::OwnerUnreachable, missing.map(|(name, _)| name))
}

/// Returns the declared parties that hold customer duties or are accountable for them. A namespaced assignment does not include
/// parties that a cluster assignment declares.
fn holders<'a>(assignment: &'a Assignment, directory: &Directory) -> Vec<(&'a str, &'a PartyDeclaration)> {
    let of_customer = assignment.claims.iter().filter(|claim| claim.duty == Duty::Customer);
    let names: BTreeSet<&Arc<str>> =
        of_customer.flat_map(|claim| std::iter::once(&claim.party).chain(&claim.accountable)).collect();
    let counts = |name: &&&Arc<str>| assignment.id.is_cluster() || !directory.declares(name);
    let counting = names.iter().filter(counts);
    counting.filter_map(|name| Some((&***name, assignment.parties.get(&**name)?))).collect()
}

/// Returns one risk whose subject lists the names, or none for an empty list.
fn named<S: AsRef<str>>(reason: RiskReason, names: impl IntoIterator<Item = S>) -> Vec<Risk> {
    let all = names.into_iter().fold(String::new(), |all, name| {
        let between = if all.is_empty() { "" } else { ", " };
        all + between + name.as_ref()
    });
    if all.is_empty() {
        return Vec::new();
    }
    vec![Risk::of_assignment(reason, None, Some(all.into()))]
}

#[cfg(test)]
mod tests;

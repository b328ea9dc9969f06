//! Risks: what is no gap and may become one or hide one. They never change the state of a duty.
//!
//! One function per rule, each with the source of the rule. Those of [`workload_risks`] look at a workload with what was found
//! for its duties; those of [`assignment_risks`] at an assignment by itself. A claim's risks are told to the assignment that
//! makes the claim, a workload's to all that select it.

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

/// The risks of a workload and of the claims about it, sorted.
pub(super) fn workload_risks(
    context: &EvaluationContext<'_>,
    claims: &ModelClaims,
    verdicts: &[DutyVerdict<'_>],
) -> Vec<Risk> {
    type Rule = fn(&EvaluationContext<'_>, &[DutyVerdict<'_>]) -> Vec<Risk>;
    const RULES: [Rule; 10] = [
        claims_on_duties_not_owed,
        accountable_missing,
        claim_overruled,
        provider_claim_without_evidence,
        evidence_lapsed,
        backup_assumed_provided,
        blanket_provider_assignment,
        segmentation_assumed,
        host_access_defeats_provider_nodes,
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

/// A claim that would shrink what is owed is taken for what it says, never for less than what is seen (model: claims).
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

/// Nothing but the namespace's own word says under which service model it runs (model: claims).
fn service_model_self_declared(claims: &ModelClaims) -> Vec<Risk> {
    let risk = |id: &AssignmentId| Risk {
        assignment: Some(id.clone()),
        ..Risk::of_workload(RiskReason::ServiceModelSelfDeclared, None)
    };
    claims.self_declared.iter().map(risk).collect()
}

/// "The provider handles everything", and its mirror image: a claim on a half that the layer does not owe under this model
/// is no claim (model: exact rules, 1; PCI DSS 12.8.5 asks which party holds which requirement).
fn claims_on_duties_not_owed(context: &EvaluationContext<'_>, _: &[DutyVerdict<'_>]) -> Vec<Risk> {
    if context.model.is_undetermined() {
        return Vec::new();
    }
    let claims =
        context.assignments.iter().flat_map(|assignment| assignment.claims.iter().map(move |c| (assignment, c)));
    let idle = claims.filter(|(_, claim)| context.present.has(claim.layer) && !context.owes(claim.layer, claim.duty));
    idle.map(|(assignment, claim)| {
        let reason = match claim.duty {
            Duty::Provider => RiskReason::ProviderClaimsCustomerLayer,
            Duty::Customer => RiskReason::CustomerClaimsProviderLayer,
        };
        Risk::of_claim(reason, assignment, claim)
    })
    .collect()
}

/// Work can be given away, answering for it should be kept: CSA CCM STA-04 lists outsourced duties with who stays
/// accountable (model: exact rules, 2).
fn accountable_missing(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    let of_customer = verdicts.iter().filter(|verdict| verdict.duty.duty == Duty::Customer);
    let outsourced = of_customer.flat_map(|verdict| &verdict.deciding).filter(|(assignment, claim)| {
        claim.accountable.is_none()
            && role_of(context.directory, assignment, claim).is_some_and(|r| r != Role::Customer)
    });
    outsourced.map(|(assignment, claim)| Risk::of_claim(RiskReason::AccountableMissing, assignment, claim)).collect()
}

/// A namespace names another party than the cluster assignment that decides (model: exact rules, 3).
fn claim_overruled(_: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    let by_cluster =
        |verdict: &&DutyVerdict<'_>| verdict.deciding.iter().any(|(assignment, _)| assignment.id.is_cluster());
    let losing = verdicts.iter().filter(by_cluster).flat_map(|verdict| {
        let differs = |claim: &Claim| verdict.deciding.iter().all(|(_, deciding)| deciding.party != claim.party);
        verdict.overruled.iter().filter(move |(assignment, claim)| !assignment.id.is_cluster() && differs(claim))
    });
    losing.map(|(assignment, claim)| Risk::of_claim(RiskReason::ClaimOverruled, assignment, claim)).collect()
}

/// A provider's duty is held on its word alone (FedRAMP: an inherited control refers to the authorisation it comes from).
fn provider_claim_without_evidence(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    provider_claims_with(context, verdicts, EvidenceState::Missing, RiskReason::ProviderClaimWithoutEvidence)
}

/// The evidence for a provider's duty has ended: the duty is assumed again (model: exact rules, 6; PCI DSS 12.8.4).
fn evidence_lapsed(context: &EvaluationContext<'_>, verdicts: &[DutyVerdict<'_>]) -> Vec<Risk> {
    provider_claims_with(context, verdicts, EvidenceState::Ended, RiskReason::EvidenceLapsed)
}

fn provider_claims_with(
    context: &EvaluationContext<'_>,
    verdicts: &[DutyVerdict<'_>],
    standing: EvidenceState,
    reason: RiskReason,
) -> Vec<Risk> {
    let held = verdicts.iter().filter(|verdict| {
        verdict.duty.duty == Duty::Provider && matches!(verdict.duty.state, State::Owned | State::Assumed)
    });
    let claims = held.flat_map(|verdict| &verdict.deciding);
    let matching = claims
        .filter(|(assignment, claim)| context.directory.evidence(assignment, &claim.party, claim.layer) == standing);
    matching.map(|(assignment, claim)| Risk::of_claim(reason, assignment, claim)).collect()
}

/// A backup service is not a backup: what is not written into the agreement is not done (AKS support policies: cluster
/// backup and recovery are the customer's).
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

/// "The provider handles everything": every customer duty of the workload is claimed by one party that is no customer, or
/// left to it by naming it as the provider alone.
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
        let left_to = if customers.is_empty() { claims_about(*layer, Duty::Provider) } else { customers };
        if left_to.is_empty() {
            return Vec::new();
        }
        for (assignment, claim) in left_to {
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

/// Somebody owns the segmentation on paper, and nothing in the cluster separates the pods (NSA/CISA Kubernetes Hardening
/// Guidance: network separation; AKS support policies: NetworkPolicy is the customer's).
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

/// The node's system is the provider's alone, and the pod is not kept within its own boundary (Amazon EKS Auto Mode
/// security overview: privileged containers and hostPath remain possible).
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

/// The pods ask for what AWS Fargate does not offer: they do not run as the duties assume (Amazon EKS user guide, Fargate).
fn impossible_on_declared_compute(context: &EvaluationContext<'_>, _: &[DutyVerdict<'_>]) -> Vec<Risk> {
    const ACCESSES: HostAccess = HostAccess::PRIVILEGED.union(HostAccess::HOST_PORT).union(HostAccess::HOST_NETWORK);
    let asks = context.workload.daemon_set || context.workload.host.intersects(ACCESSES);
    let risk = || Risk::of_workload(RiskReason::ImpossibleOnDeclaredCompute, None);
    (context.workload.nodes.fargate && asks).then(risk).into_iter().collect()
}

fn role_of(directory: &Directory, assignment: &Assignment, claim: &Claim) -> Option<Role> {
    match directory.standing(assignment, &claim.party, claim.layer) {
        PartyStanding::Known { role, .. } => Some(role),
        PartyStanding::Unknown | PartyStanding::Ambiguous => None,
    }
}

/// The risks of an assignment that selects so many workloads, sorted. `directory` is that of its namespace.
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

/// A namespace declares a party that the cluster declares: the cluster's word counts (model: assignments, ranks, parties).
fn party_redefined(assignment: &Assignment, directory: &Directory) -> Vec<Risk> {
    let redefined = assignment.parties.keys().filter(|name| !assignment.id.is_cluster() && directory.declares(name));
    named(RiskReason::PartyRedefined, redefined)
}

/// A selector that selects nothing gives nobody a duty.
fn matches_nothing(workloads: usize) -> Vec<Risk> {
    let risk = || Risk::of_assignment(RiskReason::MatchesNothing, None, None);
    (workloads == 0).then(risk).into_iter().collect()
}

/// "Moving to the cloud ends our duties": the assignment names providers only (AWS and Azure shared responsibility models:
/// the customer keeps duties under every service model).
fn customer_duties_empty(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let only_providers =
        !assignment.claims.is_empty() && assignment.claims.iter().all(|claim| claim.duty == Duty::Provider);
    let risk = || Risk::of_assignment(RiskReason::CustomerDutiesEmpty, None, None);
    only_providers.then(risk).into_iter().collect()
}

/// Evidence ends within 30 days (PCI DSS 12.8.4: the status of providers is monitored).
fn evidence_expiring(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let ending =
        assignment.deadlines.iter().filter(|deadline| deadline.what == DeadlineKind::Evidence && !deadline.passed);
    named(RiskReason::EvidenceExpiring, ending.map(|deadline| format!("{} on {}", deadline.subject, deadline.date)))
}

/// A provider's certificate is not the customer's compliance (AWS: customers inherit controls *of* the cloud only): evidence
/// of a party that is about a customer duty, given to it here or the customer's under every service model.
fn evidence_of_wrong_half(matrix: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let mut found = Vec::new();
    for (name, party) in &assignment.parties {
        let holds: LayerSet = assignment
            .claims
            .iter()
            .filter(|claim| claim.duty == Duty::Customer && claim.party == *name)
            .map(|claim| claim.layer)
            .collect();
        for evidence in &party.evidence {
            let named = evidence.layers.unwrap_or_default().intersection(matrix.customer_everywhere());
            let wrong = evidence.layers.unwrap_or(holds).intersection(holds).union(named);
            let risk = |layer| Risk::of_assignment(RiskReason::EvidenceOfWrongHalf, Some(layer), Some(name.clone()));
            found.extend(wrong.ids().map(risk));
        }
    }
    found
}

/// Exceptions are not for tenants to make from what every workload has or what is the platform's, nor for anybody from
/// what stays the customer's, nor for ever (model: exact rules, 7).
fn exception_refused(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let refused = assignment.exceptions.iter().filter_map(|(layer, state)| match state {
        ExceptionState::Refused(Refusal::Layer) => Some((*layer, None)),
        ExceptionState::Refused(Refusal::TooFar) => Some((*layer, Some("until".into()))),
        ExceptionState::Valid | ExceptionState::Expired(_) => None,
    });
    refused.map(|(layer, subject)| Risk::of_assignment(RiskReason::ExceptionRefused, Some(layer), subject)).collect()
}

/// An exception that has passed excepts nothing (model: exact rules, 7).
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

/// The review is due within 30 days, or was due (ISO/IEC 27001 A.5.22: supplier services are reviewed regularly).
fn review_due(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let due = match assignment.review {
        Review::Due(due) | Review::Lapsed(due) => Some(due),
        Review::Missing | Review::Current(_) => None,
    };
    let risk = |due: jiff::civil::Date| Risk::of_assignment(RiskReason::ReviewDue, None, Some(due.to_string().into()));
    due.map(risk).into_iter().collect()
}

/// What nobody reads again is wrong some day.
fn review_missing(_: &Matrix, assignment: &Assignment) -> Vec<Risk> {
    let risk = || Risk::of_assignment(RiskReason::ReviewMissing, None, None);
    (assignment.review == Review::Missing).then(risk).into_iter().collect()
}

/// A party that holds duties on the customer's side has not acknowledged them as they are (PCI DSS 12.8.2 and 12.9.1 ask
/// for written acknowledgements; this is a reminder, not the document).
fn unacknowledged(assignment: &Assignment, directory: &Directory) -> Vec<Risk> {
    let silent = holders(assignment, directory).into_iter().filter(|(_, party)| !party.acknowledged);
    named(RiskReason::Unacknowledged, silent.map(|(name, _)| name))
}

/// An owner that cannot be reached is none when it counts.
fn owner_unreachable(assignment: &Assignment, directory: &Directory) -> Vec<Risk> {
    let silent = holders(assignment, directory).into_iter().filter(|(_, party)| !party.reachable);
    named(RiskReason::OwnerUnreachable, silent.map(|(name, _)| name))
}

/// The parties declared here that hold customer duties, or answer for them. Where the cluster declares one as well, its
/// word counts and not what is said here.
fn holders<'a>(assignment: &'a Assignment, directory: &Directory) -> Vec<(&'a str, &'a PartyDeclaration)> {
    let of_customer = assignment.claims.iter().filter(|claim| claim.duty == Duty::Customer);
    let names: BTreeSet<&Arc<str>> =
        of_customer.flat_map(|claim| std::iter::once(&claim.party).chain(&claim.accountable)).collect();
    let counts = |name: &&&Arc<str>| assignment.id.is_cluster() || !directory.declares(name);
    let counting = names.iter().filter(counts);
    counting.filter_map(|name| Some((&***name, assignment.parties.get(&**name)?))).collect()
}

/// One risk that names several, none when there is none.
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

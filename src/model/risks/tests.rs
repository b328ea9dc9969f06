//! Risks: for each reason an example with the risk and one without.

mod of_assignments;
mod of_claims;
mod of_workloads;

use jiff::civil::date;

use super::*;
use crate::facts::HostAccess;
use crate::matrix::{LayerTriggers, ServiceModel};
use crate::model::Deadline;
use crate::model::testing::{Terms, Workload, all_layers, cluster, matrix, namespaced};

/// Input of the detection of risks.
enum Situation {
    /// A workload, and the assignment that lists its risks.
    Of(Box<Workload>, AssignmentId),
    /// An assignment, the cluster assignments that select its namespace, and the number of workloads it selects.
    Alone(Box<Assignment>, Vec<Assignment>, usize),
}

/// A workload whose risks the assignment `shop` lists.
fn of(workload: Workload) -> Situation {
    Situation::Of(Box::new(workload), namespaced("shop").id)
}

/// An assignment that selects a workload, without cluster assignments.
fn alone(assignment: Assignment) -> Situation {
    Situation::Alone(Box::new(assignment), vec![], 1)
}

impl Situation {
    /// Reasons of all detected risks, with duplicates.
    fn reasons(&self) -> Vec<RiskReason> {
        match self {
            Self::Of(workload, id) => {
                let is_listed = |risk: &Risk| risk.assignment.as_ref().is_none_or(|assignment| assignment == id);
                workload.evaluate().risks.into_iter().filter(is_listed).map(|risk| risk.reason).collect()
            }
            Self::Alone(assignment, cluster, workloads) => {
                found(assignment, cluster, *workloads).into_iter().map(|risk| risk.reason).collect()
            }
        }
    }
}

fn found(assignment: &Assignment, cluster: &[Assignment], workloads: usize) -> Vec<Risk> {
    assignment_risks(matrix(), assignment, &Directory::new(cluster), workloads)
}

/// An assignment without risks.
fn fine() -> Assignment {
    let review = Review::Current(date(2027, 5, 1));
    namespaced("shop").party("team", Role::Customer).customer(&["application-code"], "team").reviewed(review)
}

fn shop() -> Assignment {
    namespaced("shop").party("aws", Role::Provider).party("team", Role::Customer).party("msp", Role::ThirdParty)
}

fn under(model: ServiceModel, shop: Assignment) -> Workload {
    Workload::under(model).showing(&[LayerTriggers::STORAGE]).with(shop)
}

/// An assignment that gives a customer duty to `msp`.
fn outsourced(layer: &str, accountable: Option<&'static str>, agreement: AgreementCover) -> Workload {
    under(ServiceModel::Caas, shop().gives(Duty::Customer, &[layer], "msp", Terms { accountable, agreement }))
}

fn reaching(access: HostAccess, model: ServiceModel) -> Workload {
    let host = access;
    Workload::under(model).with(shop()).with_view(|view| view.host = host)
}

fn on_fargate(access: HostAccess) -> Workload {
    reaching(access, ServiceModel::ManagedNodes).with_view(|view| view.nodes.fargate = true)
}

fn segmented_by(party: &str, unsegmented: bool) -> Workload {
    let workload = under(ServiceModel::Caas, shop().customer(&["network-segmentation"], party));
    workload.with_view(|view| view.unsegmented = unsegmented)
}

fn ending(passed: bool) -> Assignment {
    let kind = DeadlineKind::Evidence;
    let deadline = Deadline { date: date(2026, 12, 1), kind, subject: "aws".into(), passed };
    Assignment { deadlines: vec![deadline], ..fine() }
}

/// Returns an input with the risk, and one that differs only in its cause.
fn example(reason: RiskReason) -> (Situation, Situation) {
    use ServiceModel::{Caas, ManagedNodes, OnPremises, Saas};
    let provided = |evidence: &[bool]| {
        let aws = shop().provider(&["node-os"], "aws");
        under(Caas, evidence.iter().fold(aws, |aws, ended| aws.evidence("aws", None, *ended)))
    };
    match reason {
        RiskReason::ServiceModelContradicted => {
            let claiming = |model| of(Workload::under(None).on_nodes(&[Caas]).with(shop().with_model(model)));
            (claiming(Saas), claiming(OnPremises))
        }
        RiskReason::ServiceModelSelfDeclared => {
            let claiming =
                |nodes: &[ServiceModel]| of(Workload::under(None).on_nodes(nodes).with(shop().with_model(Caas)));
            (claiming(&[]), claiming(&[Caas]))
        }
        RiskReason::ProviderClaimsCustomerLayer => {
            let named = |layer| of(under(Caas, shop().provider(&[layer], "aws")));
            (named("application-code"), named("node-os"))
        }
        RiskReason::CustomerClaimsProviderLayer => {
            let named = |model| of(under(model, shop().customer(&["node-os"], "team")));
            (named(ManagedNodes), named(Caas))
        }
        RiskReason::AccountableMissing => {
            let done = |accountable| of(outsourced("application-code", accountable, AgreementCover::Entry));
            (done(None), done(Some("team")))
        }
        RiskReason::ClaimOverruled => {
            let platform = cluster("platform").party("platform", Role::Customer).customer(&["node-os"], "platform");
            let named = |layer| of(under(Caas, shop().customer(&[layer], "team")).with(platform.clone()));
            (named("node-os"), named("cloud-network"))
        }
        RiskReason::PartyRedefined => {
            let declaring =
                |name| Situation::Alone(Box::new(fine()), vec![cluster("a").party(name, Role::Customer)], 1);
            (declaring("team"), declaring("another-team"))
        }
        RiskReason::BlanketProviderAssignment => {
            let everything = shop().provider(&all_layers(), "aws");
            let code = everything.clone().customer(&["application-code"], "team");
            (of(under(Caas, everything)), of(under(Caas, code)))
        }
        RiskReason::CustomerDutiesEmpty => {
            let providers = fine().party("aws", Role::Provider).provider(&["node-os"], "aws");
            (alone(Assignment { claims: providers.claims[1..].to_vec(), ..providers.clone() }), alone(providers))
        }
        RiskReason::ProviderClaimWithoutEvidence => (of(provided(&[])), of(provided(&[false]))),
        RiskReason::EvidenceLapsed => (of(provided(&[true])), of(provided(&[true, false]))),
        RiskReason::EvidenceExpiring => (alone(ending(false)), alone(ending(true))),
        RiskReason::EvidenceOfWrongHalf => {
            let about = |layer| alone(fine().party("aws", Role::Provider).evidence("aws", Some(&[layer]), false));
            (about("access-control"), about("node-os"))
        }
        RiskReason::BackupAssumedProvided => {
            let under = |agreement| of(outsourced("backup-recovery", Some("team"), agreement));
            (under(AgreementCover::Entry), under(AgreementCover::Listed))
        }
        RiskReason::SegmentationAssumed => (of(segmented_by("team", true)), of(segmented_by("team", false))),
        RiskReason::HostAccessDefeatsProviderNodes => {
            let reaching = |model| of(reaching(HostAccess::PRIVILEGED, model));
            (reaching(ManagedNodes), reaching(Caas))
        }
        RiskReason::PodsDifferFromTemplate => {
            let injected = |names: &[&str]| {
                let names = names.iter().map(|name| Arc::from(*name)).collect();
                of(under(Caas, shop()).with_view(move |view| view.injected = names))
            };
            (injected(&["debug"]), injected(&[]))
        }
        RiskReason::ImpossibleOnDeclaredCompute => {
            (of(on_fargate(HostAccess::PRIVILEGED)), of(reaching(HostAccess::PRIVILEGED, ManagedNodes)))
        }
        RiskReason::ExceptionRefused => {
            let excepted = |state| alone(fine().exceptions(&["backup-recovery"], state));
            (excepted(ExceptionState::Refused(Refusal::Layer)), excepted(ExceptionState::Valid))
        }
        RiskReason::ExceptionExpired => {
            let excepted = |state| alone(fine().exceptions(&["backup-recovery"], state));
            (excepted(ExceptionState::Expired(date(2026, 11, 1))), excepted(ExceptionState::Valid))
        }
        RiskReason::ReviewDue => (alone(fine().reviewed(Review::Due(date(2026, 12, 1)))), alone(fine())),
        RiskReason::ReviewMissing => (alone(fine().reviewed(Review::Missing)), alone(fine())),
        RiskReason::Unacknowledged => {
            (alone(fine().declared_as("team", |party| party.acknowledged = false)), alone(fine()))
        }
        RiskReason::OwnerUnreachable => {
            (alone(fine().declared_as("team", |party| party.reachable = false)), alone(fine()))
        }
        RiskReason::MatchesNothing => (Situation::Alone(Box::new(fine()), vec![], 0), alone(fine())),
    }
}

#[test]
fn every_risk_is_found_where_it_is_and_not_where_it_is_not() {
    for reason in RiskReason::ALL {
        let (with, without) = example(*reason);
        assert!(with.reasons().contains(reason), "{reason:?} is missing: {:?}", with.reasons());
        assert!(!without.reasons().contains(reason), "{reason:?} is too much: {:?}", without.reasons());
    }
}

#[test]
fn nothing_is_said_where_there_is_nothing_to_say() {
    assert_eq!(found(&fine(), &[], 1), []);
    assert_eq!(Workload::under(ServiceModel::Caas).with(fine()).evaluate().risks, []);
}

/// The order of risks does not depend on the input, and each occurs once.
#[test]
fn risks_are_sorted_and_told_once() {
    for reason in RiskReason::ALL {
        let (with, _) = example(*reason);
        let reasons = with.reasons();
        assert!(reasons.is_sorted(), "{reasons:?}");
    }
}

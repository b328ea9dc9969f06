//! Risks of an assignment alone.

use jiff::civil::{Date, date};
use rstest::rstest;

use super::super::*;
use super::{fine, found};
use crate::model::Deadline;
use crate::model::testing::{Terms, cluster, layer, namespaced};

const DAY: Date = date(2026, 12, 1);

/// Layer and subject of each risk with this reason.
fn risks(assignment: &Assignment, reason: RiskReason) -> Vec<(Option<LayerId>, Option<String>)> {
    let of_kind = found(assignment, &[], 1).into_iter().filter(|risk| risk.reason == reason);
    let about = |risk: Risk| {
        assert_eq!(risk.assignment, None);
        (risk.layer, risk.subject.map(|subject| subject.to_string()))
    };
    of_kind.map(about).collect()
}

fn one(subject: &str) -> Vec<(Option<LayerId>, Option<String>)> {
    vec![(None, Some(subject.to_owned()))]
}

#[rstest]
#[case::missing(Review::Missing, None, true)]
#[case::current(Review::Current(DAY), None, false)]
#[case::due(Review::Due(DAY), Some("2026-12-01"), false)]
#[case::lapsed(Review::Lapsed(DAY), Some("2026-12-01"), false)]
fn a_review_is_missing_or_due_on_a_day(#[case] review: Review, #[case] due: Option<&str>, #[case] missing: bool) {
    let assignment = fine().reviewed(review);
    assert_eq!(risks(&assignment, RiskReason::ReviewDue), due.map(one).unwrap_or_default());
    assert_eq!(risks(&assignment, RiskReason::ReviewMissing).len(), usize::from(missing));
}

#[rstest]
#[case::valid(ExceptionState::Valid, &[], &[])]
#[case::expired(ExceptionState::Expired(DAY), &[], &[Some("2026-12-01")])]
#[case::not_from_this_layer(ExceptionState::Refused(Refusal::Layer), &[None], &[])]
#[case::too_far(ExceptionState::Refused(Refusal::TooFar), &[Some("until")], &[])]
fn an_exception_is_refused_or_has_expired(
    #[case] state: ExceptionState,
    #[case] refused: &[Option<&str>],
    #[case] expired: &[Option<&str>],
) {
    let assignment = fine().exceptions(&["backup-recovery"], state).excepting(&["network-exposure"]);
    let about = |subjects: &[Option<&str>]| -> Vec<_> {
        subjects.iter().map(|subject| (Some(layer("backup-recovery")), subject.map(str::to_owned))).collect()
    };
    assert_eq!(risks(&assignment, RiskReason::ExceptionRefused), about(refused));
    assert_eq!(risks(&assignment, RiskReason::ExceptionExpired), about(expired));
}

#[test]
fn evidence_that_ends_within_a_month_is_named_with_its_day() {
    let deadline = |kind, day, subject: &str, passed| Deadline {
        date: date(2026, 12, day),
        kind,
        subject: subject.into(),
        passed,
    };
    let deadlines = vec![
        deadline(DeadlineKind::Evidence, 1, "aws", false),
        deadline(DeadlineKind::Evidence, 2, "aws", true),
        deadline(DeadlineKind::Agreement, 3, "msp", false),
        deadline(DeadlineKind::Evidence, 4, "gcp", false),
    ];
    let assignment = Assignment { deadlines, ..fine() };
    assert_eq!(risks(&assignment, RiskReason::EvidenceExpiring), one("aws on 2026-12-01, gcp on 2026-12-04"));
    assert_eq!(risks(&fine(), RiskReason::EvidenceExpiring), []);
}

/// Layers of the evidence of the party, and those whose customer duty it does not cover.
#[rstest]
#[case::the_customers_everywhere(Some(&["access-control", "node-os"][..]), &["access-control"])]
#[case::given_to_the_party_here(Some(&["application-code", "node-os"][..]), &["application-code"])]
#[case::given_to_another_party(Some(&["cloud-network"][..]), &[])]
#[case::a_provider_duty(Some(&["node-os"][..]), &[])]
#[case::all_of_the_partys(None, &["application-code"])]
fn evidence_about_a_customer_duty_is_of_the_wrong_half(#[case] about: Option<&[&str]>, #[case] wrong: &[&str]) {
    let assignment = namespaced("shop")
        .party("aws", Role::Provider)
        .party("team", Role::Customer)
        .provider(&["node-os", "application-code"], "aws")
        .customer(&["application-code"], "aws")
        .customer(&["cloud-network"], "team")
        .evidence("aws", about, false);
    let expected: Vec<_> = wrong.iter().map(|name| (Some(layer(name)), Some("aws".to_owned()))).collect();
    assert_eq!(risks(&assignment, RiskReason::EvidenceOfWrongHalf), expected);
}

/// Parties, and if they need a contact and an acknowledgement.
#[rstest]
#[case::holds_a_customer_duty("team", true)]
#[case::answers_for_one("ciso", true)]
#[case::does_one_for_others("msp", true)]
#[case::holds_a_provider_duty_only("aws", false)]
#[case::holds_nothing("idle", false)]
fn whoever_holds_duties_on_the_customers_side_has_to_be_reached_and_to_acknowledge_them(
    #[case] party: &str,
    #[case] listed: bool,
) {
    let parties = ["team", "ciso", "msp", "aws", "idle"];
    let terms = Terms { accountable: Some("ciso"), ..Terms::default() };
    let assignment = parties
        .into_iter()
        .fold(namespaced("shop"), |all, name| all.party(name, Role::Customer))
        .customer(&["application-code"], "team")
        .gives(Duty::Customer, &["access-control"], "msp", terms)
        .provider(&["node-os"], "aws");
    let unreachable = assignment.clone().declared_as(party, |party| party.reachable = false);
    let unacknowledged = assignment.declared_as(party, |party| party.acknowledged = false);
    let expected = if listed { one(party) } else { vec![] };
    assert_eq!(risks(&unreachable, RiskReason::OwnerUnreachable), expected);
    assert_eq!(risks(&unreachable, RiskReason::Unacknowledged), []);
    assert_eq!(risks(&unacknowledged, RiskReason::Unacknowledged), expected);
    assert_eq!(risks(&unacknowledged, RiskReason::OwnerUnreachable), []);
}

#[test]
fn several_silent_parties_are_one_risk_that_names_them_in_order() {
    let without_contact = |all: Assignment, name: &str| {
        all.party(name, Role::Customer)
            .customer(&["application-code"], name)
            .declared_as(name, |party| party.reachable = false)
    };
    let assignment = ["zoe", "adam", "mia"].into_iter().fold(fine(), without_contact);
    assert_eq!(risks(&assignment, RiskReason::OwnerUnreachable), one("adam, mia, zoe"));
}

/// The cluster assignment gives the contact of a party that it declares.
#[test]
fn a_party_that_is_declared_elsewhere_is_not_asked_for_here() {
    let assignment = namespaced("shop").customer(&["application-code"], "platform");
    assert_eq!(risks(&assignment, RiskReason::OwnerUnreachable), []);
    assert_eq!(risks(&assignment, RiskReason::Unacknowledged), []);
}

#[test]
fn an_assignment_of_either_kind_that_selects_nothing_is_told_so() {
    for assignment in [fine(), Assignment { id: cluster("a").id, ..fine() }] {
        let matches_nothing =
            |workloads| found(&assignment, &[], workloads).iter().any(|risk| risk.reason == RiskReason::MatchesNothing);
        assert!(matches_nothing(0) && !matches_nothing(1));
    }
}

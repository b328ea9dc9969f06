//! Rules 3, 6 and 7: lapsed reviews, ended evidence, exceptions. Their state on a day is computed when an assignment is
//! compiled.

use jiff::civil::date;
use rstest::rstest;

use crate::api::GapReason::{LayerUnowned, OverlappingAssignments, ReviewLapsed, SharedLayerHalfOwned, UnknownParty};
use crate::api::Role;
use crate::matrix::{Duty, ServiceModel};
use crate::model::evaluation::State::{self, Assumed, Excepted, Gap, Owned, Unknown};
use crate::model::settings::ProviderDuties::{Assume, Require};
use crate::model::testing::{Terms, Workload, cluster, namespaced};
use crate::model::{AgreementCover, Assignment, ExceptionState, Refusal, Review};

/// A workload layer, a platform layer, and a layer with both duties.
const CODE: &str = "application-code";
const NETWORK: &str = "cloud-network";
const SHARED: &str = "incident-response";

fn workload() -> Workload {
    Workload::under(ServiceModel::Caas)
}

fn holding(name: &str, party: &str) -> Assignment {
    namespaced(name).party(party, Role::Customer).customer(&[CODE], party)
}

fn finding(workload: &Workload) -> (State, Option<String>) {
    workload.finding(CODE, Duty::Customer).unwrap()
}

// Reviews

#[test]
fn duties_lapse_with_the_review_of_the_assignment_that_gives_them() {
    let lapsed = workload().with(holding("shop", "team").lapsed());
    assert_eq!(finding(&lapsed), (Gap(ReviewLapsed), Some("team".to_owned())));
    for review in [Review::Missing, Review::Current(date(2027, 5, 1)), Review::Due(date(2026, 11, 1))] {
        assert_eq!(finding(&workload().with(holding("shop", "team").reviewed(review))), (Owned, None), "{review:?}");
    }
}

#[test]
fn a_provider_duty_lapses_as_well() {
    let aws = namespaced("shop").party("aws", Role::Provider).provider(&[SHARED], "aws").lapsed();
    let lapsed = workload().with(aws);
    assert_eq!(lapsed.state(SHARED, Duty::Provider), Some(Gap(ReviewLapsed)));
    assert_eq!(lapsed.state(SHARED, Duty::Customer), Some(Gap(LayerUnowned)), "a lapsed half does not count as owned");
}

#[test]
fn a_party_keeps_a_duty_while_one_assignment_that_gives_it_has_not_lapsed() {
    let one = || workload().with(holding("one", "team").lapsed());
    assert_eq!(finding(&one().with(holding("two", "team"))), (Owned, None));
    let both = one().with(holding("two", "team").lapsed());
    assert_eq!(finding(&both), (Gap(ReviewLapsed), Some("team".to_owned())));
}

#[test]
fn a_lower_rank_never_takes_over_silently() {
    let other = || cluster("platform").party("platform", Role::Customer).customer(&[CODE], "platform");
    let lapsed = workload().with(holding("shop", "team").lapsed()).with(other());
    assert_eq!(finding(&lapsed), (Gap(ReviewLapsed), Some("team".to_owned())));
    let same_party = cluster("platform").party("team", Role::Customer).customer(&[CODE], "team");
    let lapsed = workload().with(namespaced("shop").customer(&[CODE], "team").lapsed()).with(same_party);
    assert_eq!(finding(&lapsed), (Gap(ReviewLapsed), Some("team".to_owned())), "not even of the same party");
}

#[test]
fn a_lapsed_review_at_a_lower_rank_does_not_matter() {
    let other = cluster("platform").party("platform", Role::Customer).customer(&[CODE], "platform").lapsed();
    assert_eq!(finding(&workload().with(holding("shop", "team")).with(other)), (Owned, None));
}

#[test]
fn claims_of_a_lapsed_assignment_take_part_in_a_conflict() {
    let contested = workload().with(holding("one", "a").lapsed()).with(holding("two", "b"));
    assert_eq!(finding(&contested).0, Gap(OverlappingAssignments));
}

#[test]
fn an_invalid_claim_of_a_lapsed_assignment_is_invalid() {
    let lapsed = workload().with(namespaced("shop").customer(&[CODE], "stranger").lapsed());
    assert_eq!(finding(&lapsed).0, Gap(UnknownParty));
}

// Evidence

fn provided(ended: &[bool]) -> Assignment {
    let aws = namespaced("shop").party("aws", Role::Provider).provider(&[SHARED], "aws");
    ended.iter().fold(aws, |aws, ended| aws.evidence("aws", None, *ended))
}

#[rstest]
#[case::there_never_was_any(&[], Owned)]
#[case::current(&[false], Owned)]
#[case::ended(&[true], Assumed)]
#[case::some_is_current(&[true, false], Owned)]
#[case::all_ended(&[true, true], Assumed)]
fn a_provider_duty_is_assumed_again_when_all_evidence_has_ended(#[case] ended: &[bool], #[case] state: State) {
    for provider_duties in [Assume, Require] {
        let workload = workload().with_provider_duties(provider_duties).with(provided(ended));
        assert_eq!(workload.finding(SHARED, Duty::Provider), Some((state, None)), "{provider_duties:?}: never a gap");
    }
}

#[test]
fn a_half_that_is_assumed_again_is_no_owned_half() {
    let customer = |ended| workload().with(provided(&[ended])).state(SHARED, Duty::Customer);
    assert_eq!(customer(false), Some(Gap(SharedLayerHalfOwned)));
    assert_eq!(customer(true), Some(Gap(LayerUnowned)));
}

#[rstest]
#[case::of_the_layer(Some(&[SHARED, "node-os"][..]), Assumed)]
#[case::of_another_layer(Some(&["node-os"][..]), Owned)]
#[case::of_every_layer(None, Assumed)]
fn only_evidence_that_covers_the_layer_counts(#[case] about: Option<&[&str]>, #[case] state: State) {
    let aws = provided(&[]).evidence("aws", about, true);
    assert_eq!(workload().with(aws).state(SHARED, Duty::Provider), Some(state));
}

#[test]
fn evidence_of_another_party_does_not_count() {
    let aws = provided(&[false]).party("gcp", Role::Provider).evidence("gcp", None, true);
    assert_eq!(workload().with(aws).state(SHARED, Duty::Provider), Some(Owned));
}

#[test]
fn a_customer_duty_does_not_depend_on_evidence() {
    let terms = Terms { agreement: AgreementCover::Entry, ..Terms::default() };
    let aws = namespaced("shop").party("aws", Role::Provider).evidence("aws", None, true);
    let workload = workload().with(aws.gives(Duty::Customer, &[CODE], "aws", terms));
    assert_eq!(finding(&workload), (Owned, None));
}

#[test]
fn a_duty_that_has_lapsed_is_not_assumed_because_of_its_evidence() {
    let workload = workload().with(provided(&[true]).lapsed());
    assert_eq!(workload.state(SHARED, Duty::Provider), Some(Gap(ReviewLapsed)));
}

/// Evidence of the cluster declaration, and of the namespaced declaration, which then does not count.
#[rstest]
#[case::ended_in_the_cluster(&[true], &[false], Assumed)]
#[case::current_in_the_cluster(&[false], &[true], Owned)]
#[case::none_in_the_cluster(&[], &[true], Owned)]
fn the_evidence_of_the_clusters_declaration_counts(
    #[case] by_cluster: &[bool],
    #[case] by_namespace: &[bool],
    #[case] state: State,
) {
    let declaring = cluster("directory").party("aws", Role::Provider);
    let declaring = by_cluster.iter().fold(declaring, |aws, ended| aws.evidence("aws", None, *ended));
    let workload = workload().with(provided(by_namespace)).beside(declaring);
    assert_eq!(workload.state(SHARED, Duty::Provider), Some(state));
}

/// The evidence of each namespaced assignment counts for its own claims.
#[test]
fn a_provider_keeps_a_duty_while_one_assignment_that_gives_it_has_current_evidence() {
    let with = |ended: [bool; 2]| {
        let [one, two] = ended;
        let other = namespaced("other");
        let other = other.party("aws", Role::Provider).provider(&[SHARED], "aws").evidence("aws", None, two);
        workload().with(provided(&[one])).with(other).state(SHARED, Duty::Provider)
    };
    assert_eq!(with([true, false]), Some(Owned));
    assert_eq!(with([false, true]), Some(Owned));
    assert_eq!(with([true, true]), Some(Assumed));
}

#[test]
fn evidence_that_several_cluster_assignments_give_adds_up() {
    let declaring = |name: &str, ended| cluster(name).party("aws", Role::Provider).evidence("aws", None, ended);
    let workload = || workload().with(namespaced("shop").provider(&[SHARED], "aws")).beside(declaring("one", true));
    assert_eq!(workload().state(SHARED, Duty::Provider), Some(Assumed));
    assert_eq!(workload().beside(declaring("two", false)).state(SHARED, Duty::Provider), Some(Owned));
}

// Exceptions

/// Gaps without the exception.
#[rstest]
#[case::unowned(namespaced("shop"))]
#[case::half_owned(namespaced("shop").party("aws", Role::Provider).provider(&[SHARED], "aws"))]
#[case::invalid(namespaced("shop").customer(&[SHARED], "stranger"))]
#[case::lapsed(namespaced("shop").party("team", Role::Customer).customer(&[SHARED], "team").lapsed())]
fn an_exception_that_holds_turns_a_gap_into_excepted(
    #[case] shop: Assignment,
    #[values(namespaced("excepting"), cluster("excepting"))] excepting: Assignment,
) {
    let before = workload().with(shop);
    assert!(matches!(before.state(SHARED, Duty::Customer), Some(Gap(_))));
    let after = before.clone().with(excepting.excepting(&[SHARED]));
    assert_eq!(after.finding(SHARED, Duty::Customer), Some((Excepted, None)));
    let others = |workload: &Workload| {
        workload
            .evaluate()
            .duties
            .into_iter()
            .filter(|found| found.layer != crate::model::testing::layer(SHARED))
            .collect::<Vec<_>>()
    };
    assert_eq!(others(&after), others(&before), "of this layer only");
}

#[test]
fn a_conflict_can_be_excepted() {
    let contested = workload().with(holding("one", "a")).with(holding("two", "b"));
    assert_eq!(finding(&contested).0, Gap(OverlappingAssignments));
    assert_eq!(finding(&contested.with(cluster("platform").excepting(&[CODE]))), (Excepted, None));
}

#[test]
fn both_halves_of_a_layer_are_excepted() {
    let excepted = workload().with_provider_duties(Require).with(cluster("platform").excepting(&[SHARED]));
    assert_eq!(excepted.state(SHARED, Duty::Provider), Some(Excepted));
    assert_eq!(excepted.state(SHARED, Duty::Customer), Some(Excepted));
}

#[test]
fn an_exception_leaves_alone_what_is_no_gap() {
    let excepting = || cluster("platform").excepting(&[CODE, SHARED, NETWORK]);
    let held = workload().with(holding("shop", "team")).with(excepting());
    assert_eq!(finding(&held), (Owned, None));
    assert_eq!(held.state(SHARED, Duty::Provider), Some(Assumed));
    let unknown = Workload::under(None).with(excepting());
    assert_eq!(unknown.state(NETWORK, Duty::Customer), Some(Unknown));
}

#[rstest]
#[case::expired(ExceptionState::Expired(date(2026, 11, 1)))]
#[case::refused(ExceptionState::Refused(Refusal::Layer))]
#[case::too_far(ExceptionState::Refused(Refusal::TooFar))]
fn an_exception_that_does_not_hold_excepts_nothing(#[case] state: ExceptionState) {
    let workload = workload().with(cluster("platform").exceptions(&[CODE], state));
    assert_eq!(finding(&workload), (Gap(LayerUnowned), None));
}

#[test]
fn an_exception_is_for_the_workloads_that_its_assignment_selects() {
    let workload = workload().beside(cluster("platform").excepting(&[CODE])).with(namespaced("shop"));
    assert_eq!(finding(&workload), (Gap(LayerUnowned), None));
}

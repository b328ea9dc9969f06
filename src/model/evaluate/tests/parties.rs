//! Roles of parties and accepted layers.

use rstest::rstest;

use crate::api::GapReason::{AgreementMissing, NotAccepted, RoleMismatch, UnknownParty};
use crate::api::Role;
use crate::matrix::{Duty, ServiceModel};
use crate::model::evaluation::State::{self, Gap, Owned};
use crate::model::testing::{Terms, Workload, cluster, namespaced};
use crate::model::{AgreementCover, Assignment};

/// A workload layer, a platform layer, and a layer with both duties.
const CODE: &str = "application-code";
const NETWORK: &str = "cloud-network";
const NODES: &str = "node-os";

fn workload() -> Workload {
    Workload::under(ServiceModel::Caas)
}

#[test]
fn a_party_that_only_another_namespaced_assignment_declares_is_unknown() {
    let declaring = namespaced("declaring").party("team", Role::Customer);
    let naming = namespaced("naming").customer(&[CODE], "team");
    let workload = workload().with(declaring).with(naming.clone());
    assert_eq!(workload.finding(CODE, Duty::Customer), Some((Gap(UnknownParty), Some("team".to_owned()))));
    let itself = self::workload().with(naming.party("team", Role::Customer));
    assert_eq!(itself.state(CODE, Duty::Customer), Some(Owned));
}

#[test]
fn a_party_that_only_a_namespaced_assignment_declares_is_unknown_to_a_cluster_assignment() {
    let workload = workload()
        .with(namespaced("shop").party("team", Role::Customer))
        .with(cluster("platform").customer(&[NETWORK], "team"));
    assert_eq!(workload.state(NETWORK, Duty::Customer), Some(Gap(UnknownParty)));
}

#[test]
fn a_cluster_assignment_that_takes_in_the_namespace_makes_its_parties_known_whether_it_selects_the_workload_or_not() {
    let directory = || cluster("directory").with_selector().party("aws", Role::Provider);
    let naming = || namespaced("shop").provider(&[NODES], "aws");
    assert_eq!(workload().with(naming()).state(NODES, Duty::Provider), Some(Gap(UnknownParty)));
    assert_eq!(workload().with(naming()).beside(directory()).state(NODES, Duty::Provider), Some(Owned));
    assert_eq!(workload().with(naming()).with(directory()).state(NODES, Duty::Provider), Some(Owned));
}

/// Roles in the namespace and the cluster, and the states of claims as provider and as customer.
#[rstest]
#[case::a_customer_of_the_cluster(Role::Provider, Role::Customer, Gap(RoleMismatch), Owned)]
#[case::a_provider_of_the_cluster(Role::Customer, Role::Provider, Owned, Gap(AgreementMissing))]
#[case::a_third_party_of_the_cluster(Role::Customer, Role::ThirdParty, Gap(AgreementMissing), Gap(AgreementMissing))]
#[case::the_same_for_both(Role::Customer, Role::Customer, Gap(RoleMismatch), Owned)]
fn the_declaration_of_the_cluster_wins(
    #[case] by_namespace: Role,
    #[case] by_cluster: Role,
    #[case] as_provider: State,
    #[case] as_customer: State,
) {
    let workload = workload()
        .with(namespaced("shop").party("p", by_namespace).provider(&[NODES], "p").customer(&[NODES], "p"))
        .with(cluster("directory").accepting("p", by_cluster, &[NODES]));
    assert_eq!(workload.state(NODES, Duty::Provider), Some(as_provider));
    assert_eq!(workload.state(NODES, Duty::Customer), Some(as_customer));
}

#[rstest]
#[case::of_a_namespace(namespaced("claiming"))]
#[case::of_the_cluster(cluster("claiming"))]
fn a_party_of_two_roles_by_two_cluster_assignments_holds_nothing(#[case] claiming: Assignment) {
    let roles = [Role::Provider, Role::Customer, Role::ThirdParty];
    for [one, two] in roles.map(|one| roles.map(|two| [one, two])).as_flattened() {
        let claiming = claiming.clone().party("p", *one).provider(&[NODES], "p").gives(
            Duty::Customer,
            &[NODES, CODE],
            "p",
            Terms { agreement: AgreementCover::Entry, ..Terms::default() },
        );
        let workload = workload()
            .with(claiming)
            .with(cluster("one").accepting("p", *one, &[NODES, CODE]))
            .beside(cluster("two").party("p", *two));
        for (layer, duty) in [(NODES, Duty::Provider), (NODES, Duty::Customer), (CODE, Duty::Customer)] {
            let ambiguous = workload.state(layer, duty) == Some(Gap(RoleMismatch));
            let wrong_half = one == two && duty == Duty::Provider && *one == Role::Customer;
            assert_eq!(ambiguous, one != two || wrong_half, "{one:?} and {two:?}: {layer} {duty:?}");
        }
    }
}

#[test]
fn a_party_of_two_roles_is_not_accountable() {
    let terms = Terms { accountable: Some("p"), agreement: AgreementCover::Entry };
    let shop = namespaced("shop").party("integrator", Role::ThirdParty);
    let workload = workload()
        .with(shop.gives(Duty::Customer, &["access-control"], "integrator", terms))
        .with(cluster("one").accepting("p", Role::Customer, &["access-control"]));
    assert_eq!(workload.state("access-control", Duty::Customer), Some(Owned));
    let ambiguous = workload.with(cluster("two").party("p", Role::Provider));
    let expected = Some((Gap(RoleMismatch), Some("accountable: p".to_owned())));
    assert_eq!(ambiguous.finding("access-control", Duty::Customer), expected);
}

#[rstest]
#[case::done_by_a_third_party("integrator")]
#[case::done_by_a_customer("team")]
fn a_party_of_the_cluster_is_accountable_in_a_namespace_for_what_it_accepts(#[case] done_by: &str) {
    let terms = Terms { accountable: Some("platform"), agreement: AgreementCover::Entry };
    let shop = namespaced("shop").party("integrator", Role::ThirdParty).party("team", Role::Customer);
    let finding = |accepts: &[&str]| {
        workload()
            .with(shop.clone().gives(Duty::Customer, &["access-control"], done_by, terms))
            .beside(cluster("directory").accepting("platform", Role::Customer, accepts))
            .finding("access-control", Duty::Customer)
    };
    assert_eq!(finding(&["access-control"]), Some((Owned, None)));
    assert_eq!(finding(&[CODE]), Some((Gap(NotAccepted), Some("accountable: platform".to_owned()))));
}

/// Cluster parties, and the layers for which a namespaced claim on the platform team is valid.
#[rstest]
#[case::what_it_lists(&[cluster("a").accepting("platform", Role::Customer, &[CODE])], &[CODE])]
#[case::nothing_when_it_lists_nothing(&[cluster("a").accepting("platform", Role::Customer, &[])], &[])]
#[case::nothing_when_no_list_and_no_duty_is_given(&[cluster("a").party("platform", Role::Customer)], &[])]
#[case::what_several_list(
    &[
        cluster("a").accepting("platform", Role::Customer, &[CODE]),
        cluster("b").accepting("platform", Role::Customer, &[NODES]),
        cluster("c").party("platform", Role::Customer),
    ],
    &[CODE, NODES]
)]
#[case::by_default_what_its_own_cluster_assignment_gives_it(
    &[cluster("a").party("platform", Role::Customer).customer(&[NETWORK], "platform")],
    &[NETWORK]
)]
#[case::by_default_what_other_cluster_assignments_give_it(
    &[
        cluster("a").party("platform", Role::Customer),
        cluster("b").customer(&[NETWORK], "platform"),
        cluster("c").customer(&[CODE], "platform"),
        cluster("d").customer(&[NODES], "other-party"),
    ],
    &[CODE, NETWORK]
)]
#[case::being_given_a_provider_duty_accepts_no_customer_duty(
    &[cluster("a").party("platform", Role::Customer).provider(&[NODES], "platform")],
    &[]
)]
#[case::a_list_takes_the_place_of_the_default(
    &[
        cluster("a").accepting("platform", Role::Customer, &[CODE]),
        cluster("b").customer(&[NETWORK], "platform"),
    ],
    &[CODE]
)]
fn a_party_of_the_cluster_holds_in_a_namespace_what_it_accepts(
    #[case] directory: &[Assignment],
    #[case] accepted: &[&str],
) {
    let naming = namespaced("shop").customer(&[CODE, NETWORK, NODES], "platform");
    // The cluster assignment does not select the workload: otherwise its claims would decide for platform layers.
    let workload = directory.iter().fold(workload().with(naming), |workload, a| workload.beside(a.clone()));
    for layer in [CODE, NETWORK, NODES] {
        let expected = if accepted.contains(&layer) { Owned } else { Gap(NotAccepted) };
        assert_eq!(workload.state(layer, Duty::Customer), Some(expected), "{layer}");
    }
}

#[test]
fn what_the_cluster_gives_to_its_own_party_needs_no_acceptance() {
    let cluster = cluster("platform").accepting("platform", Role::Customer, &[]).customer(&[CODE, NODES], "platform");
    let workload = workload().with(cluster);
    assert_eq!(workload.state(CODE, Duty::Customer), Some(Owned));
    assert_eq!(workload.state(NODES, Duty::Customer), Some(Owned));
}

#[test]
fn a_provider_duty_needs_no_acceptance() {
    let workload = workload().with(namespaced("shop").provider(&[NODES], "aws")).with(cluster("directory").accepting(
        "aws",
        Role::Provider,
        &[],
    ));
    assert_eq!(workload.state(NODES, Duty::Provider), Some(Owned));
}

#[test]
fn a_party_of_the_namespace_itself_needs_no_acceptance() {
    let shop = namespaced("shop").accepting("team", Role::Customer, &[]).customer(&[CODE], "team");
    assert_eq!(workload().with(shop).state(CODE, Duty::Customer), Some(Owned));
}

//! End of rule 4, and rule 5: duties without claims.

use rstest::rstest;

use crate::api::GapReason::{
    self, AgreementMissing, LayerUnowned, NotTransferable, OverlappingAssignments, RoleMismatch, SharedLayerHalfOwned,
    UnknownParty,
};
use crate::api::Role;
use crate::matrix::{Duty, ServiceModel};
use crate::model::Assignment;
use crate::model::evaluation::State::{self, Assumed, Gap, Owned};
use crate::model::settings::ProviderDuties::{self, Assume, Require};
use crate::model::testing::{Workload, cluster, namespaced};

/// A layer with only the customer duty, a retained one, and one with both duties.
const CODE: &str = "application-code";
const ACCESS: &str = "access-control";
const SHARED: &str = "incident-response";
/// A layer with only the provider duty.
const PHYSICAL: &str = "physical-infrastructure";

fn shop() -> Assignment {
    namespaced("shop").party("team", Role::Customer).party("aws", Role::Provider)
}

fn workload(shop: Assignment) -> Workload {
    Workload::under(ServiceModel::Caas).with(shop)
}

type Finding = (State, Option<String>);

fn about(reason: GapReason, party: &str) -> Finding {
    (Gap(reason), Some(party.to_owned()))
}

#[rstest]
#[case::retained(ACCESS, about(NotTransferable, "aws"))]
#[case::not_retained(CODE, about(AgreementMissing, "aws"))]
#[case::with_a_provider_duty_of_its_own(SHARED, (Gap(SharedLayerHalfOwned), None))]
fn a_provider_named_for_a_customers_layer_does_not_hold_it(
    #[case] layer: &str,
    #[case] expected: Finding,
    #[values(namespaced("naming"), namespaced("naming").with_selector(), cluster("naming"))] naming: Assignment,
) {
    let workload = workload(naming.party("aws", Role::Provider).provider(&[layer], "aws"));
    assert_eq!(workload.finding(layer, Duty::Customer), Some(expected));
    assert_eq!(self::workload(namespaced("silent")).finding(layer, Duty::Customer), Some((Gap(LayerUnowned), None)));
}

#[rstest]
fn whoever_is_named_as_its_provider(#[values("aws", "team", "stranger")] party: &str) {
    let workload = workload(shop().provider(&[ACCESS, CODE], party));
    assert_eq!(workload.finding(ACCESS, Duty::Customer), Some(about(NotTransferable, party)));
    assert_eq!(workload.finding(CODE, Duty::Customer), Some(about(AgreementMissing, party)));
}

#[test]
fn of_several_providers_the_first_by_name_is_shown() {
    let [one, two] = [namespaced("one").provider(&[ACCESS], "gcp"), namespaced("two").provider(&[ACCESS], "aws")];
    assert_eq!(workload(one).with(two).finding(ACCESS, Duty::Customer), Some(about(NotTransferable, "aws")));
}

#[rstest]
#[case::valid("team", (Owned, None))]
#[case::invalid("stranger", about(UnknownParty, "stranger"))]
fn an_own_claim_speaks_for_itself_beside_a_named_provider(
    #[case] customer: &str,
    #[case] expected: Finding,
    #[values(ACCESS, CODE)] layer: &str,
) {
    let claiming = shop().customer(&[layer], customer);
    let other = cluster("platform").party("aws", Role::Provider).provider(&[layer], "aws");
    assert_eq!(
        workload(claiming.clone().provider(&[layer], "aws")).finding(layer, Duty::Customer),
        Some(expected.clone())
    );
    assert_eq!(workload(claiming).with(other).finding(layer, Duty::Customer), Some(expected));
}

/// Without a service model, layers that the customer owes under every model are still evaluated.
#[test]
fn a_retained_layer_is_not_transferable_under_an_unknown_model() {
    let workload = Workload::under(None).with(shop().provider(&[ACCESS], "aws"));
    assert_eq!(workload.finding(ACCESS, Duty::Customer), Some(about(NotTransferable, "aws")));
}

/// Claims about a shared layer, and the states of its provider and customer duty.
#[rstest]
#[case::nothing(shop(), Assume, Assumed, Gap(LayerUnowned))]
#[case::nothing_but_required(shop(), Require, Gap(LayerUnowned), Gap(LayerUnowned))]
#[case::its_provider(shop().provider(&[SHARED], "aws"), Assume, Owned, Gap(SharedLayerHalfOwned))]
#[case::its_provider_as_required(shop().provider(&[SHARED], "aws"), Require, Owned, Gap(SharedLayerHalfOwned))]
#[case::its_customer(shop().customer(&[SHARED], "team"), Assume, Assumed, Owned)]
#[case::its_customer_but_not_as_required(
    shop().customer(&[SHARED], "team"),
    Require,
    Gap(SharedLayerHalfOwned),
    Owned
)]
#[case::both(shop().provider(&[SHARED], "aws").customer(&[SHARED], "team"), Require, Owned, Owned)]
#[case::an_invalid_provider_is_no_owned_half(
    shop().provider(&[SHARED], "team"),
    Assume,
    Gap(RoleMismatch),
    Gap(LayerUnowned)
)]
#[case::an_invalid_customer_is_no_owned_half(
    shop().customer(&[SHARED], "stranger"),
    Require,
    Gap(LayerUnowned),
    Gap(UnknownParty)
)]
fn of_a_shared_layer_is_said(
    #[case] shop: Assignment,
    #[case] provider_duties: ProviderDuties,
    #[case] provider: State,
    #[case] customer: State,
) {
    let workload = workload(shop).with_provider_duties(provider_duties);
    assert_eq!(workload.finding(SHARED, Duty::Provider).map(|(state, _)| state), Some(provider));
    assert_eq!(workload.finding(SHARED, Duty::Customer).map(|(state, _)| state), Some(customer));
}

#[test]
fn a_contested_half_is_no_owned_half() {
    let workload = workload(shop().provider(&[SHARED], "aws"))
        .with(namespaced("other").party("gcp", Role::Provider).provider(&[SHARED], "gcp"));
    assert_eq!(workload.state(SHARED, Duty::Provider), Some(Gap(OverlappingAssignments)));
    assert_eq!(workload.state(SHARED, Duty::Customer), Some(Gap(LayerUnowned)));
}

#[rstest]
#[case::assumed(Assume, Assumed)]
#[case::required(Require, Gap(LayerUnowned))]
fn a_layer_of_the_provider_alone_of_which_nobody_speaks_is(
    #[case] provider_duties: ProviderDuties,
    #[case] state: State,
) {
    let workload = workload(shop()).with_provider_duties(provider_duties);
    assert_eq!(workload.finding(PHYSICAL, Duty::Provider), Some((state, None)));
    assert_eq!(workload.finding(PHYSICAL, Duty::Customer), None);
}

#[test]
fn a_customer_duty_is_never_assumed() {
    for provider_duties in [Assume, Require] {
        let workload = workload(shop()).with_provider_duties(provider_duties);
        for found in workload.evaluate().duties.iter().filter(|found| found.duty == Duty::Customer) {
            assert_eq!((found.state, found.subject.as_deref()), (Gap(LayerUnowned), None));
        }
    }
}

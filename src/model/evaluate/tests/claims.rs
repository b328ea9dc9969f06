//! Rules 1 and 2: the duty of a claim, and valid claims.

use rstest::rstest;

use crate::api::GapReason::{
    AgreementMissing, NotAccepted, NotTransferable, RoleMismatch, SharedLayerHalfOwned, UnknownParty,
};
use crate::api::Role;
use crate::matrix::{Duty, LayerTriggers, ServiceModel};
use crate::model::evaluation::State::{self, Assumed, Gap, Owned};
use crate::model::testing::{Terms, Workload, cluster, namespaced};
use crate::model::{AgreementCover, Assignment};

/// A customer layer whose duty can be given away, and a retained one.
const TRANSFERABLE: &str = "application-code";
const RETAINED: &str = "data-classification";
/// A layer that owes both duties, and one that owes only the provider duty.
const SHARED: &str = "node-os";
const OF_PROVIDER: &str = "physical-infrastructure";

fn terms(accountable: impl Into<Option<&'static str>>, agreement: bool) -> Terms {
    let agreement = if agreement { AgreementCover::Entry } else { AgreementCover::Missing };
    Terms { accountable: accountable.into(), agreement }
}

/// Declares a party of each role, named after it. `stranger` is not declared.
fn shop() -> Assignment {
    namespaced("shop")
        .party("customer", Role::Customer)
        .party("provider", Role::Provider)
        .party("integrator", Role::ThirdParty)
}

fn claimed(duty: Duty, layer: &str, party: &str, terms: Terms) -> Workload {
    Workload::under(ServiceModel::Caas).with(shop().gives(duty, &[layer], party, terms))
}

#[rstest]
#[case::a_customer_holds_what_can_be_given_away(TRANSFERABLE, "customer", terms(None, false), Owned)]
#[case::a_customer_holds_what_is_retained(RETAINED, "customer", terms(None, false), Owned)]
#[case::a_customer_holds_the_customer_half_of_a_shared_layer(SHARED, "customer", terms(None, false), Owned)]
#[case::another_customer_may_be_accountable(RETAINED, "customer", terms("customer", false), Owned)]
#[case::a_provider_without_agreement(TRANSFERABLE, "provider", terms(None, false), Gap(AgreementMissing))]
#[case::a_provider_with_agreement(TRANSFERABLE, "provider", terms(None, true), Owned)]
#[case::a_third_party_without_agreement(TRANSFERABLE, "integrator", terms(None, false), Gap(AgreementMissing))]
#[case::a_third_party_with_agreement(TRANSFERABLE, "integrator", terms(None, true), Owned)]
#[case::accountable_is_no_agreement(TRANSFERABLE, "integrator", terms("customer", false), Gap(AgreementMissing))]
#[case::a_retained_layer_given_to_a_provider(RETAINED, "provider", terms(None, false), Gap(NotTransferable))]
#[case::an_agreement_transfers_no_retained_layer(RETAINED, "provider", terms(None, true), Gap(NotTransferable))]
#[case::a_retained_layer_given_to_a_third_party(RETAINED, "integrator", terms(None, true), Gap(NotTransferable))]
#[case::with_accountable_an_agreement_is_needed(
    RETAINED,
    "integrator",
    terms("customer", false),
    Gap(AgreementMissing)
)]
#[case::with_accountable_and_agreement_it_is_held(RETAINED, "integrator", terms("customer", true), Owned)]
#[case::the_same_for_a_provider(RETAINED, "provider", terms("customer", true), Owned)]
#[case::a_third_party_is_not_accountable(RETAINED, "integrator", terms("integrator", true), Gap(RoleMismatch))]
#[case::a_provider_is_not_accountable(RETAINED, "integrator", terms("provider", true), Gap(RoleMismatch))]
#[case::not_even_for_a_customer(TRANSFERABLE, "customer", terms("provider", false), Gap(RoleMismatch))]
#[case::a_stranger_is_not_accountable(RETAINED, "integrator", terms("stranger", true), Gap(UnknownParty))]
#[case::nor_for_a_customer(TRANSFERABLE, "customer", terms("stranger", false), Gap(UnknownParty))]
#[case::a_stranger_holds_nothing(TRANSFERABLE, "stranger", terms(None, true), Gap(UnknownParty))]
#[case::a_stranger_holds_nothing_retained(RETAINED, "stranger", terms("customer", true), Gap(UnknownParty))]
fn a_customer_duty_is_held_by(#[case] layer: &str, #[case] party: &str, #[case] terms: Terms, #[case] state: State) {
    assert_eq!(claimed(Duty::Customer, layer, party, terms).state(layer, Duty::Customer), Some(state));
}

#[rstest]
#[case::a_provider("provider", terms(None, false), Owned)]
#[case::a_third_party_without_agreement("integrator", terms(None, false), Gap(AgreementMissing))]
#[case::a_third_party_with_agreement("integrator", terms(None, true), Owned)]
#[case::never_a_customer("customer", terms(None, false), Gap(RoleMismatch))]
#[case::never_a_customer_whatever_it_signed("customer", terms("customer", true), Gap(RoleMismatch))]
#[case::no_stranger("stranger", terms(None, true), Gap(UnknownParty))]
#[case::whoever_is_accountable_for_the_other_half("provider", terms("stranger", false), Owned)]
fn a_provider_duty_is_held_by(
    #[values(SHARED, OF_PROVIDER, "incident-response")] layer: &str,
    #[case] party: &str,
    #[case] terms: Terms,
    #[case] state: State,
) {
    assert_eq!(claimed(Duty::Provider, layer, party, terms).state(layer, Duty::Provider), Some(state));
}

/// Data protection is retained. Under `SaaS` the provider owes the other half.
#[rstest]
#[case::a_provider("provider", terms(None, false), Owned)]
#[case::a_third_party_with_agreement("integrator", terms(None, true), Owned)]
#[case::a_third_party_without_agreement("integrator", terms(None, false), Gap(AgreementMissing))]
fn the_provider_half_of_a_retained_layer_can_be_held_by(
    #[case] party: &str,
    #[case] terms: Terms,
    #[case] state: State,
) {
    let workload = Workload::under(ServiceModel::Saas).showing(&[LayerTriggers::SECRETS]).with(shop().gives(
        Duty::Provider,
        &["data-protection"],
        party,
        terms,
    ));
    assert_eq!(workload.state("data-protection", Duty::Provider), Some(state));
}

#[test]
fn a_claim_speaks_of_its_own_half_only() {
    let named = |duty, party| claimed(duty, SHARED, party, Terms::default());
    let provider = named(Duty::Provider, "provider");
    assert_eq!(provider.state(SHARED, Duty::Provider), Some(Owned));
    assert_eq!(provider.state(SHARED, Duty::Customer), Some(Gap(SharedLayerHalfOwned)));
    let customer = named(Duty::Customer, "customer");
    assert_eq!(customer.state(SHARED, Duty::Customer), Some(Owned));
    assert_eq!(customer.state(SHARED, Duty::Provider), Some(Assumed));
}

#[test]
fn a_customer_named_for_a_layer_of_the_providers_is_no_claim() {
    for party in ["customer", "stranger", "integrator"] {
        let workload = claimed(Duty::Customer, OF_PROVIDER, party, Terms::default());
        assert_eq!(workload.state(OF_PROVIDER, Duty::Customer), None);
        assert_eq!(workload.state(OF_PROVIDER, Duty::Provider), Some(Assumed));
    }
}

#[test]
fn a_provider_named_for_a_layer_of_the_customers_owes_nothing() {
    let shop = shop().provider(&[TRANSFERABLE], "provider").customer(&[TRANSFERABLE], "customer");
    let workload = Workload::under(ServiceModel::Caas).with(shop);
    assert_eq!(workload.state(TRANSFERABLE, Duty::Provider), None);
    assert_eq!(workload.state(TRANSFERABLE, Duty::Customer), Some(Owned));
}

/// Fixes one problem after the other. Each time the next reason by weight appears.
#[test]
fn of_the_reasons_within_a_claim_the_weightiest_is_shown() {
    let finding = |layer: &'static str, terms, accepted: bool| {
        let accepts: &[&str] = if accepted { &[RETAINED, TRANSFERABLE] } else { &[] };
        let directory = cluster("directory").accepting("operator", Role::ThirdParty, accepts);
        Workload::under(ServiceModel::Caas)
            .with(directory)
            .with(shop().gives(Duty::Customer, &[layer], "operator", terms))
            .finding(layer, Duty::Customer)
            .unwrap()
    };
    let gap = |reason, about: &str| (Gap(reason), Some(about.to_owned()));
    assert_eq!(finding(RETAINED, terms(None, false), false), gap(NotTransferable, "operator"));
    assert_eq!(finding(RETAINED, terms("provider", false), false), gap(RoleMismatch, "accountable: provider"));
    assert_eq!(finding(RETAINED, terms("stranger", false), false), gap(AgreementMissing, "operator"));
    assert_eq!(finding(TRANSFERABLE, terms(None, false), false), gap(AgreementMissing, "operator"));
    assert_eq!(finding(RETAINED, terms("stranger", true), false), gap(NotAccepted, "operator"));
    assert_eq!(finding(TRANSFERABLE, terms(None, true), false), gap(NotAccepted, "operator"));
    assert_eq!(finding(RETAINED, terms("stranger", true), true), gap(UnknownParty, "accountable: stranger"));
    assert_eq!(finding(RETAINED, terms("customer", true), true), (Owned, None));
}

#[test]
fn a_gap_is_about_the_party_that_does_not_fit() {
    let about = |duty, party, terms| claimed(duty, SHARED, party, terms).finding(SHARED, duty).unwrap().1;
    assert_eq!(about(Duty::Provider, "customer", Terms::default()).as_deref(), Some("customer"));
    assert_eq!(about(Duty::Customer, "stranger", Terms::default()).as_deref(), Some("stranger"));
    assert_eq!(about(Duty::Customer, "customer", terms("provider", false)).as_deref(), Some("accountable: provider"));
    assert_eq!(about(Duty::Customer, "customer", Terms::default()), None, "no gap");
}

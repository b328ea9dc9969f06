//! Risks of claims.

use rstest::rstest;

use super::super::*;
use super::{found, outsourced, shop, under};
use crate::matrix::LayerTriggers;
use crate::matrix::ServiceModel::{self, Caas, ManagedNodes};
use crate::model::testing::{Terms, Workload, all_layers, cluster, layer, namespaced};

/// Risks with this reason: layer, assignment that lists it, subject.
fn risks(workload: &Workload, reason: RiskReason) -> Vec<(Option<String>, Option<String>, Option<String>)> {
    let of_kind = workload.evaluate().risks.into_iter().filter(|risk| risk.reason == reason);
    let summary = |risk: Risk| {
        let layer = risk.layer.map(|layer| crate::model::testing::matrix().layer(layer).name.clone());
        (layer, risk.assignment.map(|id| id.name.to_string()), risk.subject.map(|subject| subject.to_string()))
    };
    of_kind.map(summary).collect()
}

fn listed(layer: &str, assignment: &str, subject: &str) -> (Option<String>, Option<String>, Option<String>) {
    (Some(layer.to_owned()), Some(assignment.to_owned()), Some(subject.to_owned()))
}

// Claims on duties that are not owed

#[test]
fn a_claim_on_a_half_that_is_not_owed_is_told_to_whoever_makes_it() {
    let workload = under(ManagedNodes, shop().provider(&["application-code"], "aws").customer(&["node-os"], "team"))
        .with(namespaced("other"));
    let provider = risks(&workload, RiskReason::ProviderClaimsCustomerLayer);
    assert_eq!(provider, [listed("application-code", "shop", "aws")]);
    assert_eq!(risks(&workload, RiskReason::CustomerClaimsProviderLayer), [listed("node-os", "shop", "team")]);
}

#[test]
fn whether_the_party_is_known_or_fits_does_not_matter() {
    for party in ["aws", "team", "stranger"] {
        let workload = under(Caas, shop().provider(&["application-code"], party));
        assert_eq!(
            risks(&workload, RiskReason::ProviderClaimsCustomerLayer),
            [listed("application-code", "shop", party)]
        );
    }
}

#[test]
fn a_claim_on_a_layer_that_the_workload_does_not_have_is_no_risk() {
    let workload = Workload::under(Caas).with(shop().provider(&["backup-recovery"], "aws"));
    assert_eq!(risks(&workload, RiskReason::ProviderClaimsCustomerLayer), []);
}

#[test]
fn under_an_unknown_model_no_claim_is_idle() {
    let workload = Workload::under(None).with(shop().provider(&all_layers(), "aws").customer(&["node-os"], "team"));
    assert_eq!(risks(&workload, RiskReason::ProviderClaimsCustomerLayer), []);
    assert_eq!(risks(&workload, RiskReason::CustomerClaimsProviderLayer), []);
}

// Accountable parties

#[rstest]
#[case::a_third_party("msp", None, true)]
#[case::a_provider("aws", None, true)]
#[case::a_customer("team", None, false)]
#[case::with_somebody_who_answers("msp", Some("team"), false)]
fn work_that_is_given_away_needs_somebody_who_answers_for_it(
    #[case] party: &str,
    #[case] accountable: Option<&'static str>,
    #[case] missing: bool,
) {
    let terms = Terms { accountable, agreement: AgreementCover::Entry };
    let workload = under(Caas, shop().gives(Duty::Customer, &["application-code"], party, terms));
    let expected = if missing { vec![listed("application-code", "shop", party)] } else { vec![] };
    assert_eq!(risks(&workload, RiskReason::AccountableMissing), expected);
}

#[test]
fn a_claim_that_is_invalid_or_does_not_decide_needs_nobody_who_answers() {
    let invalid = outsourced("application-code", None, AgreementCover::Missing);
    assert_eq!(risks(&invalid, RiskReason::AccountableMissing), []);
    let decided = outsourced("application-code", None, AgreementCover::Entry).with(
        namespaced("narrow").with_selector().party("team", Role::Customer).customer(&["application-code"], "team"),
    );
    assert_eq!(risks(&decided, RiskReason::AccountableMissing), []);
    let provider = under(Caas, shop().provider(&["node-os"], "aws"));
    assert_eq!(risks(&provider, RiskReason::AccountableMissing), [], "a provider duty is not given away");
}

// Overruled claims

fn platform(layers: &[&str], party: &str) -> Assignment {
    cluster("platform").party(party, Role::Customer).customer(layers, party)
}

#[rstest]
#[case::another_party("team", "node-os", true)]
#[case::the_same_party("platform", "node-os", false)]
#[case::a_layer_of_the_workloads_own("team", "application-code", false)]
#[case::an_invalid_claim("stranger", "node-os", false)]
fn a_claim_in_a_namespace_that_loses_to_another_party_of_the_cluster_is_overruled(
    #[case] party: &str,
    #[case] layer: &str,
    #[case] overruled: bool,
) {
    let workload = under(Caas, shop().customer(&[layer], party)).with(platform(&[layer], "platform"));
    let expected = if overruled { vec![listed(layer, "shop", party)] } else { vec![] };
    assert_eq!(risks(&workload, RiskReason::ClaimOverruled), expected);
}

#[test]
fn a_provider_that_a_namespace_names_is_overruled_as_well() {
    let gcp = cluster("platform").party("gcp", Role::Provider).provider(&["node-os"], "gcp");
    let workload = under(Caas, shop().provider(&["node-os"], "aws")).with(gcp);
    assert_eq!(risks(&workload, RiskReason::ClaimOverruled), [listed("node-os", "shop", "aws")]);
}

#[test]
fn among_assignments_of_one_kind_nobody_is_overruled() {
    let narrow = |assignment: Assignment, party: &str| {
        assignment.with_selector().party(party, Role::Customer).customer(&["node-os"], party)
    };
    let of_namespace = under(Caas, shop().customer(&["node-os"], "team")).with(narrow(namespaced("narrow"), "other"));
    assert_eq!(risks(&of_namespace, RiskReason::ClaimOverruled), []);
    let of_cluster =
        Workload::under(Caas).with(platform(&["node-os"], "platform")).with(narrow(cluster("narrow"), "other"));
    assert_eq!(risks(&of_cluster, RiskReason::ClaimOverruled), []);
}

// Evidence

#[rstest]
#[case::none(&[], Some(RiskReason::ProviderClaimWithoutEvidence))]
#[case::current(&[false], None)]
#[case::ended(&[true], Some(RiskReason::EvidenceLapsed))]
#[case::some_current(&[true, false], None)]
fn a_provider_is_believed_on_evidence(#[case] ended: &[bool], #[case] expected: Option<RiskReason>) {
    let aws = shop().provider(&["node-os"], "aws");
    let workload = under(Caas, ended.iter().fold(aws, |aws, ended| aws.evidence("aws", None, *ended)));
    for reason in [RiskReason::ProviderClaimWithoutEvidence, RiskReason::EvidenceLapsed] {
        let found = if expected == Some(reason) { vec![listed("node-os", "shop", "aws")] } else { vec![] };
        assert_eq!(risks(&workload, reason), found, "{reason:?}");
    }
}

#[test]
fn evidence_of_other_layers_is_none() {
    let aws = shop().provider(&["node-os", "control-plane"], "aws").evidence("aws", Some(&["control-plane"]), false);
    let found = risks(&under(Caas, aws), RiskReason::ProviderClaimWithoutEvidence);
    assert_eq!(found, [listed("node-os", "shop", "aws")]);
}

#[test]
fn only_a_provider_duty_that_is_held_needs_evidence() {
    let contested = under(Caas, shop().provider(&["node-os"], "aws"))
        .with(namespaced("other").party("gcp", Role::Provider).provider(&["node-os"], "gcp"));
    let lapsed = under(Caas, shop().provider(&["node-os"], "aws").lapsed());
    let idle = under(Caas, shop().provider(&["application-code"], "aws"));
    let of_customer = outsourced("application-code", Some("team"), AgreementCover::Entry);
    for workload in [contested, lapsed, idle, of_customer] {
        assert_eq!(risks(&workload, RiskReason::ProviderClaimWithoutEvidence), []);
        assert_eq!(risks(&workload, RiskReason::EvidenceLapsed), []);
    }
}

// Backup

#[rstest]
#[case::a_third_party_whose_agreement_does_not_list_it("msp", AgreementCover::Entry, true)]
#[case::one_whose_agreement_lists_it("msp", AgreementCover::Listed, false)]
#[case::a_provider_whose_agreement_does_not_list_it("aws", AgreementCover::Entry, true)]
#[case::a_customer("team", AgreementCover::Missing, false)]
#[case::nobody_who_is_known("stranger", AgreementCover::Entry, false)]
fn a_backup_that_no_agreement_lists_is_not_made(
    #[case] party: &str,
    #[case] agreement: AgreementCover,
    #[case] assumed: bool,
) {
    let terms = Terms { accountable: Some("team"), agreement };
    let workload = under(Caas, shop().gives(Duty::Customer, &["backup-recovery", "application-code"], party, terms));
    let expected = if assumed { vec![listed("backup-recovery", "shop", party)] } else { vec![] };
    assert_eq!(risks(&workload, RiskReason::BackupAssumedProvided), expected);
}

// Every duty left to the provider

/// All triggers except host access: 21 layers.
fn full(shop: Assignment) -> Workload {
    let signals =
        [LayerTriggers::STORAGE, LayerTriggers::SECRETS, LayerTriggers::EXTERNAL_SERVICES, LayerTriggers::PUBLISHED];
    Workload::under(Caas).showing(&signals).with(shop)
}

fn blanket(workload: &Workload) -> Vec<Option<String>> {
    let found = risks(workload, RiskReason::BlanketProviderAssignment).into_iter();
    found
        .inspect(|(layer, assignment, _)| assert_eq!((layer, assignment), (&None, &None)))
        .map(|found| found.2)
        .collect()
}

#[rstest]
#[case::left_to_a_provider(shop().provider(&all_layers(), "aws"), Some("aws"))]
#[case::claimed_for_a_provider(shop().customer(&all_layers(), "aws"), Some("aws"))]
#[case::claimed_for_a_third_party(shop().customer(&all_layers(), "msp"), Some("msp"))]
#[case::some_of_each(shop().customer(&all_layers()[..10], "aws").provider(&all_layers()[10..], "aws"), Some("aws"))]
#[case::two_parties(shop().customer(&all_layers()[..10], "aws").provider(&all_layers()[10..], "msp"), None)]
#[case::a_team_holds_one(
    shop().provider(&all_layers(), "aws").customer(&["access-control"], "team"),
    None
)]
#[case::nobody_speaks_of_one(shop().provider(&all_layers()[1..], "aws"), None)]
#[case::a_customer(shop().customer(&all_layers(), "team"), None)]
#[case::a_stranger(shop().customer(&all_layers(), "stranger"), None)]
#[case::nothing_is_said(shop(), None)]
fn everything_is_left_to_one_party_that_is_no_customer(#[case] shop: Assignment, #[case] party: Option<&str>) {
    assert_eq!(blanket(&full(shop)), party.map(|party| Some(party.to_owned())).into_iter().collect::<Vec<_>>());
}

#[test]
fn an_own_customer_claim_speaks_for_itself_beside_a_named_provider() {
    let several =
        full(shop().provider(&all_layers(), "aws")).with(namespaced("team").customer(&["access-control"], "x"));
    assert_eq!(blanket(&several), [], "whoever x is: it is not left to the provider");
}

#[test]
fn several_assignments_may_leave_everything_to_one_party() {
    let [one, two] = [&all_layers()[..10], &all_layers()[10..]]
        .map(|layers| namespaced(layers[0]).party("aws", Role::Provider).provider(layers, "aws"));
    assert_eq!(blanket(&full(one).with(two)), [Some("aws".to_owned())]);
}

// Parties and duties of an assignment alone

#[rstest]
#[case::a_namespace(namespaced("shop"), Some("aws, team"))]
#[case::the_cluster(cluster("other"), None)]
fn a_party_that_the_cluster_declares_is_not_for_a_namespace_to_declare(
    #[case] declaring: Assignment,
    #[case] named: Option<&str>,
) {
    let declaring = declaring.party("aws", Role::Provider).party("team", Role::Customer).party("own", Role::Customer);
    let directory = [cluster("a").party("team", Role::Customer), cluster("b").party("aws", Role::Customer)];
    let redefined =
        found(&declaring, &directory, 1).into_iter().filter(|risk| risk.reason == RiskReason::PartyRedefined);
    assert_eq!(redefined.map(|risk| risk.subject.unwrap().to_string()).collect::<Vec<_>>(), Vec::from_iter(named));
}

#[rstest]
#[case::providers_only(shop().provider(&["node-os", "control-plane"], "aws"), true)]
#[case::both(shop().provider(&["node-os"], "aws").customer(&["node-os"], "team"), false)]
#[case::customers_only(shop().customer(&["node-os"], "team"), false)]
#[case::parties_only(shop(), false)]
#[case::in_the_cluster(cluster("platform").party("aws", Role::Provider).provider(&["node-os"], "aws"), true)]
fn an_assignment_that_names_providers_only_is_told_so(#[case] assignment: Assignment, #[case] listed: bool) {
    let reasons: Vec<_> = found(&assignment, &[], 1).into_iter().map(|risk| risk.reason).collect();
    assert_eq!(reasons.contains(&RiskReason::CustomerDutiesEmpty), listed);
}

#[test]
fn a_claim_of_a_model_that_shrinks_is_told_for_each_layer_it_would_take() {
    let workload = full(shop().with_model(ServiceModel::Saas));
    let layers: Vec<LayerId> = workload
        .evaluate()
        .risks
        .iter()
        .filter(|risk| risk.reason == RiskReason::ServiceModelContradicted)
        .filter_map(|risk| risk.layer)
        .collect();
    assert!(layers.is_sorted() && layers.contains(&layer("node-os")) && !layers.contains(&layer("access-control")));
}

/// Only the assignment that claims a service model lists the risks of the claim.
#[test]
fn a_claimed_service_model_is_told_of_to_whom_claims_it() {
    let other = namespaced("other");
    let listed = |nodes: &[ServiceModel], claim| {
        let workload = Workload::under(None).on_nodes(nodes).with(namespaced("claiming").with_model(claim));
        let risks = workload.with(other.clone()).evaluate().risks.into_iter();
        let of_models = |risk: &Risk| {
            matches!(risk.reason, RiskReason::ServiceModelSelfDeclared | RiskReason::ServiceModelContradicted)
        };
        risks.filter(of_models).map(|risk| risk.assignment).collect::<BTreeSet<_>>()
    };
    let claiming = BTreeSet::from([Some(namespaced("claiming").id)]);
    assert_eq!(listed(&[], ServiceModel::Caas), claiming, "self-declared");
    assert_eq!(listed(&[ServiceModel::Caas], ServiceModel::Saas), claiming, "contradicted");
    assert_eq!(listed(&[ServiceModel::Caas], ServiceModel::Caas), BTreeSet::new());
}

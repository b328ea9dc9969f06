//! Complete examples with all their results.

use std::collections::BTreeMap;

use crate::api::GapReason::{
    AgreementMissing, LayerUnowned, NotAccepted, NotTransferable, OverlappingAssignments, SharedLayerHalfOwned,
};
use crate::api::Role;
use crate::matrix::ServiceModel::{Caas, ManagedNodes, Saas};
use crate::matrix::{Duty, LayerTriggers};
use crate::model::evaluation::State::{Assumed, Gap, Owned};
use crate::model::testing::{Workload, all_layers, cluster, layer, layers, namespaced, parties_in};

/// A Deployment with a PVC, a Secret, an env `DATABASE_URL` and a Service of type `LoadBalancer` on managed Kubernetes.
fn full_workload() -> Workload {
    Workload::under(Caas).showing(&[
        LayerTriggers::STORAGE,
        LayerTriggers::SECRETS,
        LayerTriggers::EXTERNAL_SERVICES,
        LayerTriggers::PUBLISHED,
    ])
}

#[test]
fn the_provider_handles_everything() {
    let everything =
        namespaced("shop").declaring(&["client-devices"]).party("aws", Role::Provider).provider(&all_layers(), "aws");
    let evaluation = full_workload().with(everything).evaluate();
    assert_eq!(evaluation.layers().len(), 22);
    assert_eq!(
        evaluation.gaps_by_reason(),
        BTreeMap::from([
            (
                NotTransferable,
                vec![
                    "data-classification",
                    "data-protection",
                    "user-accounts",
                    "access-control",
                    "client-devices",
                    "workload-configuration",
                ]
            ),
            (
                AgreementMissing,
                vec![
                    "application-code",
                    "image-supply-chain",
                    "network-segmentation",
                    "cloud-network",
                    "backup-recovery",
                ]
            ),
            (
                SharedLayerHalfOwned,
                vec![
                    "identity-infrastructure",
                    "secrets-and-keys",
                    "network-exposure",
                    "platform-runtime",
                    "node-os",
                    "control-plane",
                    "storage-platform",
                    "logging-detection",
                    "incident-response",
                    "external-services",
                ]
            ),
        ])
    );
    let owned = evaluation.layers_in(Owned);
    assert_eq!(owned.len(), 11, "the provider halves of the ten shared layers and the provider's own");
    assert!(owned.contains(&"physical-infrastructure"));
    assert_eq!(evaluation.duties.len(), 21 + 11);
}

#[test]
fn a_team_holds_every_customer_duty_and_nobody_speaks_of_the_provider() {
    let everything =
        namespaced("shop").declaring(&["client-devices"]).party("team", Role::Customer).customer(&all_layers(), "team");
    let evaluation = full_workload().with(everything).evaluate();
    assert_eq!(evaluation.gaps_by_reason(), BTreeMap::new());
    assert_eq!(evaluation.layers_in(Owned).len(), 21);
    assert_eq!(evaluation.layers_in(Assumed).len(), 11);
    for found in &evaluation.duties {
        assert_eq!(found.state == Assumed, found.duty == Duty::Provider);
    }
}

#[test]
fn a_stateless_deployment_has_the_inherent_layers_only() {
    let evaluation = Workload::under(Caas).with(namespaced("shop")).evaluate();
    let expected = layers(&[
        "data-classification",
        "access-control",
        "application-code",
        "image-supply-chain",
        "workload-configuration",
        "network-segmentation",
        "cloud-network",
        "platform-runtime",
        "node-os",
        "control-plane",
        "logging-detection",
        "incident-response",
        "physical-infrastructure",
    ]);
    assert_eq!(evaluation.layers(), expected);
    assert_eq!(expected.len(), 13);
}

#[test]
fn a_load_balancer_that_is_added_later_brings_four_layers() {
    let before = Workload::under(Caas).with(namespaced("shop"));
    let after = before.clone().showing(&[LayerTriggers::PUBLISHED]).evaluate();
    let added = after.layers().difference(before.evaluate().layers());
    let expected = ["network-exposure", "user-accounts", "identity-infrastructure", "data-protection"];
    assert_eq!(added, layers(&expected));
    for layer in expected {
        assert!(after.gaps_by_reason()[&LayerUnowned].contains(&layer), "{layer}");
    }
}

#[test]
fn a_tenant_that_claims_saas_loses_no_duty() {
    let before = full_workload().with(cluster("platform").with_model(Caas)).with(namespaced("shop"));
    let after = before.clone().with(namespaced("claiming").with_model(Saas)).evaluate();
    assert_eq!(after.duties, before.evaluate().duties);
}

#[test]
fn two_assignments_that_name_different_customers_conflict_for_that_duty_only() {
    let [one, two] = ["team-a", "team-b"]
        .map(|team| namespaced(team).party(team, Role::Customer).customer(&["application-code"], team));
    let without = Workload::under(Caas).with(namespaced("silent")).evaluate();
    let evaluation = Workload::under(Caas).with(one).with(two).evaluate();
    let different: Vec<_> = evaluation.duties.iter().filter(|found| !without.duties.contains(found)).collect();
    assert_eq!(different.len(), 1);
    assert_eq!(different[0].layer, layer("application-code"));
    assert_eq!(different[0].duty, Duty::Customer);
    assert_eq!(different[0].state, Gap(OverlappingAssignments));
    assert_eq!(parties_in(different[0].subject.as_deref()), ["team-a", "team-b"]);
}

#[test]
fn the_platform_team_is_not_volunteered() {
    let workload = Workload::under(Caas)
        .with(
            cluster("platform")
                .party("platform-team", Role::Customer)
                .customer(&["node-os", "cloud-network"], "platform-team"),
        )
        .with(namespaced("shop").customer(&["data-classification"], "platform-team"));
    let expected = Some((Gap(NotAccepted), Some("platform-team".to_owned())));
    assert_eq!(workload.finding("data-classification", Duty::Customer), expected);
    assert_eq!(workload.state("node-os", Duty::Customer), Some(Owned));
}

#[test]
fn a_storefront_on_managed_nodes_whose_founders_hold_three_layers() {
    let founders = namespaced("storefront")
        .party("founders", Role::Customer)
        .customer(&["application-code", "image-supply-chain", "workload-configuration"], "founders");
    let workload =
        Workload::under(ManagedNodes).showing(&[LayerTriggers::PUBLISHED, LayerTriggers::SECRETS]).with(founders);
    let evaluation = workload.evaluate();
    assert_eq!(evaluation.layers().len(), 18);
    let unowned = layers(&[
        "access-control",
        "network-segmentation",
        "cloud-network",
        "control-plane",
        "logging-detection",
        "data-classification",
        "incident-response",
        "secrets-and-keys",
        "data-protection",
        "network-exposure",
        "user-accounts",
        "identity-infrastructure",
    ]);
    assert_eq!(unowned.len(), 12);
    let gaps = evaluation.gaps_by_reason();
    assert_eq!(gaps.keys().collect::<Vec<_>>(), [&LayerUnowned]);
    assert_eq!(layers(&gaps[&LayerUnowned]), unowned);
    assert_eq!(gaps[&LayerUnowned].len(), 12);
    assert_eq!(evaluation.layers_in(Owned), ["application-code", "image-supply-chain", "workload-configuration"]);
}

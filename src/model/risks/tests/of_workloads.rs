//! Risks of workloads.

use rstest::rstest;

use super::super::*;
use super::{on_fargate, reaching, segmented_by, shop};
use crate::facts::HostAccess;
use crate::matrix::ServiceModel::{self, Caas, Iaas, ManagedNodes, OnPremises, Paas, Saas};
use crate::model::testing::{Workload, layer, namespaced};

fn has(workload: &Workload, reason: RiskReason) -> bool {
    workload.evaluate().risks.iter().any(|risk| risk.reason == reason)
}

#[rstest]
#[case::privileged(HostAccess::PRIVILEGED, true)]
#[case::processes(HostAccess::HOST_PID, true)]
#[case::communication(HostAccess::HOST_IPC, true)]
#[case::network(HostAccess::HOST_NETWORK, true)]
#[case::capability(HostAccess::SYS_ADMIN, true)]
#[case::folder(HostAccess::WRITABLE_HOST_PATH, true)]
#[case::port(HostAccess::HOST_PORT, false)]
#[case::agent(HostAccess::KNOWN_AGENT, false)]
fn a_pod_that_reaches_into_a_node_of_the_providers_defeats_it(#[case] access: HostAccess, #[case] defeats: bool) {
    assert_eq!(has(&reaching(access, ManagedNodes), RiskReason::HostAccessDefeatsProviderNodes), defeats);
}

#[test]
fn a_known_agent_may_reach_into_its_node() {
    let host = HostAccess::PRIVILEGED.union(HostAccess::KNOWN_AGENT);
    let agent = Workload::under(ManagedNodes).with(shop()).with_view(|view| view.host = host);
    assert!(!has(&agent, RiskReason::HostAccessDefeatsProviderNodes));
}

/// The risk needs a node that only the provider owes duties for.
#[rstest]
#[case(OnPremises, false)]
#[case(Iaas, false)]
#[case(Caas, false)]
#[case(ManagedNodes, true)]
#[case(Paas, true)]
#[case(Saas, true)]
fn reaching_into_ones_own_node_defeats_nobody(#[case] model: ServiceModel, #[case] defeats: bool) {
    let workload = reaching(HostAccess::PRIVILEGED, model);
    assert_eq!(has(&workload, RiskReason::HostAccessDefeatsProviderNodes), defeats);
}

#[test]
fn where_one_node_is_ones_own_or_nothing_is_known_there_is_no_such_risk() {
    let mixed = reaching(HostAccess::PRIVILEGED, ManagedNodes).on_nodes(&[ManagedNodes, Iaas]);
    assert!(!has(&mixed, RiskReason::HostAccessDefeatsProviderNodes));
    let host = HostAccess::PRIVILEGED;
    let unknown = Workload::under(None).with(shop()).with_view(|view| view.host = host);
    assert!(!has(&unknown, RiskReason::HostAccessDefeatsProviderNodes));
}

#[test]
fn what_a_pod_does_is_told_to_all_that_select_it() {
    let workload = reaching(HostAccess::PRIVILEGED, ManagedNodes).with(namespaced("other"));
    let risks = workload.evaluate().risks;
    let expected = Risk {
        reason: RiskReason::HostAccessDefeatsProviderNodes,
        layer: Some(layer("node-os")),
        assignment: None,
        subject: None,
    };
    assert_eq!(risks, [expected]);
}

#[rstest]
#[case::privileged(HostAccess::PRIVILEGED, true)]
#[case::port(HostAccess::HOST_PORT, true)]
#[case::network(HostAccess::HOST_NETWORK, true)]
#[case::processes(HostAccess::HOST_PID, false)]
#[case::folder(HostAccess::WRITABLE_HOST_PATH, false)]
#[case::capability(HostAccess::SYS_ADMIN, false)]
fn fargate_does_not_run_what_asks_for(#[case] access: HostAccess, #[case] impossible: bool) {
    assert_eq!(has(&on_fargate(access), RiskReason::ImpossibleOnDeclaredCompute), impossible);
    assert!(!has(&reaching(access, ManagedNodes), RiskReason::ImpossibleOnDeclaredCompute), "on other nodes");
}

#[test]
fn fargate_does_not_run_daemon_sets() {
    let workload = |fargate, daemon_set| {
        Workload::under(ManagedNodes).with(shop()).with_view(|view| {
            view.nodes.fargate = fargate;
            view.daemon_set = daemon_set;
        })
    };
    let impossible = |fargate, daemon_set| has(&workload(fargate, daemon_set), RiskReason::ImpossibleOnDeclaredCompute);
    assert!(impossible(true, true));
    assert!(!impossible(true, false) && !impossible(false, true));
}

/// The nodes show Fargate. The claim of an assignment does not matter.
#[test]
fn a_claimed_model_is_not_fargate() {
    let claimed = Workload::under(None).with(crate::model::testing::cluster("a").with_model(ManagedNodes));
    let daemon_set = claimed.with_view(|view| view.daemon_set = true);
    assert!(!has(&daemon_set, RiskReason::ImpossibleOnDeclaredCompute));
}

#[rstest]
#[case::owned_and_unsegmented("team", true, true)]
#[case::owned_and_segmented("team", false, false)]
#[case::not_owned("stranger", true, false)]
fn segmentation_that_somebody_owns_needs_a_policy(
    #[case] party: &str,
    #[case] unsegmented: bool,
    #[case] assumed: bool,
) {
    let workload = segmented_by(party, unsegmented);
    assert_eq!(has(&workload, RiskReason::SegmentationAssumed), assumed);
}

#[test]
fn segmentation_is_told_to_whoever_says_who_owns_it() {
    let risks = segmented_by("team", true).with(namespaced("other")).evaluate().risks;
    let [risk] = &risks[..] else { panic!("{risks:?}") };
    assert_eq!(risk.assignment, Some(shop().id));
    assert_eq!(risk.layer, Some(layer("network-segmentation")));
    let without = Workload::under(Caas).with(namespaced("other"));
    let without = without.with_view(|view| view.unsegmented = true);
    assert_eq!(without.evaluate().risks, [], "without an owner it is a gap");
}

//! Rules 3 and 4: ranks of claims.

use rstest::rstest;

use crate::api::GapReason::{AgreementMissing, NotTransferable, OverlappingAssignments, RoleMismatch, UnknownParty};
use crate::api::Role;
use crate::matrix::{Duty, ServiceModel};
use crate::model::Assignment;
use crate::model::evaluation::State::{Gap, Owned};
use crate::model::testing::{Terms, Workload, cluster, namespaced, parties_in};

/// Five kinds of assignment, by descending rank.
type Ranking = [(&'static str, fn(&str) -> Assignment); 5];

const NAMESPACE_LEADS: Ranking = [
    ("namespaced with selector", |name| namespaced(name).with_selector()),
    ("namespaced", namespaced),
    ("cluster with selector", |name| cluster(name).with_selector()),
    ("cluster with namespaceSelector", |name| cluster(name).with_namespace_selector()),
    ("cluster", cluster),
];

const CLUSTER_LEADS: Ranking =
    [NAMESPACE_LEADS[2], NAMESPACE_LEADS[3], NAMESPACE_LEADS[4], NAMESPACE_LEADS[0], NAMESPACE_LEADS[1]];

const fn fitting(duty: Duty) -> Role {
    match duty {
        Duty::Provider => Role::Provider,
        Duty::Customer => Role::Customer,
    }
}

/// An assignment that gives the duty to its own party, which has the name of the assignment.
fn valid(of_kind: fn(&str) -> Assignment, layer: &str, duty: Duty, party: &str) -> Assignment {
    of_kind(party).party(party, fitting(duty)).gives(duty, &[layer], party, Terms::default())
}

/// An assignment that gives the duty to an undeclared party.
fn invalid(of_kind: fn(&str) -> Assignment, layer: &str, duty: Duty) -> Assignment {
    of_kind("invalid").gives(duty, &[layer], "stranger", Terms::default())
}

/// Every pair of ranks: two parties conflict at the higher rank, and have no effect at the lower rank.
#[rstest]
#[case::customer_duty_of_a_workload_layer("application-code", Duty::Customer, NAMESPACE_LEADS)]
#[case::customer_duty_of_a_shared_workload_layer("incident-response", Duty::Customer, NAMESPACE_LEADS)]
#[case::provider_duty_of_a_workload_layer("incident-response", Duty::Provider, CLUSTER_LEADS)]
#[case::customer_duty_of_a_platform_layer("cloud-network", Duty::Customer, CLUSTER_LEADS)]
#[case::customer_duty_of_a_shared_platform_layer("node-os", Duty::Customer, CLUSTER_LEADS)]
#[case::provider_duty_of_a_platform_layer("physical-infrastructure", Duty::Provider, CLUSTER_LEADS)]
fn the_highest_rank_decides(#[case] layer: &str, #[case] duty: Duty, #[case] ranking: Ranking) {
    let decided = |twice: fn(&str) -> Assignment, once: fn(&str) -> Assignment| {
        Workload::under(ServiceModel::Caas)
            .with(valid(twice, layer, duty, "a"))
            .with(valid(once, layer, duty, "b"))
            .with(valid(twice, layer, duty, "c"))
            .finding(layer, duty)
    };
    for (index, (higher_name, higher)) in ranking.into_iter().enumerate() {
        for (lower_name, lower) in ranking.into_iter().skip(index + 1) {
            let pair = format!("{higher_name} > {lower_name}");
            assert_eq!(decided(lower, higher), Some((Owned, None)), "{pair}");
            let (state, about) = decided(higher, lower).unwrap();
            assert_eq!(state, Gap(OverlappingAssignments), "{pair}");
            assert_eq!(parties_in(about.as_deref()), ["a", "c"], "{pair}");
        }
    }
}

#[rstest]
#[case::customer_duty_of_a_workload_layer("application-code", Duty::Customer, NAMESPACE_LEADS)]
#[case::customer_duty_of_a_platform_layer("node-os", Duty::Customer, CLUSTER_LEADS)]
#[case::provider_duty_of_a_platform_layer("node-os", Duty::Provider, CLUSTER_LEADS)]
fn an_invalid_claim_neither_hides_nor_contests_a_valid_one(
    #[case] layer: &str,
    #[case] duty: Duty,
    #[case] ranking: Ranking,
) {
    for (invalid_name, of_invalid) in ranking {
        for (valid_name, of_valid) in ranking {
            let workload = Workload::under(ServiceModel::Caas)
                .with(invalid(of_invalid, layer, duty))
                .with(valid(of_valid, layer, duty, "a"));
            let pair = format!("invalid {invalid_name}, valid {valid_name}");
            assert_eq!(workload.finding(layer, duty), Some((Owned, None)), "{pair}");
        }
    }
}

#[rstest]
fn several_parties_at_the_same_rank_conflict(
    #[values(("application-code", Duty::Customer), ("node-os", Duty::Customer), ("node-os", Duty::Provider))] owed: (
        &str,
        Duty,
    ),
) {
    let (layer, duty) = owed;
    for (name, of_kind) in NAMESPACE_LEADS {
        let one = Workload::under(ServiceModel::Caas).with(valid(of_kind, layer, duty, "b"));
        assert_eq!(one.finding(layer, duty), Some((Owned, None)), "{name}");
        let two = one.with(valid(of_kind, layer, duty, "a"));
        let (state, about) = two.finding(layer, duty).unwrap();
        assert_eq!(state, Gap(OverlappingAssignments), "{name}");
        assert_eq!(parties_in(about.as_deref()), ["a", "b"], "{name}");
    }
}

#[test]
fn the_same_party_named_twice_holds_the_duty() {
    for (name, of_kind) in NAMESPACE_LEADS {
        let [one, two] = ["one", "two"]
            .map(|name| of_kind(name).party("team", Role::Customer).customer(&["application-code"], "team"));
        let workload = Workload::under(ServiceModel::Caas).with(one).with(two);
        assert_eq!(workload.finding("application-code", Duty::Customer), Some((Owned, None)), "{name}");
    }
}

#[test]
fn a_conflict_is_about_the_contested_duty_only() {
    let [one, two] = ["one", "two"].map(|name| {
        namespaced(name)
            .party(name, Role::Customer)
            .party("aws", Role::Provider)
            .customer(&["incident-response"], name)
            .provider(&["incident-response"], "aws")
    });
    let workload = Workload::under(ServiceModel::Caas).with(one).with(two);
    assert_eq!(workload.state("incident-response", Duty::Customer), Some(Gap(OverlappingAssignments)));
    assert_eq!(workload.state("incident-response", Duty::Provider), Some(Owned));
}

/// Only invalid claims: an undeclared party, and a retained layer given to a provider.
fn stranger(of_kind: fn(&str) -> Assignment) -> Assignment {
    of_kind("stranger").customer(&["access-control"], "stranger")
}

fn given_away(of_kind: fn(&str) -> Assignment) -> Assignment {
    of_kind("given-away").party("aws", Role::Provider).customer(&["access-control"], "aws")
}

#[test]
fn of_invalid_claims_the_highest_ranked_gives_the_reason() {
    for (index, (higher_name, higher)) in NAMESPACE_LEADS.into_iter().enumerate() {
        for (lower_name, lower) in NAMESPACE_LEADS.into_iter().skip(index + 1) {
            let workload = Workload::under(ServiceModel::Caas).with(given_away(lower)).with(stranger(higher));
            let state = workload.state("access-control", Duty::Customer);
            assert_eq!(state, Some(Gap(UnknownParty)), "{higher_name} > {lower_name}");
        }
    }
}

#[test]
fn of_invalid_claims_at_the_same_rank_the_weightiest_reason_is_shown() {
    for (name, of_kind) in NAMESPACE_LEADS {
        let workload = Workload::under(ServiceModel::Caas).with(stranger(of_kind)).with(given_away(of_kind));
        let expected = Some((Gap(NotTransferable), Some("aws".to_owned())));
        assert_eq!(workload.finding("access-control", Duty::Customer), expected, "{name}");
    }
}

#[test]
fn of_equal_reasons_the_first_party_by_name_is_shown() {
    let workload = Workload::under(ServiceModel::Caas)
        .with(namespaced("one").customer(&["application-code"], "zoe"))
        .with(namespaced("two").customer(&["application-code"], "adam"))
        .with(namespaced("three").customer(&["application-code"], "mia"));
    let expected = Some((Gap(UnknownParty), Some("adam".to_owned())));
    assert_eq!(workload.finding("application-code", Duty::Customer), expected);
}

#[test]
fn on_a_provider_duty_the_reason_of_the_clusters_claim_is_shown() {
    let workload = Workload::under(ServiceModel::Caas)
        .with(namespaced("shop").party("team", Role::Customer).provider(&["node-os"], "team"))
        .with(cluster("platform").party("integrator", Role::ThirdParty).provider(&["node-os"], "integrator"));
    assert_eq!(workload.state("node-os", Duty::Provider), Some(Gap(AgreementMissing)));
    let without_the_cluster = Workload::under(ServiceModel::Caas)
        .with(namespaced("shop").party("team", Role::Customer).provider(&["node-os"], "team"));
    assert_eq!(without_the_cluster.state("node-os", Duty::Provider), Some(Gap(RoleMismatch)));
}

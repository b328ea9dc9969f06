//! Attribution of readings to duties, and fulfilment.

use proptest::prelude::*;
use rstest::rstest;

use crate::api::{Fulfilment, Role};
use crate::matrix::ServiceModel::{self, Caas, Iaas, ManagedNodes, OnPremises, Saas};
use crate::matrix::{Duty, LayerTriggers};
use crate::model::Attribution::{Customer, Operator, Provider};
use crate::model::Reach::{Duty as Whole, Part};
use crate::model::SignalVerdict::{self, Failed, NotApplicable, Passed, Stale, Unreadable, Unseen};
use crate::model::testing::{Workload, cluster, namespaced, tried};

const NODES: &str = "node-os";
const OWN: &str = "workload-configuration";

/// A workload on nodes of these models, with a signal for nodes.
fn on(models: &[ServiceModel]) -> Workload {
    Workload::default().on_nodes(models).watched("age", NODES, Operator, Whole)
}

/// Fulfilment of the provider and customer duty of node-os, if owed.
fn both(workload: &Workload) -> [Option<Fulfilment>; 2] {
    [Duty::Provider, Duty::Customer].map(|duty| workload.fulfilment(NODES, duty))
}

#[rstest]
#[case(OnPremises, [None, Some(Fulfilment::Unfulfilled)])]
#[case(Iaas, [None, Some(Fulfilment::Unfulfilled)])]
#[case::both_owe_and_the_customer_applies(Caas, [Some(Fulfilment::Unknown), Some(Fulfilment::Unfulfilled)])]
#[case(ManagedNodes, [Some(Fulfilment::Unfulfilled), None])]
#[case(Saas, [Some(Fulfilment::Unfulfilled), None])]
fn a_stale_node_is_the_failure_of_whoever_operates_it(
    #[case] model: ServiceModel,
    #[case] expected: [Option<Fulfilment>; 2],
) {
    assert_eq!(both(&on(&[model]).seen("age", Some(model), Failed)), expected);
}

#[test]
fn of_nodes_of_several_models_each_fails_whoever_operates_it() {
    let mixed = || on(&[Caas, ManagedNodes]);
    let own = mixed().seen("age", Some(Caas), Failed).seen("age", Some(ManagedNodes), Passed);
    assert_eq!(both(&own), [Some(Fulfilment::Fulfilled), Some(Fulfilment::Unfulfilled)]);
    let managed = mixed().seen("age", Some(Caas), Passed).seen("age", Some(ManagedNodes), Failed);
    assert_eq!(both(&managed), [Some(Fulfilment::Unfulfilled), Some(Fulfilment::Fulfilled)]);
}

#[test]
fn nodes_that_show_nothing_are_not_outvoted_by_those_of_another_model() {
    let mixed = || on(&[Caas, OnPremises]);
    let well = mixed().seen("age", Some(Caas), Passed).seen("age", Some(OnPremises), Passed);
    assert_eq!(well.fulfilment(NODES, Duty::Customer), Some(Fulfilment::Fulfilled));
    let without = mixed().seen("age", Some(Caas), Passed).seen("age", Some(OnPremises), Unseen);
    assert_eq!(without.fulfilment(NODES, Duty::Customer), Some(Fulfilment::Unknown));
    let failed = mixed().seen("age", Some(Caas), Failed).seen("age", Some(OnPremises), Unseen);
    assert_eq!(failed.fulfilment(NODES, Duty::Customer), Some(Fulfilment::Unfulfilled));
}

#[test]
fn what_a_cluster_assignment_says_of_the_nodes_decides_whose_failure_it_is() {
    let stale = || on(&[Caas]).seen("age", Some(Caas), Failed);
    let claimed = stale().with(cluster("platform").with_model(ManagedNodes));
    assert_eq!(both(&claimed), [Some(Fulfilment::Unfulfilled), None]);
    // A claim of a tenant does not remove duties.
    let tenant = stale().with(namespaced("shop").with_model(Saas));
    assert_eq!(both(&tenant), both(&stale()));
}

#[test]
fn what_is_not_owed_cannot_fail() {
    let providers =
        Workload::under(Caas).showing(&[LayerTriggers::SECRETS]).watched("p", "data-protection", Provider, Whole);
    assert!(providers.seen("p", None, Failed).evaluate().results.is_empty(), "the customer alone owes it");
    let absent = Workload::under(Caas).watched("backup", "backup-recovery", Customer, Whole);
    assert!(absent.seen("backup", None, Failed).evaluate().results.is_empty(), "it keeps no data");
    let excepted = Workload::under(Caas).watched("own", OWN, Customer, Whole).seen("own", None, Failed);
    let excepted = excepted.with(cluster("platform").excepting(&[OWN]));
    assert_eq!(excepted.fulfilment(OWN, Duty::Customer), Some(Fulfilment::NotApplicable));
    assert!(excepted.evaluate().results.is_empty());
}

#[test]
fn where_no_model_is_known_only_what_is_the_customers_everywhere_is_judged() {
    let unknown = Workload::under(None).watched("age", NODES, Operator, Whole).watched("own", OWN, Customer, Whole);
    let unknown = unknown.seen("age", Some(Caas), Failed).seen("own", None, Failed);
    assert_eq!(unknown.fulfilment(NODES, Duty::Customer), Some(Fulfilment::Unknown));
    assert_eq!(unknown.fulfilment(OWN, Duty::Customer), Some(Fulfilment::Unfulfilled));
}

#[test]
fn a_part_that_is_well_fulfils_nothing_and_one_that_is_not_fails_all() {
    let with_signals =
        || Workload::under(Caas).watched("part", OWN, Customer, Part).watched("whole", OWN, Customer, Whole);
    let fulfilment = |workload: Workload| workload.fulfilment(OWN, Duty::Customer).unwrap();
    assert_eq!(fulfilment(with_signals()), Fulfilment::Unknown);
    assert_eq!(fulfilment(with_signals().seen("part", None, Passed)), Fulfilment::Unknown);
    assert_eq!(
        fulfilment(with_signals().seen("whole", None, Passed).seen("part", None, Unseen)),
        Fulfilment::Fulfilled
    );
    assert_eq!(
        fulfilment(with_signals().seen("whole", None, Passed).seen("part", None, Failed)),
        Fulfilment::Unfulfilled
    );
    assert_eq!(fulfilment(with_signals().seen("whole", None, Stale).seen("part", None, Passed)), Fulfilment::Stale);
    assert_eq!(
        fulfilment(with_signals().seen("whole", None, Passed).seen("part", None, Unreadable)),
        Fulfilment::Unknown
    );
}

#[test]
fn a_failure_is_told_with_the_party_that_holds_the_duty() {
    let held = namespaced("shop").party("team", Role::Customer).customer(&[OWN], "team");
    let evaluation = Workload::under(Caas).with(held).evaluate();
    let holder = |name| {
        let found = evaluation.duties.iter().find(|duty| duty.layer == crate::model::testing::layer(name)).unwrap();
        found.holder.as_deref().map(str::to_owned)
    };
    assert_eq!(holder(OWN).as_deref(), Some("team"));
    assert_eq!(holder("application-code"), None, "the duty has no holder");
}

#[rstest]
#[case::current(Some(false), Fulfilment::Fulfilled)]
#[case::ended(Some(true), Fulfilment::Stale)]
#[case::missing(None, Fulfilment::Unknown)]
fn evidence_of_its_holder_speaks_of_a_provider_duty_and_of_no_other(
    #[case] ended: Option<bool>,
    #[case] expected: Fulfilment,
) {
    let scope = ["node-os", "physical-infrastructure"];
    let aws = namespaced("shop").party("aws", Role::Provider).provider(&["node-os", "control-plane"], "aws");
    let aws = match ended {
        Some(ended) => aws.evidence("aws", Some(&scope), ended),
        None => aws,
    };
    let workload = Workload::under(Caas).with_evidence_signal().with(aws);
    assert_eq!(workload.fulfilment("node-os", Duty::Provider), Some(expected));
    assert_eq!(workload.fulfilment("node-os", Duty::Customer), Some(Fulfilment::Unknown));
    assert_eq!(workload.fulfilment("control-plane", Duty::Provider), Some(Fulfilment::Unknown), "out of its scope");
    assert_eq!(
        workload.fulfilment("physical-infrastructure", Duty::Provider),
        Some(Fulfilment::Unknown),
        "not its duty"
    );
}

proptest! {
    #![proptest_config(tried())]

    /// Ownership and fulfilment are independent: readings do not change owners, gaps and risks.
    #[test]
    fn what_is_seen_changes_no_owner(
        seen in proptest::collection::vec(
            (prop::sample::select(vec!["age", "own"]), prop::sample::select(vec![
                NotApplicable, Unseen, Passed, Unreadable, Stale, Failed,
            ])),
            0..6,
        ),
        model in prop::sample::select(vec![OnPremises, Caas, ManagedNodes]),
    ) {
        let held = || namespaced("shop").party("team", Role::Customer).customer(&[OWN, NODES], "team");
        let plain = || on(&[model]).watched("own", OWN, Customer, Part).with(held());
        let with_signals = seen.into_iter().fold(plain(), |workload, (name, verdict): (&str, SignalVerdict)| {
            workload.seen(name, (name == "age").then_some(model), verdict)
        });
        let owners = |workload: &Workload| {
            let found = workload.evaluate();
            let duties = found.duties.into_iter().map(|duty| (duty.layer, duty.duty, duty.state, duty.holder));
            (found.model, duties.collect::<Vec<_>>(), found.risks)
        };
        prop_assert_eq!(owners(&plain()), owners(&with_signals));
    }
}

//! Conditions: reasons, their precedence, and transition times.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rstest::rstest;

use super::{Given, condition, verdict};
use crate::api::AssignmentStatus;
use crate::api::GapReason::{LayerUnowned, OverlappingAssignments, UnknownParty};
use crate::matrix::Duty;
use crate::model::evaluation::State::{Assumed, Excepted, Gap, Owned, Unknown};
use crate::model::service_model::EffectiveModel;
use crate::model::testing::{added_up, deployment, found, found_gaps, members, minute, roll_up};
use crate::model::{Acceptance, CONDITIONS, Evaluation, RollUp};

const CODE: &str = "application-code";

fn gap() -> Evaluation {
    found_gaps(&[(CODE, LayerUnowned)])
}

fn owned() -> Evaluation {
    found(&[(CODE, Duty::Customer, Owned)])
}

fn assumed() -> Evaluation {
    found(&[(CODE, Duty::Customer, Owned), ("node-os", Duty::Provider, Assumed)])
}

fn undetermined() -> Evaluation {
    let unknown = [("node-os", Duty::Customer, Unknown), (CODE, Duty::Customer, Gap(LayerUnowned))];
    Evaluation { model: EffectiveModel::default(), ..found(&unknown) }
}

fn model_not_found() -> Evaluation {
    let mut found = gap();
    found.model.not_found = true;
    found
}

/// Reasons in order of precedence: each case also has the problems of the cases below it.
#[test]
fn covered_has_the_first_reason_that_applies() {
    let workloads = |found: &[Evaluation]| Given::namespaced(roll_up(found.to_vec()));
    let everything = workloads(&[assumed(), gap(), undetermined(), model_not_found()]).without_services_readable();
    let steps = [
        (everything.clone().without_workloads_readable().not_parsing(), ("Unknown", "SchemaOutdated")),
        // If ServiceModels are unreadable, it is unknown if one exists.
        (everything.clone().without_workloads_readable().naming_no_service_model(), ("Unknown", "InventoryIncomplete")),
        (everything.clone().naming_no_service_model(), ("Unknown", "ServiceModelNotFound")),
        (everything, ("Unknown", "ServiceModelNotFound")),
        (
            workloads(&[assumed(), gap(), undetermined()]).without_services_readable(),
            ("Unknown", "ServiceModelUndetermined"),
        ),
        (workloads(&[assumed(), gap()]).without_services_readable(), ("False", "GapsFound")),
        (workloads(&[assumed()]).without_services_readable(), ("Unknown", "InventoryIncomplete")),
        (workloads(&[assumed(), owned()]), ("True", "CoveredByAssumption")),
        (workloads(&[owned()]), ("True", "AllDutiesOwned")),
    ];
    for (number, (given, expected)) in steps.into_iter().enumerate() {
        assert_eq!(verdict(&given.status(), "Covered"), expected, "step {number}");
    }
}

#[test]
fn a_service_model_is_not_called_missing_while_inputs_are() {
    let given = Given::namespaced(roll_up([gap()])).naming_no_service_model();
    assert_eq!(verdict(&given.clone().status(), "Accepted"), ("False", "ServiceModelNotFound"));
    let blind = given.without_workloads_readable();
    assert_eq!(verdict(&blind.status(), "Accepted"), ("Unknown", "InventoryIncomplete"));
}

#[test]
fn an_assignment_that_selects_nothing_is_not_covered() {
    let nothing = Given::namespaced(RollUp::default());
    let covered = |given: Given| {
        let status = given.status();
        let (status, reason) = verdict(&status, "Covered");
        (status.to_owned(), reason.to_owned())
    };
    let unknown = |reason: &str| ("Unknown".to_owned(), reason.to_owned());
    assert_eq!(covered(nothing.clone()), unknown("MatchesNothing"));
    assert_eq!(covered(nothing.clone().without_services_readable()), unknown("MatchesNothing"));
    assert_eq!(covered(nothing.clone().without_workloads_readable()), unknown("InventoryIncomplete"));
    assert_eq!(covered(nothing.clone().naming_no_service_model()), unknown("ServiceModelNotFound"));
    assert_eq!(covered(nothing.not_parsing()), unknown("SchemaOutdated"));
}

#[test]
fn an_assignment_that_selects_nothing_says_so_when_its_namespace_is_left_out() {
    let [here, excluded] = [false, true].map(|excluded| {
        let status = Given::namespaced(RollUp { excluded, ..RollUp::default() }).status();
        assert_eq!(verdict(&status, "Covered"), ("Unknown", "MatchesNothing"));
        condition(&status, "Covered").message.clone()
    });
    assert!(here.contains("spec.selector") && !here.contains("excluded"), "{here}");
    assert!(excluded.contains("excluded"), "{excluded}");
}

#[test]
fn one_workload_of_many_is_enough_for_a_gap_or_for_doubt() {
    let among_owned = |one: Evaluation| {
        let all = std::iter::repeat_n(owned(), 9).chain([one]);
        verdict(&Given::namespaced(roll_up(all)).status(), "Covered").1.to_owned()
    };
    assert_eq!(among_owned(owned()), "AllDutiesOwned");
    assert_eq!(among_owned(assumed()), "CoveredByAssumption");
    assert_eq!(among_owned(gap()), "GapsFound");
    assert_eq!(among_owned(undetermined()), "ServiceModelUndetermined");
    assert_eq!(among_owned(model_not_found()), "ServiceModelNotFound");
}

#[test]
fn covered_names_at_most_five_gaps_each_in_a_line() {
    let layers =
        ["data-classification", "access-control", CODE, "image-supply-chain", "workload-configuration", "node-os"];
    let message = |count: usize| {
        let gaps: Vec<_> = layers[..count].iter().map(|layer| (*layer, LayerUnowned)).collect();
        condition(&Given::namespaced(roll_up([found_gaps(&gaps)])).status(), "Covered").message.clone()
    };
    let one = message(1);
    assert!(one.starts_with("data-classification (customer duty): This duty has no owner. Add an entry to spec.duties with customer: PARTY."), "{one}");
    let five = message(5);
    assert_eq!(five.lines().count(), 5, "{five}");
    assert!(five.lines().zip(layers).all(|(line, layer)| line.starts_with(layer)), "{five}");
    let six = message(6);
    assert_eq!(six.lines().count(), 6, "{six}");
    assert!(!six.contains("node-os") && six.ends_with("and 1 more, see status.unownedLayers"), "{six}");
}

/// With namespaced Roles only, the condition names the excluded kinds.
#[test]
fn a_scope_that_was_chosen_is_complete_and_says_what_is_not_seen() {
    let chosen = "namespaces shop, bank only; nodes and cluster assignments are not watched";
    let given = Given::namespaced(roll_up([owned()]))
        .but(|given| given.completeness.namespaced_scope = Some(chosen.to_owned()));
    let status = given.status();
    assert_eq!(verdict(&status, "InventoryComplete"), ("True", "NamespacedScope"));
    assert_eq!(condition(&status, "InventoryComplete").message, chosen);
    assert_eq!(verdict(&status, "Covered"), ("True", "AllDutiesOwned"));
    assert_eq!(verdict(&status, "Ready"), ("True", "Evaluated"));
    let unreadable = given.without_services_readable().status();
    assert_eq!(verdict(&unreadable, "InventoryComplete"), ("False", "InputsUnreadable"));
}

#[test]
fn a_model_that_cannot_be_used_leaves_its_assignment_uncertain() {
    let invalid = Acceptance::ServiceModelInvalid { name: "rosa".to_owned(), why: "it is retained".to_owned() };
    let status = Given::namespaced(roll_up([gap()])).but(|given| given.acceptance = invalid).status();
    assert_eq!(verdict(&status, "Covered"), ("Unknown", "ServiceModelInvalid"));
    assert_eq!(verdict(&status, "Ready"), ("False", "ServiceModelInvalid"));
    assert_eq!(status.unowned_layers.len(), 1, "the claim has no effect on the rows");
}

#[test]
fn an_excepted_duty_is_no_gap() {
    let excepted = found(&[(CODE, Duty::Customer, Excepted), ("node-os", Duty::Customer, Owned)]);
    let status = Given::namespaced(roll_up([excepted])).status();
    assert_eq!(verdict(&status, "Covered"), ("True", "AllDutiesOwned"));
    assert_eq!(status.unowned_layers, []);
}

#[test]
fn an_unknown_service_model_comes_with_the_line_to_write() {
    let some = [undetermined(), owned(), undetermined(), undetermined()];
    let message = condition(&Given::namespaced(roll_up(some)).status(), "Covered").message.clone();
    assert!(
        message.contains("3 workload(s)") && message.contains("Set spec.serviceModel in a cluster assignment"),
        "{message}"
    );
}

#[rstest]
#[case::complete(Given::namespaced(RollUp::default()), "True", "AllInputsRead", "")]
#[case::no_workloads(
    Given::namespaced(RollUp::default()).without_workloads_readable(),
    "False",
    "InputsUnreadable",
    "Deployments cannot be read"
)]
#[case::no_services(
    Given::namespaced(RollUp::default()).without_services_readable(),
    "False",
    "InputsUnreadable",
    "Services cannot be read"
)]
#[case::neither(
    Given::namespaced(RollUp::default()).without_workloads_readable().without_services_readable(),
    "False",
    "InputsUnreadable",
    "Deployments cannot be read; Services cannot be read"
)]
fn inventory_complete_says_what_cannot_be_read(
    #[case] given: Given,
    #[case] expected: &str,
    #[case] reason: &str,
    #[case] part: &str,
) {
    let status = given.status();
    assert_eq!(verdict(&status, "InventoryComplete"), (expected, reason));
    assert!(condition(&status, "InventoryComplete").message.contains(part));
}

#[rstest]
#[case::taken(Acceptance::Accepted { unknown_layers: vec![] }, "True", "Accepted", "is valid")]
#[case::with_layers_that_nobody_knows(
    Acceptance::Accepted { unknown_layers: vec!["nodeos".to_owned(), "example.com/models".to_owned()] },
    "True",
    "LayersIgnored",
    "\"nodeos\", \"example.com/models\""
)]
#[case::with_a_model_that_does_not_exist(
    Acceptance::ServiceModelNotFound("Cass".to_owned()),
    "False",
    "ServiceModelNotFound",
    "\"Cass\" does not exist. Create this ServiceModel, or write one of: OnPremises, IaaS, CaaS, ManagedNodes, PaaS, FaaS, SaaS."
)]
#[case::with_a_model_that_cannot_be_used(
    Acceptance::ServiceModelInvalid { name: "rosa".to_owned(), why: "access-control is retained".to_owned() },
    "False",
    "ServiceModelInvalid",
    "\"rosa\" cannot be used: access-control is retained"
)]
#[case::not_parsing(
    Acceptance::SchemaOutdated("missing field `role`".to_owned()),
    "False",
    "SchemaOutdated",
    "missing field `role`"
)]
fn accepted_says_what_is_wrong_with_the_assignment(
    #[case] acceptance: Acceptance,
    #[case] expected: &str,
    #[case] reason: &str,
    #[case] part: &str,
) {
    let status = Given::namespaced(roll_up([owned()])).but(|given| given.acceptance = acceptance).status();
    assert_eq!(verdict(&status, "Accepted"), (expected, reason));
    let message = &condition(&status, "Accepted").message;
    assert!(message.contains(part), "{message}");
}

#[test]
fn what_users_wrote_is_quoted_in_part_and_without_line_breaks() {
    let accepted = |acceptance| {
        let status = Given::namespaced(RollUp::default()).but(|given| given.acceptance = acceptance).status();
        condition(&status, "Accepted").message.clone()
    };
    let long = format!("{}\n", "x".repeat(2000));
    for message in [
        accepted(Acceptance::Accepted { unknown_layers: vec![long.clone(); 64] }),
        accepted(Acceptance::ServiceModelNotFound(long.clone())),
        accepted(Acceptance::SchemaOutdated(long)),
    ] {
        assert!(message.len() < 700 && !message.contains('\n'), "{message}");
    }
}

#[rstest]
#[case::evaluated(Given::namespaced(roll_up([gap()])), "True", "Evaluated")]
#[case::nothing_selected(Given::namespaced(RollUp::default()), "True", "Evaluated")]
#[case::layers_ignored(
    Given::namespaced(roll_up([gap()]))
        .but(|given| given.acceptance = Acceptance::Accepted { unknown_layers: vec!["nodeos".to_owned()] }),
    "True",
    "Evaluated"
)]
#[case::no_workloads(
    Given::namespaced(RollUp::default()).without_workloads_readable(),
    "False",
    "InventoryIncomplete"
)]
#[case::no_services(Given::namespaced(RollUp::default()).without_services_readable(), "False", "InventoryIncomplete")]
#[case::no_such_model(
    Given::namespaced(RollUp::default()).without_services_readable().naming_no_service_model(),
    "False",
    "ServiceModelNotFound"
)]
#[case::not_parsing(
    Given::namespaced(RollUp::default()).without_services_readable().not_parsing(),
    "False",
    "SchemaOutdated"
)]
fn ready_is_what_was_evaluated_on_a_complete_inventory(
    #[case] given: Given,
    #[case] expected: &str,
    #[case] reason: &str,
) {
    assert_eq!(verdict(&given.status(), "Ready"), (expected, reason));
}

#[test]
fn consistent_names_the_conflicts_and_no_other_gap() {
    let consistent = |found: Evaluation| Given::namespaced(roll_up([found])).status();
    let without = consistent(found_gaps(&[(CODE, LayerUnowned), ("access-control", UnknownParty)]));
    assert_eq!(verdict(&without, "Consistent"), ("True", "NoConflict"));
    let mut contested = found_gaps(&[(CODE, OverlappingAssignments), ("access-control", UnknownParty)]);
    contested.duties[1].subject = Some("a, b".into());
    let with = consistent(contested);
    assert_eq!(verdict(&with, "Consistent"), ("False", "OverlappingAssignments"));
    let message = &condition(&with, "Consistent").message;
    assert!(message.starts_with("application-code (customer duty): "), "{message}");
    assert!(message.contains("a, b") && message.contains("Keep one entry, or narrow the selectors"), "{message}");
    assert!(!message.contains("access-control"), "{message}");
}

#[test]
fn consistent_is_unknown_while_nothing_can_be_said() {
    let mut contested = found_gaps(&[(CODE, OverlappingAssignments)]);
    contested.duties[0].subject = Some("a, b".into());
    let given = Given::namespaced(roll_up([contested]));
    let consistent = |given: Given| verdict(&given.status(), "Consistent").1.to_owned();
    assert_eq!(consistent(given.clone().without_workloads_readable().not_parsing()), "SchemaOutdated");
    assert_eq!(consistent(given.clone().without_workloads_readable()), "InventoryIncomplete");
    for given in [given.clone().without_services_readable(), given.naming_no_service_model()] {
        assert_eq!(consistent(given), "OverlappingAssignments", "what is known stays known");
    }
}

#[test]
fn every_condition_is_there_once_and_of_the_generation_that_was_evaluated() {
    for given in [
        Given::namespaced(roll_up([gap()])),
        Given::namespaced(RollUp::default()).without_services_readable(),
        Given::namespaced(RollUp::default()).without_workloads_readable(),
        Given::namespaced(roll_up([gap()])).naming_no_service_model(),
        Given::namespaced(RollUp::default()).not_parsing(),
    ] {
        let status = given.but(|given| given.generation = 7).status();
        assert_eq!(status.observed_generation, Some(7));
        for kind in CONDITIONS {
            assert_eq!(condition(&status, kind).observed_generation, Some(7), "{kind}");
        }
        assert_eq!(status.conditions.len(), CONDITIONS.len());
    }
}

#[test]
fn the_time_of_a_condition_moves_only_with_its_status() {
    let transition = |status: &AssignmentStatus| condition(status, "Covered").last_transition_time.clone();
    let first = Given::namespaced(roll_up([gap()])).status();
    assert_eq!(transition(&first), Time(minute(0)));

    let other_gaps = found_gaps(&[(CODE, UnknownParty), ("access-control", LayerUnowned)]);
    let still_false =
        Given::namespaced(roll_up([other_gaps])).but(|given| given.generation = 2).after(&first, minute(1));
    assert_ne!(condition(&still_false, "Covered").message, condition(&first, "Covered").message);
    assert_eq!(condition(&still_false, "Covered").observed_generation, Some(2));
    assert_eq!(transition(&still_false), Time(minute(0)), "another message and generation");

    let doubtful = Given::namespaced(roll_up([undetermined()])).after(&still_false, minute(2));
    assert_eq!(transition(&doubtful), Time(minute(2)));
    let nothing = Given::namespaced(RollUp::default()).after(&doubtful, minute(3));
    assert_eq!(transition(&nothing), Time(minute(2)), "another reason of the same status");
    assert_ne!(condition(&nothing, "Covered").reason, condition(&doubtful, "Covered").reason);

    let covered = Given::namespaced(roll_up([owned()])).after(&nothing, minute(4));
    assert_eq!(transition(&covered), Time(minute(4)));
    assert_eq!(condition(&covered, "Accepted").last_transition_time, Time(minute(0)), "the others stay as they are");
}

#[test]
fn gaps_that_the_cluster_assignments_are_told_of_leave_a_namespace_covered() {
    let found = [("node-os", Duty::Customer, Gap(OverlappingAssignments)), ("node-os", Duty::Provider, Assumed)];
    let all = members([(deployment("shop", "web"), self::found(&found))]);
    let verdicts = |platform_elsewhere: bool| {
        let roll_up = added_up(&all, platform_elsewhere);
        let status = Given::namespaced(roll_up).status();
        ["Covered", "Consistent"].map(|kind| verdict(&status, kind).1.to_owned())
    };
    assert_eq!(verdicts(false), ["GapsFound", "OverlappingAssignments"]);
    assert_eq!(verdicts(true), ["AllDutiesOwned", "NoConflict"]);
}

#[test]
fn a_status_that_names_objects_has_no_hidden_characters() {
    let found = members([(deployment("shop", "web\u{1b}[2J\u{202e}"), gap())]);
    let status = Given::namespaced(added_up(&found, false)).status();
    assert_eq!(status.unowned_layers[0].examples, ["Deployment/web\u{fffd}[2J\u{fffd}"]);
}

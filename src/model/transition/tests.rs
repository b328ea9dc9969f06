//! Events for gaps.

use rstest::rstest;

use super::{Note, Transitions, open_states};
use crate::api::GapReason::{
    self, AgreementMissing, LayerUnowned, OverlappingAssignments, ReviewLapsed, SharedLayerHalfOwned, UnknownParty,
};
use crate::api::{Announcement, GapState, OpenState};
use crate::matrix::{Duty, LayerTriggers, ServiceModel};
use crate::model::evaluation::State::{Assumed, Excepted, Gap, Owned, Unknown};
use crate::model::testing::{
    Workload, added_up, all_layers, deployment, found, found_gaps, matrix, members, namespaced, roll_up,
};
use crate::model::{Catalogue, Evaluation, RollUp};

mod fulfilment;

const CODE: &str = "application-code";
const NODES: &str = "node-os";

/// Totals over one workload for each evaluation.
fn of(findings: &[Evaluation]) -> RollUp {
    roll_up(findings.to_vec())
}

fn gaps(gaps: &[(&str, GapReason)]) -> RollUp {
    of(&[found_gaps(gaps)])
}

/// Transitions from one roll-up, whose states were announced, to another.
fn between(before: &RollUp, after: &RollUp) -> Option<Transitions> {
    Transitions::between(
        matrix(),
        &Catalogue::default(),
        Some(&open_states(matrix(), &Catalogue::default(), before)),
        after,
    )
}

fn notes(before: &RollUp, after: &RollUp) -> Vec<Note> {
    between(before, after).map(|transitions| transitions.notes).unwrap_or_default()
}

fn reasons(notes: &[Note]) -> Vec<&'static str> {
    notes.iter().map(|note| note.reason).collect()
}

fn first(roll_up: &RollUp) -> Transitions {
    Transitions::between(matrix(), &Catalogue::default(), None, roll_up).unwrap()
}

fn announcement(layer: &str, duty: Duty, state: GapState) -> Announcement {
    Announcement { layer: layer.to_owned(), duty, state: OpenState::Gap(state) }
}

fn owned() -> RollUp {
    of(&[found(&[(CODE, Duty::Customer, Owned), (NODES, Duty::Customer, Owned), (NODES, Duty::Provider, Assumed)])])
}

#[test]
fn open_states_are_layers_duties_and_states_in_matrix_order() {
    let roll_up = of(&[
        found(&[(NODES, Duty::Customer, Gap(LayerUnowned)), (NODES, Duty::Provider, Gap(UnknownParty))]),
        found_gaps(&[(NODES, SharedLayerHalfOwned), (CODE, AgreementMissing)]),
        found_gaps(&[(NODES, UnknownParty), (CODE, UnknownParty)]),
        found_gaps(&[(NODES, OverlappingAssignments)]),
        found(&[("access-control", Duty::Customer, Owned), ("physical-infrastructure", Duty::Provider, Assumed)]),
    ]);
    assert_eq!(
        open_states(matrix(), &Catalogue::default(), &roll_up),
        [
            announcement(CODE, Duty::Customer, GapState::Invalid),
            announcement(NODES, Duty::Provider, GapState::Invalid),
            announcement(NODES, Duty::Customer, GapState::Unowned),
            announcement(NODES, Duty::Customer, GapState::Invalid),
            announcement(NODES, Duty::Customer, GapState::Conflicted),
        ]
    );
}

#[test]
fn the_first_evaluation_with_gaps_is_one_warning_with_the_counts_and_the_layers() {
    let roll_up = of(&[
        found_gaps(&[(CODE, LayerUnowned), (NODES, UnknownParty)]),
        found(&[("access-control", Duty::Customer, Owned), (NODES, Duty::Provider, Gap(LayerUnowned))]),
    ]);
    let Transitions { notes, announced } = first(&roll_up);
    let text = "2 of 3 layers have a duty without an owner in 2 workload(s): application-code,node-os. Add or correct \
                entries in spec.duties; status.unownedLayers lists each gap.";
    assert_eq!(notes, [Note { warning: true, reason: "GapsFound", about: None, date: None, note: text.to_owned() }]);
    assert_eq!(announced, open_states(matrix(), &Catalogue::default(), &roll_up));
}

#[test]
fn the_first_evaluation_is_one_note_whatever_its_size() {
    let everything: Vec<_> = all_layers().into_iter().map(|layer| (layer, LayerUnowned)).collect();
    assert_eq!(reasons(&first(&gaps(&everything)).notes), ["GapsFound"]);
}

/// Roll-ups without a listed gap, and a part of the note.
#[rstest]
#[case::everything_is_owned(of(&[found(&[(CODE, Duty::Customer, Owned)])]), "Every duty in the scope of this assignment has an owner")]
#[case::something_is_assumed(owned(), "1 provider duties are assumed")]
#[case::others_are_told_of_a_gap(listed_elsewhere(), "the cluster assignments list 1 gaps in platform layers")]
fn the_first_evaluation_without_a_gap_is_a_normal_note(#[case] roll_up: RollUp, #[case] part: &str) {
    let Transitions { notes, announced } = first(&roll_up);
    let [Note { warning: false, reason: "Covered", about: None, date: None, note }] = &notes[..] else {
        panic!("{notes:?}")
    };
    assert!(note.contains("1 workload(s)") && note.contains(part), "{note}");
    assert_eq!(announced, []);
}

#[rstest]
#[case::nothing_is_selected(RollUp::default())]
#[case::something_is_unknown(of(&[found(&[(CODE, Duty::Customer, Owned), (NODES, Duty::Customer, Unknown)])]))]
fn the_first_evaluation_tells_nothing_but_counts_as_told_where(#[case] roll_up: RollUp) {
    assert_eq!(first(&roll_up), Transitions { notes: vec![], announced: vec![] });
}

#[test]
fn the_first_evaluation_with_gaps_beside_unknown_duties_tells_the_gaps() {
    let roll_up = of(&[found(&[(CODE, Duty::Customer, Gap(LayerUnowned)), (NODES, Duty::Customer, Unknown)])]);
    assert_eq!(reasons(&first(&roll_up).notes), ["GapsFound"]);
}

#[rstest]
#[case::unowned(LayerUnowned, "LayerUnowned")]
#[case::half_owned(SharedLayerHalfOwned, "LayerUnowned")]
#[case::invalid(UnknownParty, "LayerInvalid")]
#[case::conflicted(OverlappingAssignments, "LayerConflicted")]
#[case::lapsed(ReviewLapsed, "DutyLapsed")]
fn a_gap_that_opens_is_a_warning(#[case] why: GapReason, #[case] reason: &str) {
    let after = gaps(&[(NODES, why)]);
    let transitions = between(&owned(), &after).unwrap();
    let [note] = &transitions.notes[..] else { panic!("{transitions:?}") };
    assert!(note.warning);
    assert_eq!((note.reason, &note.about), (reason, &Some((NODES.to_owned(), Duty::Customer))));
    assert!(note.note.starts_with("node-os (customer duty): "), "{}", note.note);
    assert!(note.note.ends_with(&format!("({}, 1 workload(s))", why.name())), "{}", note.note);
    assert_eq!(transitions.announced, open_states(matrix(), &Catalogue::default(), &after));
}

#[test]
fn a_gap_that_closes_is_a_normal_note() {
    let transitions = between(&gaps(&[(NODES, LayerUnowned)]), &owned()).unwrap();
    let expected = Note {
        warning: false,
        reason: "LayerOwned",
        about: Some((NODES.to_owned(), Duty::Customer)),
        date: None,
        note: "node-os (customer duty) has an owner now.".to_owned(),
    };
    assert_eq!(transitions, Transitions { notes: vec![expected], announced: vec![] });
}

#[rstest]
#[case::other_layers(of(&[found(&[(CODE, Duty::Customer, Owned)])]))]
#[case::no_workload(RollUp::default())]
fn a_gap_that_closes_because_no_workload_has_the_layer_any_more_says_so(#[case] after: RollUp) {
    let notes = notes(&gaps(&[("network-exposure", LayerUnowned)]), &after);
    let [Note { warning: false, reason: "LayerGone", note, .. }] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!(note, "network-exposure (customer duty) is not owed any more: no workload has this layer.");
}

#[rstest]
#[case::it_is_assumed(of(&[found(&[(NODES, Duty::Provider, Assumed), (NODES, Duty::Customer, Owned)])]))]
#[case::it_is_not_owed(of(&[found(&[(NODES, Duty::Customer, Owned)])]))]
#[case::it_is_excepted(of(&[found(&[(NODES, Duty::Provider, Excepted), (NODES, Duty::Customer, Owned)])]))]
fn a_gap_that_closes_although_nobody_holds_the_duty_is_not_told_to_have_an_owner(#[case] after: RollUp) {
    let before = of(&[found(&[(NODES, Duty::Provider, Gap(LayerUnowned))])]);
    let notes = notes(&before, &after);
    assert_eq!(reasons(&notes), ["LayerOwned"]);
    assert!(notes[0].note.starts_with("node-os (provider duty) is not a gap any more"), "{notes:?}");
}

#[test]
fn a_layer_that_this_version_does_not_know_any_more_closes() {
    let announced = [announcement("example.com/ai-models", Duty::Customer, GapState::Unowned)];
    let transitions = Transitions::between(matrix(), &Catalogue::default(), Some(&announced), &owned()).unwrap();
    let [note] = &transitions.notes[..] else { panic!("{transitions:?}") };
    assert!(note.note.starts_with("example.com/ai-models (customer duty) is not owed any more"), "{}", note.note);
}

#[test]
fn the_halves_of_a_layer_open_and_close_by_themselves() {
    let half = |duty| of(&[found(&[(NODES, duty, Gap(LayerUnowned))])]);
    let notes = notes(&half(Duty::Provider), &half(Duty::Customer));
    let emitted: Vec<_> = notes.iter().map(|note| (note.reason, note.about.clone().unwrap().1)).collect();
    assert_eq!(emitted, [("LayerUnowned", Duty::Customer), ("LayerOwned", Duty::Provider)]);
}

#[test]
fn another_state_of_the_same_duty_opens_and_nothing_closes() {
    let after = gaps(&[(NODES, OverlappingAssignments)]);
    let transitions = between(&gaps(&[(NODES, LayerUnowned)]), &after).unwrap();
    assert_eq!(reasons(&transitions.notes), ["LayerConflicted"]);
    assert_eq!(transitions.announced, [announcement(NODES, Duty::Customer, GapState::Conflicted)]);
}

#[rstest]
#[case::invalid_beside_unowned(LayerUnowned, UnknownParty, "LayerInvalid")]
#[case::unowned_beside_invalid(UnknownParty, LayerUnowned, "LayerUnowned")]
fn a_second_state_in_another_workload_opens_beside_the_first(
    #[case] one: GapReason,
    #[case] other: GapReason,
    #[case] reason: &str,
) {
    let both = of(&[found_gaps(&[(NODES, one)]), found_gaps(&[(NODES, other)])]);
    let notes = notes(&gaps(&[(NODES, one)]), &both);
    assert_eq!(reasons(&notes), [reason]);
    assert!(notes[0].note.ends_with(&format!("({}, 1 workload(s))", other.name())), "{notes:?}");
}

#[test]
fn a_duty_closes_once_when_its_last_state_ends() {
    let both = of(&[found_gaps(&[(NODES, LayerUnowned)]), found_gaps(&[(NODES, UnknownParty)])]);
    assert_eq!(reasons(&notes(&both, &owned())), ["LayerOwned"]);
}

#[test]
fn a_state_that_ends_beside_another_is_not_told_until_it_opens_again() {
    let one = gaps(&[(NODES, LayerUnowned)]);
    let both = of(&[found_gaps(&[(NODES, LayerUnowned)]), found_gaps(&[(NODES, UnknownParty)])]);
    let ended = Transitions { notes: vec![], announced: open_states(matrix(), &Catalogue::default(), &one) };
    assert_eq!(between(&both, &one), Some(ended.clone()));
    let again = Transitions::between(matrix(), &Catalogue::default(), Some(&ended.announced), &both).unwrap();
    assert_eq!(reasons(&again.notes), ["LayerInvalid"]);
}

#[test]
fn a_gap_of_which_nothing_can_be_said_any_more_stays_told() {
    let unowned = gaps(&[(NODES, LayerUnowned)]);
    let unknown = of(&[found(&[(NODES, Duty::Customer, Unknown), (CODE, Duty::Customer, Owned)])]);
    assert_eq!(between(&unowned, &unknown), None);
    let others = gaps(&[(NODES, LayerUnowned), (CODE, UnknownParty)]);
    let transitions = between(&others, &unknown).unwrap();
    let emitted: Vec<_> = transitions.notes.iter().map(|note| note.about.clone().unwrap().0).collect();
    assert_eq!(emitted, [CODE], "its state is certain");
    let after = |roll_up| Transitions::between(matrix(), &Catalogue::default(), Some(&transitions.announced), roll_up);
    assert_eq!(after(&unowned), None, "it is announced");
    assert_eq!(reasons(&after(&owned()).unwrap().notes), ["LayerOwned"]);
}

#[test]
fn what_stays_told_is_listed_once_and_in_matrix_order() {
    let before = gaps(&[("access-control", LayerUnowned), (NODES, LayerUnowned)]);
    let unknown = found(&[("access-control", Duty::Customer, Unknown), (NODES, Duty::Customer, Unknown)]);
    let after = of(&[unknown, found_gaps(&[(NODES, LayerUnowned), (CODE, UnknownParty)])]);
    assert_eq!(
        between(&before, &after).unwrap().announced,
        [
            announcement("access-control", Duty::Customer, GapState::Unowned),
            announcement(CODE, Duty::Customer, GapState::Invalid),
            announcement(NODES, Duty::Customer, GapState::Unowned),
        ]
    );
}

/// A gap in a platform layer, which only the cluster assignments list.
fn listed_elsewhere() -> RollUp {
    let all = members([(deployment("shop", "web"), found_gaps(&[(NODES, LayerUnowned)]))]);
    added_up(&all, true)
}

#[test]
fn a_gap_that_the_cluster_assignments_are_told_of_from_now_on_ends_without_a_word() {
    let here = gaps(&[(NODES, LayerUnowned)]);
    let ended = Transitions { notes: vec![], announced: vec![] };
    assert_eq!(between(&here, &listed_elsewhere()), Some(ended));
    assert_eq!(reasons(&notes(&listed_elsewhere(), &here)), ["LayerUnowned"]);
    assert_eq!(between(&listed_elsewhere(), &owned()), None);
}

#[test]
fn the_first_evaluation_does_not_tell_of_cover_where_the_service_model_is_not_found() {
    let mut uncertain = found(&[(CODE, Duty::Customer, Owned)]);
    uncertain.model.not_found = true;
    assert_eq!(first(&of(&[uncertain])).notes, []);
}

#[rstest]
#[case::the_same(gaps(&[(NODES, UnknownParty)]))]
#[case::another_reason_within_the_state(gaps(&[(NODES, AgreementMissing)]))]
#[case::both_reasons(of(&[found_gaps(&[(NODES, AgreementMissing)]), found_gaps(&[(NODES, UnknownParty)])]))]
#[case::more_workloads(of(&vec![found_gaps(&[(NODES, UnknownParty)]); 9]))]
#[case::more_owned_layers(of(&[found(&[(NODES, Duty::Customer, Gap(UnknownParty)), (CODE, Duty::Customer, Owned)])]))]
fn is_no_transition(#[case] after: RollUp) {
    assert_eq!(between(&gaps(&[(NODES, UnknownParty)]), &after), None);
}

#[test]
fn no_gap_before_and_after_is_no_transition() {
    assert_eq!(between(&owned(), &owned()), None);
    assert_eq!(between(&RollUp::default(), &owned()), None);
    assert_eq!(between(&owned(), &RollUp::default()), None);
}

const FOUR: [&str; 4] = ["access-control", CODE, "image-supply-chain", NODES];

fn unowned(layers: &[&str]) -> RollUp {
    let gaps: Vec<_> = layers.iter().map(|layer| (*layer, LayerUnowned)).collect();
    self::gaps(&gaps)
}

fn with_owned(layers: &[&str]) -> RollUp {
    let duties: Vec<_> = layers.iter().map(|layer| (*layer, Duty::Customer, Owned)).collect();
    of(&[found(&duties)])
}

#[test]
fn up_to_three_transitions_are_told_one_by_one() {
    let nothing = with_owned(&FOUR);
    let three = unowned(&FOUR[..3]);
    assert_eq!(reasons(&notes(&nothing, &three)), ["LayerUnowned"; 3]);
    assert_eq!(reasons(&notes(&three, &nothing)), ["LayerOwned"; 3]);
    for (note, layer) in notes(&nothing, &three).into_iter().zip(FOUR) {
        assert_eq!(note.about, Some((layer.to_owned(), Duty::Customer)));
        assert!(note.note.starts_with(layer), "{note:?}");
    }
    let mixed = notes(&unowned(&FOUR[..2]), &unowned(&FOUR[2..3]));
    assert_eq!(reasons(&mixed), ["LayerUnowned", "LayerGone", "LayerGone"]);
}

#[test]
fn more_than_three_openings_become_one_warning() {
    let transitions = between(&with_owned(&FOUR), &unowned(&FOUR)).unwrap();
    let text =
        "4 layer(s) have a duty without a valid owner: access-control,application-code,image-supply-chain,node-os";
    let expected = Note { warning: true, reason: "GapsOpened", about: None, date: None, note: text.to_owned() };
    assert_eq!(transitions.notes, [expected]);
    assert_eq!(transitions.announced.len(), 4);
}

#[test]
fn more_than_three_closings_become_one_normal_note() {
    let transitions = between(&unowned(&FOUR), &with_owned(&FOUR)).unwrap();
    let [Note { warning: false, reason: "GapsClosed", about: None, date: None, note }] = &transitions.notes[..] else {
        panic!("{transitions:?}")
    };
    assert!(note.starts_with("4 layer(s)"), "{note}");
    assert!(note.ends_with(": access-control,application-code,image-supply-chain,node-os"), "{note}");
    assert_eq!(transitions.announced, []);
}

#[test]
fn more_than_three_of_both_become_one_note_of_each() {
    let notes = notes(&unowned(&FOUR[..2]), &unowned(&FOUR[2..]));
    assert_eq!(reasons(&notes), ["GapsOpened", "GapsClosed"]);
    assert_eq!(notes.iter().map(|note| note.warning).collect::<Vec<_>>(), [true, false]);
    assert!(notes[0].note.starts_with("2 layer(s)") && notes[1].note.starts_with("2 layer(s)"), "{notes:?}");
}

#[test]
fn a_summary_names_a_layer_once_whatever_number_of_its_duties_and_states_open() {
    let both = [Duty::Provider, Duty::Customer].map(|duty| (NODES, duty, Gap(LayerUnowned)));
    let invalid = [Duty::Provider, Duty::Customer].map(|duty| (NODES, duty, Gap(UnknownParty)));
    let notes = notes(&owned(), &of(&[found(&both), found(&invalid)]));
    assert_eq!(reasons(&notes), ["GapsOpened"]);
    assert_eq!(notes[0].note, "1 layer(s) have a duty without a valid owner: node-os");
}

#[test]
fn a_load_balancer_that_is_added_later_is_one_summary() {
    let workload = Workload::under(ServiceModel::Caas).with(namespaced("shop"));
    let before = of(&[workload.evaluate()]);
    let after = of(&[workload.showing(&[LayerTriggers::PUBLISHED]).evaluate()]);
    let notes = notes(&before, &after);
    assert_eq!(reasons(&notes), ["GapsOpened"]);
    let text = "4 layer(s) have a duty without a valid owner: data-protection,user-accounts,identity-infrastructure,network-exposure";
    assert_eq!(notes[0].note, text);
}

#[test]
fn a_change_that_is_undone_is_no_transition() {
    let announced = open_states(matrix(), &Catalogue::default(), &owned());
    assert!(
        Transitions::between(matrix(), &Catalogue::default(), Some(&announced), &gaps(&[(NODES, LayerUnowned)]))
            .is_some()
    );
    assert_eq!(Transitions::between(matrix(), &Catalogue::default(), Some(&announced), &owned()), None);
}

#[test]
fn after_it_was_told_nothing_is_left_to_tell() {
    let after = of(&[found_gaps(&[(NODES, LayerUnowned), (CODE, UnknownParty)]), found_gaps(&[(NODES, UnknownParty)])]);
    for announced in [None, Some(vec![]), Some(vec![announcement("access-control", Duty::Customer, GapState::Lapsed)])]
    {
        let transitions = Transitions::between(matrix(), &Catalogue::default(), announced.as_deref(), &after).unwrap();
        assert_eq!(Transitions::between(matrix(), &Catalogue::default(), Some(&transitions.announced), &after), None);
    }
}

#[test]
fn an_opening_names_the_party_unless_that_may_be_a_tenants() {
    let mut invalid = found_gaps(&[(NODES, UnknownParty)]);
    invalid.duties[0].subject = Some("some-tenant".into());
    let roll_up = of(&[invalid]);
    let note = |roll_up: &RollUp| notes(&owned(), roll_up).remove(0).note;
    assert!(note(&roll_up).contains("some-tenant"));
    assert!(!note(&roll_up.without_subjects()).contains("some-tenant"));
}

#[test]
fn no_note_names_a_namespace_or_a_workload_or_is_longer_than_an_event_takes() {
    let namespace = "hidden-namespace";
    let evaluation = |reason| {
        let gaps: Vec<_> = all_layers().into_iter().map(|layer| (layer, reason)).collect();
        found_gaps(&gaps)
    };
    for &reason in GapReason::ALL {
        let key = deployment(namespace, "hidden-workload");
        let everything = added_up(&members([(key.clone(), evaluation(reason))]), false);
        let one = added_up(&members([(key, found_gaps(&[("control-plane", reason)]))]), false);
        let nothing = RollUp::default();
        for note in [
            first(&everything).notes,
            notes(&nothing, &everything),
            notes(&everything, &nothing),
            notes(&nothing, &one),
            notes(&one, &nothing),
        ]
        .concat()
        {
            assert!(note.note.len() <= 1024 && !note.note.contains("hidden"), "{note:?}");
        }
    }
}

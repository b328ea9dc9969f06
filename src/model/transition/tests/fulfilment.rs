//! Events for the fulfilment of duties.

use rstest::rstest;

use super::*;
use crate::model::SignalVerdict::{self, Failed, Passed, Stale, Unreadable, Unseen};
use crate::model::testing::{catalogue, seen_of};

/// Transitions between evaluations, with the signals of the test catalogue.
fn between_signals(before: &[Evaluation], after: &[Evaluation]) -> Option<Transitions> {
    let announced = open_states(matrix(), &catalogue(), &of(before));
    Transitions::between(matrix(), &catalogue(), Some(&announced), &of(after))
}

fn notes_between(before: &[Evaluation], after: &[Evaluation]) -> Vec<Note> {
    between_signals(before, after).map(|transitions| transitions.notes).unwrap_or_default()
}

#[test]
fn a_duty_that_is_seen_not_to_be_done_is_a_warning_with_its_party_and_what_was_seen() {
    let notes = notes_between(&[seen_of(&[])], &[seen_of(&[("age", Failed)])]);
    let [note] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!((note.warning, note.reason), (true, "DutyUnfulfilled"));
    assert_eq!(note.about, Some((NODES.to_owned(), Duty::Customer)));
    let text = "node-os (customer duty, held by team): age failed; age is to be mended (age, 1 workload(s))";
    assert_eq!(note.note, text);
}

#[test]
fn another_signal_that_fails_for_the_same_duty_is_told_no_more_and_remembered() {
    let one = [seen_of(&[("age", Failed)])];
    let transitions = between_signals(&one, &[seen_of(&[("age", Failed), ("image", Failed)])]).unwrap();
    assert_eq!((transitions.notes.len(), transitions.announced.len()), (0, 2));
    assert_eq!(between_signals(&one, &one), None);
    // The duty is fulfilled when the last failure has ended.
    let both = [seen_of(&[("age", Failed), ("image", Failed)])];
    assert_eq!(notes_between(&both, &[seen_of(&[("age", Passed), ("image", Failed)])]), []);
    let done = notes_between(&both, &[seen_of(&[("age", Passed), ("image", Passed)])]);
    assert_eq!(reasons(&done), ["DutyFulfilled"]);
    assert_eq!(done[0].note, "node-os (customer duty) is fulfilled now.");
}

#[rstest]
#[case::its_source_is_gone(Unseen)]
#[case::its_source_cannot_be_read(Unreadable)]
#[case::what_was_seen_is_old(Stale)]
fn a_failure_of_which_nothing_can_be_said_any_more_stays_told(#[case] verdict: SignalVerdict) {
    let failed = [seen_of(&[("age", Failed)])];
    let unreadable = [seen_of(&[("age", verdict)])];
    assert_eq!(between_signals(&failed, &unreadable), None);
    // The same failure does not emit a second Event.
    let announced = open_states(matrix(), &catalogue(), &of(&failed));
    assert_eq!(Transitions::between(matrix(), &catalogue(), Some(&announced), &of(&failed)), None);
}

#[test]
fn a_failure_that_goes_with_the_last_workload_is_no_success() {
    let transitions = between_signals(&[seen_of(&[("age", Failed)])], &[]).unwrap();
    assert_eq!(transitions, Transitions { notes: vec![], announced: vec![] });
}

#[test]
fn the_first_evaluation_tells_of_gaps_and_failures_in_one_event_and_of_failures_beside_good_news() {
    let failing = || seen_of(&[("age", Failed), ("context", Failed)]);
    let first = |found: &[Evaluation]| Transitions::between(matrix(), &catalogue(), None, &of(found)).unwrap();
    let with_gaps = first(&[failing(), found_gaps(&[(CODE, LayerUnowned)])]);
    assert_eq!(reasons(&with_gaps.notes), ["GapsFound"]);
    let text = "1 of 3 layers have a duty without an owner in 2 workload(s): application-code; 2 have an unfulfilled duty: \
                workload-configuration,node-os. Add or correct entries in spec.duties; status.unownedLayers lists each gap.";
    assert_eq!(with_gaps.notes[0].note, text);
    assert_eq!(reasons(&first(&[failing()]).notes), ["Covered", "DutiesUnfulfilled"]);
    assert_eq!(with_gaps.announced.len(), 3);
}

#[test]
fn many_changes_of_either_kind_are_one_event_each() {
    let before = [seen_of(&[("context", Failed)]), found_gaps(&[("access-control", LayerUnowned)])];
    let after = [seen_of(&[("age", Failed), ("context", Passed)]), found_gaps(&[(CODE, LayerUnowned)])];
    let notes = notes_between(&before, &after);
    assert_eq!(reasons(&notes), ["GapsOpened", "GapsClosed", "DutiesUnfulfilled", "DutiesFulfilled"]);
    assert_eq!(notes[2].note, "1 layer(s) have an unfulfilled duty: node-os");
}

#[test]
fn one_workload_of_which_nothing_is_seen_keeps_nothing_open_for_the_others() {
    let before = [seen_of(&[("age", Failed)]), seen_of(&[("age", Unseen)])];
    let after = [seen_of(&[("age", Passed)]), seen_of(&[("age", Unseen)])];
    let notes = notes_between(&before, &after);
    assert_eq!(reasons(&notes), ["DutyFulfilled"]);
    let hidden = [seen_of(&[("age", Passed)]), seen_of(&[("age", Unreadable)])];
    assert_eq!(between_signals(&before, &hidden), None, "an unreadable source can hide a failure");
}

#[test]
fn a_failure_that_is_looked_at_no_more_is_no_success() {
    let transitions = between_signals(&[seen_of(&[("age", Failed)])], &[seen_of(&[])]).unwrap();
    assert_eq!(transitions, Transitions { notes: vec![], announced: vec![] });
}

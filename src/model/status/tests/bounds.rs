//! Size limit of a status: at most 32 KiB, with exact counts.

use super::Given;
use crate::api::{Announcement, AssignmentStatus, DutyCounts, GapReason, GapState, OpenState};
use crate::matrix::{Duty, ServiceModel};
use crate::model::evaluation::{DutyState, State};
use crate::model::service_model::EffectiveModel;
use crate::model::testing::{added_up, deployment, matrix, members, minute};
use crate::model::{Catalogue, Evaluation, RollUp, STATUS_LIMIT, open_states};

/// Number of workloads with each gap.
const WORKLOADS: usize = 5;

/// Gaps with these reasons in both duties of every layer, with the longest names of parties and workloads.
fn with_reasons(reasons: &[GapReason]) -> RollUp {
    let namespace = "n".repeat(63);
    let gap = |layer, duty, reason| DutyState::new(layer, duty, State::Gap(reason), Some("p".repeat(63).into()));
    let keyed = reasons.iter().flat_map(|reason| {
        let both = |layer| Duty::ALL.map(|duty| gap(layer, duty, *reason));
        let duties = matrix().layers().flat_map(|(layer, _)| both(layer)).collect();
        let models = [ServiceModel::Caas].into_iter().collect();
        let model = EffectiveModel { models, ..EffectiveModel::default() };
        let found = Evaluation { model, duties, ..Evaluation::default() };
        let name = |number| format!("{}-{number}-{}", reason.name(), "w".repeat(200));
        (0..WORKLOADS).map(|number| (deployment(&namespace, &name(number)), found.clone())).collect::<Vec<_>>()
    });
    added_up(&members(keyed), false)
}

/// More rows than fit into a status: 22 layers, two duties, three reasons.
pub(super) fn large() -> RollUp {
    with_reasons(&[GapReason::NotTransferable, GapReason::OverlappingAssignments, GapReason::LayerUnowned])
}

fn size(status: &AssignmentStatus) -> usize {
    serde_json::to_vec(status).unwrap().len()
}

#[test]
fn a_status_that_fits_keeps_its_examples() {
    let mut roll_up = with_reasons(&GapReason::ALL[..1]);
    while roll_up.rows.len() > 20 {
        roll_up.rows.pop_last();
    }
    let status = Given::cluster(roll_up).status();
    assert!(size(&status) <= STATUS_LIMIT);
    assert_eq!((status.unowned_layers.len(), status.truncated), (20, None));
    assert!(status.unowned_layers.iter().all(|row| row.examples.len() == 3 && row.omitted == Some(2)));
}

#[test]
fn examples_give_way_before_rows() {
    let roll_up = with_reasons(&GapReason::ALL[..1]);
    assert_eq!(roll_up.rows.len(), 44);
    let status = Given::cluster(roll_up).status();
    assert!(size(&status) <= STATUS_LIMIT, "{} bytes", size(&status));
    assert_eq!((status.unowned_layers.len(), status.truncated), (44, None));
    for row in &status.unowned_layers {
        assert!(row.examples.is_empty());
        assert_eq!((row.workloads, row.omitted), (5, Some(5)));
    }
}

#[test]
fn then_rows_give_way_from_the_end() {
    let status = Given::cluster(large()).status();
    let rows = status.unowned_layers.len();
    assert!(size(&status) <= STATUS_LIMIT, "{} bytes", size(&status));
    assert_eq!(status.truncated, Some(22 * 2 * 3 - i64::try_from(rows).unwrap()));
    let all: Vec<_> = large().rows.keys().map(|(layer, ..)| matrix().layer(*layer).name.clone()).take(rows).collect();
    assert_eq!(status.unowned_layers.iter().map(|row| row.layer.clone()).collect::<Vec<_>>(), all);
    assert!(status.unowned_layers.iter().all(|row| row.examples.is_empty()));
}

/// `announced` fills the remaining space, and then one byte more.
#[test]
fn a_row_gives_way_only_when_the_last_byte_is_used_up() {
    let beside = |bytes: usize| {
        let announcement =
            Announcement { layer: "x".repeat(bytes), duty: Duty::Customer, state: OpenState::Gap(GapState::Unowned) };
        let before = AssignmentStatus { announced: Some(vec![announcement]), ..AssignmentStatus::default() };
        Given::cluster(large()).after(&before, minute(0))
    };
    let first = beside(0);
    let room = STATUS_LIMIT - size(&first);
    let full = beside(room);
    assert_eq!((size(&full), full.unowned_layers.len()), (STATUS_LIMIT, first.unowned_layers.len()));
    let over = beside(room + 1);
    assert_eq!(over.unowned_layers.len(), first.unowned_layers.len() - 1);
}

#[test]
fn counts_stay_exact_whatever_is_left_out() {
    let status = Given::cluster(large()).status();
    let summary = status.summary.unwrap();
    assert_eq!((summary.workloads, summary.layers, summary.unowned_layers), (3 * 5, 22, 22));
    let DutyCounts { invalid, conflicted, unowned, .. } = summary.duties;
    assert_eq!([invalid, conflicted, unowned], [22 * 2 * 5; 3]);
    assert!(status.unowned_layers.iter().all(|row| row.workloads == 5));
}

#[test]
fn a_status_that_fits_again_is_complete_again() {
    let before = Given::cluster(large()).status();
    let after = Given::cluster(with_reasons(&GapReason::ALL[..1])).after(&before, minute(1));
    assert_eq!((after.unowned_layers.len(), after.truncated), (44, None));
}

#[test]
fn what_events_told_has_room_in_it() {
    let roll_up = large();
    let announced = Some(open_states(matrix(), &Catalogue::default(), &roll_up));
    let before = AssignmentStatus { announced, ..AssignmentStatus::default() };
    let status = Given::cluster(roll_up).after(&before, minute(0));
    assert!(size(&status) <= STATUS_LIMIT, "{} bytes", size(&status));
    assert_eq!(status.announced, before.announced);
    assert!(status.unowned_layers.len() > 40);
}

#[test]
fn the_longest_sentences_of_missing_inputs_leave_room_for_rows() {
    let sentences = || (0..16).map(|number| format!("{number}: {}", "x".repeat(200))).collect();
    let given = Given::cluster(large()).but(|given| given.completeness.additional = sentences());
    let status = given.status();
    assert!(size(&status) <= STATUS_LIMIT, "{} bytes", size(&status));
    assert!(!status.unowned_layers.is_empty());
}

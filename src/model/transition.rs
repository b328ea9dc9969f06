//! Changes since the last Events of an assignment.
//!
//! `status.announced` holds the gaps and unfulfilled duties for which Events were emitted. The difference to the current state
//! gives the next Events. It survives a crash: the operator writes `announced` with the status, after it has emitted the Events.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::civil::Date;

use super::conditions::coverage;
use super::fulfilment::{Catalogue, SignalId};
use super::message::{failure_line, failure_sentence, gap_line, list};
use super::roll_up::{Failure, RollUp};
use crate::api::{Announcement, Fulfilment, OpenState};
use crate::matrix::{Duty, LayerId, LayerSet, Matrix};

/// Maximum number of transitions with an Event each. More become one summary Event per kind.
const SINGLE_NOTES: usize = 3;

/// Limit of the list of layers in a note, in bytes.
const LAYERS_LIMIT: usize = 600;

/// Content of an Event on an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// True for a Warning, false for a Normal Event.
    pub warning: bool,
    /// Reason of the Event.
    pub reason: &'static str,
    /// Layer and duty of a single transition.
    pub about: Option<(String, Duty)>,
    /// Date of a reminder.
    pub date: Option<Date>,
    /// Message of the Event.
    pub note: String,
}

/// Events to emit for an assignment, and the state after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transitions {
    /// Events to emit.
    pub notes: Vec<Note>,
    /// Open states after the Events: the next `announced`.
    pub announced: Vec<Announcement>,
}

/// Returns the gaps and unfulfilled duties of a roll-up, in matrix order.
#[must_use]
pub fn open_states(matrix: &Matrix, catalogue: &Catalogue, roll_up: &RollUp) -> Vec<Announcement> {
    let open = |layer: LayerId, duty, state| Announcement { layer: matrix.layer(layer).name.clone(), duty, state };
    let gaps = roll_up.rows.keys().map(|(layer, duty, reason)| open(*layer, *duty, OpenState::Gap(reason.state())));
    let failures = roll_up.unfulfilled.keys().filter(|failure| failure.fulfilment == Fulfilment::Unfulfilled);
    let by = |failure: &Failure| OpenState::Unfulfilled(catalogue.get(failure.signal).signal.to_string());
    let failures = failures.map(|failure| open(failure.layer, failure.duty, by(failure)));
    let mut open: Vec<Announcement> = gaps.chain(failures).collect();
    sort(matrix, &mut open);
    open
}

fn sort(matrix: &Matrix, gaps: &mut Vec<Announcement>) {
    gaps.sort_by_cached_key(|gap| (matrix.find(&gap.layer), gap.duty, gap.state.clone()));
    gaps.dedup();
}

impl Transitions {
    /// Returns the Events to emit and the next `announced`; none if no state opened or closed.
    ///
    /// A (layer, duty, state) opens if `announced` does not contain it. A (layer, duty) closes when its last gap ends, or when
    /// it is not unfulfilled any more. A change of counts, examples, signals or reasons within a state is not a transition. A
    /// state that cannot be evaluated any more stays in `announced`. A state that the cluster assignments list from now on
    /// leaves `announced` without an Event.
    #[must_use]
    pub fn between(
        matrix: &Matrix,
        catalogue: &Catalogue,
        announced: Option<&[Announcement]>,
        roll_up: &RollUp,
    ) -> Option<Self> {
        let mut open = open_states(matrix, catalogue, roll_up);
        let Some(before) = announced else {
            return Some(Self { notes: first_notes(matrix, roll_up), announced: open });
        };
        open.extend(before.iter().filter(|entry| is_uncertain(matrix, catalogue, roll_up, entry)).cloned());
        sort(matrix, &mut open);
        if open.len() == before.len() && before.iter().all(|entry| open.contains(entry)) {
            return None;
        }
        let opened: Vec<&Announcement> =
            open.iter().filter(|entry| entry.is_gap() && !before.contains(entry)).collect();
        let failing = difference(failures(&open), &failures(before));
        let closed = difference(gaps(before), &gaps(&open));
        let closed = outside(closed, matrix, roll_up.platform_gap_layers);
        let recovered =
            outside(difference(failures(before), &failures(&open)), matrix, roll_up.platform_unfulfilled_layers);
        // A duty counts as recovered only if its signal passes: the signal or the duty can also have disappeared.
        let passes = |entry: &&Announcement| has_signal_in(matrix, catalogue, &roll_up.passing, entry);
        let passing: Duties<'_> =
            before.iter().filter(passes).map(|entry| (entry.layer.as_str(), entry.duty)).collect();
        let recovered: Vec<_> = recovered.into_iter().filter(|duty| passing.contains(duty)).collect();
        let notes = if opened.len() + closed.len() + failing.len() + recovered.len() > SINGLE_NOTES {
            let openings = opened.iter().map(|entry| entry.layer.as_str()).collect();
            [
                summary("GapsOpened", true, "have a duty without a valid owner", openings),
                summary("GapsClosed", false, "have fewer gaps", names(closed)),
                summary("DutiesUnfulfilled", true, "have an unfulfilled duty", names(failing)),
                summary("DutiesFulfilled", false, "have a duty that is not unfulfilled any more", names(recovered)),
            ]
            .into_iter()
            .flatten()
            .collect()
        } else {
            let opening = opened.into_iter().map(|entry| opening_note(matrix, roll_up, entry));
            let closing = closed.into_iter().map(|(layer, duty)| closing_note(matrix, roll_up, layer, duty));
            let failing =
                failing.into_iter().map(|(layer, duty)| failing_note(matrix, catalogue, roll_up, layer, duty));
            let recovering = recovered.into_iter().map(|(layer, duty)| recovery_note(matrix, roll_up, layer, duty));
            opening.chain(closing).chain(failing).chain(recovering).collect()
        };
        Some(Self { notes, announced: open })
    }
}

fn is_in(matrix: &Matrix, layers: LayerSet, layer: &str) -> bool {
    matrix.find(layer).is_some_and(|layer| layers.has(layer))
}

/// Returns true if the current inputs neither confirm nor end an announced state.
fn is_uncertain(matrix: &Matrix, catalogue: &Catalogue, roll_up: &RollUp, entry: &Announcement) -> bool {
    match &entry.state {
        OpenState::Gap(_) => is_in(matrix, roll_up.unknown_layers, &entry.layer),
        OpenState::Unfulfilled(_) => {
            let [unreadable, unseen, passing] = [&roll_up.unreadable, &roll_up.unseen, &roll_up.passing]
                .map(|signals| has_signal_in(matrix, catalogue, signals, entry));
            // One workload without readings does not keep the state open if the signal passes for others.
            unreadable || unseen && !passing
        }
    }
}

/// Returns true if `signals` contains the signal that showed an announced duty unfulfilled.
fn has_signal_in(
    matrix: &Matrix,
    catalogue: &Catalogue,
    signals: &BTreeSet<(LayerId, Duty, SignalId)>,
    entry: &Announcement,
) -> bool {
    let OpenState::Unfulfilled(name) = &entry.state else { return false };
    signals.iter().any(|(layer, duty, signal)| {
        matrix.layer(*layer).name == entry.layer && *duty == entry.duty && *catalogue.get(*signal).signal == **name
    })
}

/// Distinct pairs of layer and duty.
type Duties<'a> = BTreeSet<(&'a str, Duty)>;

fn gaps(entries: &[Announcement]) -> Duties<'_> {
    entries.iter().filter(|entry| entry.is_gap()).map(|entry| (entry.layer.as_str(), entry.duty)).collect()
}

fn failures(entries: &[Announcement]) -> Duties<'_> {
    entries.iter().filter(|entry| !entry.is_gap()).map(|entry| (entry.layer.as_str(), entry.duty)).collect()
}

fn names(duties: Vec<(&str, Duty)>) -> Vec<&str> {
    duties.into_iter().map(|(layer, _)| layer).collect()
}

/// Returns the duties that `others` does not contain.
fn difference<'a>(duties: Duties<'a>, others: &Duties<'_>) -> Vec<(&'a str, Duty)> {
    duties.into_iter().filter(|duty| !others.contains(duty)).collect()
}

/// Returns the duties whose layer is not in `layers`.
fn outside<'a>(duties: Vec<(&'a str, Duty)>, matrix: &Matrix, layers: LayerSet) -> Vec<(&'a str, Duty)> {
    duties.into_iter().filter(|(layer, _)| !is_in(matrix, layers, layer)).collect()
}

/// Returns one Event for the first evaluation, of any size, so that an installation emits few Events. If every duty has an owner
/// and some are unfulfilled, returns two: `Covered` is Normal, `DutiesUnfulfilled` a Warning.
fn first_notes(matrix: &Matrix, roll_up: &RollUp) -> Vec<Note> {
    let workloads = roll_up.workloads;
    let unowned = layer_names(matrix, roll_up.unowned_layers());
    let failing = layer_names(matrix, roll_up.unfulfilled_layers());
    if unowned.is_empty() {
        let predicate = format!("have an unfulfilled duty in {workloads} workload(s)");
        let unfulfilled = summary("DutiesUnfulfilled", true, &predicate, failing);
        if workloads == 0 || !roll_up.unknown_layers.is_empty() || roll_up.model_not_found > 0 {
            return unfulfilled.into_iter().collect();
        }
        let note = format!("{} ({workloads} workload(s)).", coverage(roll_up));
        let covered = Note { warning: false, reason: "Covered", about: None, date: None, note };
        return [covered].into_iter().chain(unfulfilled).collect();
    }
    let mut note = format!(
        "{} of {} layers have a duty without an owner in {workloads} workload(s): {}",
        unowned.len(),
        roll_up.layers.len(),
        list(&unowned, LAYERS_LIMIT / 2),
    );
    if !failing.is_empty() {
        let _ = write!(note, "; {} have an unfulfilled duty: {}", failing.len(), list(&failing, LAYERS_LIMIT / 2));
    }
    note.push_str(". Add or correct entries in spec.duties; status.unownedLayers lists each gap.");
    vec![Note { warning: true, reason: "GapsFound", about: None, date: None, note }]
}

fn layer_names(matrix: &Matrix, layers: LayerSet) -> Vec<&str> {
    layers.ids().map(|layer| matrix.layer(layer).name.as_str()).collect()
}

fn summary(reason: &'static str, warning: bool, predicate: &str, mut layers: Vec<&str>) -> Option<Note> {
    layers.dedup();
    if layers.is_empty() {
        return None;
    }
    let note = format!("{} layer(s) {predicate}: {}", layers.len(), list(&layers, LAYERS_LIMIT));
    Some(Note { warning, reason, about: None, date: None, note })
}

fn opening_note(matrix: &Matrix, roll_up: &RollUp, gap: &Announcement) -> Note {
    let row = roll_up.rows.iter().find(|((layer, duty, reason), _)| {
        let state = OpenState::Gap(reason.state());
        matrix.layer(*layer).name == gap.layer && *duty == gap.duty && state == gap.state
    });
    let text = row.map(|((layer, duty, reason), row)| {
        let sentence = gap_line(matrix.layer(*layer), *duty, *reason, row.subject.as_deref());
        format!("{sentence} ({}, {} workload(s))", reason.name(), row.workloads)
    });
    Note {
        warning: true,
        reason: gap.state.event(),
        about: Some((gap.layer.clone(), gap.duty)),
        date: None,
        note: text.unwrap_or_else(|| format!("{} ({} duty)", gap.layer, gap.duty.word())),
    }
}

fn closing_note(matrix: &Matrix, roll_up: &RollUp, layer: &str, duty: Duty) -> Note {
    let id = matrix.find(layer);
    let is_in = |layers: LayerSet| id.is_some_and(|id| layers.has(id));
    if !is_in(roll_up.layers) {
        let note = format!("{layer} ({} duty) is not owed any more: no workload has this layer.", duty.word());
        return Note { warning: false, reason: "LayerGone", about: Some((layer.to_owned(), duty)), date: None, note };
    }
    let change = if is_in(roll_up.owned.of(duty)) {
        "has an owner now"
    } else {
        "is not a gap any more: it is assumed, excepted or not owed"
    };
    Note {
        warning: false,
        reason: "LayerOwned",
        about: Some((layer.to_owned(), duty)),
        date: None,
        note: format!("{layer} ({} duty) {change}.", duty.word()),
    }
}

/// Returns the Event for a duty that became unfulfilled: the layer, its holder, the reading and the remedy.
fn failing_note(matrix: &Matrix, catalogue: &Catalogue, roll_up: &RollUp, layer: &str, duty: Duty) -> Note {
    let row = roll_up.unfulfilled.iter().find(|(failure, _)| {
        let is_failing = failure.fulfilment == Fulfilment::Unfulfilled;
        is_failing && matrix.layer(failure.layer).name == layer && failure.duty == duty
    });
    let text = row.map(|(failure, row)| {
        let signal_text = catalogue.get(failure.signal);
        let sentence = failure_sentence(signal_text, row.subject.as_deref());
        let line = failure_line(matrix.layer(failure.layer), failure.duty, failure.party.as_deref(), &sentence);
        format!("{line} ({}, {} workload(s))", signal_text.signal, row.workloads)
    });
    Note {
        warning: true,
        reason: "DutyUnfulfilled",
        about: Some((layer.to_owned(), duty)),
        date: None,
        note: text.unwrap_or_else(|| format!("{layer} ({} duty)", duty.word())),
    }
}

fn recovery_note(matrix: &Matrix, roll_up: &RollUp, layer: &str, duty: Duty) -> Note {
    let change = if is_in(matrix, roll_up.fulfilled.of(duty), layer) {
        "is fulfilled now"
    } else {
        "is not unfulfilled any more: the signal that failed passes now"
    };
    Note {
        warning: false,
        reason: "DutyFulfilled",
        about: Some((layer.to_owned(), duty)),
        date: None,
        note: format!("{layer} ({} duty) {change}.", duty.word()),
    }
}

#[cfg(test)]
mod tests;

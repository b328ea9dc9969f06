//! What changed since Events last told of it.
//!
//! The status holds the open gaps and the unfulfilled duties that Events have told of (`announced`). The difference to those of
//! today is what Events have to tell next; it survives a crash, because it is committed with the status after the Events are
//! written.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::civil::Date;

use super::conditions::holding;
use super::fulfilment::{Catalogue, SignalId};
use super::message::{failure_line, failure_sentence, gap_line, list};
use super::roll_up::{Failure, RollUp};
use crate::api::{Announcement, Fulfilment, OpenState};
use crate::matrix::{Duty, LayerId, LayerSet, Matrix};

/// More transitions than this in one evaluation become one summary Event.
const SINGLE_NOTES: usize = 3;

/// The longest list of layers in a note, in bytes.
const LAYERS_LIMIT: usize = 600;

/// Something to tell in an Event on an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether it is a Warning; otherwise it is Normal.
    pub warning: bool,
    /// The fixed word of the Event.
    pub reason: &'static str,
    /// The layer and duty it is about, for single transitions.
    pub about: Option<(String, Duty)>,
    /// The date it reminds of.
    pub date: Option<Date>,
    /// The text.
    pub note: String,
}

/// The Events that are due for an assignment, and what will have been told after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transitions {
    /// What to tell.
    pub notes: Vec<Note>,
    /// What is open after that: the next `announced`.
    pub announced: Vec<Announcement>,
}

/// The gaps and the unfulfilled duties of a roll-up that Events tell of, in matrix order.
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
    /// What Events have to tell, and what they will have told then; none when nothing is open that was not before or the
    /// other way round.
    ///
    /// An opening is a (layer, duty, state) that was not open before; a closing is a (layer, duty) whose last gap ended, or that
    /// is not seen unfulfilled any more. Other counts, examples, signals or reasons within a state are no transition. What
    /// nothing can be said of any more stays told, and what the cluster assignments are told of from now on ends here without
    /// a word.
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
        open.extend(before.iter().filter(|told| is_unsure(matrix, catalogue, roll_up, told)).cloned());
        sort(matrix, &mut open);
        if open.len() == before.len() && before.iter().all(|told| open.contains(told)) {
            return None;
        }
        let opened: Vec<&Announcement> = open.iter().filter(|told| told.is_gap() && !before.contains(told)).collect();
        let failing = beyond(failures(&open), &failures(before));
        let closed = beyond(gaps(before), &gaps(&open));
        let closed = without(closed, matrix, roll_up.platform_gap_layers);
        let mended = without(beyond(failures(before), &failures(&open)), matrix, roll_up.platform_unfulfilled_layers);
        // What nothing looks at any more, or is of no account any more, nobody has done.
        let passes = |told: &&Announcement| is_among(matrix, catalogue, &roll_up.passing, told);
        let done: Duties<'_> = before.iter().filter(passes).map(|told| (told.layer.as_str(), told.duty)).collect();
        let mended: Vec<_> = mended.into_iter().filter(|duty| done.contains(duty)).collect();
        let notes = if opened.len() + closed.len() + failing.len() + mended.len() > SINGLE_NOTES {
            let openings = opened.iter().map(|told| told.layer.as_str()).collect();
            [
                summary("GapsOpened", true, "have a duty that nobody validly holds", openings),
                summary("GapsClosed", false, "no longer unowned, or gone with their workloads", names(closed)),
                summary("DutiesUnfulfilled", true, "have a duty that is seen not to be done", names(failing)),
                summary("DutiesFulfilled", false, "no longer seen unfulfilled", names(mended)),
            ]
            .into_iter()
            .flatten()
            .collect()
        } else {
            let opening = opened.into_iter().map(|told| opening_note(matrix, roll_up, told));
            let closing = closed.into_iter().map(|(layer, duty)| closing_note(matrix, roll_up, layer, duty));
            let failing =
                failing.into_iter().map(|(layer, duty)| failing_note(matrix, catalogue, roll_up, layer, duty));
            let mended = mended.into_iter().map(|(layer, duty)| mended_note(matrix, roll_up, layer, duty));
            opening.chain(closing).chain(failing).chain(mended).collect()
        };
        Some(Self { notes, announced: open })
    }
}

fn is_in(matrix: &Matrix, layers: LayerSet, layer: &str) -> bool {
    matrix.find(layer).is_some_and(|layer| layers.has(layer))
}

/// Whether nothing can be said any more of what was told.
fn is_unsure(matrix: &Matrix, catalogue: &Catalogue, roll_up: &RollUp, told: &Announcement) -> bool {
    match &told.state {
        OpenState::Gap(_) => is_in(matrix, roll_up.unknown_layers, &told.layer),
        OpenState::Unfulfilled(_) => {
            let [blind, unseeing, passing] = [&roll_up.blind, &roll_up.unseeing, &roll_up.passing]
                .map(|signals| is_among(matrix, catalogue, signals, told));
            // One workload of which nothing is seen does not keep it open for all that pass.
            blind || unseeing && !passing
        }
    }
}

/// Whether the signal by which a duty was told to be unfulfilled is among these.
fn is_among(
    matrix: &Matrix,
    catalogue: &Catalogue,
    signals: &BTreeSet<(LayerId, Duty, SignalId)>,
    told: &Announcement,
) -> bool {
    let OpenState::Unfulfilled(signal) = &told.state else { return false };
    signals.iter().any(|(layer, duty, of)| {
        matrix.layer(*layer).name == told.layer && *duty == told.duty && *catalogue.get(*of).signal == **signal
    })
}

/// Layers and duties, each once.
type Duties<'a> = BTreeSet<(&'a str, Duty)>;

fn gaps(told: &[Announcement]) -> Duties<'_> {
    told.iter().filter(|told| told.is_gap()).map(|told| (told.layer.as_str(), told.duty)).collect()
}

fn failures(told: &[Announcement]) -> Duties<'_> {
    told.iter().filter(|told| !told.is_gap()).map(|told| (told.layer.as_str(), told.duty)).collect()
}

fn names(duties: Vec<(&str, Duty)>) -> Vec<&str> {
    duties.into_iter().map(|(layer, _)| layer).collect()
}

/// Those that the others do not hold.
fn beyond<'a>(duties: Duties<'a>, others: &Duties<'_>) -> Vec<(&'a str, Duty)> {
    duties.into_iter().filter(|duty| !others.contains(duty)).collect()
}

/// Those of other layers than these, of which others are told from now on.
fn without<'a>(duties: Vec<(&'a str, Duty)>, matrix: &Matrix, layers: LayerSet) -> Vec<(&'a str, Duty)> {
    duties.into_iter().filter(|(layer, _)| !is_in(matrix, layers, layer)).collect()
}

/// One Event for the first evaluation, whatever its size: there is no storm at install. Where every duty has an owner and some
/// are not done there are two, since one is good news.
fn first_notes(matrix: &Matrix, roll_up: &RollUp) -> Vec<Note> {
    let workloads = roll_up.workloads;
    let unowned = layer_names(matrix, roll_up.unowned_layers());
    let failing = layer_names(matrix, roll_up.unfulfilled_layers());
    if unowned.is_empty() {
        let undone = format!("have a duty that is seen not to be done in {workloads} workload(s)");
        let undone = summary("DutiesUnfulfilled", true, &undone, failing);
        if workloads == 0 || !roll_up.unknown_layers.is_empty() || roll_up.model_not_found > 0 {
            return undone.into_iter().collect();
        }
        let note = format!("{} for {workloads} workload(s)", holding(roll_up));
        let covered = Note { warning: false, reason: "Covered", about: None, date: None, note };
        return [covered].into_iter().chain(undone).collect();
    }
    let mut note = format!(
        "{} of {} layers have a duty without an owner in {workloads} workload(s): {}",
        unowned.len(),
        roll_up.layers.len(),
        list(&unowned, LAYERS_LIMIT / 2),
    );
    if !failing.is_empty() {
        let _ = write!(
            note,
            "; {} have one that is seen not to be done: {}",
            failing.len(),
            list(&failing, LAYERS_LIMIT / 2)
        );
    }
    vec![Note { warning: true, reason: "GapsFound", about: None, date: None, note }]
}

fn layer_names(matrix: &Matrix, layers: LayerSet) -> Vec<&str> {
    layers.ids().map(|layer| matrix.layer(layer).name.as_str()).collect()
}

fn summary(reason: &'static str, warning: bool, what: &str, mut layers: Vec<&str>) -> Option<Note> {
    layers.dedup();
    if layers.is_empty() {
        return None;
    }
    let note = format!("{} layer(s) {what}: {}", layers.len(), list(&layers, LAYERS_LIMIT));
    Some(Note { warning, reason, about: None, date: None, note })
}

fn opening_note(matrix: &Matrix, roll_up: &RollUp, gap: &Announcement) -> Note {
    let row = roll_up.rows.iter().find(|((layer, duty, why), _)| {
        let state = OpenState::Gap(why.state());
        matrix.layer(*layer).name == gap.layer && *duty == gap.duty && state == gap.state
    });
    let text = row.map(|((layer, duty, why), row)| {
        let sentence = gap_line(matrix.layer(*layer), *duty, *why, row.subject.as_deref());
        format!("{sentence} ({why}, {} workload(s))", row.workloads, why = why.name())
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
        let note = format!("{layer} ({} duty) is gone: no workload has this layer any more", duty.word());
        return Note { warning: false, reason: "LayerGone", about: Some((layer.to_owned(), duty)), date: None, note };
    }
    let what = if is_in(roll_up.held.of(duty)) {
        "has an owner now"
    } else {
        "is no gap any more: it is not owed, assumed to be held, or excepted"
    };
    Note {
        warning: false,
        reason: "LayerOwned",
        about: Some((layer.to_owned(), duty)),
        date: None,
        note: format!("{layer} ({} duty) {what}", duty.word()),
    }
}

/// What was seen, who owed it, and what to do.
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

fn mended_note(matrix: &Matrix, roll_up: &RollUp, layer: &str, duty: Duty) -> Note {
    let what = if is_in(matrix, roll_up.fulfilled.of(duty), layer) {
        "is seen to be fulfilled now"
    } else {
        "is not seen unfulfilled any more: what failed passes now"
    };
    Note {
        warning: false,
        reason: "DutyFulfilled",
        about: Some((layer.to_owned(), duty)),
        date: None,
        note: format!("{layer} ({} duty) {what}", duty.word()),
    }
}

#[cfg(test)]
mod tests;

//! What changed since Events last told of it.
//!
//! The status holds the open gaps that Events have told of (`announced`). The difference to the open gaps of today is
//! what Events have to tell next; it survives a crash, because it is committed with the status after the Events are
//! written.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::conditions::holding;
use super::message::{gap_line, list};
use super::roll_up::RollUp;
use crate::api::Announcement;
use crate::matrix::{Duty, LayerSet, Matrix};

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
    /// The open gaps after that: the next `announced`.
    pub announced: Vec<Announcement>,
}

/// The gaps of a roll-up that Events tell of, in matrix order.
#[must_use]
pub fn open_gaps(matrix: &Matrix, roll_up: &RollUp) -> Vec<Announcement> {
    let mut open: Vec<Announcement> = roll_up
        .rows
        .keys()
        .map(|(layer, duty, reason)| Announcement {
            layer: matrix.layer(*layer).name.clone(),
            duty: *duty,
            state: reason.state(),
        })
        .collect();
    sort(matrix, &mut open);
    open
}

fn sort(matrix: &Matrix, gaps: &mut Vec<Announcement>) {
    gaps.sort_by_key(|gap| (matrix.find(&gap.layer), gap.duty, gap.state));
    gaps.dedup();
}

impl Transitions {
    /// What Events have to tell, and what they will have told then; none when nothing is open that was not before or the
    /// other way round.
    ///
    /// An opening is a (layer, duty, state) that was not open before; a closing is a (layer, duty) whose last open state
    /// ended. Other counts, examples or reasons within a state are no transition. A gap of which nothing can be said any
    /// more stays told, and one that the cluster assignments are told of from now on ends here without a word.
    #[must_use]
    pub fn between(matrix: &Matrix, announced: Option<&[Announcement]>, roll_up: &RollUp) -> Option<Self> {
        let mut open = open_gaps(matrix, roll_up);
        let Some(before) = announced else {
            return Some(Self { notes: first_note(matrix, roll_up).into_iter().collect(), announced: open });
        };
        let is_in = |layers: LayerSet, gap: &str| matrix.find(gap).is_some_and(|layer| layers.contains(layer));
        open.extend(before.iter().filter(|gap| is_in(roll_up.unknown_layers, &gap.layer)).cloned());
        sort(matrix, &mut open);
        let opened: Vec<&Announcement> = open.iter().filter(|gap| !before.contains(gap)).collect();
        if opened.is_empty() && before.iter().all(|gap| open.contains(gap)) {
            return None;
        }
        let still_open: BTreeSet<(&str, Duty)> = open.iter().map(|gap| (gap.layer.as_str(), gap.duty)).collect();
        let mut closed: Vec<(&str, Duty)> = before.iter().map(|gap| (gap.layer.as_str(), gap.duty)).collect();
        closed.dedup();
        closed.retain(|duty| !still_open.contains(duty) && !is_in(roll_up.platform_gap_layers, duty.0));
        let notes = if opened.len() + closed.len() > SINGLE_NOTES {
            let openings = opened.iter().map(|gap| gap.layer.as_str()).collect();
            let closings = closed.iter().map(|(layer, _)| *layer).collect();
            summary("GapsOpened", "have a duty that nobody validly holds", openings)
                .into_iter()
                .chain(summary("GapsClosed", "no longer unowned, or gone with their workloads", closings))
                .collect()
        } else {
            let opening = opened.iter().map(|gap| opening_note(matrix, roll_up, gap));
            let closing = closed.iter().map(|(layer, duty)| closing_note(matrix, roll_up, layer, *duty));
            opening.chain(closing).collect()
        };
        Some(Self { notes, announced: open })
    }
}

/// One Event for the first evaluation, whatever its size: there is no storm at install.
fn first_note(matrix: &Matrix, roll_up: &RollUp) -> Option<Note> {
    let workloads = roll_up.workloads;
    let unowned = layer_names(matrix, roll_up);
    if unowned.is_empty() {
        if workloads == 0 || !roll_up.unknown_layers.is_empty() || roll_up.model_not_found > 0 {
            return None;
        }
        let note = format!("{} for {workloads} workload(s)", holding(roll_up));
        return Some(Note { warning: false, reason: "Covered", about: None, date: None, note });
    }
    let note = format!(
        "{} of {} layers have a duty without an owner in {workloads} workload(s): {}",
        unowned.len(),
        roll_up.layers.len(),
        list(&unowned, LAYERS_LIMIT),
    );
    Some(Note { warning: true, reason: "GapsFound", about: None, date: None, note })
}

fn layer_names<'a>(matrix: &'a Matrix, roll_up: &RollUp) -> Vec<&'a str> {
    roll_up.unowned_layers().iter().map(|layer| matrix.layer(layer).name.as_str()).collect()
}

fn summary(reason: &'static str, what: &str, mut layers: Vec<&str>) -> Option<Note> {
    layers.dedup();
    if layers.is_empty() {
        return None;
    }
    let note = format!("{} layer(s) {what}: {}", layers.len(), list(&layers, LAYERS_LIMIT));
    Some(Note { warning: reason == "GapsOpened", reason, about: None, date: None, note })
}

fn opening_note(matrix: &Matrix, roll_up: &RollUp, gap: &Announcement) -> Note {
    let row = roll_up.rows.iter().find(|((layer, duty, why), _)| {
        matrix.layer(*layer).name == gap.layer && *duty == gap.duty && why.state() == gap.state
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
    let is_in = |layers: LayerSet| id.is_some_and(|id| layers.contains(id));
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

#[cfg(test)]
mod tests;

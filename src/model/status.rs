//! Status of an assignment, from the roll-up of its workloads.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use super::assignment::{Acceptance, Assignment, Review};
use super::conditions::{self, Completeness};
use super::fulfilment::Catalogue;
use super::message::{failure_sentence, list, risk_sentence, sentence};
use super::roll_up::{EXAMPLES, Failure, RollUp, Row, to_i64};
use crate::api::{AssignmentStatus, Fulfilment, GapReason, Risk, RiskReason, Summary, UnfulfilledDuty, UnownedLayer};
use crate::facts::{AssignmentId, WorkloadKey};
use crate::matrix::{Duty, LayerId, Matrix};
use crate::printable::make_printable;

/// Limit of a status as JSON in bytes, for clusters of any size. etcd stores every status.
pub const STATUS_LIMIT: usize = 32 * 1024;

/// Limit of `summary.unownedLayerNames` in bytes. It is a printer column.
const LAYER_NAMES_LIMIT: usize = 256;

/// Input of a status.
#[derive(Clone, Debug)]
pub struct StatusInput<'a> {
    /// The assignment.
    pub id: &'a AssignmentId,
    /// Generation that was evaluated.
    pub generation: Option<i64>,
    /// Result of reading the assignment.
    pub acceptance: &'a Acceptance,
    /// Inputs that cannot be read.
    pub completeness: &'a Completeness,
    /// Totals of its workloads.
    pub roll_up: &'a RollUp,
    /// Signals of the readings.
    pub catalogue: &'a Catalogue,
    /// Compiled assignment as of today; `None` if the stored object cannot be read.
    pub assignment: Option<&'a Assignment>,
}

/// Returns the status to write. Without a change it equals `previous`, and no write is necessary.
///
/// If essential inputs are unreadable, counts and rows keep their last values and only conditions change. `announced` and
/// `transitions` keep the previous values: they change when Events are emitted.
#[must_use]
pub fn status(
    matrix: &Matrix,
    subject: &StatusInput<'_>,
    previous: &AssignmentStatus,
    now: Timestamp,
) -> AssignmentStatus {
    let StatusInput { generation, acceptance, completeness, roll_up, catalogue, assignment, .. } = *subject;
    let deadlines = assignment.map(|assignment| &*assignment.deadlines).unwrap_or_default();
    let known = completeness.essential.is_empty() && !matches!(acceptance, Acceptance::SchemaOutdated(_));
    let mut next = previous.clone();
    next.observed_generation = generation;
    next.matrix_version = Some(matrix.version().to_owned());
    let verdicts = [
        conditions::accepted(acceptance, completeness),
        conditions::inventory_complete(completeness),
        conditions::covered(matrix, acceptance, completeness, roll_up),
        conditions::fulfilled(matrix, catalogue, acceptance, completeness, roll_up),
        conditions::consistent(matrix, acceptance, completeness, roll_up),
        conditions::current(acceptance, deadlines),
        conditions::ready(acceptance, completeness),
    ];
    if let Some(assignment) = assignment {
        next.next_review = assignment.next_change.map(|day| day.to_string());
        next.duties_digest = Some(assignment.digest.to_string());
    }
    if known {
        next.summary = Some(Summary { review_due: assignment.and_then(review_due), ..summary(matrix, roll_up) });
        next.unowned_layers = rows(matrix, subject, previous, now);
        next.unfulfilled = unfulfilled(matrix, subject, previous, now);
        next.risks = risks(matrix, subject, previous, now);
        next.truncated = None;
    }
    next.conditions = verdicts.map(|verdict| verdict.dated(&previous.conditions, generation, now)).into();
    make_printable(&mut next);
    bound(&mut next);
    next
}

fn summary(matrix: &Matrix, roll_up: &RollUp) -> Summary {
    let unowned = roll_up.unowned_layers();
    let names: Vec<&str> = unowned.ids().map(|layer| matrix.layer(layer).name.as_str()).collect();
    let mut models = roll_up.models.ids().map(|model| &matrix.model(model).name);
    let model = match (models.next(), models.next()) {
        _ if roll_up.workloads == 0 => None,
        (None, _) => Some("Undetermined".to_owned()),
        (Some(model), None) if roll_up.undetermined == 0 => Some(model.clone()),
        _ => Some("Mixed".to_owned()),
    };
    Summary {
        model,
        workloads: to_i64(roll_up.workloads),
        layers: to_i64(roll_up.layers.len()),
        unowned_layers: to_i64(unowned.len()),
        unowned_layer_names: (!names.is_empty()).then(|| list(&names, LAYER_NAMES_LIMIT)),
        duties: roll_up.duties.clone(),
        platform_gaps: to_i64(roll_up.platform_gaps),
        fulfilment: roll_up.fulfilment.clone(),
        unfulfilled_layers: to_i64(roll_up.unfulfilled_layers().len()),
        platform_unfulfilled: to_i64(roll_up.platform_unfulfilled),
        risks: to_i64(roll_up.risks.len()),
        review_due: None,
    }
}

fn review_due(assignment: &Assignment) -> Option<String> {
    match assignment.review {
        Review::Missing => None,
        Review::Current(due) | Review::Due(due) | Review::Lapsed(due) => Some(due.to_string()),
    }
}

/// Returns at most three workloads of a row, with namespaces in a cluster assignment, and the number of further ones.
fn examples(id: &AssignmentId, row: &Row) -> (Vec<String>, Option<i64>) {
    let name = |key: &Arc<WorkloadKey>| {
        if id.is_cluster() { format!("{}/{key}", key.namespace) } else { key.to_string() }
    };
    let examples: Vec<String> = row.examples.iter().map(name).collect();
    let omitted = row.workloads.saturating_sub(EXAMPLES.min(examples.len()));
    (examples, (omitted > 0).then(|| to_i64(omitted)))
}

fn rows(matrix: &Matrix, subject: &StatusInput<'_>, previous: &AssignmentStatus, now: Timestamp) -> Vec<UnownedLayer> {
    let since: HashMap<(&str, Duty, GapReason), &Time> =
        previous.unowned_layers.iter().map(|row| ((row.layer.as_str(), row.duty, row.reason), &row.since)).collect();
    let row = |(&(layer, duty, reason), row): (&(LayerId, Duty, GapReason), &Row)| {
        let layer = matrix.layer(layer);
        let (examples, omitted) = examples(subject.id, row);
        UnownedLayer {
            layer: layer.name.clone(),
            duty,
            reason,
            workloads: to_i64(row.workloads),
            since: since.get(&(layer.name.as_str(), duty, reason)).map_or(Time(now), |since| (*since).clone()),
            message: sentence(layer, duty, reason, row.subject.as_deref()),
            examples,
            omitted,
        }
    };
    subject.roll_up.rows.iter().map(row).collect()
}

fn unfulfilled(
    matrix: &Matrix,
    subject: &StatusInput<'_>,
    previous: &AssignmentStatus,
    now: Timestamp,
) -> Vec<UnfulfilledDuty> {
    type Key<'a> = (&'a str, Duty, &'a str, Fulfilment, Option<&'a str>);
    let since: HashMap<Key<'_>, &Time> = previous
        .unfulfilled
        .iter()
        .map(|row| {
            ((row.layer.as_str(), row.duty, row.signal.as_str(), row.fulfilment, row.party.as_deref()), &row.since)
        })
        .collect();
    let row = |(failure, row): (&Failure, &Row)| {
        let Failure { layer, duty, fulfilment, signal, party } = failure;
        let (layer, signal_text) = (matrix.layer(*layer), subject.catalogue.get(*signal));
        let (examples, omitted) = examples(subject.id, row);
        let known = since.get(&(layer.name.as_str(), *duty, &*signal_text.signal, *fulfilment, party.as_deref()));
        UnfulfilledDuty {
            layer: layer.name.clone(),
            duty: *duty,
            party: party.as_deref().map(str::to_owned),
            signal: signal_text.signal.to_string(),
            fulfilment: *fulfilment,
            workloads: to_i64(row.workloads),
            since: known.map_or(Time(now), |since| (*since).clone()),
            message: failure_sentence(signal_text, row.subject.as_deref()),
            examples,
            omitted,
        }
    };
    subject.roll_up.unfulfilled.iter().map(row).collect()
}

fn risks(matrix: &Matrix, subject: &StatusInput<'_>, previous: &AssignmentStatus, now: Timestamp) -> Vec<Risk> {
    let since: HashMap<(RiskReason, Option<&str>), &Time> =
        previous.risks.iter().map(|risk| ((risk.reason, risk.layer.as_deref()), &risk.since)).collect();
    let row = |(&(reason, layer), row): (&(RiskReason, Option<LayerId>), &Row)| {
        let layer = layer.map(|layer| matrix.layer(layer));
        let name = layer.map(|layer| layer.name.as_str());
        let (examples, omitted) = examples(subject.id, row);
        Risk {
            reason,
            layer: name.map(str::to_owned),
            workloads: to_i64(row.workloads),
            since: since.get(&(reason, name)).map_or(Time(now), |since| (*since).clone()),
            message: risk_sentence(reason, layer, row.subject.as_deref()),
            examples,
            omitted,
        }
    };
    subject.roll_up.risks.iter().map(row).collect()
}

/// Keeps a status within [`STATUS_LIMIT`].
///
/// Removes examples first, then rows from the end: risks, unfulfilled duties, unowned layers. `truncated` counts the removed
/// rows.
pub fn bound(status: &mut AssignmentStatus) {
    if size(status) <= STATUS_LIMIT {
        return;
    }
    for row in &mut status.unowned_layers {
        row.examples.clear();
        row.omitted = Some(row.workloads);
    }
    for row in &mut status.unfulfilled {
        row.examples.clear();
        row.omitted = Some(row.workloads);
    }
    for risk in &mut status.risks {
        risk.examples.clear();
        risk.omitted = (risk.workloads > 0).then_some(risk.workloads);
    }
    cut(status, |status| status.risks.pop().map(|risk| size(&risk)));
    cut(status, |status| status.unfulfilled.pop().map(|row| size(&row)));
    cut(status, |status| status.unowned_layers.pop().map(|row| size(&row)));
}

/// Removes rows until the status fits. Each round removes rows of the excess size; the growth of `truncated` can make another
/// round necessary.
fn cut(status: &mut AssignmentStatus, pop: impl Fn(&mut AssignmentStatus) -> Option<usize>) {
    loop {
        let mut excess = size(status).saturating_sub(STATUS_LIMIT);
        if excess == 0 {
            return;
        }
        while excess > 0 {
            let Some(dropped) = pop(status) else { return };
            *status.truncated.get_or_insert(0) += 1;
            excess = excess.saturating_sub(dropped + 1);
        }
    }
}

fn size(part: &impl Serialize) -> usize {
    // Serializing plain data to memory does not fail. If it did, the status would count as too large.
    serde_json::to_vec(part).map_or(usize::MAX, |bytes| bytes.len())
}

#[cfg(test)]
mod tests;

//! Conditions of an assignment: fixed types and reasons, and messages that name the remedy.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::assignment::{Acceptance, Deadline, DeadlineKind};
use super::fulfilment::Catalogue;
use super::message::{failure_line, failure_sentence, gap_line, shorten};
use super::roll_up::{Failure, RollUp, Row};
use crate::api::{Fulfilment, GapReason};
use crate::matrix::{Matrix, ServiceModel};

/// Condition types of an assignment, in the order in which the operator writes them.
pub const CONDITIONS: [&str; 7] =
    ["Accepted", "InventoryComplete", "Covered", "Fulfilled", "Consistent", "Current", "Ready"];

/// Maximum number of lines in the message of a condition, without the line that counts the rest.
const MESSAGE_LINES: usize = 5;

/// Inputs that the operator cannot read, as sentences.
///
/// The inventory is complete if `essential` and `additional` are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Inputs that every result depends on: workloads, namespaces, assignments.
    pub essential: Vec<String>,
    /// Inputs that can only add gaps: Services, Ingresses, routes.
    pub additional: Vec<String>,
    /// Inputs that only a risk or the fulfilment of some duties depends on.
    pub minor: Vec<String>,
    /// Kinds that an option excludes because the operator watches only some namespaces.
    pub namespaced_scope: Option<String>,
}

impl Completeness {
    /// Returns true if every input that ownership depends on can be read.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.essential.is_empty() && self.additional.is_empty()
    }

    fn sentences(&self) -> String {
        self.essential.iter().chain(&self.additional).cloned().collect::<Vec<_>>().join("; ")
    }
}

/// A condition without generation and transition time.
pub(super) struct ConditionValue {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl ConditionValue {
    pub(super) fn new(
        kind: &'static str,
        status: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, status, reason, message: message.into() }
    }

    /// Returns the condition as of `now`. The transition time changes only with the status (Kubernetes API conventions).
    pub(super) fn dated(self, previous: &[Condition], generation: Option<i64>, now: Timestamp) -> Condition {
        let before = previous.iter().find(|condition| condition.type_ == self.kind);
        let since =
            before.filter(|before| before.status == self.status).map(|before| before.last_transition_time.clone());
        Condition {
            type_: self.kind.to_owned(),
            status: self.status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: generation,
            last_transition_time: since.unwrap_or(Time(now)),
        }
    }
}

pub(super) fn accepted(acceptance: &Acceptance, completeness: &Completeness) -> ConditionValue {
    match acceptance {
        Acceptance::ServiceModelNotFound(_) if !completeness.essential.is_empty() => {
            ConditionValue::new("Accepted", "Unknown", "InventoryIncomplete", completeness.sentences())
        }
        Acceptance::Accepted { unknown_layers } if unknown_layers.is_empty() => {
            ConditionValue::new("Accepted", "True", "Accepted", "The assignment is valid.")
        }
        Acceptance::Accepted { unknown_layers } => {
            let names = unknown_layers.iter().map(|name| format!("{:?}", shorten(name, 80))).take(MESSAGE_LINES);
            let message = format!(
                "These layers are not defined and have no effect: {}. Create a ServiceModel that defines them, or remove \
                 them.",
                names.collect::<Vec<_>>().join(", ")
            );
            ConditionValue::new("Accepted", "True", "LayersIgnored", message)
        }
        Acceptance::ServiceModelNotFound(name) => {
            let models = ServiceModel::ALL.map(ServiceModel::name).join(", ");
            let name = shorten(name, 80);
            let message =
                format!("serviceModel {name:?} does not exist. Create this ServiceModel, or write one of: {models}.");
            ConditionValue::new("Accepted", "False", "ServiceModelNotFound", message)
        }
        Acceptance::ServiceModelInvalid { name, why } => {
            let message = format!("serviceModel {:?} cannot be used: {}", shorten(name, 80), shorten(why, 300));
            ConditionValue::new("Accepted", "False", "ServiceModelInvalid", message)
        }
        Acceptance::SchemaOutdated(error) => {
            let message =
                format!("The stored object cannot be read: {}. Apply it again.", shorten(&format!("{error:?}"), 400));
            ConditionValue::new("Accepted", "False", "SchemaOutdated", message)
        }
    }
}

pub(super) fn inventory_complete(completeness: &Completeness) -> ConditionValue {
    match &completeness.namespaced_scope {
        _ if !completeness.is_complete() => {
            ConditionValue::new("InventoryComplete", "False", "InputsUnreadable", completeness.sentences())
        }
        Some(namespaced_scope) => {
            ConditionValue::new("InventoryComplete", "True", "NamespacedScope", namespaced_scope.clone())
        }
        None if completeness.minor.is_empty() => ConditionValue::new(
            "InventoryComplete",
            "True",
            "AllInputsRead",
            "All kinds that duties depend on are read.",
        ),
        None => {
            let message = format!("All kinds that duties depend on are read; {}", completeness.minor.join("; "));
            ConditionValue::new("InventoryComplete", "True", "AllInputsRead", message)
        }
    }
}

pub(super) fn ready(acceptance: &Acceptance, completeness: &Completeness) -> ConditionValue {
    match acceptance {
        Acceptance::SchemaOutdated(_) => {
            ConditionValue::new("Ready", "False", "SchemaOutdated", "The stored object cannot be read. Apply it again.")
        }
        Acceptance::ServiceModelNotFound(_) => ConditionValue::new(
            "Ready",
            "False",
            "ServiceModelNotFound",
            "The service model in spec.serviceModel does not exist.",
        ),
        Acceptance::ServiceModelInvalid { .. } => ConditionValue::new(
            "Ready",
            "False",
            "ServiceModelInvalid",
            "The service model in spec.serviceModel cannot be used.",
        ),
        Acceptance::Accepted { .. } if !completeness.is_complete() => {
            ConditionValue::new("Ready", "False", "InventoryIncomplete", completeness.sentences())
        }
        Acceptance::Accepted { .. } => {
            ConditionValue::new("Ready", "True", "Evaluated", "The inventory is complete and evaluated.")
        }
    }
}

pub(super) fn covered(
    matrix: &Matrix,
    acceptance: &Acceptance,
    completeness: &Completeness,
    roll_up: &RollUp,
) -> ConditionValue {
    let unknown = |reason, message: String| ConditionValue::new("Covered", "Unknown", reason, message);
    match acceptance {
        Acceptance::SchemaOutdated(_) => {
            return unknown("SchemaOutdated", "The stored object cannot be read. Apply it again.".into());
        }
        _ if !completeness.essential.is_empty() => return unknown("InventoryIncomplete", completeness.sentences()),
        Acceptance::ServiceModelNotFound(_) => {
            return unknown("ServiceModelNotFound", "The service model in spec.serviceModel does not exist.".into());
        }
        Acceptance::ServiceModelInvalid { .. } => {
            return unknown("ServiceModelInvalid", "The service model in spec.serviceModel cannot be used.".into());
        }
        Acceptance::Accepted { .. } => {}
    }
    if roll_up.workloads == 0 {
        let message = if roll_up.excluded {
            "This namespace is excluded from the evaluation (--exclude-namespaces). To include it, select it by name in a \
             cluster assignment."
        } else {
            "The assignment selects no workload. Check spec.selector, and spec.namespaceSelector of a cluster assignment."
        };
        return unknown("MatchesNothing", message.into());
    }
    if roll_up.model_not_found > 0 {
        let message = "A cluster assignment for these workloads names a service model that does not exist or cannot be used. \
                       Correct spec.serviceModel there.";
        return unknown("ServiceModelNotFound", message.into());
    }
    if roll_up.undetermined > 0 {
        let message = format!(
            "The service model of {} workload(s) is unknown: the nodes they can be scheduled on do not all show it, and no \
             cluster assignment sets it. Set spec.serviceModel in a cluster assignment, such as serviceModel: CaaS.",
            roll_up.undetermined
        );
        return unknown("ServiceModelUndetermined", message);
    }
    if !roll_up.rows.is_empty() {
        return ConditionValue::new("Covered", "False", "GapsFound", gap_lines(matrix, roll_up));
    }
    if !completeness.additional.is_empty() {
        return unknown("InventoryIncomplete", completeness.sentences());
    }
    let reason = if roll_up.listed_assumed > 0 { "CoveredByAssumption" } else { "AllDutiesOwned" };
    ConditionValue::new("Covered", "True", reason, format!("{}.", coverage(roll_up)))
}

/// Describes the coverage of an assignment without listed gaps, as a sentence without the full stop.
///
/// The sentence does not include platform duties that the cluster assignments list instead.
#[must_use]
pub(super) fn coverage(roll_up: &RollUp) -> String {
    let excepted = match roll_up.duties.excepted {
        0 => String::new(),
        excepted => format!(", except {excepted} with an exception"),
    };
    let held = match roll_up.listed_assumed {
        0 => format!("Every duty in the scope of this assignment has an owner{excepted}"),
        assumed => {
            format!(
                "Every customer duty in the scope of this assignment has an owner{excepted}; {assumed} provider duties are \
                 assumed, without a claim or current evidence"
            )
        }
    };
    match roll_up.platform_gaps {
        0 => held,
        gaps => format!("{held}; the cluster assignments list {gaps} gaps in platform layers"),
    }
}

fn gap_lines(matrix: &Matrix, roll_up: &RollUp) -> String {
    let mut lines: Vec<String> = roll_up
        .rows
        .iter()
        .take(MESSAGE_LINES)
        .map(|((layer, duty, reason), row)| gap_line(matrix.layer(*layer), *duty, *reason, row.subject.as_deref()))
        .collect();
    if roll_up.rows.len() > MESSAGE_LINES {
        lines.push(format!("and {} more, see status.unownedLayers", roll_up.rows.len() - MESSAGE_LINES));
    }
    lines.join("\n")
}

/// Returns the condition `Fulfilled`: `True` only if signals show every duty fulfilled. Missing data is not a pass.
pub(super) fn fulfilled(
    matrix: &Matrix,
    catalogue: &Catalogue,
    acceptance: &Acceptance,
    completeness: &Completeness,
    roll_up: &RollUp,
) -> ConditionValue {
    let unknown = |reason, message: String| ConditionValue::new("Fulfilled", "Unknown", reason, message);
    if let Acceptance::SchemaOutdated(_) = acceptance {
        return unknown("SchemaOutdated", "The stored object cannot be read. Apply it again.".into());
    }
    if !completeness.essential.is_empty() {
        return unknown("InventoryIncomplete", completeness.sentences());
    }
    if roll_up.workloads == 0 {
        return unknown("MatchesNothing", "The assignment selects no workload.".into());
    }
    let lines = |fulfilment| failure_lines(matrix, catalogue, roll_up, fulfilment);
    if !roll_up.unfulfilled_layers().is_empty() {
        return ConditionValue::new("Fulfilled", "False", "DutiesUnfulfilled", lines(Fulfilment::Unfulfilled));
    }
    if !roll_up.unfulfilled.is_empty() {
        return unknown("EvidenceStale", lines(Fulfilment::Stale));
    }
    let counts = &roll_up.fulfilment;
    let [fulfilled, unknown_duties] = [counts.fulfilled, counts.unknown + counts.stale];
    let elsewhere = match roll_up.platform_unfulfilled {
        0 => String::new(),
        failures => format!("; the cluster assignments list {failures} unfulfilled duties of platform layers"),
    };
    if unknown_duties > 0 || fulfilled == 0 {
        let message = format!(
            "{fulfilled} duties are fulfilled; no current signal shows the state of {unknown_duties} others{elsewhere}."
        );
        return unknown("NotAllSeen", message);
    }
    if roll_up.platform_unfulfilled > 0 {
        let message = format!("{fulfilled} duties are fulfilled{elsewhere}.");
        return unknown("PlatformUnfulfilled", message);
    }
    let message = format!("All {fulfilled} duties are fulfilled.");
    ConditionValue::new("Fulfilled", "True", "AllDutiesFulfilled", message)
}

fn failure_lines(matrix: &Matrix, catalogue: &Catalogue, roll_up: &RollUp, fulfilment: Fulfilment) -> String {
    let failures = roll_up.unfulfilled.iter().filter(|(failure, _)| failure.fulfilment == fulfilment);
    let line = |(failure, row): (&Failure, &Row)| {
        let sentence = failure_sentence(catalogue.get(failure.signal), row.subject.as_deref());
        failure_line(matrix.layer(failure.layer), failure.duty, failure.party.as_deref(), &sentence)
    };
    let count = failures.clone().count();
    let mut lines: Vec<String> = failures.take(MESSAGE_LINES).map(line).collect();
    if count > MESSAGE_LINES {
        lines.push(format!("and {} more, see status.unfulfilled", count - MESSAGE_LINES));
    }
    lines.join("\n")
}

pub(super) fn consistent(
    matrix: &Matrix,
    acceptance: &Acceptance,
    completeness: &Completeness,
    roll_up: &RollUp,
) -> ConditionValue {
    if let Acceptance::SchemaOutdated(_) = acceptance {
        return ConditionValue::new(
            "Consistent",
            "Unknown",
            "SchemaOutdated",
            "The stored object cannot be read. Apply it again.",
        );
    }
    if !completeness.essential.is_empty() {
        return ConditionValue::new("Consistent", "Unknown", "InventoryIncomplete", completeness.sentences());
    }
    let conflicts: Vec<String> = roll_up
        .rows
        .iter()
        .filter(|((_, _, reason), _)| *reason == GapReason::OverlappingAssignments)
        .map(|((layer, duty, reason), row)| gap_line(matrix.layer(*layer), *duty, *reason, row.subject.as_deref()))
        .take(MESSAGE_LINES)
        .collect();
    if conflicts.is_empty() {
        return ConditionValue::new(
            "Consistent",
            "True",
            "NoConflict",
            "No duty is claimed by several parties at the same rank.",
        );
    }
    ConditionValue::new("Consistent", "False", "OverlappingAssignments", conflicts.join("\n"))
}

/// Returns the condition `Current`: `True` if no review, agreement, evidence or exception has ended or ends within 30 days.
pub(super) fn current(acceptance: &Acceptance, deadlines: &[Deadline]) -> ConditionValue {
    if let Acceptance::SchemaOutdated(_) = acceptance {
        return ConditionValue::new(
            "Current",
            "Unknown",
            "SchemaOutdated",
            "The stored object cannot be read. Apply it again.",
        );
    }
    if deadlines.is_empty() {
        return ConditionValue::new(
            "Current",
            "True",
            "NothingDue",
            "No review, agreement, evidence or exception has ended or ends within 30 days.",
        );
    }
    let passed = deadlines.iter().any(|deadline| deadline.passed);
    let reason = if passed { "Lapsed" } else { "AboutToLapse" };
    let mut lines: Vec<String> = deadlines.iter().take(MESSAGE_LINES).map(deadline_line).collect();
    if deadlines.len() > MESSAGE_LINES {
        lines.push(format!("and {} more", deadlines.len() - MESSAGE_LINES));
    }
    ConditionValue::new("Current", "False", reason, lines.join("\n"))
}

/// Describes a deadline in one line, with its date: a number of days would be wrong on the next day.
fn deadline_line(deadline: &Deadline) -> String {
    let Deadline { date, kind, subject, passed } = deadline;
    let subject = shorten(subject, 80);
    match (kind, passed) {
        (DeadlineKind::Review, false) => {
            format!("The review is due on {date}. Read the assignment and set spec.review.lastAt.")
        }
        (DeadlineKind::Review, true) => {
            format!(
                "The review was due on {date}, and the duties have lapsed. Read the assignment and set spec.review.lastAt."
            )
        }
        (DeadlineKind::Agreement, false) => format!("The agreement with {subject} ends on {date}."),
        (DeadlineKind::Agreement, true) => format!("The agreement with {subject} ended on {date}."),
        (DeadlineKind::Evidence, false) => format!("The evidence of {subject} ends on {date}."),
        (DeadlineKind::Evidence, true) => format!("The evidence of {subject} ended on {date}."),
        (DeadlineKind::Exception, false) => format!("The exception for {subject} ends on {date}."),
        (DeadlineKind::Exception, true) => format!("The exception for {subject} ended on {date}."),
    }
}

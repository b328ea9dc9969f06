//! The conditions of an assignment, each with the fixed reasons and a message that says what to do.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::assignment::{Acceptance, Deadline, DeadlineKind};
use super::fulfilment::Catalogue;
use super::message::{failure_line, failure_sentence, gap_line, shorten};
use super::roll_up::{Failure, RollUp, Row};
use crate::api::{Fulfilment, GapReason};
use crate::matrix::{Matrix, ServiceModel};

/// The types of the conditions that the operator keeps, in the order in which it writes them.
pub const CONDITIONS: [&str; 7] =
    ["Accepted", "InventoryComplete", "Covered", "Fulfilled", "Consistent", "Current", "Ready"];

/// How many gaps the message of `Covered` names, a line each.
const NAMED_GAPS: usize = 5;

/// Which inputs the operator cannot read, in sentences. Complete when both are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Inputs without which nothing can be said: workloads, namespaces, assignments.
    pub essential: Vec<String>,
    /// Inputs that can only add gaps: Services, Ingresses and routes.
    pub additional: Vec<String>,
    /// Inputs on which nothing but a risk or the fulfilment of some duties depends.
    pub minor: Vec<String>,
    /// What is not looked at by choice, where the operator was told to look at some namespaces only.
    pub namespaced_scope: Option<String>,
}

impl Completeness {
    /// Whether everything is readable.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.essential.is_empty() && self.additional.is_empty()
    }

    fn sentences(&self) -> String {
        self.essential.iter().chain(&self.additional).cloned().collect::<Vec<_>>().join("; ")
    }
}

/// A condition before it is dated.
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

    /// The condition as of now. Its transition time moves only when its status does, as the API conventions ask.
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
            ConditionValue::new("Accepted", "True", "Accepted", "the assignment is understood")
        }
        Acceptance::Accepted { unknown_layers } => {
            let names = unknown_layers.iter().map(|name| format!("{:?}", shorten(name, 80))).take(NAMED_GAPS);
            let message = format!(
                "these layers have no effect: {}; create a ServiceModel that defines them, or leave them out",
                names.collect::<Vec<_>>().join(", ")
            );
            ConditionValue::new("Accepted", "True", "LayersIgnored", message)
        }
        Acceptance::ServiceModelNotFound(name) => {
            let models = ServiceModel::ALL.map(ServiceModel::name).join(", ");
            let name = shorten(name, 80);
            let message =
                format!("serviceModel {name:?} does not exist; create that ServiceModel, or write one of: {models}");
            ConditionValue::new("Accepted", "False", "ServiceModelNotFound", message)
        }
        Acceptance::ServiceModelInvalid { name, why } => {
            let message = format!("serviceModel {:?} cannot be used: {}", shorten(name, 80), shorten(why, 300));
            ConditionValue::new("Accepted", "False", "ServiceModelInvalid", message)
        }
        Acceptance::SchemaOutdated(error) => {
            let message =
                format!("the stored object cannot be read, apply it again: {}", shorten(&format!("{error:?}"), 400));
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
        None if completeness.minor.is_empty() => {
            ConditionValue::new("InventoryComplete", "True", "AllInputsRead", "every kind that counts can be read")
        }
        None => {
            let message = format!("every kind that duties depend on can be read; {}", completeness.minor.join("; "));
            ConditionValue::new("InventoryComplete", "True", "AllInputsRead", message)
        }
    }
}

pub(super) fn ready(acceptance: &Acceptance, completeness: &Completeness) -> ConditionValue {
    match acceptance {
        Acceptance::SchemaOutdated(_) => {
            ConditionValue::new("Ready", "False", "SchemaOutdated", "the stored object cannot be read")
        }
        Acceptance::ServiceModelNotFound(_) => {
            ConditionValue::new("Ready", "False", "ServiceModelNotFound", "the service model it names does not exist")
        }
        Acceptance::ServiceModelInvalid { .. } => {
            ConditionValue::new("Ready", "False", "ServiceModelInvalid", "the service model it names cannot be used")
        }
        Acceptance::Accepted { .. } if !completeness.is_complete() => {
            ConditionValue::new("Ready", "False", "InventoryIncomplete", completeness.sentences())
        }
        Acceptance::Accepted { .. } => {
            ConditionValue::new("Ready", "True", "Evaluated", "evaluated on a complete inventory")
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
        Acceptance::SchemaOutdated(_) => return unknown("SchemaOutdated", "the stored object cannot be read".into()),
        _ if !completeness.essential.is_empty() => return unknown("InventoryIncomplete", completeness.sentences()),
        Acceptance::ServiceModelNotFound(_) => {
            return unknown("ServiceModelNotFound", "the service model it names does not exist".into());
        }
        Acceptance::ServiceModelInvalid { .. } => {
            return unknown("ServiceModelInvalid", "the service model it names cannot be used".into());
        }
        Acceptance::Accepted { .. } => {}
    }
    if roll_up.workloads == 0 {
        let message = if roll_up.excluded {
            "this namespace is left out of the evaluation (--exclude-namespaces); a cluster assignment that selects it by \
             name brings it in"
        } else {
            "no workload is selected; check spec.selector, and spec.namespaceSelector of a cluster assignment"
        };
        return unknown("MatchesNothing", message.into());
    }
    if roll_up.model_not_found > 0 {
        let message =
            "a cluster assignment for these workloads names a service model that does not exist or cannot be used";
        return unknown("ServiceModelNotFound", message.into());
    }
    if roll_up.undetermined > 0 {
        let message = format!(
            "the service model of {} workload(s) is not known: no node they may land on shows it, or not every one, and no \
             cluster assignment says it; write spec.serviceModel there, such as serviceModel: CaaS",
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
    ConditionValue::new("Covered", "True", reason, holding(roll_up))
}

/// What holds where no gap is listed, without claiming more than that.
#[must_use]
pub(super) fn holding(roll_up: &RollUp) -> String {
    let excepted = match roll_up.duties.excepted {
        0 => String::new(),
        excepted => format!(", but for {excepted} under an exception"),
    };
    let held = match roll_up.listed_assumed {
        0 => format!("every duty listed here is held{excepted}"),
        assumed => {
            format!(
                "every customer duty listed here is held{excepted}, {assumed} provider duties are assumed: nobody named a \
                 holder"
            )
        }
    };
    match roll_up.platform_gaps {
        0 => held,
        gaps => format!("{held}; {gaps} gaps in platform layers are listed by the cluster assignments"),
    }
}

fn gap_lines(matrix: &Matrix, roll_up: &RollUp) -> String {
    let mut lines: Vec<String> = roll_up
        .rows
        .iter()
        .take(NAMED_GAPS)
        .map(|((layer, duty, reason), row)| gap_line(matrix.layer(*layer), *duty, *reason, row.subject.as_deref()))
        .collect();
    if roll_up.rows.len() > NAMED_GAPS {
        lines.push(format!("and {} more, see unownedLayers", roll_up.rows.len() - NAMED_GAPS));
    }
    lines.join("\n")
}

/// Whether every duty is seen to be done. Where nothing shows it, that is said: absence is never a pass.
pub(super) fn fulfilled(
    matrix: &Matrix,
    catalogue: &Catalogue,
    acceptance: &Acceptance,
    completeness: &Completeness,
    roll_up: &RollUp,
) -> ConditionValue {
    let unknown = |reason, message: String| ConditionValue::new("Fulfilled", "Unknown", reason, message);
    if let Acceptance::SchemaOutdated(_) = acceptance {
        return unknown("SchemaOutdated", "the stored object cannot be read".into());
    }
    if !completeness.essential.is_empty() {
        return unknown("InventoryIncomplete", completeness.sentences());
    }
    if roll_up.workloads == 0 {
        return unknown("MatchesNothing", "no workload is selected".into());
    }
    let lines = |fulfilment| failure_lines(matrix, catalogue, roll_up, fulfilment);
    if !roll_up.unfulfilled_layers().is_empty() {
        return ConditionValue::new("Fulfilled", "False", "DutiesUnfulfilled", lines(Fulfilment::Unfulfilled));
    }
    if !roll_up.unfulfilled.is_empty() {
        return unknown("EvidenceStale", lines(Fulfilment::Stale));
    }
    let counts = &roll_up.fulfilment;
    let [fulfilled, unshown] = [counts.fulfilled, counts.unknown + counts.stale];
    let elsewhere = match roll_up.platform_unfulfilled {
        0 => String::new(),
        failures => format!("; {failures} unfulfilled duties of platform layers are listed by the cluster assignments"),
    };
    if unshown > 0 || fulfilled == 0 {
        let message =
            format!("{fulfilled} duties are seen to be done; of {unshown} others nothing shows it{elsewhere}");
        return unknown("NotAllSeen", message);
    }
    if roll_up.platform_unfulfilled > 0 {
        let message = format!("{fulfilled} duties are seen to be done{elsewhere}");
        return unknown("PlatformUnfulfilled", message);
    }
    let message = format!("all {fulfilled} duties are seen to be done");
    ConditionValue::new("Fulfilled", "True", "AllDutiesFulfilled", message)
}

fn failure_lines(matrix: &Matrix, catalogue: &Catalogue, roll_up: &RollUp, fulfilment: Fulfilment) -> String {
    let failures = roll_up.unfulfilled.iter().filter(|(failure, _)| failure.fulfilment == fulfilment);
    let line = |(failure, row): (&Failure, &Row)| {
        let sentence = failure_sentence(catalogue.get(failure.signal), row.subject.as_deref());
        failure_line(matrix.layer(failure.layer), failure.duty, failure.party.as_deref(), &sentence)
    };
    let count = failures.clone().count();
    let mut lines: Vec<String> = failures.take(NAMED_GAPS).map(line).collect();
    if count > NAMED_GAPS {
        lines.push(format!("and {} more, see unfulfilled", count - NAMED_GAPS));
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
        return ConditionValue::new("Consistent", "Unknown", "SchemaOutdated", "the stored object cannot be read");
    }
    if !completeness.essential.is_empty() {
        return ConditionValue::new("Consistent", "Unknown", "InventoryIncomplete", completeness.sentences());
    }
    let conflicts: Vec<String> = roll_up
        .rows
        .iter()
        .filter(|((_, _, reason), _)| *reason == GapReason::OverlappingAssignments)
        .map(|((layer, duty, reason), row)| gap_line(matrix.layer(*layer), *duty, *reason, row.subject.as_deref()))
        .take(NAMED_GAPS)
        .collect();
    if conflicts.is_empty() {
        return ConditionValue::new("Consistent", "True", "NoConflict", "no duty is claimed by several parties");
    }
    ConditionValue::new("Consistent", "False", "OverlappingAssignments", conflicts.join("\n"))
}

/// Whether nothing has lapsed or is about to.
pub(super) fn current(acceptance: &Acceptance, deadlines: &[Deadline]) -> ConditionValue {
    if let Acceptance::SchemaOutdated(_) = acceptance {
        return ConditionValue::new("Current", "Unknown", "SchemaOutdated", "the stored object cannot be read");
    }
    if deadlines.is_empty() {
        return ConditionValue::new("Current", "True", "NothingDue", "nothing has lapsed or is about to");
    }
    let passed = deadlines.iter().any(|deadline| deadline.passed);
    let reason = if passed { "Lapsed" } else { "AboutToLapse" };
    let mut lines: Vec<String> = deadlines.iter().take(NAMED_GAPS).map(deadline_line).collect();
    if deadlines.len() > NAMED_GAPS {
        lines.push(format!("and {} more", deadlines.len() - NAMED_GAPS));
    }
    ConditionValue::new("Current", "False", reason, lines.join("\n"))
}

/// A deadline in a line. Messages hold dates and never "in 12 days", which would be wrong tomorrow.
fn deadline_line(deadline: &Deadline) -> String {
    let Deadline { date, what, subject, passed } = deadline;
    let subject = shorten(subject, 80);
    match (what, passed) {
        (DeadlineKind::Review, false) => format!("the review is due on {date}; set review.lastAt"),
        (DeadlineKind::Review, true) => {
            format!("the review was due on {date}, the duties have lapsed; set review.lastAt")
        }
        (DeadlineKind::Agreement, false) => format!("the agreement with {subject} ends on {date}"),
        (DeadlineKind::Agreement, true) => format!("the agreement with {subject} ended on {date}"),
        (DeadlineKind::Evidence, false) => format!("evidence of {subject} ends on {date}"),
        (DeadlineKind::Evidence, true) => format!("evidence of {subject} ended on {date}"),
        (DeadlineKind::Exception, false) => format!("the exception from {subject} ends on {date}"),
        (DeadlineKind::Exception, true) => format!("the exception from {subject} ended on {date}"),
    }
}

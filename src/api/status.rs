//! The status of an assignment, which the operator writes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::reasons::{Fulfilment, GapReason, OpenState, RiskReason};
use crate::matrix::Duty;

/// The result for the workloads that the assignment selects. The operator limits its size to 32 KiB by leaving out rows;
/// all counts stay exact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentStatus {
    /// The generation of the assignment that the operator evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The version of the responsibility matrix that the operator used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix_version: Option<String>,
    /// The next day on which a result can change without a change in the cluster: the date of a review, an agreement, an
    /// exception or evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_review: Option<String>,
    /// The SHA-256 digest of the duties that this assignment gives to its parties. Copy it to
    /// `spec.parties[].acknowledgement.digest` to acknowledge the duties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duties_digest: Option<String>,
    /// The conditions Accepted, InventoryComplete, Covered, Fulfilled, Consistent, Current and Ready.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The counts for all selected workloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// The duties without a valid owner. One row for each layer, duty and reason, in the order of the matrix.
    #[serde(default, deserialize_with = "known_rows")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub unowned_layers: Vec<UnownedLayer>,
    /// The duties that are not fulfilled, or whose last result is too old, with or without an owner. One row for each layer,
    /// duty, signal and party, in the order of the matrix.
    #[serde(default, deserialize_with = "known_rows", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub unfulfilled: Vec<UnfulfilledDuty>,
    /// The risks: findings that are not gaps, but can become a gap or hide one. One row for each reason and layer.
    #[serde(default, deserialize_with = "known_rows", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub risks: Vec<Risk>,
    /// The number of rows that the operator left out of `unownedLayers`, `unfulfilled` and `risks` to limit the size of the
    /// status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<i64>,
    /// The open gaps and unfulfilled duties for which the operator emitted an Event, as layer/duty/state, separated by commas.
    /// Absent until the first Event is due. The operator uses it to emit each Event once, also after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "announcements")]
    #[schemars(with = "Option<String>")]
    pub announced: Option<Vec<Announcement>>,
    /// The number of changes for which the operator emitted Events. It is part of the names of the Events.
    #[serde(default)]
    pub transitions: i64,
    /// The dates for which the operator emitted a reminder Event, as reason/date. The operator uses it to emit each reminder
    /// once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub reminded: Vec<String>,
}

/// The counts for all workloads that an assignment selects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The service model of the workloads. `Mixed` if they have different service models, `Undetermined` if no node, no
    /// assignment and no default determines it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The number of selected workloads.
    pub workloads: i64,
    /// The number of distinct layers of these workloads.
    pub layers: i64,
    /// The number of distinct layers with a gap in `unownedLayers`.
    pub unowned_layers: i64,
    /// The names of these layers, separated by commas, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unowned_layer_names: Option<String>,
    /// The number of duties in each state.
    pub duties: DutyCounts,
    /// The number of gaps in platform layers that only cluster assignments list.
    pub platform_gaps: i64,
    /// The number of duties with each fulfilment, with or without an owner.
    #[serde(default)]
    pub fulfilment: FulfilmentCounts,
    /// The number of distinct layers with a duty in `unfulfilled` that is Unfulfilled, not Stale.
    #[serde(default)]
    pub unfulfilled_layers: i64,
    /// The number of unfulfilled duties in platform layers that only cluster assignments list.
    #[serde(default)]
    pub platform_unfulfilled: i64,
    /// The number of risks, including rows that were left out of `risks`.
    #[serde(default)]
    pub risks: i64,
    /// The day on which the next review is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<String>,
}

/// The number of duties in each state. Every (workload, layer, duty) counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DutyCounts {
    /// Duties that one party validly holds.
    pub owned: i64,
    /// Provider duties that are assumed to be held: nobody claims them, or their evidence has ended.
    pub assumed: i64,
    /// Gaps that a valid exception covers.
    pub excepted: i64,
    /// Duties that the operator cannot decide.
    pub unknown: i64,
    /// Duties that nobody claims.
    pub unowned: i64,
    /// Duties whose claims are all invalid.
    pub invalid: i64,
    /// Duties that several parties claim at the same rank.
    pub conflicted: i64,
    /// Duties that a party holds, but only by assignments whose review has lapsed.
    pub lapsed: i64,
}

/// The number of duties with each fulfilment. Every (workload, layer, duty) counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FulfilmentCounts {
    /// Duties that signals show as fulfilled.
    pub fulfilled: i64,
    /// Duties that signals show as unfulfilled.
    pub unfulfilled: i64,
    /// Duties whose last result is too old.
    pub stale: i64,
    /// Duties without a result: no signal applies, or its source is missing or cannot be read.
    pub unknown: i64,
    /// Duties under a valid exception.
    pub not_applicable: i64,
}

/// A duty that one signal shows as unfulfilled, or whose last result is too old.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnfulfilledDuty {
    /// The layer.
    pub layer: String,
    /// The duty of the layer: Provider or Customer.
    #[schemars(schema_with = "duty_schema")]
    pub duty: Duty,
    /// The party that holds the duty. Absent if no party holds it. Also absent for customer duties of workload layers in a
    /// ClusterResponsibilityAssignment, because many parties hold them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// The name of the signal. See docs/fulfilment.md.
    pub signal: String,
    /// Unfulfilled, or Stale if the last result is too old.
    pub fulfilment: Fulfilment,
    /// The number of affected workloads.
    pub workloads: i64,
    /// The time since which this row exists.
    pub since: Time,
    /// The result of the signal and the fix, at most 160 bytes.
    pub message: String,
    /// At most three of the workloads, as Kind/name. In a ClusterResponsibilityAssignment as namespace/Kind/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub examples: Vec<String>,
    /// The number of affected workloads that are not in `examples`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<i64>,
}

/// A duty without a valid owner, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnownedLayer {
    /// The layer.
    pub layer: String,
    /// The duty of the layer: Provider or Customer.
    #[schemars(schema_with = "duty_schema")]
    pub duty: Duty,
    /// The reason why the duty has no valid owner.
    pub reason: GapReason,
    /// The number of affected workloads.
    pub workloads: i64,
    /// The time since which this row exists.
    pub since: Time,
    /// The duty that is owed and the fix, at most 160 bytes.
    pub message: String,
    /// At most three of the workloads, as Kind/name. In a ClusterResponsibilityAssignment as namespace/Kind/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub examples: Vec<String>,
    /// The number of affected workloads that are not in `examples`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<i64>,
}

/// A finding that is not a gap, but can become one or hide one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Risk {
    /// The reason of the risk.
    pub reason: RiskReason,
    /// The layer, if the risk concerns one layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The number of affected workloads. 0 if the risk concerns the assignment itself.
    pub workloads: i64,
    /// The time since which this row exists.
    pub since: Time,
    /// The meaning of the risk and the fix, at most 160 bytes.
    pub message: String,
    /// At most three of the workloads, as Kind/name. In a ClusterResponsibilityAssignment as namespace/Kind/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub examples: Vec<String>,
    /// The number of affected workloads that are not in `examples`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<i64>,
}

fn duty_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "enum": json!(["Provider", "Customer"]), "description": "The duty of the layer: Provider or Customer." })
}

/// Reads the rows that this version knows and skips the others, which a newer version wrote.
fn known_rows<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(rows: D) -> Result<Vec<T>, D::Error> {
    let rows = Vec::<serde_json::Value>::deserialize(rows)?;
    Ok(rows.into_iter().filter_map(|row| serde_json::from_value(row).ok()).collect())
}

/// An open gap or an unfulfilled duty for which the operator emitted an Event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Announcement {
    /// The layer.
    pub layer: String,
    /// The duty of the layer: Provider or Customer.
    pub duty: Duty,
    /// The state of the duty.
    pub state: OpenState,
}

impl Announcement {
    /// Returns true for a gap, false for an unfulfilled duty.
    #[must_use]
    pub const fn is_gap(&self) -> bool {
        matches!(self.state, OpenState::Gap(_))
    }
}

/// Reads and writes announcements as one string, which only the operator reads. Entries that this version does not know are
/// skipped; at worst, the operator emits an Event again.
mod announcements {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Announcement, OpenState};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(announced: &Option<Vec<Announcement>>, to: S) -> Result<S::Ok, S::Error> {
        let line = |gap: &Announcement| format!("{}/{}/{}", gap.layer, gap.duty.name(), gap.state);
        match announced {
            Some(gaps) => to.serialize_str(&gaps.iter().map(line).collect::<Vec<_>>().join(",")),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Announcement>>, D::Error> {
        let line = Option::<String>::deserialize(from)?;
        Ok(line.map(|line| line.split(',').filter_map(parse).collect()))
    }

    fn parse(entry: &str) -> Option<Announcement> {
        let mut parts = entry.rsplitn(3, '/');
        let state = OpenState::parse(parts.next()?)?;
        let duty: StrDeserializer<'_, Error> = parts.next()?.into_deserializer();
        let layer = parts.next()?.to_owned();
        Some(Announcement { layer, duty: Deserialize::deserialize(duty).ok()?, state })
    }
}

#[cfg(test)]
mod tests {
    use super::super::reasons::GapState;
    use super::*;

    fn status(announced: Option<Vec<Announcement>>) -> AssignmentStatus {
        AssignmentStatus { announced, ..AssignmentStatus::default() }
    }

    #[test]
    fn announcements_survive_the_way_to_the_api_server_and_back() {
        let gap = |layer: &str, duty, state| Announcement { layer: layer.to_owned(), duty, state };
        let gaps = vec![
            gap("node-os", Duty::Customer, OpenState::Gap(GapState::Unowned)),
            gap("node-os", Duty::Customer, OpenState::Unfulfilled("node-age".to_owned())),
            gap("example.com/ai-models", Duty::Provider, OpenState::Gap(GapState::Conflicted)),
        ];
        for announced in [None, Some(vec![]), Some(gaps)] {
            let wire = serde_json::to_value(status(announced.clone())).unwrap();
            assert_eq!(serde_json::from_value::<AssignmentStatus>(wire).unwrap().announced, announced);
        }
    }

    #[test]
    fn a_row_that_a_newer_version_wrote_does_not_make_the_others_unreadable() {
        let row = |reason: &str| {
            serde_json::json!({
                "layer": "node-os", "duty": "Customer", "reason": reason, "workloads": 1,
                "since": "2026-11-01T00:00:00Z", "message": "m",
            })
        };
        let wire =
            serde_json::json!({ "unownedLayers": [row("ReasonOfTomorrow"), row("LayerUnowned")], "transitions": 7 });
        let status: AssignmentStatus = serde_json::from_value(wire).unwrap();
        assert_eq!(status.unowned_layers.len(), 1);
        assert_eq!(status.transitions, 7);
    }

    #[test]
    fn announcements_are_one_line_and_foreign_entries_are_left_out() {
        let wire = serde_json::json!({ "announced": "node-os/Customer/Unowned,node-os/Customer/Pondering,nonsense" });
        let status: AssignmentStatus = serde_json::from_value(wire).unwrap();
        assert_eq!(serde_json::to_value(status).unwrap()["announced"], "node-os/Customer/Unowned");
    }
}

//! What the operator writes back: the status of an assignment.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::reasons::{Fulfilment, GapReason, OpenState, RiskReason};
use crate::matrix::Duty;

/// What was found for the workloads that an assignment selects. Bounded to 32 KiB; counts are exact whatever the size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentStatus {
    /// The generation of the assignment that was evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The version of the responsibility matrix that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix_version: Option<String>,
    /// The next day on which a result can change by itself: a review or an agreement that ends, an exception, evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_review: Option<String>,
    /// The digest of what this assignment gives to its parties: what an acknowledgement refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duties_digest: Option<String>,
    /// Accepted, InventoryComplete, Covered, Fulfilled, Consistent, Current and Ready.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Counts over all selected workloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// The duties that nobody validly holds, by layer, duty and reason, in the order of the matrix.
    #[serde(default, deserialize_with = "readable")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub unowned_layers: Vec<UnownedLayer>,
    /// The duties that are seen not to be done, or not lately enough, whoever holds them: by layer, duty, signal and party, in
    /// the order of the matrix.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub unfulfilled: Vec<UnfulfilledDuty>,
    /// What is no gap and may become one or hide one, by reason and layer.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub risks: Vec<Risk>,
    /// How many rows were left out of `unownedLayers`, `unfulfilled` and `risks` to keep the status small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<i64>,
    /// The open gaps and unfulfilled duties that Events have told of, as layer/duty/state separated by commas; absent until the
    /// first Event is due. Kept by the operator so that no Event is written twice or lost over a restart.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "announcements")]
    #[schemars(with = "Option<String>")]
    pub announced: Option<Vec<Announcement>>,
    /// How often Events have told of a change; part of the Events' names.
    #[serde(default)]
    pub transitions: i64,
    /// The dates of which Events have reminded, as reason/date. Kept by the operator so that each is told once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub reminded: Vec<String>,
}

/// Counts over all workloads that an assignment selects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The service model of the workloads, `Mixed` when they differ, `Undetermined` when nothing tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The workloads selected.
    pub workloads: i64,
    /// The distinct layers that they have.
    pub layers: i64,
    /// The distinct layers with a gap listed in `unownedLayers`.
    pub unowned_layers: i64,
    /// Their names separated by commas, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unowned_layer_names: Option<String>,
    /// The duties of the workloads by state.
    pub duties: DutyCounts,
    /// Gaps in platform layers, listed by the cluster assignments and not here.
    pub platform_gaps: i64,
    /// The same duties by what is seen of them, whoever holds them.
    #[serde(default)]
    pub fulfilment: FulfilmentCounts,
    /// The distinct layers with a duty listed in `unfulfilled` that is not done.
    #[serde(default)]
    pub unfulfilled_layers: i64,
    /// Unfulfilled duties of platform layers, listed by the cluster assignments and not here.
    #[serde(default)]
    pub platform_unfulfilled: i64,
    /// The rows of `risks`, those left out included.
    #[serde(default)]
    pub risks: i64,
    /// The day on which the next review is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<String>,
}

/// How many duties are in each state, counting every (workload, layer, duty) once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DutyCounts {
    /// Validly held by one party.
    pub owned: i64,
    /// Provider duties of which nobody said anything.
    pub assumed: i64,
    /// Gaps under a valid exception.
    pub excepted: i64,
    /// Duties of which nothing can be said.
    pub unknown: i64,
    /// Held by nobody.
    pub unowned: i64,
    /// Claimed, but not validly.
    pub invalid: i64,
    /// Claimed by several parties at the same rank.
    pub conflicted: i64,
    /// Held under an assignment whose review has lapsed.
    pub lapsed: i64,
}

/// How many duties are fulfilled by what is seen in the cluster, counting every (workload, layer, duty) once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FulfilmentCounts {
    /// Seen to be done.
    pub fulfilled: i64,
    /// Seen not to be done.
    pub unfulfilled: i64,
    /// Of which what was seen is too old to count.
    pub stale: i64,
    /// Of which nothing shows it: no signal speaks of them, or its source is not there or cannot be read.
    pub unknown: i64,
    /// Under an exception.
    pub not_applicable: i64,
}

/// A duty of a layer that one signal shows not to be done, or not lately enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnfulfilledDuty {
    /// The layer.
    pub layer: String,
    /// Whose duty it is.
    #[schemars(schema_with = "duty_schema")]
    pub duty: Duty,
    /// The party that holds it; absent where nobody does, or nobody said who does, and in the cluster kind for the customer
    /// duties of workload layers, which many parties hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<String>,
    /// The signal that shows it, see docs/fulfilment.md.
    pub signal: String,
    /// Unfulfilled, or Stale where what was seen is too old to count.
    pub fulfilment: Fulfilment,
    /// How many workloads are concerned.
    pub workloads: i64,
    /// Since when that is seen.
    pub since: Time,
    /// What was seen and what to do, at most 160 bytes.
    pub message: String,
    /// At most three of the workloads, as Kind/name, in the cluster kind as namespace/Kind/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub examples: Vec<String>,
    /// How many more workloads there are than examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<i64>,
}

/// A duty of a layer that is validly held by nobody, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnownedLayer {
    /// The layer.
    pub layer: String,
    /// Whose duty it is.
    #[schemars(schema_with = "duty_schema")]
    pub duty: Duty,
    /// Why nobody holds it.
    pub reason: GapReason,
    /// How many workloads are concerned.
    pub workloads: i64,
    /// Since when there is such a gap.
    pub since: Time,
    /// What is owed and what to write, at most 160 bytes.
    pub message: String,
    /// At most three of the workloads, as Kind/name, in the cluster kind as namespace/Kind/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub examples: Vec<String>,
    /// How many more workloads there are than examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<i64>,
}

/// Something that is no gap and may become one or hide one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Risk {
    /// What it is.
    pub reason: RiskReason,
    /// The layer, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// How many workloads are concerned; 0 where it is about the assignment itself.
    pub workloads: i64,
    /// Since when there is such a risk.
    pub since: Time,
    /// What it means and what to write, at most 160 bytes.
    pub message: String,
    /// At most three of the workloads, as Kind/name, in the cluster kind as namespace/Kind/name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub examples: Vec<String>,
    /// How many more workloads there are than examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<i64>,
}

fn duty_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "enum": json!(["Provider", "Customer"]), "description": "Whose duty it is." })
}

/// The rows that this version understands: one that a newer version wrote must not make the rest unreadable.
fn readable<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(rows: D) -> Result<Vec<T>, D::Error> {
    let rows = Vec::<serde_json::Value>::deserialize(rows)?;
    Ok(rows.into_iter().filter_map(|row| serde_json::from_value(row).ok()).collect())
}

/// An open gap, or a duty seen unfulfilled, of which an Event has told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Announcement {
    /// The layer.
    pub layer: String,
    /// Whose duty it is.
    pub duty: Duty,
    /// What is wrong with it.
    pub state: OpenState,
}

impl Announcement {
    /// Whether it is a gap; otherwise an unfulfilled duty.
    #[must_use]
    pub const fn is_gap(&self) -> bool {
        matches!(self.state, OpenState::Gap(_))
    }
}

/// Announcements on the wire: one line, since it is for the operator and not for readers. What a line of another version
/// holds beyond that is left out, which at worst tells of a gap once more.
mod announcements {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Announcement, OpenState};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(told: &Option<Vec<Announcement>>, to: S) -> Result<S::Ok, S::Error> {
        let line = |gap: &Announcement| format!("{}/{}/{}", gap.layer, gap.duty.name(), gap.state);
        match told {
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

    fn told(announced: Option<Vec<Announcement>>) -> AssignmentStatus {
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
            let wire = serde_json::to_value(told(announced.clone())).unwrap();
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

//! What the operator writes back: the status of an assignment.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

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
    /// Accepted, InventoryComplete, Covered, Consistent and Ready.
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
    /// How many rows were left out of `unownedLayers` to keep the status small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<i64>,
    /// The open gaps that Events have told of, as layer/duty/state separated by commas; absent until the first Event is
    /// due. Kept by the operator so that no Event is written twice or lost over a restart.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "announcements")]
    #[schemars(with = "Option<String>")]
    pub announced: Option<Vec<Announcement>>,
    /// How often Events have told of a change; part of the Events' names.
    #[serde(default)]
    pub transitions: i64,
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

fn duty_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "enum": json!(["Provider", "Customer"]), "description": "Whose duty it is." })
}

/// The rows that this version understands: one that a newer version wrote must not make the rest unreadable.
fn readable<'de, D: Deserializer<'de>>(rows: D) -> Result<Vec<UnownedLayer>, D::Error> {
    let rows = Vec::<serde_json::Value>::deserialize(rows)?;
    Ok(rows.into_iter().filter_map(|row| serde_json::from_value(row).ok()).collect())
}

/// An open gap of which an Event has told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Announcement {
    /// The layer.
    pub layer: String,
    /// Whose duty it is.
    pub duty: Duty,
    /// What is wrong with it.
    pub state: GapState,
}

/// Announcements on the wire: one line, since it is for the operator and not for readers. What a line of another version
/// holds beyond that is left out, which at worst tells of a gap once more.
mod announcements {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Announcement;

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(told: &Option<Vec<Announcement>>, to: S) -> Result<S::Ok, S::Error> {
        let line = |gap: &Announcement| format!("{}/{:?}/{:?}", gap.layer, gap.duty, gap.state);
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
        let state: StrDeserializer<'_, Error> = parts.next()?.into_deserializer();
        let duty: StrDeserializer<'_, Error> = parts.next()?.into_deserializer();
        let layer = parts.next()?.to_owned();
        Some(Announcement {
            layer,
            duty: Deserialize::deserialize(duty).ok()?,
            state: Deserialize::deserialize(state).ok()?,
        })
    }
}

/// The states of a duty that are gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GapState {
    /// Nobody claims it.
    Unowned,
    /// Only invalid claims.
    Invalid,
    /// Several parties at the same rank.
    Conflicted,
    /// Held under an assignment whose review has lapsed.
    Lapsed,
}

/// Why a duty is validly held by nobody. In order of weight: the first that applies is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GapReason {
    /// A retained duty was given away: "the provider handles everything".
    NotTransferable,
    /// The party's role does not fit the duty.
    RoleMismatch,
    /// A party holds it for another without an agreement.
    AgreementMissing,
    /// The platform's party never accepted this duty from a namespace.
    NotAccepted,
    /// The party is declared nowhere.
    UnknownParty,
    /// Several parties claim it at the same rank.
    OverlappingAssignments,
    /// The other half of the layer is owned, this one is not.
    SharedLayerHalfOwned,
    /// Nobody claims it.
    LayerUnowned,
}

impl GapReason {
    /// All reasons in order of weight.
    pub const ALL: [Self; 8] = [
        Self::NotTransferable,
        Self::RoleMismatch,
        Self::AgreementMissing,
        Self::NotAccepted,
        Self::UnknownParty,
        Self::OverlappingAssignments,
        Self::SharedLayerHalfOwned,
        Self::LayerUnowned,
    ];

    /// The word in statuses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotTransferable => "NotTransferable",
            Self::RoleMismatch => "RoleMismatch",
            Self::AgreementMissing => "AgreementMissing",
            Self::NotAccepted => "NotAccepted",
            Self::UnknownParty => "UnknownParty",
            Self::OverlappingAssignments => "OverlappingAssignments",
            Self::SharedLayerHalfOwned => "SharedLayerHalfOwned",
            Self::LayerUnowned => "LayerUnowned",
        }
    }

    /// The state of a duty with such a gap.
    #[must_use]
    pub const fn state(self) -> GapState {
        match self {
            Self::NotTransferable
            | Self::RoleMismatch
            | Self::AgreementMissing
            | Self::NotAccepted
            | Self::UnknownParty => GapState::Invalid,
            Self::OverlappingAssignments => GapState::Conflicted,
            Self::SharedLayerHalfOwned | Self::LayerUnowned => GapState::Unowned,
        }
    }
}

impl JsonSchema for GapReason {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GapReason".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            // A pattern instead of an enum: a status written by a newer version stays readable in the API.
            "pattern": "^[A-Z][A-Za-z]{0,63}$",
            "description": "Why the duty is validly held by nobody.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(announced: Option<Vec<Announcement>>) -> AssignmentStatus {
        AssignmentStatus { announced, ..AssignmentStatus::default() }
    }

    #[test]
    fn announcements_survive_the_way_to_the_api_server_and_back() {
        let gap = |layer: &str, duty, state| Announcement { layer: layer.to_owned(), duty, state };
        let gaps = vec![
            gap("node-os", Duty::Customer, GapState::Unowned),
            gap("example.com/ai-models", Duty::Provider, GapState::Conflicted),
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

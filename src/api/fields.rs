//! The field types of an assignment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rules;

/// The name of a layer: a built-in one such as `node-os`, or a qualified one such as `example.com/ai-models`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LayerName(
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
        extend("x-kubernetes-validations" = rules::layer_name())
    )]
    pub String,
);

/// The name of a party. Within a namespace, it identifies the party.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PartyName(
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = rules::party_name()))] pub String,
);

/// A calendar day in UTC such as `2026-11-30`. It is valid until the end of that day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Date(#[schemars(length(max = 32), extend("x-kubernetes-validations" = rules::date()))] pub String);

/// A URL with the scheme `https` or `mailto`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Url(#[schemars(length(max = 512), extend("x-kubernetes-validations" = rules::link()))] pub String);

/// The role of a party for the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The party runs the service on which the workload runs.
    Provider,
    /// The party belongs to the organization that is accountable for the workload.
    Customer,
    /// The party works for the provider or the customer under an agreement.
    ThirdParty,
}

impl JsonSchema for Role {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Role".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "enum": json!(["Provider", "Customer", "ThirdParty"]),
            "description": "The role of the party for the workload: Provider, Customer, or ThirdParty (works for one of them under an agreement).",
        })
    }
}

/// A person, team or organization that can hold duties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// The name of the party. Duties refer to it.
    pub name: PartyName,
    /// The role of the party for the workload.
    pub role: Role,
    /// The contact of the party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// The layers whose customer duty namespaces can give to this party. If omitted, the layers whose customer duty cluster
    /// assignments give to it. If empty, no layers. Only for a ClusterResponsibilityAssignment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub accepts: Option<Vec<LayerName>>,
    /// The confirmation that the party knows the duties that this assignment gives to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<Acknowledgement>,
    /// Reports and certificates that show that a provider fulfils its duties.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub evidence: Vec<Evidence>,
}

/// The contact of a party. At least one field is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::contact()))]
pub struct Contact {
    /// An email address, such as shop@example.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 254), extend("x-kubernetes-validations" = rules::email()))]
    pub email: Option<String>,
    /// An https or mailto URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// The contact for urgent cases, as text: a chat channel, an on-call rotation, a telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-validations" = rules::text()))]
    pub escalation: Option<String>,
}

/// The confirmation of a party that it knows its duties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
// Atomic: server-side apply must not merge the name of one field manager with the date of another.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct Acknowledgement {
    /// The name of the person who acknowledged the duties, as stated by the author of the assignment. The operator does not
    /// verify it.
    #[schemars(length(min = 1, max = 254), extend("x-kubernetes-validations" = rules::not_blank()))]
    pub by: String,
    /// The day of the acknowledgement.
    pub at: Date,
    /// The value of `status.dutiesDigest` at the time of the acknowledgement, 64 hexadecimal digits. The acknowledgement has
    /// no effect without the digest, or if the duties have changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[0-9a-f]{64}$"))]
    pub digest: Option<String>,
}

/// A report or certificate about a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::evidence()))]
pub struct Evidence {
    /// The type of the evidence, such as SOC2TypeII or ISO27001.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = rules::text()))]
    pub kind: String,
    /// The URL of the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Url>,
    /// The last day of the audited period. The evidence is stale 12 months later. Set either this field or `validUntil`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Date>,
    /// The last day on which the certificate is valid. Set either this field or `periodEnd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// The layers that the evidence covers. If omitted, all layers of the party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub layers: Option<Vec<LayerName>>,
    /// The name of the person who reviewed the evidence for the customer, as stated by the author of the assignment. The
    /// operator does not verify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 254), extend("x-kubernetes-validations" = rules::text()))]
    pub reviewed_by: Option<String>,
    /// The day of this review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<Date>,
}

/// The holders of the duties of some layers. At least `provider` or `customer` is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::duty_entry()))]
pub struct DutyEntry {
    /// The names of the layers.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    #[schemars(extend("x-kubernetes-validations" = rules::at_least_one_layer()))]
    pub layers: Vec<LayerName>,
    /// The party that holds the provider duty of these layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<PartyName>,
    /// The party that holds the customer duty of these layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<PartyName>,
    /// The party of role Customer that is accountable for the customer duty. If omitted, `spec.accountable`. A holder of
    /// role Customer is accountable itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accountable: Option<PartyName>,
    /// The agreement with the holder. Required if a Provider or a ThirdParty holds a customer duty, or if a ThirdParty holds
    /// a provider duty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
}

/// A contract or another written agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// The URL of the agreement.
    pub uri: Url,
    /// The type of the agreement, such as Contract or ServiceDescription.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = rules::text()))]
    pub kind: Option<String>,
    /// The last day on which the agreement is in force. If omitted, it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// The layers that the agreement covers. If omitted, the layers of its entry in `duties`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub layers: Option<Vec<LayerName>>,
}

/// The decision to accept a gap until a date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// The layer that has the gap.
    pub layer: LayerName,
    /// The reason why the gap is acceptable.
    #[schemars(length(min = 1, max = 512), extend("x-kubernetes-validations" = rules::not_blank()))]
    pub reason: String,
    /// The name of the person who approved the exception, as stated by the author of the assignment. The operator does not
    /// verify it.
    #[schemars(length(min = 1, max = 254), extend("x-kubernetes-validations" = rules::not_blank()))]
    pub approved_by: String,
    /// The last day of the exception, at most 400 days ahead.
    pub until: Date,
}

/// The reviews of the assignment: the last one, and how often they are due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// The day of the last review.
    pub last_at: Date,
    /// The days from one review to the next. If omitted, 365.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1826))]
    pub every_days: Option<i32>,
    /// The days from the due day until the duties lapse. If omitted, 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 365))]
    pub grace_days: Option<i32>,
}

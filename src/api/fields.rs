//! The parts of an assignment.

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

/// The name of a party: its identity within a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PartyName(
    #[schemars(length(min = 1, max = 63), extend("x-kubernetes-validations" = rules::party_name()))] pub String,
);

/// A calendar day in UTC such as `2026-11-30`, good through its last second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Date(#[schemars(length(max = 32), extend("x-kubernetes-validations" = rules::date()))] pub String);

/// A plain `https` or `mailto` address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Url(#[schemars(length(max = 512), extend("x-kubernetes-validations" = rules::link()))] pub String);

/// What a party is to the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// It runs the service that the workload stands on.
    Provider,
    /// It is part of the organisation that answers for the workload.
    Customer,
    /// It works for either by agreement.
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
            "description": "What the party is to the workload: Provider, Customer, or ThirdParty (works for either by agreement).",
        })
    }
}

/// Somebody who can hold duties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// Its name, by which duties refer to it.
    pub name: PartyName,
    /// What it is to the workload.
    pub role: Role,
    /// How to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// The layers whose customer duty it lets namespaces give to it; those that cluster assignments give to it when left
    /// out, none when empty. Only in a ClusterResponsibilityAssignment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub accepts: Option<Vec<LayerName>>,
    /// Its written acknowledgement of the duties given to it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<Acknowledgement>,
    /// What shows that a provider fulfils its duties.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub evidence: Vec<Evidence>,
}

/// How to reach a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::contact()))]
pub struct Contact {
    /// A mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 254), extend("x-kubernetes-validations" = rules::email()))]
    pub email: Option<String>,
    /// A page or a mailto link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Where to turn when it is urgent, in words: a channel, a rota, a telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub escalation: Option<String>,
}

/// A party's statement that it knows its duties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
// One manager's name and another's date are nobody's statement.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct Acknowledgement {
    /// Who acknowledged.
    #[schemars(length(min = 1, max = 254), extend("x-kubernetes-validations" = rules::words()))]
    pub by: String,
    /// When.
    pub at: Date,
    /// The digest of the duties that were acknowledged: `status.dutiesDigest` as it was then. Without it nothing is
    /// acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[0-9a-f]{64}$"))]
    pub digest: Option<String>,
}

/// A report or certificate about a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::evidence()))]
pub struct Evidence {
    /// What it is, such as SOC2TypeII or ISO27001.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Where it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<Url>,
    /// The last day of the audited period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Date>,
    /// The last day on which the certificate is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// The layers it speaks of; all of the party's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub layers: Option<Vec<LayerName>>,
    /// Who read it on the customer's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 254))]
    pub reviewed_by: Option<String>,
    /// When it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<Date>,
}

/// Who holds the duties of some layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::duty_entry()))]
pub struct DutyEntry {
    /// The layers spoken of.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    #[schemars(extend("x-kubernetes-validations" = rules::some_layers()))]
    pub layers: Vec<LayerName>,
    /// The party that holds the provider duty of these layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<PartyName>,
    /// The party that does the customer duty of these layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<PartyName>,
    /// The party of role Customer that answers for the customer duty; the holder itself when it is a Customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accountable: Option<PartyName>,
    /// The agreement under which a party that is no Customer holds a customer duty, or a third party a provider duty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
}

/// A contract or another written agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Where it can be read.
    pub uri: Url,
    /// What it is, such as Contract or ServiceDescription.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: Option<String>,
    /// The last day on which it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Date>,
    /// The layers it covers; those of its duty entry when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub layers: Option<Vec<LayerName>>,
}

/// A gap that somebody decided to live with for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// The layer without an owner.
    pub layer: LayerName,
    /// Why this is acceptable.
    #[schemars(length(min = 1, max = 512), extend("x-kubernetes-validations" = rules::words()))]
    pub reason: String,
    /// Who decided.
    #[schemars(length(min = 1, max = 254), extend("x-kubernetes-validations" = rules::words()))]
    pub approved_by: String,
    /// The last day of the exception.
    pub until: Date,
}

/// When the assignment was last read through, and how often that is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// The day of the last review.
    pub last_at: Date,
    /// Days from one review to the next; 365 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1826))]
    pub every_days: Option<i32>,
    /// Days after the due day until the duties lapse; 30 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 365))]
    pub grace_days: Option<i32>,
}

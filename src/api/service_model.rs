//! A cluster's own service model: a column of the matrix.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::LayerName;
use super::rules;
use crate::matrix::{Audience, Owes, Plane, ServiceModel as BuiltIn};

/// A service model that differs from a built-in one in some layers, or has further layers.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sharedresponsibility.dev",
    version = "v1alpha1",
    kind = "ServiceModel",
    plural = "servicemodels",
    shortname = "smodel",
    category = "responsibility",
    status = "ServiceModelStatus",
    derive = "PartialEq",
    doc = "A cluster's own column of the responsibility matrix: who owes what under a service model that differs from the built-in ones.",
    printcolumn = r#"{"name":"Extends","type":"string","jsonPath":".spec.extends","description":"the built-in service model that it differs from"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status","description":"whether it can be used"}"#,
    printcolumn = r#"{"name":"Used by","type":"integer","jsonPath":".status.usedBy","description":"how many assignments name it"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ServiceModelSpec {
    /// The built-in service model whose cells hold where nothing else is said: OnPremises, IaaS, CaaS, ManagedNodes, PaaS,
    /// FaaS or SaaS.
    #[schemars(schema_with = "built_in_schema")]
    pub extends: BuiltIn,
    /// The cells of built-in layers that differ, each with its source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["layer"])
    )]
    pub cells: Vec<Cell>,
    /// Further layers that workloads under this service model have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub layers: Vec<LayerDefinition>,
}

/// Who owes a layer under this service model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::cell()))]
pub struct Cell {
    /// A built-in layer.
    pub layer: LayerName,
    /// Who owes it: Customer, Provider, or Shared (each a duty of its own).
    #[schemars(schema_with = "owes_schema")]
    pub owes: Owes,
    /// Where that is said: a contract, a page, a policy.
    #[schemars(length(min = 1, max = 512), extend("x-kubernetes-validations" = rules::words()))]
    pub source: String,
}

/// A layer that the built-in matrix does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::layer_definition()))]
pub struct LayerDefinition {
    /// Its qualified name, such as example.com/ai-models.
    pub name: LayerName,
    /// What it is about.
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-validations" = rules::words()))]
    pub meaning: String,
    /// Whose facts decide its service model: Cluster, Node or Workload.
    #[schemars(schema_with = "plane_schema")]
    pub plane: Plane,
    /// Who is told of its gaps: Platform or Workload.
    #[schemars(schema_with = "concern_schema")]
    pub concern: Audience,
    /// Which workloads have it: Inherent (every workload under this service model) or Declared (those where an assignment
    /// declares it).
    pub presence: DefinedPresence,
    /// Who owes it: Customer, Provider, or Shared (each a duty of its own).
    #[schemars(schema_with = "owes_schema")]
    pub owes: Owes,
    /// What each side does; needed when it is Shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halves: Option<DefinedHalves>,
    /// Where that is said: a contract, a page, a policy.
    #[schemars(length(min = 1, max = 512), extend("x-kubernetes-validations" = rules::words()))]
    pub source: String,
}

/// Which workloads have a layer that a cluster defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefinedPresence {
    /// Every workload under the service model.
    Inherent,
    /// Only workloads selected by an assignment that declares the layer.
    Declared,
}

/// What each side of a layer does, in words for messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefinedHalves {
    /// What the provider does.
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-validations" = rules::words()))]
    pub provider: String,
    /// What the customer does.
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-validations" = rules::words()))]
    pub customer: String,
}

/// Whether a service model can be used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceModelStatus {
    /// The generation of the service model that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Accepted.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How many assignments name it.
    #[serde(default)]
    pub used_by: i64,
}

/// One flat enum: described variants would become a `oneOf`, which structural schemas refuse.
fn words_schema(words: &[&str], description: &str) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "enum": words, "description": description })
}

fn built_in_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    words_schema(
        &BuiltIn::ALL.map(BuiltIn::name),
        "The built-in service model whose cells hold where nothing else is said.",
    )
}

fn owes_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    words_schema(
        &["Customer", "Shared", "Provider"],
        "Who owes it: Customer, Provider, or Shared (each a duty of its own).",
    )
}

fn plane_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    words_schema(&["Cluster", "Node", "Workload"], "Whose facts decide its service model.")
}

fn concern_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    words_schema(&["Platform", "Workload"], "Who is told of its gaps.")
}

impl JsonSchema for DefinedPresence {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DefinedPresence".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        words_schema(&["Inherent", "Declared"], "Which workloads have it.")
    }
}

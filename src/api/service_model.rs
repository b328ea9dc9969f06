//! The kind ServiceModel: a service model that a cluster defines.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::LayerName;
use super::rules;
use crate::matrix::{Audience, Owes, Plane, ServiceModel as BuiltIn};

/// The service model: a built-in service model with changed cells and additional layers.
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
    validation = rules::service_model_name(),
    doc = "Defines a service model of the cluster. It extends a built-in service model: it changes which duties some layers owe, and can add layers. Assignments select it by name in spec.serviceModel.",
    printcolumn = r#"{"name":"Extends","type":"string","jsonPath":".spec.extends","description":"the built-in service model that it extends"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type==\"Accepted\")].status","description":"True if assignments can use it"}"#,
    printcolumn = r#"{"name":"Used by","type":"integer","jsonPath":".status.usedBy","description":"the number of assignments that name it"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct ServiceModelSpec {
    /// The built-in service model that applies to all layers not listed in `cells` and `layers`: OnPremises, IaaS, CaaS,
    /// ManagedNodes, PaaS, FaaS or SaaS.
    #[schemars(schema_with = "built_in_schema")]
    pub extends: BuiltIn,
    /// The built-in layers whose duties differ from those of the extended service model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["layer"])
    )]
    pub cells: Vec<Cell>,
    /// Additional layers of workloads under this service model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub layers: Vec<LayerDefinition>,
}

/// The duties that a built-in layer owes under this service model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::cell()))]
pub struct Cell {
    /// The name of a built-in layer, such as node-os.
    pub layer: LayerName,
    /// The duties that the layer owes: Customer (a customer duty), Provider (a provider duty) or Shared (both).
    #[schemars(schema_with = "owes_schema")]
    pub owes: Owes,
    /// The document that says so, such as a contract, a web page or a policy.
    #[schemars(length(min = 1, max = 512), extend("x-kubernetes-validations" = rules::not_blank()))]
    pub source: String,
}

/// An additional layer. The built-in matrix does not contain it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = rules::layer_definition()))]
pub struct LayerDefinition {
    /// The qualified name of the layer, such as example.com/ai-models.
    pub name: LayerName,
    /// A description of the layer.
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-validations" = rules::not_blank()))]
    pub meaning: String,
    /// The part of the cluster that the layer belongs to: Cluster (the control plane), Node or Workload.
    #[schemars(schema_with = "plane_schema")]
    pub plane: Plane,
    /// The team that the layer concerns: Platform or Workload. For the customer duty of a Workload layer, namespaced
    /// assignments take precedence over cluster assignments. For a Platform layer, cluster assignments take precedence,
    /// and they list its gaps.
    #[schemars(schema_with = "concern_schema")]
    pub concern: Audience,
    /// The workloads that have the layer: Inherent (all workloads under this service model) or Declared (workloads that an
    /// assignment with this layer in `declares` selects).
    pub presence: DefinedPresence,
    /// The duties that the layer owes: Customer (a customer duty), Provider (a provider duty) or Shared (both).
    #[schemars(schema_with = "owes_schema")]
    pub owes: Owes,
    /// The work of the provider and of the customer. Required if `owes` is Shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halves: Option<DefinedHalves>,
    /// The document that says so, such as a contract, a web page or a policy.
    #[schemars(length(min = 1, max = 512), extend("x-kubernetes-validations" = rules::not_blank()))]
    pub source: String,
}

/// The workloads that have an additional layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefinedPresence {
    /// All workloads under the service model.
    Inherent,
    /// Workloads that an assignment with the layer in `declares` selects.
    Declared,
}

/// The work that each duty of a shared layer requires, for messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefinedHalves {
    /// The work of the provider.
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-validations" = rules::not_blank()))]
    pub provider: String,
    /// The work of the customer.
    #[schemars(length(min = 1, max = 256), extend("x-kubernetes-validations" = rules::not_blank()))]
    pub customer: String,
}

/// The result of the validation of a service model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceModelStatus {
    /// The generation of the service model that the operator validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The condition Accepted: True if assignments can use the service model.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The number of assignments that name the service model.
    #[serde(default)]
    pub used_by: i64,
}

/// Returns the schema of an enum without variants: described variants become a `oneOf`, which structural schemas forbid.
fn enum_schema(values: &[&str], description: &str) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "enum": values, "description": description })
}

fn built_in_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    enum_schema(
        &BuiltIn::ALL.map(BuiltIn::name),
        "The built-in service model that applies to all layers not listed in `cells` and `layers`.",
    )
}

fn owes_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    enum_schema(
        &["Customer", "Shared", "Provider"],
        "The duties that the layer owes: Customer, Provider or Shared (both).",
    )
}

fn plane_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    enum_schema(&["Cluster", "Node", "Workload"], "The part of the cluster that the layer belongs to.")
}

fn concern_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    enum_schema(&["Platform", "Workload"], "The team that the layer concerns.")
}

impl JsonSchema for DefinedPresence {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DefinedPresence".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        enum_schema(&["Inherent", "Declared"], "The workloads that have the layer.")
    }
}

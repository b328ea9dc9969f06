//! The two kinds of assignment.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{DutyEntry, Exception, LayerName, Party, PartyName, Review};
use super::rules;
use super::selector::LabelSelector;
use super::status::AssignmentStatus;

/// The fields that both kinds of assignment have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentSpec {
    /// Selects workloads by the labels of the workload object. If omitted, all workloads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// The service model of the selected workloads: OnPremises, IaaS, CaaS, ManagedNodes, PaaS, FaaS, SaaS, or the name of a
    /// ServiceModel. In a ClusterResponsibilityAssignment it replaces the service model that the nodes show. In a
    /// ResponsibilityAssignment it can only add customer duties. A workload with several service models owes the duties of
    /// all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = rules::service_model()))]
    pub service_model: Option<String>,
    /// Layers that the selected workloads have but the cluster cannot show, such as client-devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub declares: Vec<LayerName>,
    /// The party of role Customer that is accountable for the customer duties in `duties`. An entry in `duties` can name
    /// another party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accountable: Option<PartyName>,
    /// The parties that can hold duties.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub parties: Vec<Party>,
    /// The holders of the duties, by layer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = rules::duties())
    )]
    pub duties: Vec<DutyEntry>,
    /// Gaps that are accepted until a date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["layer"])
    )]
    pub exceptions: Vec<Exception>,
    /// The reviews of this assignment. If omitted, the assignment has the risk ReviewMissing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// The duties of the workloads in this namespace and their holders.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sharedresponsibility.dev",
    version = "v1alpha1",
    kind = "ResponsibilityAssignment",
    plural = "responsibilityassignments",
    shortname = "rassign",
    category = "responsibility",
    namespaced,
    status = "AssignmentStatus",
    derive = "PartialEq",
    doc = "Assigns the security duties of the workloads in its namespace to parties. The status lists the duties without a valid owner.",
    printcolumn = r#"{"name":"Model","type":"string","jsonPath":".status.summary.model","description":"the service model of the workloads"}"#,
    printcolumn = r#"{"name":"Workloads","type":"integer","jsonPath":".status.summary.workloads","description":"the number of workloads that it selects"}"#,
    printcolumn = r#"{"name":"Unowned","type":"integer","jsonPath":".status.summary.unownedLayers","description":"the number of layers that have a duty without a valid owner"}"#,
    printcolumn = r#"{"name":"Covered","type":"string","jsonPath":".status.conditions[?(@.type==\"Covered\")].status","description":"True if every duty has a valid owner"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Covered\")].reason","description":"the reason of the condition Covered"}"#,
    printcolumn = r#"{"name":"Layers","type":"string","priority":1,"jsonPath":".status.summary.unownedLayerNames","description":"the layers that have a duty without a valid owner"}"#,
    printcolumn = r#"{"name":"Unfulfilled","type":"integer","priority":1,"jsonPath":".status.summary.unfulfilledLayers","description":"the number of layers that have an unfulfilled duty"}"#,
    printcolumn = r#"{"name":"Assumed","type":"integer","priority":1,"jsonPath":".status.summary.duties.assumed","description":"the number of provider duties that are assumed to be held"}"#,
    printcolumn = r#"{"name":"Review due","type":"string","priority":1,"jsonPath":".status.summary.reviewDue","description":"the day on which the next review is due"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::namespaced_spec()))]
pub struct ResponsibilityAssignmentSpec {
    /// The fields that both kinds have.
    #[serde(flatten)]
    pub assignment: AssignmentSpec,
}

/// The duties of the workloads in the selected namespaces and their holders, and parties for these namespaces.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "sharedresponsibility.dev",
    version = "v1alpha1",
    kind = "ClusterResponsibilityAssignment",
    plural = "clusterresponsibilityassignments",
    shortname = "crassign",
    category = "responsibility",
    status = "AssignmentStatus",
    derive = "PartialEq",
    doc = "Assigns the security duties of the workloads in the selected namespaces to parties: to providers and to the platform team. It also declares parties and can set the service model for these namespaces. The status lists the duties without a valid owner.",
    printcolumn = r#"{"name":"Model","type":"string","jsonPath":".status.summary.model","description":"the service model of the workloads"}"#,
    printcolumn = r#"{"name":"Workloads","type":"integer","jsonPath":".status.summary.workloads","description":"the number of workloads that it selects"}"#,
    printcolumn = r#"{"name":"Unowned","type":"integer","jsonPath":".status.summary.unownedLayers","description":"the number of layers that have a duty without a valid owner"}"#,
    printcolumn = r#"{"name":"Covered","type":"string","jsonPath":".status.conditions[?(@.type==\"Covered\")].status","description":"True if every duty has a valid owner"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Covered\")].reason","description":"the reason of the condition Covered"}"#,
    printcolumn = r#"{"name":"Layers","type":"string","priority":1,"jsonPath":".status.summary.unownedLayerNames","description":"the layers that have a duty without a valid owner"}"#,
    printcolumn = r#"{"name":"Unfulfilled","type":"integer","priority":1,"jsonPath":".status.summary.unfulfilledLayers","description":"the number of layers that have an unfulfilled duty"}"#,
    printcolumn = r#"{"name":"Assumed","type":"integer","priority":1,"jsonPath":".status.summary.duties.assumed","description":"the number of provider duties that are assumed to be held"}"#,
    printcolumn = r#"{"name":"Review due","type":"string","priority":1,"jsonPath":".status.summary.reviewDue","description":"the day on which the next review is due"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::cluster_spec()))]
pub struct ClusterResponsibilityAssignmentSpec {
    /// Selects namespaces by their labels. If omitted, all namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// The fields that both kinds have.
    #[serde(flatten)]
    pub assignment: AssignmentSpec,
}

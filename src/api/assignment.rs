//! The two kinds of assignment.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{DutyEntry, Exception, LayerName, Party, PartyName, Review};
use super::rules;
use super::selector::LabelSelector;
use super::status::AssignmentStatus;

/// What both kinds of assignment say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentSpec {
    /// The workloads spoken of, by the labels of the workload object; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// The service model of these workloads: OnPremises, IaaS, CaaS, ManagedNodes, PaaS, FaaS, SaaS, or the name of a
    /// ServiceModel. In a namespace it can only add customer duties. Workloads under several models owe the duties of all
    /// of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), extend("x-kubernetes-validations" = rules::service_model()))]
    pub service_model: Option<String>,
    /// Layers that these workloads have although it cannot be seen in the cluster, such as client-devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub declares: Vec<LayerName>,
    /// The party of role Customer that answers for the customer duties named here, unless a duty says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accountable: Option<PartyName>,
    /// Those who hold duties.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub parties: Vec<Party>,
    /// Who holds which duty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = rules::duties())
    )]
    pub duties: Vec<DutyEntry>,
    /// Gaps that somebody decided to live with for a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["layer"])
    )]
    pub exceptions: Vec<Exception>,
    /// When the assignment was last read through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// Who holds which duty for workloads of this namespace.
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
    doc = "Says who holds which security duty for workloads of its namespace; its status lists the layers that nobody owns.",
    printcolumn = r#"{"name":"Model","type":"string","jsonPath":".status.summary.model","description":"the service model of the workloads"}"#,
    printcolumn = r#"{"name":"Workloads","type":"integer","jsonPath":".status.summary.workloads","description":"how many workloads it selects"}"#,
    printcolumn = r#"{"name":"Unowned","type":"integer","jsonPath":".status.summary.unownedLayers","description":"how many layers have a duty that nobody holds"}"#,
    printcolumn = r#"{"name":"Covered","type":"string","jsonPath":".status.conditions[?(@.type==\"Covered\")].status","description":"whether every duty is held"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Covered\")].reason","description":"why it is covered or not"}"#,
    printcolumn = r#"{"name":"Layers","type":"string","priority":1,"jsonPath":".status.summary.unownedLayerNames","description":"the unowned layers"}"#,
    printcolumn = r#"{"name":"Unfulfilled","type":"integer","priority":1,"jsonPath":".status.summary.unfulfilledLayers","description":"how many layers have a duty that is seen not to be done"}"#,
    printcolumn = r#"{"name":"Assumed","type":"integer","priority":1,"jsonPath":".status.summary.duties.assumed","description":"provider duties that nobody confirmed"}"#,
    printcolumn = r#"{"name":"Review due","type":"string","priority":1,"jsonPath":".status.summary.reviewDue","description":"the day on which the next review is due"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::namespaced_spec()))]
pub struct ResponsibilityAssignmentSpec {
    /// What the assignment says.
    #[serde(flatten)]
    pub assignment: AssignmentSpec,
}

/// Who holds which duty for workloads of the namespaces chosen by label, and which parties there are.
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
    doc = "Says who holds which security duty for workloads of the namespaces it selects: provider and platform-team duties, and a directory of parties.",
    printcolumn = r#"{"name":"Model","type":"string","jsonPath":".status.summary.model","description":"the service model of the workloads"}"#,
    printcolumn = r#"{"name":"Workloads","type":"integer","jsonPath":".status.summary.workloads","description":"how many workloads it selects"}"#,
    printcolumn = r#"{"name":"Unowned","type":"integer","jsonPath":".status.summary.unownedLayers","description":"how many layers have a duty that nobody holds"}"#,
    printcolumn = r#"{"name":"Covered","type":"string","jsonPath":".status.conditions[?(@.type==\"Covered\")].status","description":"whether every duty is held"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Covered\")].reason","description":"why it is covered or not"}"#,
    printcolumn = r#"{"name":"Layers","type":"string","priority":1,"jsonPath":".status.summary.unownedLayerNames","description":"the unowned layers"}"#,
    printcolumn = r#"{"name":"Unfulfilled","type":"integer","priority":1,"jsonPath":".status.summary.unfulfilledLayers","description":"how many layers have a duty that is seen not to be done"}"#,
    printcolumn = r#"{"name":"Assumed","type":"integer","priority":1,"jsonPath":".status.summary.duties.assumed","description":"provider duties that nobody confirmed"}"#,
    printcolumn = r#"{"name":"Review due","type":"string","priority":1,"jsonPath":".status.summary.reviewDue","description":"the day on which the next review is due"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::cluster_spec()))]
pub struct ClusterResponsibilityAssignmentSpec {
    /// The namespaces spoken of, by their labels; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// What the assignment says.
    #[serde(flatten)]
    pub assignment: AssignmentSpec,
}

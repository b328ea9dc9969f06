//! What users write and read: the custom resources of the group `sharedresponsibility.dev`.
//!
//! Types only, no logic. The schemas carry bounds and CEL rules, so that the API server refuses bad input by itself, with
//! a message that says what to write; the YAML under `crds/` is generated from here.

mod assignment;
mod fields;
mod rules;
mod selector;
mod status;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

pub use assignment::{
    AssignmentSpec, ClusterResponsibilityAssignment, ClusterResponsibilityAssignmentSpec, ResponsibilityAssignment,
    ResponsibilityAssignmentSpec,
};
pub use fields::{
    Acknowledgement, Agreement, Contact, Date, DutyEntry, Evidence, Exception, LayerName, Party, PartyName, Review,
    Role, Url,
};
pub use selector::{LabelSelector, LabelSelectorRequirement, LabelValue, Operator};
pub use status::{Announcement, AssignmentStatus, DutyCounts, GapReason, GapState, Summary, UnownedLayer};

/// The API group of all kinds.
pub const GROUP: &str = "sharedresponsibility.dev";

/// The custom resource definitions in the order in which they are installed.
#[must_use]
pub fn crds() -> [CustomResourceDefinition; 2] {
    [ResponsibilityAssignment::crd(), ClusterResponsibilityAssignment::crd()].map(without_nullable)
}

/// Optional fields are left out, not null: the API server drops a null of a field that is not nullable, and rules need
/// not think of it.
fn without_nullable(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()).for_each(forbid_null);
    crd
}

fn forbid_null(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(properties) = &mut schema.properties {
        properties.values_mut().for_each(forbid_null);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => forbid_null(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(forbid_null),
        None => {}
    }
}

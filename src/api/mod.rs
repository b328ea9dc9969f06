//! The custom resources of the group `sharedresponsibility.dev`.
//!
//! This module contains types without logic. The schemas have bounds and CEL rules. The API server rejects invalid objects
//! with a message that says what to write. `make generate` writes the CRDs in `crds/` from these types.

mod assignment;
mod fields;
mod reasons;
mod rules;
mod selector;
mod service_model;
mod status;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
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
pub use reasons::{Fulfilment, GapReason, GapState, OpenState, RiskReason};
pub use selector::{LabelSelector, LabelSelectorRequirement, LabelValue, Operator};
pub use service_model::{
    Cell, DefinedHalves, DefinedPresence, LayerDefinition, ServiceModel, ServiceModelSpec, ServiceModelStatus,
};
pub use status::{
    Announcement, AssignmentStatus, DutyCounts, FulfilmentCounts, Risk, Summary, UnfulfilledDuty, UnownedLayer,
};

/// The API group of all kinds.
pub const GROUP: &str = "sharedresponsibility.dev";

/// Returns the custom resource definitions in the order in which they are installed.
#[must_use]
pub fn crds() -> [CustomResourceDefinition; 3] {
    [ResponsibilityAssignment::crd(), ClusterResponsibilityAssignment::crd(), ServiceModel::crd()]
        .map(with_schema_corrections)
}

/// Corrects the generated schemas. `nullable` is removed, so the API server drops null values and rules do not see them.
/// Defaults are removed from the status, so the API server does not add fields to it.
fn with_schema_corrections(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        visit(schema, &|part| part.nullable = None);
        if let Some(status) = schema.properties.as_mut().and_then(|fields| fields.get_mut("status")) {
            visit(status, &|part| part.default = None);
            let conditions = status.properties.as_mut().and_then(|fields| fields.get_mut("conditions"));
            if let Some(JSONSchemaPropsOrArray::Schema(condition)) = conditions.and_then(|list| list.items.as_mut()) {
                bound_condition(condition);
            }
        }
    }
    crd
}

/// Calls `change` for a schema and for all schemas inside it.
fn visit(schema: &mut JSONSchemaProps, change: &impl Fn(&mut JSONSchemaProps)) {
    change(schema);
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        visit(property, change);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => visit(items, change),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(|items| visit(items, change)),
        None => {}
    }
}

/// Adds the bounds of `metav1.Condition` in Go, which the Rust type does not have.
fn bound_condition(condition: &mut JSONSchemaProps) {
    for (name, field) in condition.properties.iter_mut().flatten() {
        match name.as_str() {
            "status" => field.enum_ = Some(["True", "False", "Unknown"].map(|status| JSON(status.into())).into()),
            "reason" => {
                (field.min_length, field.max_length) = (Some(1), Some(1024));
                field.pattern = Some("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$".to_owned());
            }
            "message" => field.max_length = Some(32768),
            "type" => field.max_length = Some(316),
            _ => {}
        }
    }
}

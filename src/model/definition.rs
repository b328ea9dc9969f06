//! Definitions and status of ServiceModels.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::conditions::ConditionValue;
use super::message::shorten;
use crate::api::{DefinedPresence, LayerDefinition, LayerName, ServiceModelSpec, ServiceModelStatus};
use crate::matrix::{Halves, Layer, LayerTriggers, Matrix, ModelDefinition, ModelSet, Owes, Presence, Unusable};

/// Converts the spec of a ServiceModel into a definition for the matrix.
#[must_use]
pub fn define(name: &str, spec: &ServiceModelSpec) -> ModelDefinition {
    let cell = |cell: &crate::api::Cell| (cell.layer.0.clone(), cell.owes);
    ModelDefinition {
        name: name.to_owned(),
        extends: spec.extends,
        cells: spec.cells.iter().map(cell).collect(),
        layers: spec.layers.iter().map(layer).collect(),
    }
}

fn layer(definition: &LayerDefinition) -> (Layer, Owes) {
    let LayerDefinition { name: LayerName(name), meaning, plane, concern, presence, owes, halves, .. } = definition;
    let halves =
        halves.as_ref().map(|halves| Halves { provider: halves.provider.clone(), customer: halves.customer.clone() });
    let layer = Layer {
        name: name.clone(),
        meaning: meaning.clone(),
        plane: *plane,
        concern: *concern,
        presence: match presence {
            DefinedPresence::Inherent => Presence::Inherent,
            DefinedPresence::Declared => Presence::Declared,
        },
        triggers: LayerTriggers::empty(),
        retained: false,
        tenant_exceptions: true,
        halves,
        cells: BTreeMap::new(),
        defined_by: ModelSet::empty(),
    };
    (layer, *owes)
}

/// Returns the status of a ServiceModel. `outdated` is the error if the stored object does not match the schema.
#[must_use]
pub fn service_model_status(
    matrix: &Matrix,
    name: &str,
    generation: Option<i64>,
    outdated: Option<&str>,
    assignments_using: usize,
    previous: &ServiceModelStatus,
    now: Timestamp,
) -> ServiceModelStatus {
    let verdict = match (outdated, matrix.find_model(name)) {
        (Some(error), _) => {
            let message =
                format!("The stored object cannot be read: {}. Apply it again.", shorten(&format!("{error:?}"), 400));
            ConditionValue::new("Accepted", "False", "SchemaOutdated", message)
        }
        (None, Err(Unusable::Refused(why))) => {
            ConditionValue::new("Accepted", "False", "ServiceModelInvalid", shorten(why, 400))
        }
        (None, Ok(_) | Err(Unusable::NotFound)) => ConditionValue::new(
            "Accepted",
            "True",
            "Accepted",
            "Assignments can use this ServiceModel in spec.serviceModel.",
        ),
    };
    ServiceModelStatus {
        observed_generation: generation,
        conditions: vec![verdict.dated(&previous.conditions, generation, now)],
        used_by: i64::try_from(assignments_using).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use rstest::rstest;
    use serde_json::json;

    use super::super::testing::minute;
    use super::*;
    use crate::matrix::{Audience, Plane, ServiceModel};

    fn written() -> ServiceModelSpec {
        let layer = |name: &str, presence: &str, halves: serde_json::Value| {
            json!({
                "name": name, "meaning": "models that are called", "plane": "Cluster", "concern": "Platform",
                "presence": presence, "owes": "Shared", "halves": halves, "source": "policy 7",
            })
        };
        let halves = json!({ "provider": "runs them", "customer": "chooses them" });
        let spec = json!({
            "extends": "ManagedNodes",
            "cells": [{ "layer": "node-os", "owes": "Shared", "source": "contract" }],
            "layers": [layer("example.com/a", "Inherent", halves), layer("example.com/b", "Declared", json!(null))],
        });
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_service_model_defines_what_is_written() {
        let definition = define("rosa", &written());
        assert_eq!((definition.name.as_str(), definition.extends), ("rosa", ServiceModel::ManagedNodes));
        assert_eq!(definition.cells, [("node-os".to_owned(), Owes::Shared)]);
        let halves = Halves { provider: "runs them".to_owned(), customer: "chooses them".to_owned() };
        let expected = Layer {
            name: "example.com/a".to_owned(),
            meaning: "models that are called".to_owned(),
            plane: Plane::Cluster,
            concern: Audience::Platform,
            presence: Presence::Inherent,
            triggers: LayerTriggers::empty(),
            retained: false,
            tenant_exceptions: true,
            halves: Some(halves),
            cells: BTreeMap::new(),
            defined_by: ModelSet::empty(),
        };
        let [first, second] = &definition.layers[..] else { panic!("two layers: {definition:?}") };
        assert_eq!(*first, (expected.clone(), Owes::Shared));
        let name = "example.com/b".to_owned();
        assert_eq!(*second, (Layer { name, presence: Presence::Declared, halves: None, ..expected }, Owes::Shared));
    }

    fn status(outdated: Option<&str>, spec: Option<&ServiceModelSpec>) -> ServiceModelStatus {
        let matrix = Matrix::extended(spec.iter().map(|spec| define("rosa", spec)).collect());
        service_model_status(&matrix, "rosa", Some(3), outdated, 2, &ServiceModelStatus::default(), minute(0))
    }

    fn without_halves() -> ServiceModelSpec {
        written()
    }

    fn usable() -> ServiceModelSpec {
        let mut spec = written();
        spec.layers.truncate(1);
        spec
    }

    #[rstest]
    #[case::usable(None, Some(usable()), "True", "Accepted", "serviceModel")]
    #[case::not_taken_in_yet(None, None, "True", "Accepted", "serviceModel")]
    #[case::not_usable(None, Some(without_halves()), "False", "ServiceModelInvalid", "has no halves")]
    #[case::not_parsing(Some("missing field `extends`"), Some(usable()), "False", "SchemaOutdated", "Apply it again")]
    fn a_service_model_is_told_whether_it_can_be_used(
        #[case] outdated: Option<&str>,
        #[case] spec: Option<ServiceModelSpec>,
        #[case] accepted: &str,
        #[case] reason: &str,
        #[case] part: &str,
    ) {
        let status = status(outdated, spec.as_ref());
        let [condition] = &status.conditions[..] else { panic!("{status:?}") };
        let seen = (condition.type_.as_str(), condition.status.as_str(), condition.reason.as_str());
        assert_eq!(seen, ("Accepted", accepted, reason));
        assert!(condition.message.contains(part), "{}", condition.message);
        assert_eq!((status.observed_generation, status.used_by), (Some(3), 2));
        assert_eq!(condition.observed_generation, Some(3));
    }

    #[test]
    fn a_status_that_would_be_the_same_is_the_same_at_any_later_time() {
        let matrix = Matrix::extended(vec![define("rosa", &usable())]);
        let at = |minutes, previous: &ServiceModelStatus, outdated| {
            service_model_status(&matrix, "rosa", Some(1), outdated, 0, previous, minute(minutes))
        };
        let first = at(0, &ServiceModelStatus::default(), None);
        assert_eq!(at(60, &first, None), first);
        let later = at(61, &first, Some("no longer"));
        assert_eq!(later.conditions[0].last_transition_time, Time(minute(61)));
    }

    #[test]
    fn what_users_wrote_is_quoted_in_part_and_without_line_breaks() {
        let message = status(Some(&format!("{}\n", "x".repeat(2000))), None).conditions.remove(0).message;
        assert!(message.len() < 500 && !message.contains('\n'), "{message}");
    }
}

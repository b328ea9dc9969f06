//! Checks the properties that the header of `matrix.yaml` lists.

use std::collections::BTreeSet;

use super::*;

#[test]
fn there_are_22_layers_with_a_cell_for_each_of_the_seven_service_models() {
    let matrix = Matrix::built_in();
    assert_eq!(matrix.layers().count(), 22);
    for (_, layer) in matrix.layers() {
        assert_eq!(layer.cells.keys().copied().collect::<Vec<_>>(), ServiceModel::ALL, "{}", layer.name);
    }
    let names: Vec<&str> = matrix.models().map(|(_, model)| model.name.as_str()).collect();
    assert_eq!(names, ServiceModel::ALL.map(ServiceModel::name));
    for (model, (id, _)) in ServiceModel::ALL.into_iter().zip(matrix.models()) {
        assert_eq!(ModelId::from(model), id, "{model}");
    }
}

#[test]
fn layer_names_are_distinct_and_found_by_name() {
    let matrix = Matrix::built_in();
    for (id, layer) in matrix.layers() {
        assert_eq!(matrix.find(&layer.name), Some(id));
    }
    assert_eq!(matrix.find("nodeos"), None);
}

#[test]
fn going_right_no_row_moves_back_towards_the_customer() {
    for (_, layer) in Matrix::built_in().layers() {
        let owes: Vec<_> = layer.cells.values().map(|(owes, _)| *owes).collect();
        assert!(owes.is_sorted(), "{}: {owes:?}", layer.name);
    }
}

#[test]
fn the_purely_customer_cells_of_the_models_never_reach_zero() {
    let matrix = Matrix::built_in();
    let purely_customer =
        ServiceModel::ALL.map(|model| matrix.owed(model).customer.difference(matrix.owed(model).provider).len());
    assert_eq!(purely_customer, [21, 17, 11, 11, 7, 7, 5]);
    assert_eq!(matrix.customer_everywhere().len(), 5);
}

#[test]
fn every_layer_owes_at_least_one_duty_under_every_model() {
    let matrix = Matrix::built_in();
    for model in ServiceModel::ALL {
        let owed = matrix.owed(model);
        assert_eq!(owed.provider.union(owed.customer).len(), 22, "{model}");
    }
}

#[test]
fn a_layer_with_a_shared_cell_says_what_each_side_does() {
    for (_, layer) in Matrix::built_in().layers() {
        let shared = layer.cells.values().any(|(owes, _)| *owes == Owes::Shared);
        assert!(!shared || layer.halves.is_some(), "{}", layer.name);
    }
}

#[test]
fn a_retained_layer_is_the_providers_nowhere() {
    for (_, layer) in Matrix::built_in().layers().filter(|(_, layer)| layer.retained) {
        assert!(layer.cells.values().all(|(owes, _)| *owes != Owes::Provider), "{}", layer.name);
    }
    assert_eq!(Matrix::built_in().layers().filter(|(_, layer)| layer.retained).count(), 6);
}

#[test]
fn only_detected_layers_have_triggers_and_they_have_at_least_one() {
    for (_, layer) in Matrix::built_in().layers() {
        assert_eq!(layer.presence == Presence::Detected, !layer.triggers.is_empty(), "{}", layer.name);
    }
}

#[test]
fn thirteen_layers_are_inherent_and_one_is_declared() {
    let matrix = Matrix::built_in();
    let count = |presence| matrix.layers().filter(|(_, layer)| layer.presence == presence).count();
    assert_eq!([count(Presence::Inherent), count(Presence::Declared), count(Presence::Detected)], [13, 1, 8]);
    assert_eq!(matrix.present(LayerTriggers::default(), ModelSet::empty(), LayerSet::empty()).len(), 13);
}

#[test]
fn every_cell_cites_known_sources_and_every_source_is_cited_or_a_reference() {
    let matrix = Matrix::built_in();
    let cited: BTreeSet<&str> = matrix
        .layers()
        .flat_map(|(_, layer)| layer.cells.values())
        .inspect(|(_, sources)| assert!(!sources.is_empty()))
        .flat_map(|(_, sources)| sources.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| word.len() < 4 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .collect();
    assert_eq!(cited, matrix.sources().keys().map(String::as_str).collect());
}

/// Each trigger adds exactly these layers to the inherent layers.
#[test]
fn each_trigger_makes_its_layers_present() {
    let matrix = Matrix::built_in();
    let inherent = matrix.present(LayerTriggers::default(), ModelSet::empty(), LayerSet::empty());
    let added = |trigger| {
        let present = matrix.present(trigger, ModelSet::empty(), LayerSet::empty());
        present.difference(inherent).ids().map(|id| matrix.layer(id).name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(added(LayerTriggers::STORAGE), ["data-protection", "storage-platform", "backup-recovery"]);
    assert_eq!(added(LayerTriggers::SECRETS), ["data-protection", "secrets-and-keys"]);
    assert_eq!(added(LayerTriggers::EXTERNAL_SERVICES), ["data-protection", "external-services"]);
    assert_eq!(
        added(LayerTriggers::PUBLISHED),
        ["data-protection", "user-accounts", "identity-infrastructure", "network-exposure"]
    );
    assert_eq!(added(LayerTriggers::HOST_NETWORK), ["data-protection", "network-exposure"]);
}

#[test]
fn a_declared_layer_is_present_where_it_is_declared() {
    let matrix = Matrix::built_in();
    let devices: LayerSet = matrix.find("client-devices").into_iter().collect();
    assert!(!devices.is_empty());
    assert_eq!(matrix.present(LayerTriggers::default(), ModelSet::empty(), devices).intersection(devices), devices);
}

#[test]
fn an_unknown_service_model_is_refused_with_the_names_to_write() {
    let message = "Caas".parse::<ServiceModel>().unwrap_err().to_string();
    assert!(message.contains("\"Caas\"") && message.contains("CaaS"), "{message}");
    assert_eq!("CaaS".parse(), Ok(ServiceModel::Caas));
}

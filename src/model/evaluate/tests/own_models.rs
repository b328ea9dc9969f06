//! Service models and layers that the cluster defines.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use crate::api::GapReason::{LayerUnowned, NotTransferable};
use crate::api::RiskReason::{ProviderClaimsCustomerLayer, ServiceModelContradicted};
use crate::api::Role;
use crate::facts::AssignmentId;
use crate::matrix::ServiceModel::{Caas, ManagedNodes};
use crate::matrix::{Duty, LayerId, LayerSet, Matrix};
use crate::model::evaluation::State::{self, Assumed, Gap, Owned};
use crate::model::testing::{Workload, cluster, empty, matrix as built_in, namespaced};
use crate::model::{Assignment, Claim, ModelClaim, define};

const AI: &str = "example.com/ai-models";

/// Matrix with these ServiceModels.
fn defining(models: &[(&str, Value)]) -> Arc<Matrix> {
    let define = |(name, spec): &(&str, Value)| define(name, &serde_json::from_value(spec.clone()).unwrap());
    Arc::new(Matrix::extended(models.iter().map(define).collect()))
}

fn ai(owes: &str, presence: &str) -> Value {
    json!({
        "name": AI, "meaning": "models that are called", "plane": "Workload", "concern": "Workload",
        "presence": presence, "owes": owes, "source": "policy 7",
        "halves": { "provider": "runs them", "customer": "chooses them" },
    })
}

fn rosa() -> Value {
    json!({
        "extends": "ManagedNodes",
        "cells": [
            { "layer": "storage-platform", "owes": "Provider", "source": "Red Hat" },
            { "layer": "access-control", "owes": "Shared", "source": "Red Hat" },
        ],
    })
}

trait In {
    fn claiming(self, matrix: &Matrix, model: &str) -> Self;
    fn declaring_own(self, layer: LayerId) -> Self;
    fn giving(self, layer: LayerId, duty: Duty, party: &str) -> Self;
}

impl In for Assignment {
    fn claiming(self, matrix: &Matrix, model: &str) -> Self {
        Self { model: Some(ModelClaim::Known(matrix.find_model(model).unwrap())), ..self }
    }

    fn declaring_own(mut self, layer: LayerId) -> Self {
        self.declares.insert(LayerSet::of(layer));
        self
    }

    fn giving(mut self, layer: LayerId, duty: Duty, party: &str) -> Self {
        let agreement = crate::model::AgreementCover::Missing;
        self.claims.push(Claim { layer, duty, party: party.into(), accountable: None, agreement });
        self.claims.sort_by_key(|claim| (claim.layer, claim.duty));
        self
    }
}

fn states(workload: &Workload, layer: LayerId) -> Vec<(Duty, State)> {
    let duties = workload.evaluate().duties.into_iter().filter(|found| found.layer == layer);
    duties.map(|found| (found.duty, found.state)).collect()
}

#[test]
fn cells_that_a_model_overrides_are_its_own_and_the_others_those_of_the_model_it_extends() {
    let matrix = defining(&[("rosa", rosa())]);
    let signals = [crate::matrix::LayerTriggers::STORAGE, crate::matrix::LayerTriggers::SECRETS];
    let claimed = Workload::under(None).showing(&signals).in_matrix(&matrix);
    let claimed = claimed.with(cluster("platform").claiming(&matrix, "rosa"));
    let extended = Workload::under(ManagedNodes).showing(&signals);
    assert_eq!(claimed.duties_of("storage-platform"), [Duty::Provider]);
    assert_eq!(claimed.duties_of("access-control"), [Duty::Provider, Duty::Customer]);
    for (_, layer) in built_in().layers() {
        if !["storage-platform", "access-control"].contains(&layer.name.as_str()) {
            assert_eq!(claimed.duties_of(&layer.name), extended.duties_of(&layer.name), "{}", layer.name);
        }
    }
}

/// A ServiceModel can add the provider duty of a retained layer, but cannot remove the customer duty.
#[test]
fn a_retained_layer_stays_retained_under_a_model_of_the_clusters_own() {
    let matrix = defining(&[("rosa", rosa())]);
    let shop = namespaced("shop").party("aws", Role::Provider).customer(&["access-control"], "aws");
    let workload =
        Workload::under(None).in_matrix(&matrix).with(cluster("platform").claiming(&matrix, "rosa")).with(shop);
    assert_eq!(workload.state("access-control", Duty::Customer), Some(Gap(NotTransferable)));
    assert_eq!(workload.state("access-control", Duty::Provider), Some(Assumed));
    let lazy =
        json!({ "extends": "CaaS", "cells": [{ "layer": "access-control", "owes": "Provider", "source": "x" }] });
    assert!(defining(&[("lazy", lazy)]).find_model("lazy").is_err());
}

/// `owes` of the layer, and the duties of a workload under the model.
#[rstest]
#[case::the_customer("Customer", &[(Duty::Customer, Gap(LayerUnowned))])]
#[case::both("Shared", &[(Duty::Provider, Assumed), (Duty::Customer, Gap(LayerUnowned))])]
#[case::the_provider("Provider", &[(Duty::Provider, Assumed)])]
fn an_inherent_layer_is_there_for_every_workload_under_its_model(
    #[case] owes: &str,
    #[case] expected: &[(Duty, State)],
) {
    let matrix = defining(&[("ai", json!({ "extends": "CaaS", "layers": [ai(owes, "Inherent")] }))]);
    let layer = matrix.find(AI).unwrap();
    let other = Workload::under(Caas).in_matrix(&matrix).with(namespaced("shop"));
    assert_eq!(states(&other, layer), []);
    let workload = Workload::under(None).in_matrix(&matrix).with(cluster("platform").claiming(&matrix, "ai"));
    assert_eq!(states(&workload, layer), expected);
}

#[test]
fn a_declared_layer_is_there_where_it_is_declared_under_any_model() {
    let matrix = defining(&[("ai", json!({ "extends": "CaaS", "layers": [ai("Shared", "Declared")] }))]);
    let layer = matrix.find(AI).unwrap();
    let declaring = namespaced("shop").declaring_own(layer);
    for model in [None, Some("ai")] {
        let platform = model.map_or_else(|| cluster("platform"), |model| cluster("platform").claiming(&matrix, model));
        let workload = Workload::under(Caas).in_matrix(&matrix).with(platform);
        assert_eq!(states(&workload, layer), [], "{model:?}");
        let expected = [(Duty::Provider, Assumed), (Duty::Customer, Gap(LayerUnowned))];
        assert_eq!(states(&workload.with(declaring.clone()), layer), expected, "{model:?}");
    }
}

#[test]
fn duties_of_a_layer_of_its_own_are_held_and_claimed_like_others() {
    let matrix = defining(&[("ai", json!({ "extends": "CaaS", "layers": [ai("Customer", "Inherent")] }))]);
    let layer = matrix.find(AI).unwrap();
    let shop = namespaced("shop").party("team", Role::Customer).giving(layer, Duty::Customer, "team");
    let workload = Workload::under(None).in_matrix(&matrix).with(cluster("platform").claiming(&matrix, "ai"));
    let held = workload.clone().with(shop);
    assert_eq!(states(&held, layer), [(Duty::Customer, Owned)]);
    let idle = namespaced("idle").party("aws", Role::Provider).giving(layer, Duty::Provider, "aws");
    let listed = workload.with(idle.clone()).listed_risks(&idle.id, ProviderClaimsCustomerLayer);
    assert_eq!(listed, [Some(AI.to_owned())]);
}

#[test]
fn a_namespace_that_claims_a_model_of_the_clusters_own_adds_its_customer_duties() {
    let spec = json!({ "extends": "SaaS", "layers": [ai("Shared", "Inherent")] });
    let matrix = defining(&[("ai", spec)]);
    let layer = matrix.find(AI).unwrap();
    let claiming = namespaced("shop").claiming(&matrix, "ai");
    let workload = Workload::under(Caas).in_matrix(&matrix).with(claiming.clone());
    assert_eq!(states(&workload, layer), [(Duty::Customer, Gap(LayerUnowned))], "and no provider duty");
    assert_eq!(workload.duties_of("application-code"), [Duty::Customer]);
    let listed = workload.listed_risks(&claiming.id, ServiceModelContradicted);
    assert!(listed.contains(&Some("application-code".to_owned())), "{listed:?}");
}

/// Two models define the layer, and a namespace claims the one with fewer duties.
#[test]
fn a_claim_takes_nothing_away_from_a_layer_that_is_declared() {
    let model = |owes| json!({ "extends": "CaaS", "layers": [ai(owes, "Declared")] });
    let mut less = model("Customer");
    less["layers"] = json!([ai("Provider", "Declared")]);
    less["cells"] = json!([{ "layer": "physical-infrastructure", "owes": "Shared", "source": "x" }]);
    let matrix = defining(&[("less", less), ("more", model("Customer"))]);
    let layer = matrix.find(AI).unwrap();
    let declaring = namespaced("declaring").declaring_own(layer);
    let before = Workload::under(Caas).in_matrix(&matrix).with(declaring);
    assert_eq!(states(&before, layer).into_iter().map(|(duty, _)| duty).collect::<Vec<_>>(), Duty::ALL);
    let after = before.clone().with(namespaced("claiming").claiming(&matrix, "less"));
    assert_eq!(after.duties_of("physical-infrastructure"), Duty::ALL, "the claim adds something");
    assert_eq!(states(&after, layer), states(&before, layer));
}

#[test]
fn that_a_model_of_the_clusters_own_is_named_is_known_whether_it_can_be_used_or_not() {
    let matrix = defining(&[("rosa", rosa())]);
    let id = || AssignmentId { namespace: Some("shop".into()), name: "a".into() };
    let uses_custom_model = |model: Option<ModelClaim>| {
        let assignment = Assignment { model, ..empty(id()) };
        Workload::under(Caas).in_matrix(&matrix).with(assignment).evaluate().model.uses_custom_model
    };
    assert!(uses_custom_model(Some(ModelClaim::Known(matrix.find_model("rosa").unwrap()))));
    assert!(uses_custom_model(Some(ModelClaim::NotFound("absent".into()))));
    assert!(uses_custom_model(Some(ModelClaim::Refused { name: "lazy".into(), why: "retained".into() })));
    assert!(!uses_custom_model(Some(ModelClaim::Known(Caas.into()))));
    assert!(!uses_custom_model(None));
}

#[rstest]
#[case::not_found(ModelClaim::NotFound("absent".into()))]
#[case::refused(ModelClaim::Refused { name: "lazy".into(), why: "retained".into() })]
fn a_claim_that_cannot_be_used_has_no_effect_and_makes_uncertain_only_when_it_is_the_clusters(
    #[case] claim: ModelClaim,
) {
    let without = Workload::under(Caas).with(namespaced("shop")).evaluate();
    for (assignment, uncertain) in [(cluster("a"), true), (namespaced("a"), false)] {
        let workload = Workload::under(Caas).with(Assignment { model: Some(claim.clone()), ..assignment });
        let found = workload.evaluate();
        assert_eq!(found.model.not_found, uncertain);
        assert_eq!((&found.duties, found.model.models), (&without.duties, without.model.models));
    }
}

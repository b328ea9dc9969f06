//! ServiceModels that the cluster defines.

use kube::api::Api;
use kube::runtime::wait::await_condition;
use responsibility_operator::api::{ServiceModel, ServiceModelStatus};
use responsibility_operator::matrix::ServiceModel as BuiltIn;
use serde_json::{Value, json};

use crate::support::*;

pub fn service_model(name: &str, spec: Value) -> Value {
    json!({ "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ServiceModel", "metadata": { "name": name }, "spec": spec })
}

async fn status_of(cluster: &Cluster, name: &str, wanted: impl Fn(&ServiceModelStatus) -> bool) -> ServiceModelStatus {
    let api: Api<ServiceModel> = Api::all(cluster.client().await);
    let condition = |object: Option<&ServiceModel>| object.and_then(|o| o.status.as_ref()).is_some_and(&wanted);
    let met = tokio::time::timeout(LIMIT, await_condition(api, name, condition)).await;
    met.expect("the status comes to the wanted state").unwrap().unwrap().status.unwrap()
}

fn accepted(status: &ServiceModelStatus) -> String {
    let [condition] = &status.conditions[..] else { panic!("{:?}", status.conditions) };
    format!("{} {}", condition.status, condition.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_its_own_changes_cells_and_adds_layers_as_soon_as_it_is_there() {
    let cluster = shared().await;
    let ns = cluster.namespace("own-column");
    let claim = cluster_assignment("own-column", ns.name, json!({ "serviceModel": "house-model" }));
    cluster.apply(&[claim]);
    ns.apply(&[
        deployment("web", &json!({})),
        assignment("team", json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &["example.com/house-ai"])] })),
    ]);
    // The named model does not exist yet: no assignment that selects these workloads is covered.
    let cluster_status =
        cluster.cluster_status("own-column", |status| condition(status, "Accepted").starts_with("False")).await;
    assert_eq!(condition(&cluster_status, "Accepted"), "False ServiceModelNotFound");
    let status = ns.status("team", |status| condition(status, "Covered") == "Unknown ServiceModelNotFound").await;
    assert_eq!(condition(&status, "Accepted"), "True LayersIgnored");

    cluster.apply(&[service_model(
        "house-model",
        json!({
            "extends": "ManagedNodes",
            "cells": [{ "layer": "cloud-network", "owes": "Provider", "source": "contract 7" }],
            "layers": [{
                "name": "example.com/house-ai", "meaning": "the models that are called", "plane": "Workload",
                "concern": "Workload", "presence": "Inherent", "owes": "Shared", "source": "contract 7",
                "halves": { "provider": "runs them", "customer": "chooses them" },
            }],
        }),
    )]);
    let model = status_of(cluster, "house-model", |status| status.used_by == 1).await;
    assert_eq!(accepted(&model), "True Accepted");
    let status = ns.status("team", |status| status.summary.as_ref().unwrap().layers == 14).await;
    assert_eq!(status.summary.as_ref().unwrap().model.as_deref(), Some("house-model"));
    assert_eq!(condition(&status, "Accepted"), "True Accepted");
    let cluster_status =
        cluster.cluster_status("own-column", |status| status.summary.as_ref().unwrap().layers == 14).await;
    let gaps: Vec<&str> = cluster_status.unowned_layers.iter().map(|row| row.layer.as_str()).collect();
    assert!(!gaps.contains(&"cloud-network") && !gaps.contains(&"example.com/house-ai"), "{gaps:?}");

    cluster.kubectl(&["delete", "servicemodel", "house-model"]);
    ns.status("team", |status| condition(status, "Covered") == "Unknown ServiceModelNotFound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_columns_that_contradict_each_other_are_both_refused_and_whoever_names_them_is_told() {
    let cluster = shared().await;
    let ns = cluster.namespace("contradicting");
    let layer = |meaning: &str| {
        json!({ "extends": "CaaS", "layers": [{
            "name": "example.com/contested", "meaning": meaning, "plane": "Workload", "concern": "Workload",
            "presence": "Declared", "owes": "Customer", "source": "house rule",
        }] })
    };
    cluster.apply(&[service_model("contested-a", layer("one thing")), service_model("contested-b", layer("another"))]);
    for name in ["contested-a", "contested-b"] {
        let status =
            status_of(cluster, name, |status| !status.conditions.is_empty() && accepted(status).starts_with("False"))
                .await;
        assert_eq!(accepted(&status), "False ServiceModelInvalid");
        assert!(status.conditions[0].message.contains("contested-"), "{}", status.conditions[0].message);
    }
    ns.apply(&[
        deployment("web", &json!({})),
        assignment("team", json!({ "serviceModel": "contested-a", "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &["node-os"])] })),
    ]);
    ns.status("team", |status| condition(status, "Accepted") == "False ServiceModelInvalid").await;
    cluster.kubectl(&["delete", "servicemodel", "contested-b"]);
    status_of(cluster, "contested-a", |status| !status.conditions.is_empty() && accepted(status) == "True Accepted")
        .await;
    ns.status("team", |status| condition(status, "Accepted") == "True Accepted").await;
    let shown = cluster.kubectl(&["get", "smodel", "contested-a"]);
    assert!(shown.contains("CaaS") && shown.contains("True"), "{shown}");
    cluster.kubectl(&["delete", "servicemodel", "contested-a"]);
}

/// Defines a test: a spec, and the words that the error must contain.
fn refused() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let cell = |layer: &str, owes: &str| json!({ "extends": "CaaS", "cells": [{ "layer": layer, "owes": owes, "source": "s" }] });
    let layer = |changes: Value| {
        let mut layer = json!({
            "name": "example.com/ai", "meaning": "m", "plane": "Workload", "concern": "Workload",
            "presence": "Inherent", "owes": "Customer", "source": "s",
        });
        for (field, value) in changes.as_object().unwrap() {
            layer[field] = value.clone();
        }
        json!({ "extends": "CaaS", "layers": [layer] })
    };
    vec![
        ("nothing extended", json!({ "cells": [] }), vec!["spec.extends", "Required"]),
        ("an unknown base", json!({ "extends": "KaaS" }), vec!["spec.extends", "\"KaaS\"", "\"CaaS\""]),
        (
            "an unknown layer",
            cell("nodeos", "Shared"),
            vec!["spec.cells[0].layer", "unknown layer \"nodeos\"; write one of:"],
        ),
        (
            "a cell of a layer of its own",
            cell("example.com/ai", "Shared"),
            vec!["spec.cells[0]", "define a layer of your own under layers"],
        ),
        ("a retained layer given away", cell("access-control", "Provider"), vec!["spec.cells[0]", "retained"]),
        ("an unknown word", cell("node-os", "Nobody"), vec!["spec.cells[0].owes", "\"Shared\""]),
        (
            "a built-in layer defined",
            layer(json!({ "name": "node-os" })),
            vec!["spec.layers[0]", "qualified name such as example.com/ai-models"],
        ),
        ("a shared layer without halves", layer(json!({ "owes": "Shared" })), vec!["spec.layers[0]", "halves"]),
        ("an unknown plane", layer(json!({ "plane": "cluster" })), vec!["spec.layers[0].plane", "\"Cluster\""]),
        ("a blank source", layer(json!({ "source": " " })), vec!["spec.layers[0].source", "not blanks only"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_makes_no_sense_is_refused_with_the_field_and_what_to_write() {
    let cluster = shared().await;
    for (what, spec, words) in refused() {
        let answer = cluster.refuse(&service_model("refused", spec));
        for word in words {
            assert!(answer.contains(word), "{what}: {word:?} is not in {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_differs_from_a_built_in_one_in_case_only_is_refused_by_schema_and_status() {
    let cluster = Cluster::start().await;
    let names = BuiltIn::ALL.map(|built_in| built_in.name().to_lowercase());
    for name in &names {
        let answer = cluster.refuse(&service_model(name, json!({ "extends": "CaaS" })));
        assert!(answer.contains("the name of a built-in service model in lower case; choose another name"), "{answer}");
    }
    // A cluster can have stored such an object before the schema had the rule.
    let definition = "servicemodels.sharedresponsibility.dev";
    let rule = "/spec/versions/0/schema/openAPIV3Schema/x-kubernetes-validations";
    let removal = json!([{ "op": "remove", "path": rule }]).to_string();
    cluster.kubectl(&["patch", "crd", definition, "--type=json", "-p", &removal]);
    eventually("the API server stores it", async || {
        cluster
            .kubectl_with_input(&["apply", "-f", "-"], &[service_model("saas", json!({ "extends": "CaaS" }))])
            .status
            .success()
    })
    .await;
    let _operator = cluster.operator(&[]);
    let status = status_of(&cluster, "saas", |status| !status.conditions.is_empty()).await;
    assert_eq!(accepted(&status), "False ServiceModelInvalid");
    assert!(status.conditions[0].message.contains("built-in service model SaaS"), "{}", status.conditions[0].message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maximal_column_is_accepted() {
    // It defines layers that other tests must not see.
    let cluster = Cluster::start().await;
    let _operator = cluster.operator(&["--default-service-model=CaaS"]);
    let cells: Vec<Value> = all_layers()
        .iter()
        .map(|layer| json!({ "layer": layer, "owes": "Shared", "source": "s".repeat(512) }))
        .collect();
    let halves = json!({ "provider": "p".repeat(256), "customer": "c".repeat(256) });
    let layers: Vec<Value> = (0..16)
        .map(|number| {
            json!({
                "name": format!("{}.example/{number:063}", "a".repeat(50)), "meaning": "m".repeat(256), "plane": "Workload",
                "concern": "Platform", "presence": "Declared", "owes": "Shared", "source": "s".repeat(512), "halves": halves,
            })
        })
        .collect();
    let maximal = service_model("maximal", json!({ "extends": "ManagedNodes", "cells": cells, "layers": layers }));
    let created = cluster.kubectl_with_input(&["create", "-f", "-"], &[maximal]);
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let status = status_of(&cluster, "maximal", |status| !status.conditions.is_empty()).await;
    assert_eq!(accepted(&status), "True Accepted");
}

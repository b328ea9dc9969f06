//! Routes of the Gateway API and of OpenShift, whose APIs appear and disappear while the operator runs.

use serde_json::{Value, json};

use crate::support::*;

const GATEWAY: &str = "gateway.networking.k8s.io";

fn internal_service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
        "spec": { "selector": { "app": name }, "ports": [{ "port": 80 }] },
    })
}

fn http_route(parent: &str, backend: Value) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": { "name": "web" },
        "spec": { "parentRefs": [{ "kind": parent, "name": "main" }], "rules": [{ "backendRefs": [backend] }] },
    })
}

fn layers(status: &responsibility_operator::api::AssignmentStatus) -> i64 {
    status.summary.as_ref().map_or(0, |summary| summary.layers)
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_count_from_when_their_kind_is_served_until_it_goes() {
    let cluster = Cluster::start().await;
    let operator = cluster.operator(&["--default-service-model=CaaS"]);
    let ns = cluster.namespace("web");
    ns.apply(&[deployment("web", &json!({})), internal_service("web"), team(&["application-code"])]);
    let status = ns.evaluated("team", 1).await;
    assert_eq!(layers(&status), 13);
    assert_eq!(condition(&status, "Ready"), "True Evaluated", "an API that is not served is no missing input");

    definitions(
        &cluster,
        &[
            (GATEWAY, "v1", "HTTPRoute", "httproutes"),
            (GATEWAY, "v1beta1", "ReferenceGrant", "referencegrants"),
            ("route.openshift.io", "v1", "Route", "routes"),
        ],
    );
    ns.apply(&[http_route("Gateway", json!({ "name": "web", "port": 80 }))]);
    // Discovery runs every 30 seconds.
    let status = ns.status("team", |status| layers(status) == 17).await;
    assert!(rows(&status).contains(&"network-exposure/Customer/LayerUnowned".to_owned()));

    // East-west traffic within a mesh does not expose a workload.
    ns.apply(&[http_route("Service", json!({ "name": "web", "port": 80 }))]);
    ns.status("team", |status| layers(status) == 13).await;

    // A route of another namespace needs a ReferenceGrant.
    let other = cluster.namespace("edge");
    other.apply(&[
        http_route("Gateway", json!({ "name": "api", "namespace": "web", "port": 80 })),
        deployment("own", &json!({})),
        internal_service("own"),
        team(&["application-code"]),
    ]);
    ns.apply(&[deployment("api", &json!({})), internal_service("api")]);
    // A route of OpenShift in the same namespace is processed after the other route.
    other.apply(&[json!({
        "apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": { "name": "own" },
        "spec": { "to": { "kind": "Service", "name": "own" } },
    })]);
    other.status("team", |status| layers(status) == 17).await;
    assert_eq!(layers(&ns.evaluated("team", 2).await), 13);
    ns.apply(&[json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": { "name": "edge" },
        "spec": {
            "from": [{ "group": GATEWAY, "kind": "HTTPRoute", "namespace": "edge" }],
            "to": [{ "group": "", "kind": "Service", "name": "api" }],
        },
    })]);
    let status = ns.status("team", |status| layers(status) == 17).await;
    let exposed = status.unowned_layers.iter().find(|row| row.layer == "network-exposure").unwrap();
    assert_eq!(exposed.examples, ["Deployment/api"]);

    let events = ns.events("team").await.len();
    cluster.kubectl(&["delete", "crd", "httproutes.gateway.networking.k8s.io", "--timeout=60s"]);
    let status = ns.status("team", |status| layers(status) == 13).await;
    assert_eq!(condition(&status, "InventoryComplete"), "True AllInputsRead");
    assert!(ns.events("team").await.len() <= events + 1, "{:?}", ns.events("team").await);
    assert!(!operator.log().contains("ended abnormally"), "{}", operator.log());
}

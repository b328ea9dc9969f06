//! Tests of the changes for routes and grants.

use std::collections::BTreeSet;

use kube::Resource;
use kube::core::{ApiResource, GroupVersionKind};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn object(spec: &Value) -> Value {
    json!({ "metadata": { "name": "web", "namespace": "shop" }, "spec": spec, "status": { "parents": [] } })
}

fn web() -> ObjectName {
    ObjectName { namespace: "shop".into(), name: "web".into() }
}

fn leads_to(delta: Delta, kind: RouteKind) -> Vec<String> {
    match delta {
        Delta::Route(of, name, Some(facts)) if of == kind && name == web() => {
            facts.backends.iter().map(|backend| format!("{}/{}", backend.namespace, backend.name)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn gateway<K: GatewayKind>(spec: &Value) -> Delta {
    serde_json::from_value::<GatewayRoute<K>>(object(spec)).unwrap().delta(&Extraction::default())
}

/// Returns the Services of a route with these rules that is attached to a Gateway.
fn by_rules(rules: &Value) -> Vec<String> {
    let spec = json!({ "parentRefs": [{ "name": "public" }], "rules": rules });
    leads_to(gateway::<Http>(&spec), RouteKind::HttpRoute)
}

/// Returns the Services of a route with this backend reference.
fn by_backend(backend: &Value) -> Vec<String> {
    by_rules(&json!([{ "backendRefs": [backend] }]))
}

#[test]
fn every_kind_of_route_leads_to_the_backends_of_its_rules() {
    let spec = json!({
        "parentRefs": [{ "name": "public", "namespace": "infra", "sectionName": "https" }],
        "hostnames": ["shop.example.com"],
        "rules": [
            {
                "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
                "backendRefs": [{ "name": "web", "port": 80, "weight": 9 }, { "name": "canary", "port": 80, "weight": 0 }],
            },
            { "backendRefs": [{ "name": "api", "port": 80 }, { "name": "web", "port": 81 }] },
        ],
    });
    for (kind, delta) in [
        (RouteKind::HttpRoute, gateway::<Http>(&spec)),
        (RouteKind::GrpcRoute, gateway::<Grpc>(&spec)),
        (RouteKind::TlsRoute, gateway::<Tls>(&spec)),
        (RouteKind::TcpRoute, gateway::<Tcp>(&spec)),
        (RouteKind::UdpRoute, gateway::<Udp>(&spec)),
    ] {
        assert_eq!(leads_to(delta, kind), ["shop/api", "shop/canary", "shop/web"]);
    }
}

#[rstest]
#[case::by_default(json!({ "name": "api" }), &["shop/api"])]
#[case::spelt_out(json!({ "group": "", "kind": "Service", "name": "api" }), &["shop/api"])]
#[case::of_another_namespace(json!({ "name": "api", "namespace": "bank" }), &["bank/api"])]
#[case::of_its_own_namespace(json!({ "name": "api", "namespace": "shop" }), &["shop/api"])]
#[case::of_another_kind(json!({ "kind": "Bucket", "name": "api" }), &[])]
#[case::of_another_group(json!({ "group": "net.gke.io", "kind": "ServiceImport", "name": "api" }), &[])]
#[case::service_of_another_group(json!({ "group": "serving.knative.dev", "kind": "Service", "name": "api" }), &[])]
fn only_a_service_is_a_backend(#[case] backend: Value, #[case] expected: &[&str]) {
    assert_eq!(by_backend(&backend), expected);
}

#[test]
fn a_backend_of_a_filter_is_none() {
    let mirror =
        json!([{ "type": "RequestMirror", "requestMirror": { "backendRef": { "name": "mirror", "port": 80 } } }]);
    assert_eq!(by_rules(&json!([{ "filters": mirror, "backendRefs": [{ "name": "web" }] }])), ["shop/web"]);
    assert_eq!(by_rules(&json!([{ "backendRefs": [{ "name": "web", "filters": mirror }] }])), ["shop/web"]);
    assert!(by_rules(&json!([{ "filters": mirror }])).is_empty());
}

#[rstest]
#[case(json!([]))]
#[case(json!(null))]
#[case(json!([{}]))]
#[case(json!([{ "backendRefs": null }]))]
#[case(json!([{ "backendRefs": [], "filters": [{ "type": "RequestRedirect" }] }]))]
fn a_route_without_backends_leads_nowhere(#[case] rules: Value) {
    assert!(by_rules(&rules).is_empty());
}

#[rstest]
#[case::gateway(json!([{ "name": "public" }]), true)]
#[case::spelt_out(json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public" }]), true)]
#[case::another_kind(json!([{ "kind": "ListenerSet", "name": "public" }]), true)]
#[case::mesh(json!([{ "group": "", "kind": "Service", "name": "web" }]), false)]
#[case::mesh_and_gateway(json!([{ "group": "", "kind": "Service", "name": "web" }, { "name": "public" }]), true)]
#[case::no_parent(json!([]), true)]
#[case::null(json!(null), true)]
fn a_route_leads_in_unless_services_alone_are_its_parents(#[case] parents: Value, #[case] leads: bool) {
    let spec = json!({ "parentRefs": parents, "rules": [{ "backendRefs": [{ "name": "web" }] }] });
    let found = leads_to(gateway::<Grpc>(&spec), RouteKind::GrpcRoute);
    assert_eq!(found.len(), usize::from(leads), "{found:?}");
}

#[test]
fn a_route_that_says_nothing_leads_nowhere() {
    let route: TlsRoute =
        serde_json::from_value(json!({ "metadata": { "name": "web", "namespace": "shop" } })).unwrap();
    assert!(leads_to(route.delta(&Extraction::default()), RouteKind::TlsRoute).is_empty());
}

// OpenShift

fn open_shift(spec: &Value) -> OpenShiftRoute {
    serde_json::from_value(object(spec)).unwrap()
}

#[rstest]
#[case(json!({ "host": "shop.example.com", "to": { "kind": "Service", "name": "web", "weight": 100 } }), &["shop/web"])]
#[case(json!({ "to": { "name": "web" } }), &["shop/web"])]
#[case(json!({ "to": { "kind": "Bucket", "name": "web" } }), &[])]
#[case(
    json!({
        "to": { "kind": "Service", "name": "web" },
        "alternateBackends": [{ "kind": "Service", "name": "canary", "weight": 0 }, { "kind": "Bucket", "name": "files" }],
    }),
    &["shop/canary", "shop/web"]
)]
#[case(json!({ "to": null, "alternateBackends": null }), &[])]
#[case(json!({}), &[])]
fn a_route_of_open_shift_leads_to_its_services(#[case] spec: Value, #[case] expected: &[&str]) {
    assert_eq!(leads_to(open_shift(&spec).delta(&Extraction::default()), RouteKind::OpenShiftRoute), expected);
}

// Grants

fn grant(spec: &Value) -> ReferenceGrant {
    serde_json::from_value(object(spec)).unwrap()
}

fn granted(spec: &Value) -> GrantFacts {
    match grant(spec).delta(&Extraction::default()) {
        Delta::Grant(name, Some(facts)) if name == web() => facts,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case("HTTPRoute", Some(RouteKind::HttpRoute))]
#[case("GRPCRoute", Some(RouteKind::GrpcRoute))]
#[case("TLSRoute", Some(RouteKind::TlsRoute))]
#[case("TCPRoute", Some(RouteKind::TcpRoute))]
#[case("UDPRoute", Some(RouteKind::UdpRoute))]
#[case("Gateway", None)]
#[case("Ingress", None)]
#[case("Route", None)]
#[case("httproute", None)]
fn a_grant_is_for_routes_of_the_gateway_api(#[case] kind: &str, #[case] expected: Option<RouteKind>) {
    let from = |group: &str| {
        let from = json!([{ "group": group, "kind": kind, "namespace": "bank" }]);
        granted(&json!({ "from": from, "to": [{ "group": "", "kind": "Service" }] })).from
    };
    assert_eq!(from("gateway.networking.k8s.io"), expected.into_iter().map(|kind| (kind, "bank".into())).collect());
    for group in ["", "networking.k8s.io", "route.openshift.io"] {
        assert_eq!(from(group), BTreeSet::new(), "{group:?}");
    }
}

#[test]
fn a_grant_is_for_each_kind_in_each_namespace_that_it_lists() {
    let of = |kind: &str, namespace: &str| json!({ "group": GATEWAY_API, "kind": kind, "namespace": namespace });
    let from =
        json!([of("HTTPRoute", "bank"), of("TCPRoute", "bank"), of("HTTPRoute", "infra"), of("HTTPRoute", "bank")]);
    let expected = [
        (RouteKind::HttpRoute, "bank".into()),
        (RouteKind::HttpRoute, "infra".into()),
        (RouteKind::TcpRoute, "bank".into()),
    ];
    assert_eq!(granted(&json!({ "from": from })).from, expected.into());
}

#[rstest]
#[case::every_service(json!([{ "group": "", "kind": "Service" }]), &[None])]
#[case::empty_name(json!([{ "group": "", "kind": "Service", "name": "" }]), &[None])]
#[case::one(json!([{ "group": "", "kind": "Service", "name": "web" }]), &[Some("web")])]
#[case::several(
    json!([{ "kind": "Service", "name": "web" }, { "kind": "Service", "name": "api" }, { "kind": "Service" }]),
    &[None, Some("api"), Some("web")]
)]
#[case::a_secret(json!([{ "group": "", "kind": "Secret" }]), &[])]
#[case::another_group(json!([{ "group": "serving.knative.dev", "kind": "Service" }]), &[])]
#[case::among_others(
    json!([{ "group": "", "kind": "Secret" }, { "group": "", "kind": "Service", "name": "web" }]), &[Some("web")]
)]
#[case::nothing(json!([]), &[])]
#[case::null(json!(null), &[])]
fn a_grant_opens_services(#[case] to: Value, #[case] expected: &[Option<&str>]) {
    let from = json!([{ "group": GATEWAY_API, "kind": "HTTPRoute", "namespace": "bank" }]);
    let facts = granted(&json!({ "from": from, "to": to }));
    assert_eq!(facts.to, expected.iter().map(|name| name.map(Into::into)).collect());
    assert_eq!(facts.from.len(), 1);
}

#[test]
fn a_grant_that_says_nothing_opens_nothing() {
    assert_eq!(granted(&json!({})), GrantFacts::default());
}

// All kinds

#[test]
fn a_deletion_is_the_absence_of_the_route_or_grant() {
    for (kind, listed) in [
        (RouteKind::HttpRoute, HttpRoute::KIND),
        (RouteKind::UdpRoute, UdpRoute::KIND),
        (RouteKind::OpenShiftRoute, OpenShiftRoute::KIND),
    ] {
        assert!(matches!(listed.deletion(web()), Delta::Route(of, name, None) if of == kind && name == web()));
    }
    assert!(matches!(ReferenceGrant::KIND.deletion(web()), Delta::Grant(name, None) if name == web()));
}

#[test]
fn kinds_are_watched_under_the_names_of_their_resource() {
    let kind = GroupVersionKind::gvk(GATEWAY_API, "v1", "HTTPRoute");
    let resource = ApiResource::from_gvk_with_plural(&kind, "httproutes");
    let of = [
        HttpRoute::kind(&resource),
        HttpRoute::group(&resource),
        HttpRoute::version(&resource),
        HttpRoute::plural(&resource),
    ];
    assert_eq!(of, ["HTTPRoute", GATEWAY_API, "v1", "httproutes"]);
}

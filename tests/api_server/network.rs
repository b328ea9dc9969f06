//! Faults between the operator and the API server, injected by a proxy.

use std::path::Path;
use std::time::{Duration, Instant};

use harness::{Access, Fault, FaultProxy, Operator, Target};
use responsibility_operator::api::AssignmentStatus;
use rstest::rstest;
use serde_json::json;

use crate::support::*;

const LIST: Target = Target { verb: "list", resource: "services" };
const WATCH: Target = Target { verb: "watch", resource: "services" };
const ASSIGNMENT_LIST: Target = Target { verb: "list", resource: "responsibilityassignments" };
const STATUS: Target = Target { verb: "patch", resource: "responsibilityassignments/status" };

/// Longest time between two requests of a watch, with room for a busy machine.
const PAUSE: Duration = Duration::from_secs(40);

/// Starts an operator whose requests go through the proxy.
fn operator(cluster: &Cluster, proxy: &FaultProxy) -> Operator {
    let binary = Path::new(env!("CARGO_BIN_EXE_responsibility-operator"));
    let kubeconfig = proxy.kubeconfig(&cluster.operator_kubeconfig()).unwrap();
    let log = cluster.control_plane.folder().join("operator.log");
    Operator::start(binary, &kubeconfig, &["--default-service-model=CaaS"], log).unwrap()
}

/// Creates a Deployment whose layers are all owned while no Service exposes it.
fn apply_covered(ns: &Namespace<'_>) {
    let layers: Vec<&str> = customer_layers().into_iter().filter(|layer| *layer != "network-exposure").collect();
    ns.apply(&[deployment("web", &json!({})), team(&layers)]);
}

fn message(status: &AssignmentStatus, kind: &str) -> String {
    let condition = status.conditions.iter().find(|condition| condition.type_ == kind);
    condition.map(|condition| condition.message.clone()).unwrap_or_default()
}

/// Waits until the watch of Services runs, so that it can be interrupted.
async fn watching(proxy: &FaultProxy) {
    eventually("Services are watched", async || !proxy.calls(WATCH).is_empty()).await;
}

#[rstest]
#[case::unavailable(503)]
#[case::overloaded(429)]
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_cannot_restart_leaves_nothing_covered_after_two_minutes(#[case] code: u16) {
    let cluster = Cluster::start().await;
    let proxy = FaultProxy::start(&cluster.control_plane).await.unwrap();
    let _operator = operator(&cluster, &proxy);
    let ns = cluster.namespace("unwatched");
    apply_covered(&ns);
    ns.status("team", is_covered).await;
    proxy.inject(WATCH, Fault::Code(code));
    let since = Instant::now();
    assert!(proxy.cut(WATCH) > 0);
    let status = ns.status("team", |status| !is_covered(status)).await;
    let noticed = since.elapsed();
    assert_eq!(condition(&status, "InventoryComplete"), "False InputsUnreadable");
    assert!(message(&status, "InventoryComplete").contains("services"), "{status:#?}");
    assert!(noticed < Duration::from_mins(2), "noticed after {noticed:?}");
    let attempts = proxy.calls(WATCH).into_iter().filter(|call| call.fault.is_some()).count();
    assert!(attempts < 20, "{attempts} attempts are a load on the API server");

    // The changes of the outage are there when the watch resumes.
    ns.apply(&[load_balancer("web", "web")]);
    proxy.heal();
    ns.status("team", |status| layers_with(status, "LayerUnowned").contains(&"network-exposure".to_owned())).await;
    assert_eq!(proxy.calls(LIST).len(), 1, "the watch resumes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_retry_after_an_hour_is_obeyed_for_half_a_minute() {
    let cluster = Cluster::start().await;
    let proxy = FaultProxy::start(&cluster.control_plane).await.unwrap();
    let _operator = operator(&cluster, &proxy);
    let ns = cluster.namespace("patient");
    apply_covered(&ns);
    ns.status("team", is_covered).await;
    proxy.inject_some(WATCH, Fault::RetryAfter(3600), 1, 1);
    assert!(proxy.cut(WATCH) > 0);
    eventually("the restart is refused", async || proxy.calls(WATCH).iter().any(|call| call.fault.is_some())).await;
    ns.apply(&[load_balancer("web", "web")]);
    ns.status("team", |status| !is_covered(status)).await;
    let calls = proxy.calls(WATCH);
    let refused = calls.iter().position(|call| call.fault.is_some()).unwrap();
    let pause = calls[refused + 1].at - calls[refused].at;
    assert!((Duration::from_secs(29)..PAUSE).contains(&pause), "{pause:?}");
    assert_eq!(proxy.calls(LIST).len(), 1, "the watch resumes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_watch_resumes_after_its_time_without_a_list() {
    let cluster = Cluster::start().await;
    let proxy = FaultProxy::start(&cluster.control_plane).await.unwrap();
    let _operator = operator(&cluster, &proxy);
    let ns = cluster.namespace("half-open");
    apply_covered(&ns);
    ns.status("team", is_covered).await;
    watching(&proxy).await;
    let since = Instant::now();
    assert!(proxy.freeze(WATCH) > 0);
    ns.apply(&[load_balancer("web", "web")]);
    ns.status("team", |status| !is_covered(status)).await;
    assert!(since.elapsed() < Duration::from_secs(95), "noticed after {:?}", since.elapsed());
    assert_eq!(proxy.calls(LIST).len(), 1, "only an expired version lists anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_api_server_leaves_nothing_covered_and_a_hung_list_ends() {
    let cluster = Cluster::start().await;
    let proxy = FaultProxy::start(&cluster.control_plane).await.unwrap();
    proxy.inject_some(LIST, Fault::Hang, 1, 1);
    let since = Instant::now();
    let _operator = operator(&cluster, &proxy);
    let ns = cluster.namespace("silent");
    apply_covered(&ns);
    ns.status("team", is_covered).await;
    assert!(since.elapsed() < Duration::from_secs(95), "the list hung for {:?}", since.elapsed());

    watching(&proxy).await;
    proxy.inject(WATCH, Fault::Hang);
    let since = Instant::now();
    assert!(proxy.freeze(WATCH) > 0);
    let status = ns.status("team", |status| !is_covered(status)).await;
    assert!(since.elapsed() < Duration::from_secs(135), "noticed after {:?}", since.elapsed());
    assert_eq!(condition(&status, "InventoryComplete"), "False InputsUnreadable");
    let message = message(&status, "InventoryComplete");
    assert!(message.contains("has not responded to requests for services for two minutes"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_of_a_status_back_off_and_make_the_watch_list_anew() {
    let cluster = Cluster::start().await;
    let proxy = FaultProxy::start(&cluster.control_plane).await.unwrap();
    proxy.inject(STATUS, Fault::Code(409));
    let operator = operator(&cluster, &proxy);
    let ns = cluster.namespace("conflicts");
    apply_covered(&ns);
    eventually("the status is written five times", async || proxy.calls(STATUS).len() >= 5).await;
    let calls = proxy.calls(STATUS);
    let pause = calls[4].at - calls[3].at;
    assert!(pause > Duration::from_secs(7), "a fifth attempt after {pause:?}");
    eventually("the assignments are listed anew", async || proxy.calls(ASSIGNMENT_LIST).len() == 2).await;
    proxy.heal();
    ns.status("team", is_covered).await;
    assert_eq!(proxy.calls(ASSIGNMENT_LIST).len(), 2, "at most once a minute");
    assert!(operator.log().contains("has another version of the object than the watch"), "{}", operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_the_api_server_does_not_find_is_written_again_while_the_watch_has_its_object() {
    let cluster = Cluster::start().await;
    let proxy = FaultProxy::start(&cluster.control_plane).await.unwrap();
    proxy.inject_some(STATUS, Fault::Code(404), 1, 2);
    let _operator = operator(&cluster, &proxy);
    let ns = cluster.namespace("not-found");
    apply_covered(&ns);
    ns.status("team", is_covered).await;
    assert_eq!(proxy.calls(STATUS).iter().filter(|call| call.fault.is_some()).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_names_the_operator_and_its_version() {
    let cluster = Cluster::start().await;
    let operator = cluster.replica("named");
    let ns = cluster.namespace("named");
    ns.apply(&[deployment("web", &json!({})), team(&["node-os"])]);
    ns.event("team", "GapsFound").await;
    ns.evaluated("team", 1).await;
    drop(operator);
    let requests = cluster.requests_of("named");
    for verb in ["list", "watch", "create", "patch"] {
        assert!(requests.iter().any(|request| request["verb"] == verb), "no {verb}");
    }
    let expected = concat!("responsibility-operator/", env!("CARGO_PKG_VERSION"));
    for request in requests {
        assert_eq!(request["userAgent"], expected, "{request}");
    }
}

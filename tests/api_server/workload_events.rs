//! Events on workloads and namespaces.

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use responsibility_operator::matrix::ServiceModel;
use responsibility_operator::model::EvaluationSettings;
use serde_json::{Value, json};

use crate::clock::TestClock;
use crate::support::*;

fn settings() -> EvaluationSettings {
    EvaluationSettings { default_model: Some(ServiceModel::Caas), ..EvaluationSettings::default() }
}

/// Returns a clock far enough in the future that every new workload counts as set up.
fn later() -> std::sync::Arc<TestClock> {
    TestClock::at_noon(&in_days(2))
}

async fn events_on_workloads(cluster: &Cluster) -> Vec<Event> {
    let api: Api<Event> = Api::all(cluster.client().await);
    let mut events = api.list(&ListParams::default()).await.unwrap().items;
    events.retain(|event| event.reason.as_deref().is_some_and(|reason| reason.starts_with("Responsibility")));
    events.sort_by_key(|event| event.metadata.creation_timestamp.clone().map(|time| time.0));
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_gains_gaps_is_told_of_and_again_when_the_last_is_closed() {
    let cluster = Cluster::start().await;
    let _operator = cluster.operator_with_clock(&later(), settings()).await;
    let ns = cluster.namespace("shop");
    let covered: Vec<&str> = customer_layers().into_iter().filter(|layer| *layer != "network-exposure").collect();
    ns.apply(&[deployment("web", &json!({})), team(&covered)]);
    ns.status("team", is_covered).await;
    ns.apply(&[load_balancer("web", "web")]);
    let event = ns.event("web", "ResponsibilityGap").await;
    let regarding = event.regarding.unwrap();
    let uid = cluster.kubectl(&["get", "deployment", "web", "-n", ns.name, "-o", "jsonpath={.metadata.uid}"]);
    assert_eq!((regarding.kind.as_deref(), regarding.uid.as_deref()), (Some("Deployment"), Some(uid.as_str())));
    let related = event.related.unwrap();
    assert_eq!((related.kind.as_deref(), related.name.as_deref()), (Some("ResponsibilityAssignment"), Some("team")));
    let note = event.note.unwrap();
    assert!(note.starts_with("1 layer(s) of this workload have a new gap: network-exposure;"), "{note}");
    assert!(note.contains("ResponsibilityAssignment team"), "{note}");
    assert!(cluster.kubectl(&["describe", "deployment", "web", "-n", ns.name]).contains("ResponsibilityGap"));
    ns.apply(&[team(&customer_layers())]);
    ns.event("web", "ResponsibilityCovered").await;
    assert_eq!(events_on_workloads(&cluster).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn installing_restarting_selecting_and_editing_for_many_bring_no_storm() {
    let cluster = Cluster::start().await;
    let clock = later();
    let namespaces: Vec<String> = (0..6).map(|number| format!("team-{number}")).collect();
    let platform = |layers: &[&str]| {
        let spec = json!({ "parties": [{ "name": "p", "role": "Customer" }], "duties": [held_by("p", layers)] });
        json!({ "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ClusterResponsibilityAssignment", "metadata": { "name": "platform" }, "spec": spec })
    };
    for name in &namespaces {
        let ns = cluster.namespace(name);
        let mut objects: Vec<Value> = (0..10).map(|number| deployment(&format!("app-{number}"), &json!({}))).collect();
        objects.push(team(&["application-code"]));
        ns.apply(&objects);
    }
    cluster.apply(&[platform(&customer_layers())]);
    let operator = cluster.operator_with_clock(&clock, settings()).await;
    let all = |status: &responsibility_operator::api::AssignmentStatus| {
        is_covered(status) && status.summary.as_ref().unwrap().workloads == 60
    };
    cluster.cluster_status("platform", all).await;
    let is_announced = async |reason: &str| {
        eventually("an Event is emitted on the assignment", async || {
            let reasons = cluster.kubectl(&["get", "events", "-n", "default", "-o", "jsonpath={.items[*].reason}"]);
            reasons.contains(reason)
        })
        .await;
    };
    is_announced("Covered").await;
    cluster.cluster_status("platform", |status| status.transitions == 1).await;
    operator.stop().await;
    let _operator = cluster.operator_with_clock(&clock, settings()).await;
    // Another assignment selects them all: no Event.
    cluster.apply(&[json!({
        "apiVersion": "sharedresponsibility.dev/v1alpha1", "kind": "ClusterResponsibilityAssignment",
        "metadata": { "name": "directory" }, "spec": { "parties": [{ "name": "d", "role": "Customer" }] },
    })]);
    cluster
        .cluster_status("directory", |status| status.summary.as_ref().is_some_and(|summary| summary.workloads == 60))
        .await;
    assert_eq!(events_on_workloads(&cluster).await.len(), 0);
    // All workloads lose the owner of a layer: a few get an Event, the rest are dropped, and the statuses are complete.
    let fewer: Vec<&str> = customer_layers().into_iter().filter(|layer| *layer != "incident-response").collect();
    cluster.apply(&[platform(&fewer)]);
    let status = cluster.cluster_status("platform", |status| !status.unowned_layers.is_empty()).await;
    assert_eq!(status.unowned_layers[0].workloads, 60);
    eventually("Events are emitted on workloads", async || events_on_workloads(&cluster).await.len() >= 20).await;
    // Each Event is emitted once, at most 25 in total and 10 per namespace. They do not delay the Event on the assignment.
    let on_workloads = events_on_workloads(&cluster).await;
    assert!(on_workloads.len() <= 30, "{}", on_workloads.len());
    let mut about: Vec<String> = on_workloads
        .iter()
        .map(|event| {
            let regarding = event.regarding.as_ref().unwrap();
            format!("{}/{}", regarding.namespace.as_deref().unwrap(), regarding.name.as_deref().unwrap())
        })
        .collect();
    about.sort();
    about.dedup();
    assert_eq!(about.len(), on_workloads.len());
    is_announced("LayerUnowned").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_whose_last_assignment_leaves_is_told_of_after_a_minute_unless_it_gets_another() {
    let ns = shared().await.namespace("left-alone");
    let brief = shared().await.namespace("brief");
    ns.apply(&[deployment("web", &json!({})), team(&["application-code"])]);
    brief.apply(&[deployment("web", &json!({})), team(&["application-code"])]);
    ns.evaluated("team", 1).await;
    brief.evaluated("team", 1).await;
    ns.delete("rassign", "team");
    brief.delete("rassign", "team");
    // Reverted within a minute: no Event.
    brief.apply(&[team(&["application-code"])]);
    let api: Api<Event> = ns.api().await;
    let namespace_event = async || {
        let events = api.list(&ListParams::default()).await.unwrap().items;
        events.into_iter().find(|event| event.reason.as_deref() == Some("NamespaceUnassigned"))
    };
    eventually_within(2 * LIMIT, "an Event is emitted on the namespace", async || namespace_event().await.is_some())
        .await;
    let event = namespace_event().await.unwrap();
    let regarding = event.regarding.unwrap();
    assert_eq!((regarding.kind.as_deref(), regarding.name.as_deref()), (Some("Namespace"), Some("left-alone")));
    let shown = ns.cluster.kubectl(&["events", "--for", "namespace/left-alone", "-n", "left-alone"]);
    assert!(shown.contains("NamespaceUnassigned"), "{shown}");
    let other: Api<Event> = brief.api().await;
    let others = other.list(&ListParams::default()).await.unwrap().items;
    assert!(others.iter().all(|event| event.reason.as_deref() != Some("NamespaceUnassigned")));
}

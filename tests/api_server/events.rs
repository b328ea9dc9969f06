//! Events on assignments: each transition is announced once.

use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn each_transition_is_told_once_with_the_layer_the_duty_and_what_to_write() {
    let ns = shared().await.namespace("transitions");
    ns.apply(&[deployment("web", &json!({})), team(&INHERENT_CUSTOMER)]);
    let first = ns.event("team", "Covered").await;
    assert_eq!(first.type_.as_deref(), Some("Normal"));
    assert_eq!(first.reporting_controller.as_deref(), Some("sharedresponsibility.dev/operator"));
    assert_eq!(first.regarding.as_ref().unwrap().kind.as_deref(), Some("ResponsibilityAssignment"));

    ns.apply(&[team(&INHERENT_CUSTOMER[2..])]);
    let opened = ns.event("team", "LayerUnowned").await;
    assert_eq!(opened.type_.as_deref(), Some("Warning"));
    let status = ns.status("team", |status| status.transitions == 2).await;
    assert_eq!(rows(&status), ["data-classification/Customer/LayerUnowned", "access-control/Customer/LayerUnowned"]);
    let notes: Vec<String> = ns.event_objects("team").await.into_iter().filter_map(|event| event.note).collect();
    let count_of = |layer: &str| {
        notes
            .iter()
            .filter(|note| {
                note.starts_with(&format!(
                    "{layer} (customer duty): This duty has no owner. Add an entry to spec.duties with customer: PARTY."
                ))
            })
            .count()
    };
    assert_eq!((count_of("data-classification"), count_of("access-control")), (1, 1), "{notes:#?}");

    ns.apply(&[team(&INHERENT_CUSTOMER[1..])]);
    let closed = ns.event("team", "LayerOwned").await;
    assert_eq!(closed.note.as_deref(), Some("access-control (customer duty) has an owner now."));
    ns.status("team", |status| status.transitions == 3).await;
    assert_eq!(ns.events_about_owners("team").await, ["Covered", "LayerUnowned", "LayerUnowned", "LayerOwned"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_workloads_with_the_same_gap_are_no_transition() {
    let ns = shared().await.namespace("same-gap");
    ns.apply(&[deployment("web", &json!({})), team(&INHERENT_CUSTOMER[1..])]);
    ns.event("team", "GapsFound").await;
    ns.apply(&[deployment("api", &json!({})), deployment("worker", &json!({}))]);
    ns.status("team", |status| status.unowned_layers.iter().all(|row| row.workloads == 3)).await;
    // The Event of a later transition comes after all Events that the new workloads could have caused.
    ns.apply(&[team(&INHERENT_CUSTOMER[2..])]);
    ns.event("team", "LayerUnowned").await;
    ns.status("team", |status| status.transitions == 2).await;
    assert_eq!(ns.events("team").await, ["GapsFound", "LayerUnowned"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_becomes_invalid_is_told_as_such_and_a_layer_that_goes_as_gone() {
    let ns = shared().await.namespace("states");
    ns.apply(&[deployment("web", &json!({})), team(&INHERENT_CUSTOMER[1..])]);
    ns.event("team", "GapsFound").await;
    let invalid = assignment(
        "team",
        json!({
            "parties": [{ "name": "team", "role": "Customer" }],
            "duties": [held_by("nobody-knows", &["data-classification"]), held_by("team", &INHERENT_CUSTOMER[1..])],
        }),
    );
    ns.apply(&[invalid]);
    let event = ns.event("team", "LayerInvalid").await;
    assert!(event.note.unwrap().contains("\"nobody-knows\" is not declared"));
    ns.delete("deployment", "web");
    let gone = ns.event("team", "LayerGone").await;
    assert!(gone.note.unwrap().ends_with("is not owed any more: no workload has this layer."));
    assert_eq!(ns.events("team").await, ["GapsFound", "LayerInvalid", "LayerGone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_on_a_cluster_assignment_lie_in_default_and_name_no_namespace() {
    let cluster = shared().await;
    let ns = cluster.namespace("secret-tenant");
    ns.apply(&[deployment("secret-workload", &json!({}))]);
    cluster.apply(&[cluster_assignment(
        "tells-nothing",
        ns.name,
        json!({ "parties": [{ "name": "p", "role": "Customer" }], "duties": [held_by("p", &["node-os"])] }),
    )]);
    let default = Namespace { cluster, name: "default" };
    let event = default.event("tells-nothing", "GapsFound").await;
    assert!(!serde_json::to_string(&event).unwrap().contains("secret-"));
    // kubectl describe shows the Event to the user, although the object has no namespace.
    let described = cluster.kubectl(&["describe", "crassign", "tells-nothing"]);
    assert!(described.contains("GapsFound"), "{described}");
}

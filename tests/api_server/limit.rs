//! The limit of status writes delays statuses after changes in the cluster, but not after a write of a user.

use std::time::Instant;

use kube::api::ListParams;
use responsibility_operator::api::ResponsibilityAssignment;
use serde_json::{Value, json};

use crate::support::*;

/// Returns assignments named after a role, with a contact of their party.
fn assignments(role: &str, count: usize, email: &str) -> Vec<Value> {
    let team = json!({ "name": "team", "role": "Customer", "contact": { "email": email } });
    let spec = json!({ "parties": [team], "duties": [held_by("team", &["application-code"])] });
    (0..count).map(|number| assignment(&format!("{role}-{number}"), spec.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_answered_while_the_limit_holds_up_what_changes_in_the_cluster() {
    let cluster = Cluster::start().await;
    let _operator = cluster.operator(&["--default-service-model=CaaS", "--status-writes-per-second=1"]);
    let ns = cluster.namespace("busy");
    ns.apply(&assignments("quiet", 60, "team@example.com"));
    ns.apply(&assignments("edited", 30, "team@example.com"));
    let api = ns.assignments().await;
    let count = async |role: &str, wanted: fn(&ResponsibilityAssignment) -> bool| {
        let listed = api.list(&ListParams::default()).await.unwrap().items;
        let of_role = listed.iter().filter(|object| object.metadata.name.as_ref().unwrap().starts_with(role));
        of_role.filter(|object| wanted(object)).count()
    };
    let is_answered = |object: &ResponsibilityAssignment| {
        object.status.as_ref().is_some_and(|status| status.observed_generation == object.metadata.generation)
    };
    let counts_the_workload = |object: &ResponsibilityAssignment| {
        object.status.as_ref().and_then(|status| status.summary.as_ref()).is_some_and(|summary| summary.workloads == 1)
    };
    eventually("all have a first status", async || count("", is_answered).await == 90).await;
    let started = Instant::now();
    ns.apply(&[deployment("web", &json!({}))]);
    ns.apply(&assignments("edited", 30, "others@example.com"));
    eventually("all that were edited are answered", async || count("edited", is_answered).await == 30).await;
    let written = count("quiet", counts_the_workload).await;
    // In the order of the changes nearly all of them would have been written.
    assert!(written < 30, "{written} were written before the users were answered");
    let allowed = usize::try_from(started.elapsed().as_secs()).unwrap() + 2;
    assert!(written <= allowed, "{written} were written where the limit allows {allowed}");
    eventually("what was held up goes on", async || count("quiet", counts_the_workload).await > written).await;
}

//! Missing, forbidden and malformed objects.

use harness::Access;
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn missing_definitions_are_named_and_waited_for() {
    let cluster = Cluster::start_bare().await;
    let operator = cluster.operator(&["--default-service-model=CaaS"]);
    let words = [
        "does not serve responsibilityassignments.sharedresponsibility.dev",
        "does not serve clusterresponsibilityassignments.sharedresponsibility.dev",
        "responsibility-operator crds | kubectl apply --server-side -f -",
    ];
    eventually("the log names what is missing and what to run", async || {
        let log = operator.log();
        words.iter().all(|words| log.contains(words))
    })
    .await;
    cluster.kubectl(&["apply", "--server-side", "-f", "crds/"]);
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"]);
    let ns = cluster.namespace("late");
    ns.apply(&[deployment("web", &json!({})), team(&["node-os"])]);
    ns.evaluated("team", 1).await;
}

/// Leaves the operator only these verbs on Services, and waits until the API server applies that.
async fn allow_services(cluster: &Cluster, verbs: &[&str]) {
    let role: Value =
        serde_json::from_str(&cluster.kubectl(&["get", "clusterrole", "responsibility-operator", "-o", "json"]))
            .unwrap();
    let mut rules = role["rules"].as_array().unwrap().clone();
    // The role then has a separate rule for Services.
    for rule in &mut rules {
        rule["resources"].as_array_mut().unwrap().retain(|resource| resource != "services");
    }
    rules.retain(|rule| !rule["resources"].as_array().unwrap().is_empty());
    rules.push(json!({ "apiGroups": [""], "resources": ["services"], "verbs": verbs }));
    let patch = json!([{ "op": "replace", "path": "/rules", "value": rules }]);
    cluster.kubectl(&["patch", "clusterrole", "responsibility-operator", "--type=json", "-p", &patch.to_string()]);
    let user = "--as=system:serviceaccount:responsibility-system:responsibility-operator";
    for verb in ["list", "watch"] {
        eventually("the API server knows the new rights", async || {
            let mut kubectl = cluster.control_plane.kubectl();
            let answer = kubectl.args(["auth", "can-i", verb, "services", "-A", user]).output().unwrap();
            answer.status.success() == verbs.contains(&verb)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_see_services_nothing_is_called_covered_until_it_is_granted() {
    let cluster = Cluster::start().await;
    allow_services(&cluster, &["get"]).await;
    let ns = cluster.namespace("blind");
    let customer: Vec<&str> = all_layers().into_iter().filter(|layer| *layer != "physical-infrastructure").collect();
    ns.apply(&[
        deployment("web", &json!({})),
        assignment(
            "team",
            json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &customer)] }),
        ),
    ]);
    let open = cluster.namespace("blind-and-open");
    open.apply(&[deployment("web", &json!({})), team(&["node-os"])]);
    let operator = cluster.operator(&["--default-service-model=CaaS"]);
    let status = ns.status("team", |status| !status.conditions.is_empty()).await;
    assert_eq!(condition(&status, "InventoryComplete"), "False InputsUnreadable");
    assert_eq!(condition(&status, "Covered"), "Unknown InventoryIncomplete");
    assert_eq!(condition(&status, "Ready"), "False InventoryIncomplete");
    let message = &status.conditions.iter().find(|c| c.type_ == "InventoryComplete").unwrap().message;
    assert!(
        message.contains("may not list and watch services;")
            && message.contains("kubectl apply -f deploy/operator.yaml"),
        "{message}"
    );
    assert!(operator.log().contains("may not list and watch services;"), "{}", operator.log());
    let gap = open.status("team", |status| condition(status, "Covered") == "False GapsFound").await;
    assert_eq!(condition(&gap, "Ready"), "False InventoryIncomplete", "what is known to be a gap stays one");

    // A list without a watch is not enough: the statuses do not change with every attempt.
    allow_services(&cluster, &["list"]).await;
    eventually("Services are listed", async || cluster.lists_by_operator("services") >= 2).await;
    let version = || async { ns.assignments().await.get("team").await.unwrap().metadata.resource_version };
    let before = version().await;
    let lists = cluster.lists_by_operator("services");
    eventually("Services are listed again", async || cluster.lists_by_operator("services") >= lists + 2).await;
    assert_eq!(version().await, before);

    allow_services(&cluster, &["list", "watch"]).await;
    let status = ns.status("team", is_covered).await;
    assert_eq!(condition(&status, "Ready"), "True Evaluated");
    ns.event("team", "Covered").await;
    assert_eq!(ns.events_about_owners("team").await, ["Covered"]);
}

/// Returns the CRD with a schema that accepts anything, as an older version could have had.
fn loose_definition(cluster: &Cluster) -> Value {
    let text = cluster.kubectl(&["get", "crd", "responsibilityassignments.sharedresponsibility.dev", "-o", "json"]);
    let mut definition: Value = serde_json::from_str(&text).unwrap();
    definition["spec"]["versions"][0]["schema"] =
        json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
        definition["metadata"].as_object_mut().unwrap().remove(field);
    }
    definition.as_object_mut().unwrap().remove("status");
    definition
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_stored_object_says_so_and_never_stops_the_others() {
    let cluster = Cluster::start().await;
    let loosened = cluster.kubectl_with_input(&["replace", "-f", "-"], &[loose_definition(&cluster)]);
    assert!(loosened.status.success(), "{}", String::from_utf8_lossy(&loosened.stderr));
    let ns = cluster.namespace("mixed");
    let outdated = assignment(
        "outdated",
        json!({ "parties": [{ "name": "team", "role": "Vendor" }], "duties": [held_by("team", &["node-os"])] }),
    );
    // The object differs so much from the schema that the API server rejects a status for it.
    let broken = assignment("broken", json!({ "parties": "everybody", "duties": [{ "layers": 7 }] }));
    for mut object in [outdated, broken] {
        object["metadata"]["namespace"] = ns.name.into();
        // The API server applies a changed CRD after a moment.
        eventually("the loose schema takes the object", async || {
            cluster.kubectl_with_input(&["create", "-f", "-"], std::slice::from_ref(&object)).status.success()
        })
        .await;
    }
    cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "crds/"]);
    let operator = cluster.operator(&["--default-service-model=CaaS"]);
    ns.apply(&[deployment("web", &json!({})), team(&["node-os"])]);
    let status = ns.evaluated("team", 1).await;
    // The malformed assignments could hold any duty, so nothing is covered. The gaps are still reported.
    assert_eq!(condition(&status, "Covered"), "False GapsFound");
    let status = ns.status("team", |status| condition(status, "InventoryComplete").starts_with("False")).await;
    let message = &status.conditions.iter().find(|c| c.type_ == "InventoryComplete").unwrap().message;
    assert!(message.contains("mixed/outdated does not match the schema; apply it again"), "{message}");
    let elsewhere = cluster.namespace("elsewhere");
    elsewhere.apply(&[deployment("web", &json!({})), team(&["node-os"])]);
    assert_eq!(condition(&elsewhere.evaluated("team", 1).await, "Ready"), "True Evaluated");

    let reason = "--for=jsonpath={.status.conditions[?(@.type==\"Accepted\")].reason}=SchemaOutdated";
    cluster.kubectl(&["wait", "rassign/outdated", "-n", ns.name, "--timeout=60s", reason]);
    let shown = cluster.kubectl(&["get", "rassign", "outdated", "-n", ns.name, "-o", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let conditions = shown["status"]["conditions"].as_array().unwrap();
    let of_kind = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind).unwrap();
    assert_eq!(of_kind("Covered")["status"], "Unknown");
    let message = of_kind("Accepted")["message"].as_str().unwrap();
    assert!(message.contains("Apply it again") && message.contains("Vendor"), "{message}");
    eventually("the log names the broken one", async || operator.log().contains("mixed/broken")).await;
}

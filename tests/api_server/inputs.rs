//! Missing inputs: forbidden, revoked while the operator runs, deleted and created again.

use harness::Access;
use responsibility_operator::api::AssignmentStatus;
use serde_json::{Value, json};

use crate::support::*;

const USER: &str = "--as=system:serviceaccount:responsibility-system:responsibility-operator";

/// Returns the role of the operator without some resources; unchanged if there are none.
async fn restrict(cluster: &Cluster, without: &[&str]) {
    let shipped = cluster.kubectl(&["create", "--dry-run=client", "-o", "json", "-f", "deploy/operator.yaml"]);
    let role = serde_json::Deserializer::from_str(&shipped).into_iter::<Value>().map(Result::unwrap);
    let objects = role.flat_map(|object| object["items"].as_array().cloned().unwrap_or_else(|| vec![object.clone()]));
    let is_role =
        |object: &Value| object["kind"] == "ClusterRole" && object["metadata"]["name"] == "responsibility-operator";
    let mut role = objects.into_iter().find(is_role).unwrap();
    for rule in role["rules"].as_array_mut().unwrap() {
        rule["resources"].as_array_mut().unwrap().retain(|resource| !without.contains(&resource.as_str().unwrap()));
    }
    role["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"] != json!([]));
    let replaced = cluster.kubectl_with_input(&["replace", "-f", "-"], &[role]);
    assert!(replaced.status.success(), "{}", String::from_utf8_lossy(&replaced.stderr));
    for resource in ["nodes", "networkpolicies.networking.k8s.io", "deployments.apps"] {
        let plural = resource.split('.').next().unwrap();
        eventually("the API server knows the new rights", async || {
            let mut kubectl = cluster.control_plane.kubectl();
            let answer = kubectl.args(["auth", "can-i", "list", resource, "-A", USER]).output().unwrap();
            answer.status.success() != without.contains(&plural)
        })
        .await;
    }
}

fn message(status: &AssignmentStatus, kind: &str) -> String {
    status.conditions.iter().find(|condition| condition.type_ == kind).unwrap().message.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_makes_unknown_only_what_depends_on_it_and_recovers_by_itself() {
    let cluster = Cluster::start().await;
    cluster.node("n", "v1.37.1-eks-3abbec1", json!({ "eks.amazonaws.com/nodegroup": "main" }), json!({}));
    restrict(&cluster, &["nodes", "networkpolicies"]).await;
    let (found, claimed) = (cluster.namespace("by-nodes"), cluster.namespace("by-claim"));
    for ns in [&found, &claimed] {
        ns.apply(&[deployment("web", &json!({})), team(&customer_layers())]);
    }
    cluster.apply(&[cluster_assignment("claim", "by-claim", json!({ "serviceModel": "CaaS" }))]);
    let operator = cluster.operator(&["--default-service-model=CaaS"]);

    // Nodes matter only if no cluster assignment sets the model.
    let status = claimed.status("team", is_covered).await;
    assert_eq!(condition(&status, "Ready"), "True Evaluated");
    let status = found.status("team", |status| condition(status, "Covered") == "Unknown InventoryIncomplete").await;
    assert!(message(&status, "InventoryComplete").contains("may not list and watch nodes;"), "{status:#?}");
    // NetworkPolicies matter only for that risk.
    let assumed = "SegmentationAssumed(network-segmentation)".to_owned();
    assert!(!risks(&status).contains(&assumed), "{:?}", risks(&status));
    assert_eq!(found.events("team").await, [""; 0], "nothing is claimed in an Event");

    restrict(&cluster, &[]).await;
    found.status("team", |status| is_covered(status) && risks(status).contains(&assumed)).await;
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "all" },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress"] },
    });
    found.apply(&[policy]);
    let before = found.status("team", |status| !risks(status).contains(&assumed)).await;
    found.event("team", "Covered").await;

    // Revoking a permission does not end a running watch. The next watch is forbidden.
    restrict(&cluster, &["deployments"]).await;
    cluster.control_plane.restart_apiserver().await.unwrap();
    let status = found.status("team", |status| condition(status, "Covered") == "Unknown InventoryIncomplete").await;
    // Counts and rows keep their last values, and no Event is emitted.
    assert_eq!(status.summary, before.summary);
    assert_eq!(found.events_about_owners("team").await, ["Covered"]);
    restrict(&cluster, &[]).await;
    found.status("team", is_covered).await;
    assert_eq!(found.events_about_owners("team").await, ["Covered"]);
    assert!(operator.log().contains("may not list and watch deployments.apps;"));
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_are_deleted_and_installed_again_bring_no_storm_and_no_crash() {
    let cluster = Cluster::start().await;
    let mut operator = cluster.operator(&["--default-service-model=CaaS"]);
    let namespaces = ["a", "b", "c"].map(|name| cluster.namespace(name));
    for ns in &namespaces {
        ns.apply(&[deployment("web", &json!({})), team(&["application-code"])]);
        ns.event("team", "GapsFound").await;
    }
    cluster.kubectl(&["delete", "-f", "crds/", "--timeout=60s"]);
    eventually("the log names what is missing", async || {
        operator.log().contains("does not serve responsibilityassignments.sharedresponsibility.dev")
    })
    .await;
    cluster.kubectl(&["apply", "--server-side", "-f", "crds/"]);
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"]);
    for ns in &namespaces {
        ns.apply(&[team(&["application-code"])]);
        ns.evaluated("team", 1).await;
    }
    let all = cluster.kubectl(&[
        "get",
        "events.events.k8s.io",
        "-A",
        "-o",
        "jsonpath={.items[?(@.reportingController==\"sharedresponsibility.dev/operator\")].reason}",
    ]);
    let reasons: Vec<&str> = all.split_whitespace().collect();
    assert!(reasons.len() <= 6 && reasons.iter().all(|reason| *reason == "GapsFound"), "{reasons:?}");
    assert!(operator.terminate(std::time::Duration::from_secs(5)).unwrap().success(), "{}", operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_watch_some_namespaces_it_needs_no_rights_beyond_them_and_says_what_it_does_not_see() {
    let cluster = Cluster::start().await;
    let (own, other) = (cluster.namespace("own"), cluster.namespace("other"));
    for ns in [&own, &other] {
        ns.apply(&[deployment("web", &json!({})), team(&customer_layers())]);
    }
    // The permissions of the cluster role, in one namespace only.
    cluster.kubectl(&["delete", "clusterrolebinding", "responsibility-operator"]);
    let account = "--serviceaccount=responsibility-system:responsibility-operator";
    cluster.kubectl(&[
        "create",
        "rolebinding",
        "responsibility-operator",
        "-n",
        own.name,
        "--clusterrole=responsibility-operator",
        account,
    ]);
    let _operator = cluster.operator(&["--default-service-model=CaaS", "--namespaces=own"]);
    let status = own.status("team", is_covered).await;
    assert_eq!(condition(&status, "InventoryComplete"), "True NamespacedScope");
    assert!(message(&status, "InventoryComplete").contains("odes"), "{}", message(&status, "InventoryComplete"));
    let untouched = other.assignments().await.get("team").await.unwrap();
    assert!(untouched.status.is_none(), "{:?}", untouched.status);
}

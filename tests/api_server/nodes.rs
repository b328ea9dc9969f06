//! Service models of real Node objects.

use serde_json::{Value, json};

use crate::support::*;

const KUBELET: &str = "v1.37.1-eks-3abbec1";

fn pinned(name: &str, pool: &str) -> Value {
    deployment(name, &json!({ "nodeSelector": { "pool": pool } }))
}

fn everything_tolerated(name: &str) -> Value {
    deployment(name, &json!({ "tolerations": [{ "operator": "Exists" }] }))
}

/// Nodes of one EKS cluster: Auto Mode, a self-managed one, a node group and a hybrid one.
fn eks(cluster: &Cluster) {
    for number in 0..2 {
        let labels = json!({ "eks.amazonaws.com/compute-type": "auto", "pool": "auto" });
        cluster.node(&format!("auto-{number}"), KUBELET, labels, json!({ "providerID": "aws:///eu-1a/i-0" }));
    }
    let tainted = json!({ "providerID": "aws:///eu-1a/i-1", "taints": [{ "key": "own", "effect": "NoSchedule" }] });
    cluster.node("self-managed", "v1.37.1", json!({ "pool": "own" }), tainted);
    let group = json!({ "eks.amazonaws.com/nodegroup": "main", "pool": "group" });
    let tainted = json!({ "providerID": "aws:///eu-1a/i-2", "taints": [{ "key": "group", "effect": "NoSchedule" }] });
    cluster.node("group", KUBELET, group, tainted);
    let hybrid = json!({ "eks.amazonaws.com/compute-type": "hybrid", "pool": "hybrid" });
    let tainted = json!({ "providerID": "eks-hybrid:///a", "taints": [{ "key": "hybrid", "effect": "NoSchedule" }] });
    cluster.node("hybrid", KUBELET, hybrid, tainted);
}

/// Returns the rows of one layer.
fn gaps_of(status: &responsibility_operator::api::AssignmentStatus, layer: &str) -> Vec<String> {
    rows(status).into_iter().filter(|row| row.starts_with(&format!("{layer}/"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_on_which_a_workload_may_land_decide_its_service_model() {
    let cluster = Cluster::start().await;
    eks(&cluster);
    let _operator = cluster.operator(&[]);

    // Acceptance: two Auto Mode nodes and a self-managed one. With all tolerations both duties of node-os are owed.
    let all = cluster.namespace("tolerates-all");
    let between = json!({ "matchExpressions": [{ "key": "pool", "operator": "In", "values": ["auto", "own"] }] });
    let mut both = everything_tolerated("agent");
    both["spec"]["template"]["spec"]["affinity"] = json!({ "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [between] },
    } });
    all.apply(&[both, assignment("team", held(&["application-code"]))]);
    let status = all.evaluated("team", 1).await;
    assert_eq!(gaps_of(&status, "node-os"), ["node-os/Customer/LayerUnowned"]);
    let summary = status.summary.as_ref().unwrap();
    assert_eq!(summary.model.as_deref(), Some("Mixed"));
    // Both models together: twelve customer duties, and the provider duties of six layers, including node-os.
    assert_eq!((summary.duties.unowned + summary.duties.owned, summary.duties.assumed), (12, 6));
    let auto = cluster.namespace("pinned-to-auto");
    auto.apply(&[pinned("web", "auto"), assignment("team", held(&["application-code"]))]);
    let status = auto.evaluated("team", 1).await;
    assert_eq!(gaps_of(&status, "node-os"), [""; 0]);
    assert_eq!(status.summary.as_ref().unwrap().model.as_deref(), Some("ManagedNodes"));

    // Acceptance: a node group and hybrid nodes. The customer operates the hybrid nodes, but not the control plane.
    let hybrid = cluster.namespace("group-and-hybrid");
    let mut spread = everything_tolerated("spread");
    let between = json!({ "matchExpressions": [{ "key": "pool", "operator": "In", "values": ["group", "hybrid"] }] });
    spread["spec"]["template"]["spec"]["affinity"] = json!({ "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [between] },
    } });
    let half = ["physical-infrastructure", "node-os", "control-plane"];
    hybrid.apply(&[
        spread,
        assignment(
            "team",
            json!({
                "parties": [{ "name": "team", "role": "Customer" }, { "name": "aws", "role": "Provider" }],
                "duties": [{ "layers": half, "provider": "aws" }, held_by("team", &["application-code"])],
            }),
        ),
    ]);
    let status = hybrid.evaluated("team", 1).await;
    for layer in half {
        assert_eq!(gaps_of(&status, layer), [format!("{layer}/Customer/SharedLayerHalfOwned")], "{layer}");
    }
    assert_eq!(
        risky_layers(&status, "ProviderClaimsCustomerLayer"),
        [""; 0],
        "all three owe the provider's half as well"
    );

    // Acceptance: a tenant claims SaaS on EKS.
    let saas = cluster.namespace("says-saas");
    let mut spec = held(&["application-code"]);
    spec["serviceModel"] = "SaaS".into();
    saas.apply(&[pinned("web", "auto"), assignment("team", spec)]);
    let status = saas.evaluated("team", 1).await;
    assert_eq!(status.summary.as_ref().unwrap().model.as_deref(), Some("ManagedNodes"));
    assert_eq!(
        risky_layers(&status, "ServiceModelContradicted"),
        ["application-code", "image-supply-chain", "network-segmentation", "cloud-network", "control-plane"]
    );
    assert_eq!(status.unowned_layers.len(), 9);

    // The pool `gpu` has no node, so the models of all nodes apply. A node of the pool is created later.
    let batch = cluster.namespace("gpu-pool");
    batch.apply(&[pinned("train", "gpu"), assignment("team", held(&["application-code"]))]);
    let status = batch.evaluated("team", 1).await;
    assert_eq!(status.summary.as_ref().unwrap().model.as_deref(), Some("Mixed"));

    // Temporary taints do not affect the nodes that a pod can be scheduled on.
    auto.status("team", |status| status.transitions == 1).await;
    let version = auto.assignments().await.get("team").await.unwrap().metadata.resource_version;
    cluster.kubectl(&["taint", "node", "auto-0", "node.kubernetes.io/unreachable:NoExecute"]);
    cluster.kubectl(&["cordon", "auto-1"]);
    cluster.kubectl(&["annotate", "node", "auto-0", "seen=1"]);
    // Another node, the only one of its pool, changes the result. By then the taints are processed.
    cluster.node("gpu", KUBELET, json!({ "eks.amazonaws.com/compute-type": "auto", "pool": "gpu" }), json!({}));
    batch.status("team", |status| status.summary.as_ref().unwrap().model.as_deref() == Some("ManagedNodes")).await;
    assert_eq!(auto.assignments().await.get("team").await.unwrap().metadata.resource_version, version);

    // A cluster assignment overrides the nodes. The duties that this removes are reported as a risk.
    cluster.apply(&[cluster_assignment("claims-saas", "pinned-to-auto", json!({ "serviceModel": "SaaS" }))]);
    let claimed = cluster.cluster_status("claims-saas", |status| !status.risks.is_empty()).await;
    assert!(risky_layers(&claimed, "ServiceModelContradicted").contains(&"application-code".to_owned()));
    auto.status("team", |status| status.summary.as_ref().unwrap().model.as_deref() == Some("SaaS")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_shows_nothing_leaves_only_what_is_the_customers_everywhere() {
    let cluster = Cluster::start().await;
    let odd = json!({ "providerID": "metal3://a" });
    cluster.node("odd", "v1.37.1", json!({}), odd);
    let _operator = cluster.operator(&[]);
    let ns = cluster.namespace("undetermined");
    ns.apply(&[deployment("web", &json!({})), assignment("team", held(&["application-code"]))]);
    let status = ns.evaluated("team", 1).await;
    assert_eq!(condition(&status, "Covered"), "Unknown ServiceModelUndetermined");
    let message = &status.conditions.iter().find(|c| c.type_ == "Covered").unwrap().message;
    assert!(message.contains("serviceModel: CaaS"), "{message}");
    assert_eq!(
        layers_with(&status, "LayerUnowned"),
        ["data-classification", "access-control", "workload-configuration"]
    );
    let duties = &status.summary.as_ref().unwrap().duties;
    assert_eq!((duties.unknown, duties.unowned), (10, 3));
    // The model of the namespace assignment applies if nothing else sets one, and is marked as such.
    let mut spec = held(&["application-code"]);
    spec["serviceModel"] = "OnPremises".into();
    ns.apply(&[assignment("team", spec)]);
    let status = ns.status("team", |status| condition(status, "Covered") == "False GapsFound").await;
    assert_eq!(status.summary.as_ref().unwrap().model.as_deref(), Some("OnPremises"));
    assert!(risks(&status).contains(&"ServiceModelSelfDeclared".to_owned()), "{:?}", risks(&status));
}

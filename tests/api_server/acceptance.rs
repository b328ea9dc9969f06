//! Acceptance examples that need neither nodes nor dates.

use serde_json::json;

use crate::support::*;

/// Returns a Deployment with a volume, a Secret and a DATABASE_URL, and a LoadBalancer Service: every detected layer.
fn storefront() -> [serde_json::Value; 2] {
    let pod = json!({
        "containers": [{
            "name": "web", "image": "registry.example.com/web:1",
            "env": [{ "name": "DATABASE_URL", "valueFrom": { "secretKeyRef": { "name": "db", "key": "url" } } }],
        }],
        "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }],
    });
    [deployment("storefront", &pod), load_balancer("storefront", "storefront")]
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_given_to_the_provider_leaves_21_of_22_layers_unowned() {
    let ns = shared().await.namespace("all-to-provider");
    ns.apply(&storefront());
    ns.apply(&[assignment(
        "everything",
        json!({
            "declares": ["client-devices"],
            "parties": [{ "name": "aws", "role": "Provider" }],
            "duties": [{ "layers": all_layers(), "provider": "aws" }],
        }),
    )]);
    let status =
        ns.status("everything", |status| status.summary.as_ref().is_some_and(|s| s.unowned_layers == 21)).await;
    assert_eq!(
        layers_with(&status, "NotTransferable"),
        [
            "data-classification",
            "data-protection",
            "user-accounts",
            "access-control",
            "client-devices",
            "workload-configuration"
        ]
    );
    assert_eq!(
        layers_with(&status, "AgreementMissing"),
        ["application-code", "image-supply-chain", "network-segmentation", "cloud-network", "backup-recovery"]
    );
    assert_eq!(layers_with(&status, "SharedLayerHalfOwned").len(), 10);
    let summary = status.summary.clone().unwrap();
    assert_eq!((summary.layers, summary.workloads, summary.model.as_deref()), (22, 1, Some("CaaS")));
    assert_eq!((summary.duties.invalid, summary.duties.unowned, summary.duties.owned), (11, 10, 11));
    assert!(!rows(&status).iter().any(|row| row.starts_with("physical-infrastructure/")));
    assert_eq!(condition(&status, "Covered"), "False GapsFound");
    assert_eq!(condition(&status, "Accepted"), "True Accepted");
    assert_eq!(condition(&status, "Ready"), "True Evaluated");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_customer_duty_held_by_a_team_is_covered_by_assumption() {
    let ns = shared().await.namespace("by-assumption");
    ns.apply(&storefront());
    let customer: Vec<&str> = all_layers().into_iter().filter(|layer| *layer != "physical-infrastructure").collect();
    ns.apply(&[assignment(
        "team",
        json!({
            "declares": ["client-devices"],
            "parties": [{ "name": "team", "role": "Customer" }],
            "duties": [held_by("team", &customer)],
        }),
    )]);
    let status = ns.status("team", is_covered).await;
    assert_eq!(condition(&status, "Covered"), "True CoveredByAssumption");
    assert_eq!(rows(&status), [""; 0]);
    let duties = status.summary.unwrap().duties;
    assert_eq!((duties.owned, duties.assumed), (21, 11));
    // Scripts can wait for a condition with kubectl.
    ns.cluster.kubectl(&["wait", "rassign/team", "-n", ns.name, "--for=condition=Covered", "--timeout=10s"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateless_deployment_without_service_and_secret_has_the_13_inherent_layers() {
    let ns = shared().await.namespace("stateless");
    ns.apply(&[
        deployment("worker", &json!({})),
        assignment(
            "team",
            json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &["application-code"])] }),
        ),
    ]);
    let status = ns.evaluated("team", 1).await;
    assert_eq!(status.summary.unwrap().layers, 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_that_is_added_later_opens_the_gaps_it_brings_and_one_summary_event() {
    let ns = shared().await.namespace("later");
    let inherent: Vec<&str> = ["data-classification", "access-control", "application-code", "image-supply-chain"]
        .into_iter()
        .chain(["workload-configuration", "network-segmentation", "cloud-network", "platform-runtime", "node-os"])
        .chain(["control-plane", "logging-detection", "incident-response"])
        .collect();
    ns.apply(&[
        deployment("web", &json!({})),
        assignment(
            "team",
            json!({ "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &inherent)] }),
        ),
    ]);
    ns.status("team", is_covered).await;
    ns.event("team", "Covered").await;
    ns.apply(&[load_balancer("web", "web")]);
    let status = ns.status("team", |status| !is_covered(status)).await;
    let expected = ["data-protection", "user-accounts", "identity-infrastructure", "network-exposure"];
    assert_eq!(layers_with(&status, "LayerUnowned"), expected);
    let event = ns.event("team", "GapsOpened").await;
    let note = event.note.unwrap();
    assert!(expected.iter().all(|layer| note.contains(layer)), "{note}");
    assert_eq!(ns.events_about_owners("team").await, ["Covered", "GapsOpened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_assignments_that_name_different_customers_conflict_for_that_duty_only() {
    let ns = shared().await.namespace("conflict");
    let claim = |team: &str, layers: &[&str]| json!({ "parties": [{ "name": team, "role": "Customer" }], "duties": [held_by(team, layers)] });
    ns.apply(&[
        deployment("web", &json!({})),
        assignment("red", claim("red", &["application-code", "workload-configuration"])),
        assignment("blue", claim("blue", &["application-code", "data-classification"])),
    ]);
    for name in ["red", "blue"] {
        let status = ns.status(name, |status| condition(status, "Consistent").starts_with("False")).await;
        assert_eq!(layers_with(&status, "OverlappingAssignments"), ["application-code"]);
        assert_eq!(status.summary.as_ref().unwrap().duties.conflicted, 1);
        let row = status.unowned_layers.iter().find(|row| row.layer == "application-code").unwrap();
        assert!(
            row.message.starts_with("Several parties claim this duty: blue, red. Keep one entry"),
            "{}",
            row.message
        );
        assert!(!rows(&status).iter().any(|row| row.starts_with("data-classification/")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duty_that_the_platform_never_accepted_is_not_accepted() {
    let ns = shared().await.namespace("volunteered");
    ns.cluster.apply(&[cluster_assignment(
        "volunteered-platform",
        ns.name,
        json!({
            "parties": [{ "name": "platform-team", "role": "Customer" }],
            "duties": [held_by("platform-team", &["node-os", "backup-recovery"])],
        }),
    )]);
    ns.apply(&[
        deployment("web", &json!({})),
        assignment("team", json!({ "duties": [held_by("platform-team", &["data-classification"])] })),
    ]);
    let status = ns.status("team", |status| !layers_with(status, "NotAccepted").is_empty()).await;
    assert_eq!(layers_with(&status, "NotAccepted"), ["data-classification"]);
    // Gaps of the platform's layers are in the status of the platform's assignment.
    assert!(!rows(&status).iter().any(|row| row.starts_with("control-plane/")));
    assert!(status.summary.unwrap().platform_gaps > 0);
    let platform = ns.cluster.cluster_status("volunteered-platform", |status| !status.unowned_layers.is_empty()).await;
    let row = platform.unowned_layers.iter().find(|row| row.layer == "control-plane").unwrap();
    assert_eq!(row.examples, ["volunteered/Deployment/web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn founders_on_managed_nodes_who_believe_that_the_provider_does_it_have_12_of_18_layers_unowned() {
    let ns = shared().await.namespace("founders");
    // The cluster assignment claims the model that the nodes of this example show. It declares no party and no duty.
    let claim = cluster_assignment("founders-model", ns.name, json!({ "serviceModel": "ManagedNodes" }));
    ns.cluster.apply(&[claim]);
    let secret = json!({
        "containers": [{ "name": "web", "image": "registry.example.com/web:1", "envFrom": [{ "secretRef": { "name": "s" } }] }],
    });
    ns.apply(&[
        deployment("storefront", &secret),
        load_balancer("storefront", "storefront"),
        assignment(
            "founders",
            json!({
                "parties": [{ "name": "founders", "role": "Customer" }],
                "duties": [held_by("founders", &["application-code", "image-supply-chain", "workload-configuration"])],
            }),
        ),
    ]);
    let founders_status = ns.cluster.cluster_status("founders-model", |status| {
        status.summary.as_ref().is_some_and(|summary| summary.unowned_layers == 12 && summary.layers == 18)
    });
    let status = founders_status.await;
    let mut unowned = layers_with(&status, "LayerUnowned");
    unowned.sort();
    let mut expected = STOREFRONT_UNOWNED;
    expected.sort_unstable();
    assert_eq!(unowned, expected);
    assert_eq!(status.summary.unwrap().duties.assumed, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_claims_saas_loses_no_duty() {
    let ns = shared().await.namespace("claims-saas");
    ns.apply(&[
        deployment("web", &json!({})),
        assignment(
            "team",
            json!({
                "serviceModel": "SaaS",
                "parties": [{ "name": "team", "role": "Customer" }],
                "duties": [held_by("team", &["data-classification"])],
            }),
        ),
    ]);
    let status = ns.evaluated("team", 1).await;
    // Under CaaS 12 of the 13 inherent layers owe a customer duty, under SaaS fewer.
    assert_eq!(status.summary.as_ref().unwrap().model.as_deref(), Some("CaaS"));
    assert_eq!(status.unowned_layers.len(), 11);
}

//! Complete scenarios: a start-up on EKS Auto Mode, a SaaS vendor on GKE Autopilot, a data team on GKE.

use responsibility_operator::api::AssignmentStatus;
use serde_json::{Value, json};

use crate::support::*;

const APP: [&str; 5] =
    ["access-control", "application-code", "image-supply-chain", "workload-configuration", "data-classification"];

fn team(name: &str) -> Value {
    json!([{ "name": name, "role": "Customer", "contact": { "escalation": "#oncall" } }])
}

fn sorted(mut layers: Vec<String>) -> Vec<String> {
    layers.sort();
    layers
}

/// Returns the layers with a gap in a workload, from the examples of the rows.
fn unowned_in(status: &AssignmentStatus, workload: &str) -> Vec<String> {
    let rows = status.unowned_layers.iter().filter(|row| row.examples.iter().any(|example| example == workload));
    sorted(rows.map(|row| row.layer.clone()).collect())
}

fn named(layers: &[&str]) -> Vec<String> {
    sorted(layers.iter().map(|layer| (*layer).to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_startup_on_auto_mode_believes_that_aws_does_it() {
    let cluster = Cluster::start().await;
    for number in 0..4 {
        let labels = json!({ "eks.amazonaws.com/compute-type": "auto" });
        cluster.node(&format!("n{number}"), "v1.37.1-eks-3abbec1", labels, json!({}));
    }
    let _operator = cluster.operator(&[]);
    let ns = cluster.namespace("shop");
    let secret = json!({ "containers": [{ "name": "web", "image": "registry.example.com/web:1", "envFrom": [{ "secretRef": { "name": "s" } }] }] });
    let redis = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "redis" },
        "spec": {
            "replicas": 0, "serviceName": "redis", "selector": { "matchLabels": { "app": "redis" } },
            "template": { "metadata": { "labels": { "app": "redis" } }, "spec": with_container(&json!({})) },
            "volumeClaimTemplates": [{ "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } }],
        },
    });
    let held = ["application-code", "image-supply-chain", "workload-configuration"];
    let spec = |extra: Value| {
        let mut spec = json!({ "parties": team("founders"), "duties": [held_by("founders", &held)] });
        extra.as_object().unwrap().iter().for_each(|(field, value)| spec[field] = value.clone());
        assignment("founders", spec)
    };
    ns.apply(&[deployment("storefront", &secret), load_balancer("storefront", "storefront"), redis, spec(json!({}))]);
    let status = ns
        .status("founders", |status| {
            status.summary.as_ref().is_some_and(|summary| summary.workloads == 2 && summary.layers == 20)
        })
        .await;
    let of_redis = [
        "access-control",
        "network-segmentation",
        "cloud-network",
        "control-plane",
        "logging-detection",
        "data-classification",
        "incident-response",
        "data-protection",
        "backup-recovery",
        "storage-platform",
    ];
    assert_eq!(unowned_in(&status, "Deployment/storefront"), named(&STOREFRONT_UNOWNED));
    assert_eq!(unowned_in(&status, "StatefulSet/redis"), named(&of_redis));
    assert!(status.unowned_layers.iter().all(|row| row.reason.name() == "LayerUnowned"), "{:?}", rows(&status));
    // 9 duties assumed for the storefront and 7 for redis, no gap in the provider duties.
    assert_eq!(status.summary.as_ref().unwrap().duties.assumed, 9 + 7);

    // An exception for the backup of the cache.
    ns.apply(&[spec(json!({ "exceptions": [{ "layer": "backup-recovery", "reason": "cache, rebuilt from the database", "approvedBy": "cto", "until": in_days(300) }] }))]);
    let status = ns.status("founders", |status| status.summary.as_ref().unwrap().duties.excepted == 1).await;
    assert_eq!(unowned_in(&status, "StatefulSet/redis").len(), 9);

    // With a cluster assignment, the gaps of the platform's layers go to it.
    cluster.apply(&[cluster_assignment(
        "platform",
        "shop",
        json!({ "parties": [{ "name": "aws", "role": "Provider" }] }),
    )]);
    let status = ns.status("founders", |status| status.summary.as_ref().unwrap().platform_gaps > 0).await;
    let platform =
        ["control-plane", "logging-detection", "cloud-network", "identity-infrastructure", "storage-platform"];
    assert!(status.unowned_layers.iter().all(|row| !platform.contains(&row.layer.as_str())), "{:?}", rows(&status));
    let status = cluster.cluster_status("platform", |status| !status.unowned_layers.is_empty()).await;
    let unowned = sorted(status.unowned_layers.iter().map(|row| row.layer.clone()).collect());
    assert!(platform.iter().all(|layer| unowned.contains(&(*layer).to_owned())), "{unowned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_and_a_data_team_on_gke() {
    let cluster = Cluster::start().await;
    cluster.node(
        "gk3-main-1",
        "v1.37.1-gke.100",
        json!({ "pool": "autopilot" }),
        json!({ "providerID": "gce://p/z/a" }),
    );
    let standard = json!({ "cloud.google.com/gke-nodepool": "main", "pool": "standard" });
    cluster.node("gke-main-1", "v1.37.1-gke.100", standard, json!({ "providerID": "gce://p/z/b" }));
    let _operator = cluster.operator(&[]);
    a_saas_vendor_on_autopilot(&cluster).await;
    a_data_team_on_standard(&cluster).await;
}

async fn a_saas_vendor_on_autopilot(cluster: &Cluster) {
    let ns = cluster.namespace("t42");
    let pod = json!({
        "nodeSelector": { "pool": "autopilot" },
        "containers": [{
            "name": "app", "image": "registry.example.com/app:1", "envFrom": [{ "secretRef": { "name": "s" } }],
            "env": [{ "name": "DATABASE_URL", "value": "x" }, { "name": "OPENAI_API_KEY", "value": "x" }],
        }],
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "app" },
        "spec": { "selector": { "app": "app" }, "ports": [{ "port": 80 }] },
    });
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "app" },
        "spec": { "defaultBackend": { "service": { "name": "app", "port": { "number": 80 } } } },
    });
    let google = json!({ "name": "google", "role": "Provider" });
    let platform = |sre: bool| {
        let mut duties = vec![
            json!({ "layers": ["physical-infrastructure", "control-plane", "node-os", "platform-runtime"], "provider": "google" }),
        ];
        if sre {
            duties.push(held_by("sre", &all_layers()));
        }
        let parties = json!([google, { "name": "sre", "role": "Customer" }]);
        cluster_assignment("gke", "t42", json!({ "parties": parties, "duties": duties }))
    };
    cluster.apply(&[platform(true)]);
    ns.apply(&[
        deployment("app", &pod),
        service,
        ingress,
        assignment(
            "t42",
            json!({
                "serviceModel": "SaaS",
                "duties": [{ "layers": ["application-code", "image-supply-chain", "network-segmentation"], "provider": "google" }],
            }),
        ),
    ]);
    let has_all = |status: &AssignmentStatus| status.summary.as_ref().is_some_and(|summary| summary.layers == 19);
    // Each kind has its own watch, so the duties of google can be processed last.
    let assumed = |status: &AssignmentStatus| status.summary.as_ref().map(|summary| summary.duties.assumed);
    let status = ns.status("t42", |status| has_all(status) && assumed(status) == Some(6)).await;
    assert_eq!(status.summary.as_ref().unwrap().model.as_deref(), Some("ManagedNodes"));
    assert_eq!(rows(&status), [""; 0]);
    let contradicted = [
        "application-code",
        "image-supply-chain",
        "network-segmentation",
        "cloud-network",
        "network-exposure",
        "control-plane",
    ];
    assert_eq!(sorted(risky_layers(&status, "ServiceModelContradicted")), named(&contradicted));
    assert_eq!(
        sorted(risky_layers(&status, "ProviderClaimsCustomerLayer")),
        named(&["application-code", "image-supply-chain", "network-segmentation"])
    );
    let gke_status = cluster.cluster_status("gke", has_all).await;
    assert_eq!(
        sorted(risky_layers(&gke_status, "CustomerClaimsProviderLayer")),
        named(&["node-os", "platform-runtime", "physical-infrastructure"])
    );
    assert!(!risky_layers(&gke_status, "ProviderClaimWithoutEvidence").is_empty());

    // Without the duties of sre every customer duty is a gap, including the six layers.
    cluster.apply(&[platform(false)]);
    let gke_status = cluster.cluster_status("gke", |status| status.unowned_layers.len() == 16).await;
    let gaps = sorted(gke_status.unowned_layers.iter().map(|row| row.layer.clone()).collect());
    assert!(contradicted.iter().all(|layer| gaps.contains(&(*layer).to_owned())), "{gaps:?}");
}

/// Returns a pod as the controller of an operator creates it: its owner has a kind that is not watched.
fn owned_pod(name: &str, owner: &Value, labels: &Value, spec: Value) -> Value {
    let owner = json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["name"], "uid": owner["uid"],
        "controller": true,
    }]);
    let mut spec = spec;
    spec["nodeSelector"] = json!({ "pool": "standard" });
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": labels, "ownerReferences": owner }, "spec": with_container(&spec) })
}

async fn a_data_team_on_standard(cluster: &Cluster) {
    let ns = cluster.namespace("lake");
    // The garbage collector deletes objects whose owner kind is not served, so both kinds are served.
    definitions(
        cluster,
        &[
            ("postgresql.cnpg.io", "v1", "Cluster", "clusters"),
            ("sparkoperator.k8s.io", "v1beta2", "SparkApplication", "sparkapplications"),
        ],
    );
    let owner = |api_version: &str, kind: &str, plural: &str, name: &str| {
        ns.apply(&[json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name } })]);
        let uid = cluster.kubectl(&["get", plural, name, "-n", ns.name, "-o", "jsonpath={.metadata.uid}"]);
        json!({ "apiVersion": api_version, "kind": kind, "name": name, "uid": uid })
    };
    let pg = owner("postgresql.cnpg.io/v1", "Cluster", "clusters.postgresql.cnpg.io", "pg");
    let etl = owner("sparkoperator.k8s.io/v1beta2", "SparkApplication", "sparkapplications", "etl");
    let storage = json!({ "volumes": [
        { "name": "data", "persistentVolumeClaim": { "claimName": "pg-1" } },
        { "name": "ca", "secret": { "secretName": "pg-ca" } },
    ] });
    let spark = |role: &str| {
        let env = json!([{ "name": "S3_BUCKET", "value": "lake" }]);
        let container = json!({ "name": role, "image": "registry.example.com/spark:4", "env": env, "envFrom": [{ "secretRef": { "name": "s3" } }] });
        json!({ "containers": [container] })
    };
    let platform = [
        "control-plane",
        "node-os",
        "platform-runtime",
        "cloud-network",
        "network-segmentation",
        "secrets-and-keys",
        "logging-detection",
        "incident-response",
        "storage-platform",
    ];
    cluster.apply(&[cluster_assignment(
        "lake-platform",
        "lake",
        json!({ "parties": team("platform-team"), "duties": [held_by("platform-team", &platform)] }),
    )]);
    let data: Vec<&str> = APP.into_iter().chain(["data-protection"]).collect();
    let mut objects = vec![
        owned_pod("pg-1", &pg, &json!({ "app": "pg" }), storage.clone()),
        owned_pod("pg-2", &pg, &json!({ "app": "pg" }), storage),
        assignment("lake", json!({ "parties": team("data-team"), "duties": [held_by("data-team", &data)] })),
        owned_pod("etl-driver", &etl, &json!({ "app": "etl" }), spark("driver")),
    ];
    objects
        .extend((0..3).map(|n| owned_pod(&format!("etl-exec-{n}"), &etl, &json!({ "app": "etl" }), spark("executor"))));
    ns.apply(&objects);
    let is_complete = |status: &AssignmentStatus| {
        let summary = status.summary.as_ref();
        summary.is_some_and(|summary| summary.workloads == 2 && summary.layers == 18)
    };
    let status = ns.status("lake", |status| is_complete(status) && status.unowned_layers.len() == 2).await;
    assert_eq!(rows(&status), ["backup-recovery/Customer/LayerUnowned", "external-services/Customer/LayerUnowned"]);
    let examples = |layer: &str| status.unowned_layers.iter().find(|row| row.layer == layer).unwrap().examples.clone();
    assert_eq!(examples("backup-recovery"), ["Cluster.postgresql.cnpg.io/pg"]);
    assert_eq!(examples("external-services"), ["SparkApplication.sparkoperator.k8s.io/etl"]);
    assert_eq!(risks(&status), ["ReviewMissing", "Unacknowledged"], "the risks of the data team");

    // Executors and a pool that was scaled to zero come and go without a write or an Event.
    ns.event("lake", "GapsFound").await;
    ns.status("lake", |status| status.transitions == 1).await;
    let version = ns.assignments().await.get("lake").await.unwrap().metadata.resource_version;
    for number in 0..2 {
        let gpu = json!({ "cloud.google.com/gke-nodepool": "gpu", "pool": "gpu" });
        cluster.node(&format!("gke-gpu-{number}"), "v1.37.1-gke.100", gpu, json!({ "providerID": "gce://p/z/g" }));
    }
    cluster.kubectl(&["delete", "node", "gke-gpu-0", "gke-gpu-1"]);
    ns.apply(&[owned_pod("etl-exec-9", &etl, &json!({ "app": "etl" }), spark("executor"))]);
    ns.delete("pod", "etl-exec-0");
    // A change with an effect shows that all earlier changes are processed.
    ns.apply(&[deployment("probe", &json!({ "nodeSelector": { "pool": "standard" } }))]);
    let status = ns.status("lake", |status| status.summary.as_ref().unwrap().workloads == 3).await;
    assert_eq!(status.transitions, 1);
    ns.delete("deployment", "probe");
    ns.status("lake", is_complete).await;
    assert_ne!(ns.assignments().await.get("lake").await.unwrap().metadata.resource_version, version);
    assert_eq!(ns.events("lake").await, ["GapsFound"]);
    let all =
        cluster.kubectl(&["get", "events.events.k8s.io", "-n", ns.name, "-o", "jsonpath={.items[*].regarding.kind}"]);
    assert!(!all.contains("Pod") && !all.contains("SparkApplication"), "{all}");
}

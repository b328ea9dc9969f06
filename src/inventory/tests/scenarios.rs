//! Tests of three complete clusters.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::acceptance::{gaps, in_order, in_state, layers, party, risks, roll_up};
use super::build::{
    cluster, inventory_under, itself, key, load_balancer, named, namespaced, node, on_nodes, part, showing, written,
};
use super::generate::days_from_today;
use crate::api::GapReason::{self, LayerUnowned};
use crate::api::RiskReason;
use crate::facts::{Delta, RouteFacts, RouteKind, ServiceFacts, WorkloadFacts, WorkloadKey};
use crate::inventory::{ChangeSet, Inventory};
use crate::matrix::{LayerTriggers, Matrix, ServiceModel};
use crate::model::State;

fn unowned(layers: &[&str]) -> BTreeMap<GapReason, Vec<String>> {
    BTreeMap::from([(LayerUnowned, in_order(layers))])
}

fn models(inventory: &Inventory, key: &WorkloadKey) -> Vec<ServiceModel> {
    let found = super::shown::evaluations(inventory).remove(key).unwrap();
    found.model.models.ids().map(|model| ServiceModel::ALL[model.index()]).collect()
}

// A shop on EKS Auto Mode: "AWS does it"

/// Returns the index of the shop: a published Deployment with a Secret, and a StatefulSet with volumes.
fn startup(assignment: Value) -> (Inventory, WorkloadKey, WorkloadKey) {
    let mut inventory = inventory_under(None);
    for number in 0..4 {
        let auto = node(&[("eks.amazonaws.com/compute-type", "auto")]);
        inventory.apply(Delta::Node(format!("i-{number}").into(), Some(auto)));
    }
    let (storefront, redis) = (key("Deployment", "shop", "storefront"), key("StatefulSet", "shop", "redis"));
    inventory.apply(itself(storefront.clone(), showing("storefront", &[LayerTriggers::SECRETS])));
    inventory.apply(Delta::Service(named("shop", "storefront"), Some(load_balancer("storefront"))));
    inventory.apply(itself(redis.clone(), showing("redis", &[LayerTriggers::STORAGE])));
    inventory.apply(written(&namespaced("shop", "founders"), assignment));
    (inventory, storefront, redis)
}

fn founders() -> Value {
    json!({
        "parties": [party("founders", "Customer")],
        "duties": [{ "layers": ["application-code", "image-supply-chain", "workload-configuration"], "customer": "founders" }],
    })
}

const STOREFRONT: [&str; 12] = [
    "access-control",
    "network-segmentation",
    "cloud-network",
    "control-plane",
    "logging-detection",
    "data-classification",
    "incident-response",
    "secrets-and-keys",
    "data-protection",
    "network-exposure",
    "user-accounts",
    "identity-infrastructure",
];

const REDIS: [&str; 10] = [
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

#[test]
fn the_shop_on_eks_auto_mode_owns_three_layers_and_most_are_nobodys() {
    let (inventory, storefront, redis) = startup(founders());
    let shop = namespaced("shop", "founders");
    assert_eq!((layers(&inventory, &storefront).len(), layers(&inventory, &redis).len()), (18, 16));
    assert_eq!(gaps(&inventory, &storefront), unowned(&STOREFRONT));
    assert_eq!(gaps(&inventory, &redis), unowned(&REDIS));
    for (workload, assumed) in [(&storefront, 9), (&redis, 7)] {
        let found = in_state(&inventory, workload, State::Assumed);
        assert_eq!(found.len(), assumed, "{found:?}");
        for layer in ["node-os", "platform-runtime", "physical-infrastructure"] {
            assert!(found.contains(&layer.to_owned()), "{layer}");
        }
        assert_eq!(models(&inventory, workload), [ServiceModel::ManagedNodes]);
    }
    let found: Vec<RiskReason> = risks(&inventory, &shop).into_keys().collect();
    assert_eq!(found, [RiskReason::ReviewMissing, RiskReason::Unacknowledged]);
}

#[test]
fn with_a_cluster_assignment_the_shops_platform_layers_go_to_it() {
    let (mut inventory, ..) = startup(founders());
    let (shop, platform) = (namespaced("shop", "founders"), cluster("platform"));
    let before = roll_up(&inventory, &shop).unowned_layers();
    inventory.apply(written(&platform, json!({ "parties": [party("platform-team", "Customer")] })));
    let after = roll_up(&inventory, &shop);
    let gone =
        before.difference(after.unowned_layers()).ids().map(|layer| inventory.matrix().layer(layer).name.clone());
    let expected = in_order(&[
        "control-plane",
        "logging-detection",
        "cloud-network",
        "identity-infrastructure",
        "storage-platform",
    ]);
    assert_eq!(gone.collect::<Vec<_>>(), expected);
    assert_eq!(after.platform_gaps, 4 + 4, "of each of the two workloads, which have three of the layers in common");
    assert_eq!(roll_up(&inventory, &platform).unowned_layers(), before);
}

#[test]
fn the_shop_decides_to_live_without_a_backup_of_its_cache() {
    let until = days_from_today(365).to_string();
    let mut assignment = founders();
    assignment["exceptions"] = json!([{
        "layer": "backup-recovery", "reason": "cache, rebuilt from the database", "approvedBy": "cto", "until": until,
    }]);
    let (inventory, storefront, redis) = startup(assignment);
    assert_eq!(in_state(&inventory, &redis, State::Excepted), ["backup-recovery"]);
    let others: Vec<&str> = REDIS.into_iter().filter(|layer| *layer != "backup-recovery").collect();
    assert_eq!(gaps(&inventory, &redis), unowned(&others));
    assert_eq!(gaps(&inventory, &storefront), unowned(&STOREFRONT));
}

// A vendor on GKE Autopilot whose assignment names the service model SaaS

/// Returns the index of the vendor, with or without the duties of its site reliability engineers.
fn vendor(with_sre: bool) -> (Inventory, WorkloadKey) {
    let mut inventory = inventory_under(None);
    for name in ["gk3-autopilot-a", "gk3-autopilot-b"] {
        inventory.apply(Delta::Node(name.into(), Some(node(&[]))));
    }
    let app = key("Deployment", "t42", "app");
    inventory.apply(itself(app.clone(), showing("app", &[LayerTriggers::SECRETS, LayerTriggers::EXTERNAL_SERVICES])));
    let service = ServiceFacts { published: false, ..load_balancer("app") };
    inventory.apply(Delta::Service(named("t42", "app"), Some(service)));
    let backends = [named("t42", "app")].into();
    inventory.apply(Delta::Route(
        RouteKind::Ingress,
        named("t42", "app"),
        Some(RouteFacts { backends, ..RouteFacts::default() }),
    ));
    let all: Vec<&str> = Matrix::built_in().layers().map(|(_, layer)| layer.name.as_str()).collect();
    let google = ["physical-infrastructure", "control-plane", "node-os", "platform-runtime"];
    let mut duties = vec![json!({ "layers": google, "provider": "google" })];
    if with_sre {
        duties.push(json!({ "layers": all, "customer": "sre" }));
    }
    let platform = json!({ "parties": [party("google", "Provider"), party("sre", "Customer")], "duties": duties });
    inventory.apply(written(&cluster("platform"), platform));
    let claimed = ["application-code", "image-supply-chain", "network-segmentation"];
    let tenant = json!({ "serviceModel": "SaaS", "duties": [{ "layers": claimed, "provider": "google" }] });
    inventory.apply(written(&namespaced("t42", "t42"), tenant));
    (inventory, app)
}

/// The layers whose customer duties `SaaS` would have removed.
const CONTRADICTED: [&str; 6] = [
    "application-code",
    "image-supply-chain",
    "network-segmentation",
    "cloud-network",
    "network-exposure",
    "control-plane",
];

#[test]
fn the_vendors_claim_of_saas_removes_nothing() {
    let (inventory, app) = vendor(true);
    assert_eq!(models(&inventory, &app), [ServiceModel::ManagedNodes]);
    assert_eq!(layers(&inventory, &app).len(), 19);
    assert_eq!(gaps(&inventory, &app), BTreeMap::new());
    let assumed = in_order(&[
        "logging-detection",
        "incident-response",
        "secrets-and-keys",
        "external-services",
        "network-exposure",
        "identity-infrastructure",
    ]);
    assert_eq!(in_state(&inventory, &app, State::Assumed), assumed);
}

#[test]
fn the_vendor_is_told_what_it_claims_and_the_platform_what_it_does() {
    let (inventory, _) = vendor(true);
    let expected = BTreeMap::from([
        (RiskReason::ServiceModelContradicted, in_order(&CONTRADICTED)),
        (
            RiskReason::ProviderClaimsCustomerLayer,
            in_order(&["application-code", "image-supply-chain", "network-segmentation"]),
        ),
        (RiskReason::CustomerDutiesEmpty, vec![]),
        (RiskReason::ReviewMissing, vec![]),
    ]);
    assert_eq!(risks(&inventory, &namespaced("t42", "t42")), expected);
    let google = ["physical-infrastructure", "control-plane", "node-os", "platform-runtime"];
    let expected = BTreeMap::from([
        (
            RiskReason::CustomerClaimsProviderLayer,
            in_order(&["node-os", "platform-runtime", "physical-infrastructure"]),
        ),
        (RiskReason::ProviderClaimWithoutEvidence, in_order(&google)),
        (RiskReason::ReviewMissing, vec![]),
        (RiskReason::Unacknowledged, vec![]),
    ]);
    assert_eq!(risks(&inventory, &cluster("platform")), expected);
}

#[test]
fn without_its_engineers_the_vendor_has_gaps_where_it_claims_to_have_no_duty() {
    let (inventory, app) = vendor(false);
    let all: Vec<String> = gaps(&inventory, &app).into_values().flatten().collect();
    assert_eq!(all.len(), 16, "every customer duty");
    assert!(CONTRADICTED.iter().all(|layer| all.contains(&(*layer).to_owned())), "{all:?}");
}

// A data team on GKE Standard with CloudNativePG and Spark

fn executor(number: usize) -> WorkloadKey {
    key("Pod", "lake", &format!("etl-exec-{number}"))
}

fn on_gpus() -> WorkloadFacts {
    WorkloadFacts {
        placement: on_nodes(&[("cloud.google.com/gke-nodepool", "gpu")]),
        ..showing("etl", &[LayerTriggers::SECRETS, LayerTriggers::EXTERNAL_SERVICES])
    }
}

fn data_team() -> (Inventory, WorkloadKey, WorkloadKey) {
    let mut inventory = inventory_under(None);
    let main = node(&[("cloud.google.com/gke-nodepool", "main")]);
    inventory.apply(Delta::Node("gke-main-1".into(), Some(main)));
    let pg = key("Cluster.postgresql.cnpg.io", "lake", "pg");
    let etl = key("SparkApplication.sparkoperator.k8s.io", "lake", "etl");
    for number in 1..=3 {
        let pod = key("Pod", "lake", &format!("pg-{number}"));
        inventory.apply(part(pod, &pg, showing("pg", &[LayerTriggers::STORAGE, LayerTriggers::SECRETS])));
    }
    let driver = showing("etl", &[LayerTriggers::SECRETS, LayerTriggers::EXTERNAL_SERVICES]);
    inventory.apply(part(key("Pod", "lake", "etl-driver"), &etl, driver));
    for number in 0..5 {
        inventory.apply(part(executor(number), &etl, on_gpus()));
    }
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
    inventory.apply(written(
        &cluster("platform"),
        json!({
            "parties": [party("platform-team", "Customer")],
            "duties": [{ "layers": platform, "customer": "platform-team" }],
        }),
    ));
    let own = [
        "access-control",
        "application-code",
        "image-supply-chain",
        "workload-configuration",
        "data-classification",
        "data-protection",
    ];
    inventory.apply(written(
        &namespaced("lake", "data"),
        json!({
            "parties": [party("data-team", "Customer")],
            "duties": [{ "layers": own, "customer": "data-team" }],
        }),
    ));
    (inventory, pg, etl)
}

#[test]
fn the_data_team_has_one_gap_in_each_of_its_two_workloads() {
    let (inventory, pg, etl) = data_team();
    assert_eq!(inventory.workloads(), (2, 0), "one for each owner, however many pods they have");
    assert_eq!(pg.to_string(), "Cluster.postgresql.cnpg.io/pg");
    assert_eq!((layers(&inventory, &pg).len(), layers(&inventory, &etl).len()), (17, 16));
    assert_eq!(gaps(&inventory, &pg), unowned(&["backup-recovery"]));
    assert_eq!(gaps(&inventory, &etl), unowned(&["external-services"]));
    assert_eq!(in_state(&inventory, &pg, State::Assumed).len(), 8);
    for id in [namespaced("lake", "data"), cluster("platform")] {
        let found: Vec<RiskReason> = risks(&inventory, &id).into_keys().collect();
        assert_eq!(found, [RiskReason::ReviewMissing, RiskReason::Unacknowledged], "{id}");
    }
}

#[test]
fn executors_that_come_and_go_change_nothing() {
    let (mut inventory, ..) = data_team();
    for number in 5..50 {
        let changed = inventory.apply(part(
            executor(number),
            &key("SparkApplication.sparkoperator.k8s.io", "lake", "etl"),
            on_gpus(),
        ));
        assert_eq!(changed, ChangeSet::default());
    }
    for number in 0..50 {
        let changed = inventory.apply(Delta::Workload(executor(number), None));
        assert_eq!(changed, ChangeSet::default());
    }
}

#[test]
fn a_gpu_pool_that_scales_up_and_down_again_changes_nothing() {
    let (mut inventory, ..) = data_team();
    let before = super::shown::shown(&inventory);
    for joined in [true, false, true, false] {
        for name in ["gke-gpu-1", "gke-gpu-2"] {
            let gpu = node(&[("cloud.google.com/gke-nodepool", "gpu")]);
            let changed = inventory.apply(Delta::Node(name.into(), Some(gpu).filter(|_| joined)));
            assert_eq!(changed, ChangeSet::default());
        }
        assert_eq!(super::shown::shown(&inventory), before);
    }
}

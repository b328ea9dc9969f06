//! What is wrong with duties as Reports of OpenReports, on a real API server.

use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use crate::support::*;

/// The operator may write Reports, as the chart grants it where they are on.
fn grant_reports(cluster: &Cluster) {
    let rule = json!([{ "op": "add", "path": "/rules/-", "value": {
        "apiGroups": ["openreports.io"], "resources": ["reports"], "verbs": ["create", "patch", "delete"],
    } }]);
    cluster.kubectl(&["patch", "clusterrole", "responsibility-operator", "--type=json", "-p", &rule.to_string()]);
}

/// All Reports of a namespace.
async fn reports(ns: &Namespace<'_>) -> Vec<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("openreports.io", "v1alpha1", "Report"));
    let api: Api<DynamicObject> = Api::namespaced_with(ns.cluster.client().await, ns.name, &resource);
    // They are not there while their API is not served.
    api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default()
}

fn results(reports: &[DynamicObject]) -> Vec<Value> {
    reports.iter().flat_map(|report| report.data["results"].as_array().cloned().unwrap_or_default()).collect()
}

/// The result of a layer and a rule in the Reports of a namespace.
async fn result(ns: &Namespace<'_>, policy: &str, rule: &str) -> Option<Value> {
    let results = results(&reports(ns).await);
    results.into_iter().find(|result| result["policy"] == policy && result["rule"] == rule)
}

const ARGUMENTS: [&str; 2] = ["--default-service-model=CaaS", "--reports"];

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_reported_until_it_is_mended_and_a_restart_writes_nothing() {
    let cluster = Cluster::start().await;
    install(&cluster, "openreports");
    grant_reports(&cluster);
    let operator = cluster.operator(&ARGUMENTS);
    let ns = cluster.namespace("reported");
    let mut layers = customer_layers();
    layers.retain(|layer| *layer != "node-os");
    ns.apply(&[deployment("web", &json!({})), team(&layers)]);
    eventually("the gap is reported", async || result(&ns, "node-os", "LayerUnowned").await.is_some()).await;
    println!("{}", serde_json::to_string_pretty(&reports(&ns).await).unwrap());
    println!("{}", operator.log());
    println!("{}", cluster.kubectl(&["get", "reports", "-A"]));
}

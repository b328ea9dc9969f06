//! Reports of OpenReports on a real API server.

use harness::Access;
use kube::api::{Api, ListParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use crate::fulfilment::restricted;
use crate::replicas::{until_leads, until_ready};
use crate::support::*;

const ARGUMENTS: [&str; 2] = ["--default-service-model=CaaS", "--reports"];

/// Grants the operator to write Reports, as the chart does with `reports.enabled`.
fn grant_reports(cluster: &Cluster, verbs: &[&str]) {
    let rule = json!([{ "op": "add", "path": "/rules/-", "value": {
        "apiGroups": ["openreports.io"], "resources": ["reports"], "verbs": verbs,
    } }]);
    cluster.kubectl(&["patch", "clusterrole", "responsibility-operator", "--type=json", "-p", &rule.to_string()]);
}

/// Starts a control plane that serves Reports, which the operator may write.
async fn reporting() -> Cluster {
    let cluster = Cluster::start().await;
    install(&cluster, "openreports");
    grant_reports(&cluster, &["create", "patch", "delete"]);
    cluster
}

/// Returns the operator's Reports of a namespace.
async fn reports(ns: &Namespace<'_>) -> Vec<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("openreports.io", "v1alpha1", "Report"));
    let api: Api<DynamicObject> = Api::namespaced_with(ns.cluster.client().await, ns.name, &resource);
    let own = ListParams::default().labels("app.kubernetes.io/managed-by=responsibility-operator");
    // The list fails while the API is not served: there are no Reports.
    api.list(&own).await.map(|list| list.items).unwrap_or_default()
}

/// Returns the results in the operator's Reports of a namespace.
async fn results(ns: &Namespace<'_>) -> Vec<Value> {
    let results = |report: DynamicObject| report.data["results"].as_array().cloned().unwrap_or_default();
    reports(ns).await.into_iter().flat_map(results).collect()
}

/// Returns these results as `layer/rule RESULT`.
async fn result_lines(ns: &Namespace<'_>) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let result_lines =
        |result: Value| format!("{}/{} {}", text(&result["policy"]), text(&result["rule"]), text(&result["result"]));
    results(ns).await.into_iter().map(result_lines).collect()
}

async fn results_become(ns: &Namespace<'_>, expected: &[&str]) {
    eventually(&format!("{expected:?} is reported"), async || result_lines(ns).await == expected).await;
}

/// Returns the writes of Reports so far.
fn writes(cluster: &Cluster) -> Vec<String> {
    cluster.writes_of_operator().into_iter().filter(|write| write.contains(" reports/")).collect()
}

/// Returns an assignment of a team that holds all but these layers. Every signal that can be evaluated passes.
fn holds_all_but(missing: &[&str]) -> Value {
    let mut layers = customer_layers();
    layers.retain(|layer| !missing.contains(layer));
    let mut spec = held(&layers);
    spec["accountable"] = json!("team");
    assignment("team", spec)
}

/// Returns a Deployment for which only the signals about NetworkPolicies and the namespace fail.
fn well_made(name: &str) -> Value {
    deployment(name, &restricted())
}

fn network_policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "all" },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress"] },
    })
}

/// Creates a namespace whose only problems are gaps of assignments.
fn well_kept<'a>(cluster: &'a Cluster, name: &'a str) -> Namespace<'a> {
    let ns = cluster.namespace(name);
    cluster.kubectl(&["label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"]);
    ns.apply(&[network_policy()]);
    ns
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_reported_until_it_is_mended_and_a_restart_writes_nothing() {
    let cluster = reporting().await;
    let mut operator = cluster.operator(&ARGUMENTS);
    let ns = well_kept(&cluster, "shop");
    ns.apply(&[well_made("web"), holds_all_but(&["node-os"])]);
    results_become(&ns, &["node-os/LayerUnowned fail"]).await;
    let [result] = &results(&ns).await[..] else { panic!("one result") };
    let status = ns.status("team", |status| status.unowned_layers.len() == 1).await;
    let uid = cluster.kubectl(&["get", "deployment", "web", "-n", "shop", "-o", "jsonpath={.metadata.uid}"]);
    let web = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web", "uid": uid });
    assert_eq!(result["resources"], json!([web]));
    assert_eq!(result["message"], status.unowned_layers[0].message, "in the words of the status");
    let words = ["source", "category", "severity", "scored"].map(|field| &result[field]);
    assert_eq!(json!(words), json!(["responsibility-operator", "Ownership", "medium", true]));
    let mut properties = result["properties"].clone();
    properties.as_object_mut().unwrap().remove("resultID");
    let expected = json!({
        "layer": "node-os", "duty": "Customer", "state": "Unowned", "owner": "team",
        "assignment": "ResponsibilityAssignment/team",
    });
    assert_eq!(properties, expected);
    let columns = cluster.kubectl(&["get", "reports", "-n", "shop", "--no-headers"]);
    let columns: Vec<&str> = columns.split_whitespace().take(6).collect();
    assert_eq!(columns, ["responsibility-operator", "0", "1", "0", "0", "0"]);
    let [report] = &reports(&ns).await[..] else { panic!("one Report") };
    assert_eq!(report.data["source"], "responsibility-operator");
    let labels = report.metadata.labels.clone().unwrap();
    assert_eq!((&*labels["sharedresponsibility.dev/owner"], labels.len()), ("team", 3));

    // A restarted operator does not rewrite its Reports. The only new write is for the other namespace.
    let (before, first) = (writes(&cluster), report.metadata.resource_version.clone());
    assert!(operator.terminate(LIMIT).unwrap().success());
    let mut operator = cluster.operator(&ARGUMENTS);
    let other = well_kept(&cluster, "bank");
    other.apply(&[well_made("web"), holds_all_but(&["cloud-network"])]);
    results_become(&other, &["cloud-network/LayerUnowned fail"]).await;
    assert_eq!(writes(&cluster).len(), before.len() + 1, "{:?}", writes(&cluster));
    assert_eq!(reports(&ns).await[0].metadata.resource_version, first);

    // A result keeps the time at which it was found first.
    let found = result["timestamp"].clone();
    ns.apply(&[holds_all_but(&["node-os", "cloud-network"])]);
    results_become(&ns, &["cloud-network/LayerUnowned fail", "node-os/LayerUnowned fail"]).await;
    assert_eq!(results(&ns).await[1]["timestamp"], found);
    ns.apply(&[holds_all_but(&[])]);
    eventually("the Report is deleted", async || reports(&ns).await.is_empty()).await;
    // A result that disappears while no operator runs is removed after the start.
    assert!(operator.terminate(LIMIT).unwrap().success());
    other.apply(&[holds_all_but(&[])]);
    let _operator = cluster.operator(&ARGUMENTS);
    eventually("the other Report is deleted", async || reports(&other).await.is_empty()).await;
    let expected = ["patch reports/ shop", "patch reports/ bank", "patch reports/ shop", "delete reports/ shop"];
    assert_eq!(writes(&cluster), [&expected[..], &["delete reports/ bank"]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_is_reported_and_own_reports_are_no_evidence() {
    let cluster = reporting().await;
    let _operator = cluster.operator(&ARGUMENTS);
    let ns = well_kept(&cluster, "undone");
    ns.apply(&[well_made("web"), holds_all_but(&[])]);
    ns.evaluated("team", 1).await;
    ns.delete("networkpolicy", "all");
    // The layer without an owner has high severity, and the signal policy-report reads Reports about it.
    ns.apply(&[deployment("api", &json!({}))]);
    let expected = [
        "image-supply-chain/image-pinning fail",
        "workload-configuration/security-context fail",
        "workload-configuration/resources fail",
        "network-segmentation/network-policy fail",
        "network-segmentation/network-policy fail",
    ];
    let is_reported = async || {
        let mut result_lines = result_lines(&ns).await;
        let mut expected = expected.map(str::to_owned);
        result_lines.sort();
        expected.sort();
        result_lines == expected
    };
    eventually("what is undone is reported", is_reported).await;
    let status = ns.status("team", |status| status.unfulfilled.len() == 4).await;
    assert!(status.unfulfilled.iter().all(|row| row.signal != "policy-report"), "{:?}", status.unfulfilled);
    let results = results(&ns).await;
    let pinning = results.iter().find(|result| result["rule"] == "image-pinning").unwrap();
    let of_status = status.unfulfilled.iter().find(|row| row.signal == "image-pinning").unwrap();
    assert_eq!(pinning["message"], of_status.message, "in the words of the status");
    assert_eq!(pinning["category"], "Fulfilment");
    assert_eq!(pinning["properties"]["signal"], "image-pinning");
    assert_eq!(pinning["properties"]["party"], "team");
    let high =
        results.iter().any(|result| result["severity"] == "high" && result["policy"] == "workload-configuration");
    assert!(high, "a Report of somebody else with this would count: {results:?}");

    // A Report of another writer with the same results counts.
    let mut copied = results.clone();
    for result in &mut copied {
        result["source"] = json!("kyverno");
    }
    ns.apply(&[json!({
        "apiVersion": "openreports.io/v1alpha1", "kind": "Report", "metadata": { "name": "other" },
        "results": copied,
    })]);
    ns.status("team", |status| status.unfulfilled.iter().any(|row| row.signal == "policy-report")).await;
    eventually("and is reported", async || {
        result_lines(&ns).await.iter().any(|result_lines| result_lines.contains("/policy-report "))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_written_as_soon_as_their_api_and_the_rights_are_there_and_kept_as_they_should_be() {
    let cluster = Cluster::start().await;
    let operator = cluster.operator(&ARGUMENTS);
    let ns = well_kept(&cluster, "later");
    ns.apply(&[well_made("web"), holds_all_but(&["node-os"])]);
    ns.status("team", |status| status.unowned_layers.len() == 1).await;
    let absent = operator.log().matches("reports.openreports.io are not served").count();
    assert_eq!((absent, writes(&cluster).len()), (1, 0), "{}", operator.log());

    install(&cluster, "openreports");
    eventually("it says that it may not write", async || operator.log().contains("cannot write Reports")).await;
    grant_reports(&cluster, &["patch"]);
    let refused = async || operator.log().contains("cannot create resource \\\"reports\\\"");
    eventually("to apply what is not there is to create it", refused).await;
    grant_reports(&cluster, &["create", "delete"]);
    results_become(&ns, &["node-os/LayerUnowned fail"]).await;
    eventually("it says that it can", async || operator.log().contains("Reports can be written again")).await;

    cluster.kubectl(&["delete", "reports", "--all", "-n", ns.name]);
    results_become(&ns, &["node-os/LayerUnowned fail"]).await;
    let patch = json!({ "results": [] }).to_string();
    cluster.kubectl(&["patch", "report", "responsibility-operator", "-n", ns.name, "--type=merge", "-p", &patch]);
    results_become(&ns, &["node-os/LayerUnowned fail"]).await;

    remove(&cluster, "openreports");
    eventually("the API is gone", async || operator.log().contains("no longer served")).await;
    install(&cluster, "openreports");
    results_become(&ns, &["node-os/LayerUnowned fail"]).await;
    assert!(!operator.log().contains("ended abnormally"), "{}", operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_of_platform_layers_are_reported_once_where_a_cluster_assignment_takes_the_namespace_in() {
    let cluster = reporting().await;
    let _operator = cluster.operator(&ARGUMENTS);
    let ns = well_kept(&cluster, "tenant");
    ns.apply(&[well_made("web"), well_made("api")]);
    eventually("no assignment selects it", async || {
        result_lines(&ns).await == ["responsibility-operator/NamespaceUnassigned warn"]
    })
    .await;
    let platform = json!({ "parties": [{ "name": "platform", "role": "Customer" }] });
    cluster.apply(&[cluster_assignment("platform", ns.name, platform)]);
    ns.apply(&[holds_all_but(&["application-code", "node-os"])]);
    let of_workloads = ["application-code/LayerUnowned fail"; 2];
    results_become(&ns, &[&of_workloads[..], &["node-os/LayerUnowned fail"]].concat()).await;
    let [of_workloads, of_platform] = &reports(&ns).await[..] else { panic!("each has a Report of its own") };
    let concern =
        |report: &DynamicObject| report.metadata.labels.clone().unwrap()["sharedresponsibility.dev/concern"].clone();
    assert_eq!([concern(of_workloads), concern(of_platform)], ["workload", "platform"]);
    let about = |report: &DynamicObject, index: usize| {
        let about = &report.data["results"][index]["resources"][0];
        format!("{} {}", about["kind"].as_str().unwrap(), about["name"].as_str().unwrap())
    };
    assert_eq!([about(of_workloads, 0), about(of_workloads, 1)], ["Deployment api", "Deployment web"]);
    assert_eq!(about(of_platform, 0), "Namespace tenant", "once, however many workloads it has");
}

/// Returns a Report of another writer.
fn foreign_report(name: &str) -> Value {
    json!({
        "apiVersion": "openreports.io/v1alpha1", "kind": "Report", "metadata": { "name": name }, "source": "kyverno",
        "results": [{ "policy": "p", "source": "kyverno", "result": "pass" }],
        "summary": { "pass": 1, "fail": 0, "warn": 0, "error": 0, "skip": 0 },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_somebody_else_stays_as_it_is_and_an_own_one_is_mended_whenever_it_was_changed() {
    let cluster = reporting().await;
    let mut operator = cluster.operator(&ARGUMENTS);
    let (taken, free) = (well_kept(&cluster, "taken"), well_kept(&cluster, "free"));
    taken.apply(&[foreign_report("responsibility-operator")]);
    for ns in [&taken, &free] {
        ns.apply(&[well_made("web"), holds_all_but(&["node-os"])]);
    }
    results_become(&free, &["node-os/LayerUnowned fail"]).await;
    let said = async || operator.log().contains("a Report of this name belongs to another writer");
    eventually("the operator says why it writes none", said).await;
    assert_eq!(result_lines(&taken).await, [""; 0]);
    let source = ["get", "report", "responsibility-operator", "-n", "taken", "-o", "jsonpath={.source}"];
    assert_eq!(cluster.kubectl(&source), "kyverno");
    cluster.kubectl(&["delete", "report", "responsibility-operator", "-n", "taken"]);
    results_become(&taken, &["node-os/LayerUnowned fail"]).await;

    // Both Reports change while no operator runs: the results of one, and the owner label of the other.
    let found = results(&free).await[0]["timestamp"].clone();
    assert!(operator.terminate(LIMIT).unwrap().success());
    let patch = json!({ "summary": { "fail": 0 } }).to_string();
    cluster.kubectl(&["patch", "report", "responsibility-operator", "-n", "taken", "--type=merge", "-p", &patch]);
    let owner = "sharedresponsibility.dev/owner-";
    cluster.kubectl(&["label", "report", "responsibility-operator", "-n", "free", owner]);
    let _operator = cluster.operator(&ARGUMENTS);
    eventually("its count is as it was", async || reports(&taken).await[0].data["summary"]["fail"] == 1).await;
    eventually("its owner is as it was", async || {
        let labels = reports(&free).await[0].metadata.labels.clone().unwrap();
        labels.get("sharedresponsibility.dev/owner").is_some_and(|owner| owner == "team")
    })
    .await;
    assert_eq!(results(&free).await[0]["timestamp"], found);
}

/// Grants the operator to read only these kinds of networking.k8s.io.
fn grant_networking(cluster: &Cluster, resources: &[&str]) {
    let granted: Value =
        serde_json::from_str(&cluster.kubectl(&["get", "clusterrole", "responsibility-operator", "-o", "json"]))
            .unwrap();
    let rules = granted["rules"].as_array().unwrap();
    let place = rules.iter().position(|rule| rule["apiGroups"] == json!(["networking.k8s.io"])).unwrap();
    let patch = json!([{ "op": "replace", "path": format!("/rules/{place}/resources"), "value": resources }]);
    cluster.kubectl(&["patch", "clusterrole", "responsibility-operator", "--type=json", "-p", &patch.to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_wrong_and_cannot_be_read_any_more_is_an_error_and_keeps_its_time() {
    let cluster = reporting().await;
    let mut operator = cluster.operator(&ARGUMENTS);
    let ns = well_kept(&cluster, "shop");
    ns.delete("networkpolicy", "all");
    ns.apply(&[well_made("web"), holds_all_but(&[])]);
    results_become(&ns, &["network-segmentation/network-policy fail"]).await;
    let found = results(&ns).await[0]["timestamp"].clone();
    assert!(operator.terminate(LIMIT).unwrap().success());
    grant_networking(&cluster, &["ingresses"]);
    let _operator = cluster.operator(&ARGUMENTS);
    results_become(&ns, &["network-segmentation/network-policy error"]).await;
    let [result] = &results(&ns).await[..] else { panic!("one result") };
    assert!(result["message"].as_str().unwrap().ends_with("its source cannot be read"), "{result}");
    let columns = cluster.kubectl(&["get", "reports", "-n", "shop", "--no-headers"]);
    assert_eq!(
        columns.split_whitespace().take(6).collect::<Vec<_>>(),
        ["responsibility-operator", "0", "0", "0", "1", "0"]
    );
    grant_networking(&cluster, &["ingresses", "networkpolicies"]);
    results_become(&ns, &["network-segmentation/network-policy fail"]).await;
    assert_eq!(results(&ns).await[0]["timestamp"], found);
    ns.apply(&[network_policy()]);
    eventually("the Report is deleted", async || reports(&ns).await.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_reports_and_the_next_one_that_leads_writes_nothing_again() {
    let cluster = reporting().await;
    let mut first = cluster.replica_with("first", &["--reports"]);
    until_leads(&cluster, "first").await;
    let second = cluster.replica_with("second", &["--reports"]);
    until_ready(&second).await;
    let ns = well_kept(&cluster, "shop");
    ns.apply(&[well_made("web"), holds_all_but(&["node-os"])]);
    results_become(&ns, &["node-os/LayerUnowned fail"]).await;
    // The standby sees a Report that another writer changes.
    ns.apply(&[holds_all_but(&["node-os", "cloud-network"])]);
    results_become(&ns, &["cloud-network/LayerUnowned fail", "node-os/LayerUnowned fail"]).await;
    assert!(first.terminate(LIMIT).unwrap().success());
    until_leads(&cluster, "second").await;
    let other = well_kept(&cluster, "bank");
    other.apply(&[well_made("web"), holds_all_but(&["cloud-network"])]);
    results_become(&other, &["cloud-network/LayerUnowned fail"]).await;
    let written = |pod: &str| -> Vec<String> {
        let requests = cluster.requests_of(pod).into_iter();
        let writes = requests.filter(|entry| entry["objectRef"]["resource"] == "reports" && entry["verb"] == "patch");
        writes.map(|entry| entry["objectRef"]["namespace"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(written("first"), ["shop", "shop"]);
    assert_eq!(written("second"), ["bank"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_written_in_single_namespaces_and_those_of_others_are_not_read_where_no_signal_looks_at_them() {
    let cluster = reporting().await;
    let config = cluster.control_plane.folder().join("config.yaml");
    std::fs::write(&config, "signals: {policy-report: {enabled: false}}\n").unwrap();
    let (own, other) = (well_kept(&cluster, "own"), well_kept(&cluster, "other"));
    for ns in [&own, &other] {
        ns.apply(&[well_made("web"), holds_all_but(&["node-os"]), foreign_report("of-kyverno")]);
    }
    cluster.kubectl(&["delete", "clusterrolebinding", "responsibility-operator"]);
    let account = "--serviceaccount=responsibility-system:responsibility-operator";
    let role = "--clusterrole=responsibility-operator";
    cluster.kubectl(&["create", "rolebinding", "responsibility-operator", "-n", own.name, role, account]);
    let config = format!("--config={}", config.display());
    let operator = cluster.operator(&[&ARGUMENTS[..], &["--namespaces=own", &config]].concat());
    results_become(&own, &["node-os/LayerUnowned fail"]).await;
    cluster.kubectl(&["delete", "report", "responsibility-operator", "-n", own.name]);
    results_become(&own, &["node-os/LayerUnowned fail"]).await;
    // Another client removes the label that marks the operator's Reports.
    let label = "app.kubernetes.io/managed-by-";
    cluster.kubectl(&["label", "report", "responsibility-operator", "-n", own.name, label]);
    results_become(&own, &["node-os/LayerUnowned fail"]).await;
    assert_eq!(result_lines(&other).await, [""; 0]);
    let expected = ["patch reports/ own"; 3];
    assert_eq!(writes(&cluster), expected);
    let read: Vec<String> = cluster
        .requests_of("responsibility-operator")
        .iter()
        .filter(|entry| entry["verb"] == "list" && entry["objectRef"]["resource"] == "reports")
        .map(|entry| entry["requestURI"].as_str().unwrap().to_owned())
        .collect();
    let of_own = |uri: &String| {
        uri.contains("/namespaces/own/reports")
            && uri.contains("labelSelector=app.kubernetes.io%2Fmanaged-by%3Dresponsibility-operator")
    };
    assert!(!read.is_empty() && read.iter().all(of_own), "{read:?}");
    assert!(!operator.log().contains("cannot write Reports"), "{}", operator.log());
}

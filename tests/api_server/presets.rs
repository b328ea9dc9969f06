//! Each shipped preset is accepted and creates no gap.

use std::collections::BTreeSet;
use std::path::PathBuf;

use responsibility_operator::api::AssignmentStatus;
use serde_json::{Value, json};

use crate::support::*;

fn presets() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/presets");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut presets: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    presets.sort();
    presets
}

/// Returns the rows as `layer/Duty`, for every reason.
fn gaps(status: &AssignmentStatus) -> BTreeSet<String> {
    rows(status).iter().map(|row| row.rsplit_once('/').unwrap().0.to_owned()).collect()
}

/// Labels of namespaces that a preset selects, in addition to their names.
fn wanted_labels(preset: &Value) -> Value {
    preset["spec"]["namespaceSelector"]["matchLabels"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_preset_is_taken_and_creates_no_gap_on_workloads_without_the_layer() {
    let cluster = Cluster::start().await;
    let _operator = cluster.operator(&["--default-service-model=CaaS"]);
    let ns = cluster.namespace("plain");
    ns.apply(&[deployment("worker", &json!({}))]);
    // Lists every gap of the cluster and assigns no duty.
    cluster.apply(&[cluster_assignment(
        "observer",
        ns.name,
        json!({ "parties": [{ "name": "nobody", "role": "Customer" }] }),
    )]);
    let has_worker = |status: &AssignmentStatus| status.summary.as_ref().is_some_and(|summary| summary.workloads == 1);
    let before = cluster.cluster_status("observer", has_worker).await;
    assert_eq!(gaps(&before).len(), 12);
    let presets = presets();
    assert_eq!(presets.len(), 10);
    for preset in presets {
        let path = preset.display().to_string();
        let objects = cluster.kubectl(&["apply", "-f", &path, "--dry-run=server", "-o", "json"]);
        let objects: Value = serde_json::from_str(&objects).unwrap();
        let list = objects["items"].as_array().cloned().unwrap_or_else(|| vec![objects.clone()]);
        let own = list.iter().find(|object| object["kind"] == "ClusterResponsibilityAssignment").unwrap();
        let name = own["metadata"]["name"].as_str().unwrap();
        for (key, value) in wanted_labels(own).as_object().into_iter().flatten() {
            cluster.kubectl(&["label", "namespace", ns.name, &format!("{key}={}", value.as_str().unwrap())]);
        }
        cluster.kubectl(&["apply", "-f", &path]);
        let status = cluster.cluster_status(name, has_worker).await;
        assert_eq!(condition(&status, "Accepted"), "True Accepted", "{path}");
        assert_eq!(condition(&status, "Consistent"), "True NoConflict", "{path}");
        let summary = status.summary.as_ref().unwrap();
        assert_eq!(summary.layers, 13, "{path}: a preset gives no layer to a workload");
        let news: Vec<String> = gaps(&status).difference(&gaps(&before)).cloned().collect();
        assert!(news.is_empty(), "{path} creates {news:?}");
        assert!(summary.duties.invalid == 0 && summary.duties.conflicted == 0, "{path}: {:?}", rows(&status));
        let held = gaps(&before).difference(&gaps(&status)).count();
        assert!(held >= 2, "{path} gives the platform team only {held} of its duties");
        cluster.kubectl(&["delete", "-f", &path]);
        let known = |status: &AssignmentStatus| gaps(status) == gaps(&before);
        cluster.cluster_status("observer", known).await;
    }
}

//! The admission policy of `deploy/admission`, which binds statements about people to a group.

use serde_json::{Value, json};

use crate::support::*;

/// Applies an object as a user. Returns the error of a refusal.
fn apply_as(cluster: &Cluster, groups: &[&str], object: &Value) -> Result<(), String> {
    let groups: Vec<String> = groups.iter().map(|group| format!("--as-group={group}")).collect();
    let mut arguments = vec!["apply", "-f", "-", "--as=somebody"];
    arguments.extend(groups.iter().map(String::as_str));
    let output = cluster.kubectl_with_input(&arguments, std::slice::from_ref(object));
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_approvers_add_exceptions_acknowledgements_and_reviewed_evidence() {
    let cluster = Cluster::start().await;
    let ns = cluster.namespace("approvals");
    cluster.kubectl(&["create", "clusterrolebinding", "editors", "--clusterrole=cluster-admin", "--group=editors"]);
    cluster.kubectl(&["apply", "-f", "deploy/admission/approvals.yaml"]);
    let plain = |changes: Value| {
        let mut spec = json!({
            "parties": [{ "name": "team", "role": "Customer" }], "duties": [held_by("team", &["application-code"])],
        });
        for (field, value) in changes.as_object().unwrap() {
            spec[field] = value.clone();
        }
        let mut object = assignment("team", spec);
        object["metadata"]["namespace"] = json!(ns.name);
        object
    };
    let exception = |until: &str| {
        plain(
            json!({ "exceptions": [{ "layer": "node-os", "reason": "r", "approvedBy": "the CISO", "until": until }] }),
        )
    };
    let (editor, approver): (&[&str], &[&str]) = (&["editors"], &["editors", "responsibility-approvers"]);
    // The API server needs a moment until it enforces a new policy.
    eventually("the policy is enforced", async || {
        let refused = apply_as(&cluster, editor, &exception("2027-01-01"));
        cluster.kubectl(&["delete", "rassign", "team", "-n", ns.name, "--ignore-not-found"]);
        refused.is_err_and(|error| {
            error.contains("only members of the group responsibility-approvers can add or change exceptions")
        })
    })
    .await;

    apply_as(&cluster, editor, &plain(json!({}))).unwrap();
    apply_as(&cluster, approver, &exception("2027-01-01")).unwrap();
    let mut labelled = exception("2027-01-01");
    labelled["metadata"]["labels"] = json!({ "team": "shop" });
    apply_as(&cluster, editor, &labelled).expect("everybody can add a label");
    let mut described = exception("2027-01-01");
    described["spec"]["review"] = json!({ "lastAt": "2026-11-30" });
    apply_as(&cluster, editor, &described).expect("the exception is unchanged");
    let longer = apply_as(&cluster, editor, &exception("2027-06-01")).unwrap_err();
    assert!(longer.contains("add or change exceptions"), "{longer}");
    apply_as(&cluster, editor, &plain(json!({}))).expect("everybody can remove an exception");

    let party =
        |field: &str, value: Value| plain(json!({ "parties": [{ "name": "team", "role": "Customer", field: value }] }));
    let acknowledged =
        party("acknowledgement", json!({ "by": "the CISO", "at": "2026-11-30", "digest": "0".repeat(64) }));
    let reviewed =
        party("evidence", json!([{ "type": "ISO27001", "validUntil": "2027-01-01", "reviewedBy": "the CISO" }]));
    let unreviewed = party("evidence", json!([{ "type": "ISO27001", "validUntil": "2027-01-01" }]));
    for (object, words) in [(&acknowledged, "acknowledgements"), (&reviewed, "reviewed evidence")] {
        let refusal = apply_as(&cluster, editor, object).unwrap_err();
        assert!(refusal.contains(&format!("can add or change {words}")), "{refusal}");
        apply_as(&cluster, approver, object).unwrap();
    }
    apply_as(&cluster, editor, &unreviewed).expect("evidence without a review names nobody");
}

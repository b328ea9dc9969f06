//! Errors of `explain`: invalid arguments, and workloads that it cannot explain.

use std::path::Path;
use std::process::Command;

use harness::Access;
use serde_json::json;

use crate::fulfilment::explained_by;
use crate::support::*;

/// Returns the error output of an `explain` that fails.
fn refusal(kubeconfig: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_responsibility-operator"))
        .args(["explain", "--default-service-model=CaaS"])
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.stdout, b"", "{arguments:?}: an error goes to standard error");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_what_cannot_be_explained_is_told_what_is_wrong_and_what_to_write() {
    let cluster = shared().await;
    let (asked, silent) = (cluster.namespace("asked"), cluster.namespace("nobody-speaks"));
    asked.apply(&[deployment("web", &json!({})), team(&["application-code"])]);
    silent.apply(&[deployment("web", &json!({}))]);
    let admin = cluster.control_plane.kubeconfig();
    // A ServiceAccount without any permission.
    cluster.kubectl(&["create", "serviceaccount", "nobody", "-n", SYSTEM]);
    let nobody = cluster.kubeconfig_of("nobody");

    let cases: [(&Path, &[&str], &[&str]); 9] = [
        (
            &admin,
            &["web", "-n", "asked"],
            &["\"web\" is not a valid workload", "write KIND/NAME, such as Deployment/web"],
        ),
        (&admin, &["Deployment/", "-n", "asked"], &["\"Deployment/\" is not a valid workload", "write KIND/NAME"]),
        (
            &admin,
            &["Website/web", "-n", "asked"],
            &["Website is not one of the built-in kinds CronJob, DaemonSet", "or KIND.GROUP/NAME"],
        ),
        (
            &admin,
            &["Website.example.com/web", "-n", "asked"],
            &["the namespace asked has no workload Website.example.com/web;", "it has: Deployment/web"],
        ),
        (
            &admin,
            &["Deployment/wbe", "-n", "asked"],
            &["the namespace asked has no workload Deployment/wbe;", "it has: Deployment/web"],
        ),
        (&admin, &["Deployment/web"], &["the namespace default has no workload Deployment/web;", "it has: none"]),
        (
            &admin,
            &["Deployment/web", "-n", "nobody-speaks"],
            &["no assignment selects Deployment/web", "apply a ResponsibilityAssignment"],
        ),
        (
            &admin,
            &["Deployment/web", "-n", "asked", "--namespaces=nobody-speaks"],
            &["--namespaces does not contain the namespace asked", "add it there"],
        ),
        (
            &nobody,
            &["Deployment/web", "-n", "asked"],
            &["cannot explain Deployment/web", "may not list and watch", "deployments.apps"],
        ),
    ];
    for (kubeconfig, arguments, words) in cases {
        let said = refusal(kubeconfig, arguments);
        for words in words {
            assert!(said.contains(words), "{arguments:?}: {words} is not in: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_people_are_shown_as_stated_with_the_client_that_wrote_them() {
    let cluster = shared().await;
    let ns = cluster.namespace("stated");
    let mut stated = team(&["application-code"]);
    stated["metadata"]["namespace"] = json!(ns.name);
    stated["spec"]["exceptions"] =
        json!([{ "layer": "access-control", "reason": "r", "approvedBy": "the CISO", "until": "2027-01-01" }]);
    ns.apply(&[deployment("web", &json!({}))]);
    let apply = ["apply", "--server-side", "--field-manager=release-pipeline", "-f", "-"];
    let applied = cluster.kubectl_with_input(&apply, &[stated]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let text = explained_by(cluster, ns.name, "Deployment/web", &[]);
    let line = text.lines().find(|line| line.contains("the CISO")).unwrap_or_else(|| panic!("{text}"));
    let beginning = "Not verified:   ResponsibilityAssignment team: exception for access-control: approved, stated by \"the CISO\"; \
                     written with \"release-pipeline\" at 20";
    assert!(line.starts_with(beginning) && line.ends_with(" or before"), "{line}");
}

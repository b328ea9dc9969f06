//! Errors of `explain`: invalid arguments, and workloads that it cannot explain.

use std::path::Path;
use std::process::Command;

use harness::Access;
use serde_json::json;

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

//! Probes, metrics and the doctor.

use std::path::Path;
use std::process::{Command, Output};

use harness::Operator;
use kube::{Client, Config};
use responsibility_operator::telemetry::metric::ALL;
use serde_json::json;

use crate::support::{Cluster, LEASE, SYSTEM, assignment, deployment, eventually, held_by};

const SERVED: [&str; 2] = ["--probe-address=127.0.0.1:0", "--metrics-address=127.0.0.1:0"];

/// Returns the response body of an operator; on an error the status code and the body.
pub async fn get(operator: &Operator, what: &str, path: &str) -> Result<String, String> {
    fetch(operator, ("http", what), path, None).await
}

async fn fetch(
    operator: &Operator,
    (scheme, what): (&str, &str),
    path: &str,
    token: Option<&str>,
) -> Result<String, String> {
    let address = operator.address(what).ok_or("it does not serve yet")?;
    let mut config = Config::new(format!("{scheme}://{address}").parse().unwrap());
    // The certificate is self-signed.
    config.accept_invalid_certs = true;
    config.default_retry = false;
    config.auth_info.token = token.map(|token| token.to_owned().into());
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    match Client::try_from(config).unwrap().request_text(request).await {
        Ok(text) => Ok(text),
        Err(kube::Error::Api(status)) => Err(format!("{} {}", status.code, status.message)),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns the value of a series.
async fn value(operator: &Operator, series: &str) -> Option<f64> {
    let text = get(operator, "metrics", "/metrics").await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

async fn becomes(operator: &Operator, series: &str, expected: f64) {
    let is_so = async || value(operator, series).await.is_some_and(|value| (value - expected).abs() < 0.001);
    eventually(&format!("{series} is {expected}"), is_so).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_ready_when_everything_is_read_and_alive_whatever_the_api_server_does() {
    let cluster = Cluster::start_bare().await;
    let operator = cluster.operator(&SERVED);
    eventually("it says which definition is missing", async || {
        let refusal = get(&operator, "probes", "/readyz").await.err().unwrap_or_default();
        refusal.starts_with("500")
            && refusal.contains("[-]watch/servicemodels.sharedresponsibility.dev failed: the API server does not serve")
    })
    .await;
    assert_eq!(get(&operator, "probes", "/livez").await.as_deref(), Ok("ok"));
    cluster.kubectl(&["apply", "--server-side", "-f", "crds/"]);
    eventually("it is ready", async || get(&operator, "probes", "/readyz").await.as_deref() == Ok("ok")).await;
    let verbose = get(&operator, "probes", "/readyz?verbose").await.unwrap();
    assert!(
        verbose.contains("[+]watch/deployments.apps ok\n") && verbose.ends_with("readyz check passed\n"),
        "{verbose}"
    );

    cluster.control_plane.restart_apiserver().await.unwrap();
    assert_eq!(get(&operator, "probes", "/livez").await.as_deref(), Ok("ok"));
    eventually("it goes on", async || get(&operator, "probes", "/readyz").await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_gaps_assignments_watches_and_events() {
    let cluster = Cluster::start().await;
    let ns = cluster.namespace("shop");
    let parties = json!([{ "name": "team", "role": "Customer" }]);
    let spec = json!({ "parties": parties, "accountable": "team", "duties": [held_by("team", &["application-code"])] });
    ns.apply(&[deployment("web", &json!({})), deployment("api", &json!({})), assignment("team", spec)]);
    cluster.namespace("alone").apply(&[deployment("web", &json!({}))]);
    let operator = cluster.operator(&[&SERVED[..], &["--default-service-model=CaaS", "--metrics-owners"]].concat());
    let status = ns.status("team", |status| status.transitions == 1).await;
    let duties = status.summary.unwrap().duties;
    let gaps = duties.unowned + duties.invalid + duties.conflicted + duties.lapsed;
    assert!(gaps > 0, "{duties:?}");
    let gaps = f64::from(i32::try_from(gaps).unwrap());

    becomes(&operator, "responsibility_gaps{namespace=\"shop\"}", gaps).await;
    becomes(&operator, "responsibility_owner_gaps{namespace=\"shop\",owner=\"team\"}", gaps).await;
    becomes(&operator, "responsibility_duties{layer=\"application-code\",duty=\"Customer\",state=\"Owned\"}", 2.0)
        .await;
    becomes(&operator, "responsibility_duties{layer=\"access-control\",duty=\"Customer\",state=\"Unowned\"}", 2.0)
        .await;
    becomes(&operator, "responsibility_unassigned_namespaces", 1.0).await;
    becomes(&operator, "responsibility_leader", 1.0).await;
    becomes(&operator, "responsibility_inventory_complete", 1.0).await;
    becomes(&operator, "responsibility_inventory_objects{kind=\"workloads_unselected\"}", 1.0).await;
    becomes(&operator, "responsibility_watch_synced{resource=\"deployments.apps\"}", 1.0).await;
    becomes(&operator, "responsibility_watch_relists_total{resource=\"deployments.apps\"}", 1.0).await;
    becomes(&operator, "responsibility_events_total{reason=\"GapsFound\",result=\"written\"}", 1.0).await;
    let covered =
        "responsibility_assignments{kind=\"ResponsibilityAssignment\",condition=\"Covered\",status=\"False\"}";
    becomes(&operator, covered, 1.0).await;
    ns.delete("deployment", "api");
    becomes(&operator, "responsibility_gaps{namespace=\"shop\"}", gaps / 2.0).await;

    let text = get(&operator, "metrics", "/metrics").await.unwrap();
    for metric in ALL {
        let name = metric.series().pop().unwrap();
        assert!(text.lines().any(|line| line.starts_with(&name)), "{name} is not served in:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_metrics_are_for_callers_who_may_get_them() {
    let cluster = Cluster::start().await;
    let reviews = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "reviews" },
        "rules": [
            { "apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"] },
            { "apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"] },
        ],
    });
    cluster.apply(&[reviews]);
    let operator = cluster.operator(&["--metrics-address=127.0.0.1:0", "--metrics-protected"]);
    eventually("it serves", async || operator.address("metrics").is_some()).await;
    let token = cluster.kubectl(&["create", "token", "default", "-n", "default"]);
    let with = async |token: Option<&str>| {
        fetch(&operator, ("https", "metrics"), "/metrics", token).await.unwrap_or_else(|refusal| refusal)
    };
    let starts = async |token, beginning: &str| {
        eventually(beginning, async || with(token).await.starts_with(beginning)).await;
    };
    starts(None, "401 the request has no bearer token").await;
    starts(Some("made-up"), "503 the operator cannot review permissions").await;
    let bind = |name, role: &str, account| {
        cluster.kubectl(&[
            "create",
            "clusterrolebinding",
            name,
            &format!("--clusterrole={role}"),
            &format!("--serviceaccount={account}"),
        ]);
    };
    bind("reviews", "reviews", "responsibility-system:responsibility-operator");
    starts(Some("made-up"), "401 the token is not valid").await;
    starts(Some(token.trim()), "403 may not get the URL /metrics").await;
    cluster.kubectl(&["create", "clusterrole", "scraper", "--verb=get", "--non-resource-url=/metrics"]);
    bind("scraper", "scraper", "default:default");
    starts(Some(token.trim()), "# HELP responsibility_").await;
    assert!(fetch(&operator, ("http", "metrics"), "/metrics", Some(token.trim())).await.is_err(), "not without TLS");
}

fn doctor(cluster: &Cluster) -> Output {
    let lease = format!("--lease={SYSTEM}/{LEASE}");
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_responsibility-operator")));
    command.args(["doctor", &lease]).env("KUBECONFIG", cluster.operator_kubeconfig());
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_what_is_missing() {
    let cluster = Cluster::start().await;
    let _leader = cluster.replica("leader");
    let healthy = doctor(&cluster);
    let output = String::from_utf8(healthy.stdout).unwrap();
    assert!(healthy.status.success(), "{output}");
    for line in [
        "ok   responsibilityassignments are served",
        "ok   may watch deployments.apps",
        "ok   may patch responsibilityassignments.sharedresponsibility.dev/status",
        "ok   may update leases.coordination.k8s.io responsibility-operator in namespace responsibility-system",
    ] {
        assert!(output.lines().any(|said| said == line), "{line} is not in:\n{output}");
    }
    assert!(output.contains("leads: it renews the Lease responsibility-system/responsibility-operator"), "{output}");

    let without_pods = json!([{ "op": "replace", "path": "/rules", "value": [
        { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list", "watch"] },
    ] }]);
    cluster.kubectl(&[
        "patch",
        "clusterrole",
        "responsibility-operator",
        "--type=json",
        "-p",
        &without_pods.to_string(),
    ]);
    eventually("it finds what may not be done", async || {
        let sick = doctor(&cluster);
        let output = String::from_utf8(sick.stdout).unwrap();
        sick.status.code() == Some(1)
            && output.contains("FAIL may not list pods; grant that to its ServiceAccount")
            && output.contains("ok   may list deployments.apps")
            && String::from_utf8(sick.stderr).unwrap().contains("checks failed")
    })
    .await;
}

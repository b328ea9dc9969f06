//! Probes, metrics and the doctor.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use harness::{Access, Operator};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::{Client, Config};
use rcgen::{Certificate, CertificateParams, KeyPair};
use responsibility_operator::telemetry::metric::ALL;
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

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
    let folder = cluster.control_plane.folder().join("metrics-certificate");
    std::fs::create_dir(&folder).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([SERVER_NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("tls.crt"), certificate.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    let from = format!("--metrics-cert-dir={}", folder.display());
    let operator = cluster.operator(&["--metrics-address=127.0.0.1:0", "--metrics-protected", &from]);
    eventually("it serves", async || operator.address("metrics").is_some()).await;
    let token = cluster.kubectl(&["create", "token", "default", "-n", "default", "--audience=responsibility-operator"]);
    let api_token = cluster.kubectl(&["create", "token", "default", "-n", "default"]);
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
    starts(Some(api_token.trim()), "401 the token is not valid").await;
    starts(Some(token.trim()), "403 may not get the URL /metrics").await;
    cluster.kubectl(&["create", "clusterrole", "scraper", "--verb=get", "--non-resource-url=/metrics"]);
    bind("scraper", "scraper", "default:default");
    starts(Some(token.trim()), "# HELP responsibility_").await;
    assert!(fetch(&operator, ("http", "metrics"), "/metrics", Some(token.trim())).await.is_err(), "not without TLS");
    let over_http_2 = async |source: u8, token: &str| {
        fetch_http_2([127, 0, 0, source], operator.address("metrics").unwrap(), &certificate, token).await
    };
    assert!(over_http_2(1, token.trim()).await.starts_with("# HELP responsibility_"));
    assert!(over_http_2(8, "made-up").await.starts_with("401 "));

    starts(Some("junk"), "429 too many callers").await;
    assert!(with(Some(token.trim())).await.starts_with("# HELP"), "a token that was allowed needs no new place");
    let other = cluster.kubectl(&["create", "token", "default", "-n", "default", "--audience=responsibility-operator"]);
    let elsewhere = over_http_2(9, other.trim()).await;
    assert!(elsewhere.starts_with("# HELP"), "another source has its own limit: {elsewhere}");
}

/// Name in the certificate of the metrics.
const SERVER_NAME: &str = "metrics.example";

/// Reads the metrics over HTTP/2 from an address of the loopback network, and verifies the certificate. Returns the body; on an
/// error also the code.
async fn fetch_http_2(source: [u8; 4], server: SocketAddr, trusted: &Certificate, token: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((source, 0))).unwrap();
    let stream = socket.connect(server).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(SERVER_NAME.try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = http::Request::get(format!("https://{SERVER_NAME}/metrics"))
        .header("Authorization", format!("Bearer {token}"))
        .body(axum::body::Body::empty())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(axum::body::Body::new(response.into_body()), usize::MAX).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    if status.is_success() { text } else { format!("{} {text}", status.as_u16()) }
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

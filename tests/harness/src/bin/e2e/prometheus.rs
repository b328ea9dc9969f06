//! Prometheus itself reads the protected metrics of all replicas.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use harness::{Access, Assets, Supervised, Tool};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::install::CHART;
use crate::scenario::{RELEASE, SYSTEM, Scenario};

const ADDRESS: &str = "127.0.0.1:9090";
const SECRET: &str = "metrics-certificate";
const BINDING: &str = "prometheus-reads-metrics";

/// Returns the result of a query of Prometheus, or `None` if it is not ready.
fn query(query: &str) -> Result<Option<Vec<Value>>> {
    let Ok(mut stream) = TcpStream::connect(ADDRESS) else { return Ok(None) };
    let query = query.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    stream.write_all(format!("GET /api/v1/query?query={query} HTTP/1.0\r\nHost: {ADDRESS}\r\n\r\n").as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let Some((head, body)) = response.split_once("\r\n\r\n") else { return Ok(None) };
    if !head.contains(" 200 ") {
        return Ok(None);
    }
    let answer: Value = serde_json::from_str(body).with_context(|| body.to_owned())?;
    Ok(answer["data"]["result"].as_array().cloned())
}

/// Waits until a query returns these values, in any order.
fn until(scenario: &Scenario, text: &str, expected: &[&str]) -> Result<()> {
    scenario.until(&format!("{text} is {expected:?}"), |_| {
        let result = query(text)?.unwrap_or_default();
        let mut values: Vec<&str> = result.iter().filter_map(|series| series["value"][1].as_str()).collect();
        values.sort_unstable();
        Ok((values == expected).then_some(()))
    })?;
    println!("{text}: {expected:?}");
    Ok(())
}

pub(crate) fn scrape(scenario: &mut Scenario) -> Result<()> {
    let folder = scenario.cluster.folder().join("prometheus");
    fs::create_dir(&folder)?;
    let path = |name: &str| folder.join(name).display().to_string();
    let server_name = format!("{RELEASE}-metrics.{SYSTEM}.svc");
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new([server_name.clone()])?.self_signed(&key)?;
    fs::write(folder.join("tls.crt"), certificate.pem())?;
    fs::write(folder.join("tls.key"), key.serialize_pem())?;
    let files = [format!("--cert={}", path("tls.crt")), format!("--key={}", path("tls.key"))];
    scenario.kubectl(&["create", "secret", "tls", SECRET, "-n", SYSTEM, &files[0], &files[1]])?;
    let upgrade = ["upgrade", RELEASE, CHART, "-n", SYSTEM, "--wait", "--timeout=120s", "--reuse-values"];
    let secret = format!("--set=metrics.certificate.secretName={SECRET}");
    scenario.helm(&[&upgrade[..], &["--set=metrics.protected=true", &secret]].concat())?;
    scenario.until_both_ready()?;

    let role = format!("--clusterrole={RELEASE}-metrics-reader");
    scenario.kubectl(&["create", "clusterrolebinding", BINDING, &role, "--serviceaccount=shop:default"])?;
    let token = scenario.kubectl(&["create", "token", "default", "-n", "shop", &format!("--audience={RELEASE}")])?;
    fs::write(folder.join("token"), token.trim())?;
    let component = "app.kubernetes.io/component=operator";
    let pods = scenario.get(&["pods", "-n", SYSTEM, "-l", component, "--field-selector=status.phase=Running"])?;
    let addresses = pods["items"].as_array().into_iter().flatten();
    let addresses = addresses.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let targets: Vec<String> =
        addresses.filter_map(|pod| Some(format!("{}:8080", pod["status"]["podIP"].as_str()?))).collect();
    ensure!(targets.len() == 2, "two replicas have an address: {targets:?}");
    let job = |name: &str, tls: Value| {
        json!({
            "job_name": name, "scheme": "https", "honor_labels": true, "tls_config": tls,
            "authorization": { "credentials_file": path("token") }, "static_configs": [{ "targets": targets }],
        })
    };
    let verified = json!({ "ca_file": path("tls.crt"), "server_name": server_name });
    let configuration = json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s" },
        "scrape_configs": [job("operator", verified), job("unknown-authority", json!({ "server_name": server_name }))],
    });
    fs::write(folder.join("prometheus.yaml"), configuration.to_string())?;

    let log = folder.join("prometheus.log");
    let mut prometheus = Command::new(Assets::locate()?.path(Tool::Prometheus)?);
    prometheus.arg(format!("--config.file={}", path("prometheus.yaml")));
    prometheus.arg(format!("--storage.tsdb.path={}", path("data"))).arg(format!("--web.listen-address={ADDRESS}"));
    // Go then logs the connections that use HTTP/2.
    prometheus.env("GODEBUG", "http2debug=1");
    let running = Supervised::start(&prometheus, &log, None)?;
    until(scenario, "up{job=\"operator\"}", &["1", "1"])?;
    until(scenario, "up{job=\"unknown-authority\"}", &["0", "0"])?;
    until(scenario, "responsibility_leader{job=\"operator\"}", &["0", "1"])?;
    let log = fs::read_to_string(log)?;
    for target in &targets {
        let connection =
            log.lines().any(|line| line.contains("http2: Transport creating client conn") && line.contains(target));
        ensure!(connection, "Prometheus does not use HTTP/2 for {target}");
    }
    drop(running);
    println!("Prometheus reads {} over HTTP/2", targets.join(" and "));
    scenario.kubectl(&["delete", "clusterrolebinding", BINDING])?;
    scenario.kubectl(&["delete", "secret", SECRET, "-n", SYSTEM])?;
    Ok(())
}

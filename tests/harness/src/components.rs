//! The commands of etcd, kube-apiserver and kube-controller-manager that all clusters have in common, and the checks that
//! they are ready. Each cluster adds its own arguments.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::assets::{Assets, Tool};

/// The time within which a component must become ready.
pub(crate) const START_LIMIT: Duration = Duration::from_mins(2);

/// The audit rules that log all requests.
pub(crate) const AUDIT_ALL: &str = "[{level: Metadata}]";

/// The audit rules that log only the requests of ServiceAccounts.
pub(crate) const AUDIT_SERVICE_ACCOUNTS: &str = "[{level: Metadata, userGroups: ['system:serviceaccounts']}]";

/// Writes the files that the components read when they start. `tokens` has a line for each user: token, name, id, groups.
pub(crate) fn write_files(folder: &Path, tokens: &str, audit_rules: &str) -> Result<()> {
    let signing_key = rcgen::KeyPair::generate().context("cannot generate the key for tokens of ServiceAccounts")?;
    fs::write(folder.join("service-account.key"), signing_key.serialize_pem())?;
    fs::write(folder.join("service-account.pub"), signing_key.public_key_pem())?;
    fs::write(folder.join("tokens.csv"), tokens)?;
    let policy =
        format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: {audit_rules}\n");
    fs::write(folder.join("audit-policy.yaml"), policy)?;
    Ok(())
}

/// Returns a kubeconfig for the user with a token.
pub(crate) fn kubeconfig(server: &str, authority: &Path, token: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
current-context: test
contexts: [{{name: test, context: {{cluster: test, user: test}}}}]
clusters: [{{name: test, cluster: {{server: '{server}', certificate-authority: {ca}}}}}]
users: [{{name: test, user: {{token: {token}}}}}]
",
        ca = authority.display(),
    )
}

pub(crate) fn etcd(assets: &Assets, folder: &Path, port: u16, peer_port: u16) -> Result<Command> {
    let client_url = format!("http://127.0.0.1:{port}");
    let peer_url = format!("http://127.0.0.1:{peer_port}");
    let mut command = Command::new(assets.path(Tool::Etcd)?);
    command
        .arg(format!("--data-dir={}", folder.join("etcd").display()))
        .arg(format!("--listen-client-urls={client_url}"))
        .arg(format!("--advertise-client-urls={client_url}"))
        .arg(format!("--listen-peer-urls={peer_url}"))
        .arg(format!("--initial-advertise-peer-urls={peer_url}"))
        .arg(format!("--initial-cluster=default={peer_url}"))
        .arg("--unsafe-no-fsync");
    Ok(command)
}

pub(crate) fn apiserver(assets: &Assets, folder: &Path, etcd_port: u16) -> Result<Command> {
    let file = |name: &str| folder.join(name).display().to_string();
    let mut command = Command::new(assets.path(Tool::KubeApiserver)?);
    command
        .arg(format!("--etcd-servers=http://127.0.0.1:{etcd_port}"))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(format!("--service-account-key-file={}", file("service-account.pub")))
        .arg(format!("--service-account-signing-key-file={}", file("service-account.key")))
        .arg(format!("--token-auth-file={}", file("tokens.csv")))
        .arg("--allow-privileged=true")
        .arg(format!("--audit-policy-file={}", file("audit-policy.yaml")))
        .arg(format!("--audit-log-path={}", file("audit.log")))
        // In MB, more than any run writes. Readers of the log do not handle rotation.
        .arg("--audit-log-maxsize=100000");
    Ok(command)
}

pub(crate) fn controller_manager(
    assets: &Assets,
    folder: &Path,
    kubeconfig: &str,
    authority: &Path,
) -> Result<Command> {
    let kubeconfig = folder.join(kubeconfig).display().to_string();
    let mut command = Command::new(assets.path(Tool::KubeControllerManager)?);
    command
        .arg(format!("--kubeconfig={kubeconfig}"))
        .arg(format!("--authentication-kubeconfig={kubeconfig}"))
        .arg(format!("--authorization-kubeconfig={kubeconfig}"))
        .arg(format!("--service-account-private-key-file={}", folder.join("service-account.key").display()))
        .arg(format!("--root-ca-file={}", authority.display()))
        // The default of 20 requests a second delays the start by seconds.
        .arg("--kube-api-qps=500")
        .arg("--kube-api-burst=1000")
        .arg("--leader-elect=false");
    Ok(command)
}

/// Returns a client for the user of a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    let config = Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Returns a client if the API server is ready.
pub(crate) async fn ready_client(kubeconfig: &Path) -> Option<Client> {
    let client = client(kubeconfig).await.ok()?;
    let request = http::Request::get("/readyz").body(Vec::new()).ok()?;
    // The client itself retries for minutes. A short timeout lets the caller check the process in between.
    let ready = tokio::time::timeout(Duration::from_millis(500), client.request_text(request)).await.ok()?;
    ready.is_ok_and(|body| body == "ok").then_some(client)
}

/// Waits for the ServiceAccount of the namespace `default`. The API server refuses pods without it.
pub(crate) async fn wait_for_default_service_account(client: &Client) -> Result<()> {
    use k8s_openapi::api::core::v1::ServiceAccount;
    let accounts: kube::Api<ServiceAccount> = kube::Api::namespaced(client.clone(), "default");
    let started = Instant::now();
    while accounts.get_opt("default").await?.is_none() {
        if started.elapsed() > START_LIMIT {
            bail!("kube-controller-manager created no ServiceAccount in the namespace default");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Returns the last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Runs a command and returns its standard output.
///
/// # Errors
///
/// If the command fails. The message contains its output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        let printed = [&output.stdout[..], &output.stderr].map(|text| String::from_utf8_lossy(text).trim().to_owned());
        bail!("{command:?}: {}", printed.join("\n"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

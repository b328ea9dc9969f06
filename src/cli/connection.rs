//! Clients of the API server.

use std::time::Duration;

use anyhow::Context;
use http::HeaderValue;
use http::header::USER_AGENT;
use kube::{Client, Config};

use crate::controller::Clients;

/// Maximum time without data within a response. It is longer than the timeout of a watch, because a healthy watch can send no
/// data until then.
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// Name and version in every request: in the audit log of the API server, and in its metrics and priority levels.
const NAME: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Returns the configuration for the cluster of this pod, or of KUBECONFIG.
pub(super) async fn find() -> anyhow::Result<Config> {
    let mut config = Config::infer().await.context(
        "found no cluster to connect to; run in a pod with a ServiceAccount, or set KUBECONFIG to the path of a kubeconfig",
    )?;
    config.read_timeout = Some(READ_TIMEOUT);
    config.headers.push((USER_AGENT, HeaderValue::from_static(NAME)));
    Ok(config)
}

/// Returns the clients of the controller.
pub(super) fn clients(config: Config) -> anyhow::Result<Clients> {
    Ok(Clients { direct: client_without_retry(config.clone())?, retrying: client(config)? })
}

/// Returns a client that retries requests when the API server asks for it (429, 503, 504).
pub(super) fn client(config: Config) -> anyhow::Result<Client> {
    Client::try_from(config).context("cannot use the credentials of the cluster")
}

/// Returns a client with its own connections that does not retry. For callers with a deadline.
pub(super) fn client_without_retry(mut config: Config) -> anyhow::Result<Client> {
    config.default_retry = false;
    client(config)
}

//! The way to the API server.

use std::time::Duration;

use anyhow::Context;
use kube::{Client, Config};

/// How long the API server may be silent in the middle of an answer: longer than the longest silence of a healthy watch,
/// which it ends before.
const READ_TIMEOUT: Duration = Duration::from_secs(330);

/// The cluster of the pod that this process runs in, or that of KUBECONFIG.
pub(super) async fn find() -> anyhow::Result<Config> {
    let mut config = Config::infer().await.context(
        "found no cluster to talk to: run in a pod with a ServiceAccount, or set KUBECONFIG to the path of a kubeconfig",
    )?;
    config.read_timeout = Some(READ_TIMEOUT);
    Ok(config)
}

/// A client that tries again by itself when the API server asks for it.
pub(super) fn client(config: Config) -> anyhow::Result<Client> {
    Client::try_from(config).context("cannot use the credentials of the cluster")
}

/// A client with connections of its own that tries nothing again: whoever uses it counts the seconds.
pub(super) fn impatient_client(mut config: Config) -> anyhow::Result<Client> {
    config.default_retry = false;
    client(config)
}

//! Options of the server: probes and metrics.

use anyhow::Context;
use clap::Args;
use kube::Client;

use crate::server::{Address, Running, Server};
use crate::telemetry::Readings;

/// What is served where.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where to serve the probes /livez and /readyz, such as :8081. Without it they are not served
    #[arg(long, value_name = "ADDRESS", env = "RESPONSIBILITY_PROBE_ADDRESS")]
    probe_address: Option<Address>,

    /// Where to serve /metrics, such as :8080. Without it they are not served
    #[arg(long, value_name = "ADDRESS", env = "RESPONSIBILITY_METRICS_ADDRESS")]
    metrics_address: Option<Address>,

    /// Serve the metrics over HTTPS, and only to callers who may get the URL /metrics: asked by TokenReview and
    /// SubjectAccessReview
    #[arg(long, requires = "metrics_address", env = "RESPONSIBILITY_METRICS_PROTECTED")]
    pub(super) metrics_protected: bool,

    /// Tell of gaps by accountable party in the metrics too
    #[arg(long, requires = "metrics_address", env = "RESPONSIBILITY_METRICS_OWNERS")]
    pub(super) metrics_owners: bool,
}

impl ServeArgs {
    /// Starts to serve.
    pub(super) async fn start(&self, readings: &Readings, client: &Client) -> anyhow::Result<Running> {
        let mut server = Server::new();
        if let Some(address) = &self.probe_address {
            server.probes(address, readings).context("--probe-address cannot be used")?;
        }
        if let Some(address) = &self.metrics_address {
            let protected_by = self.metrics_protected.then(|| client.clone());
            server.metrics(address, readings, protected_by).await.context("--metrics-address cannot be used")?;
        }
        Ok(server.start())
    }
}

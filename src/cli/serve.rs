//! Options of the server: probes and metrics.

use anyhow::{Context, ensure};
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
    #[arg(long, env = "RESPONSIBILITY_METRICS_PROTECTED")]
    pub(super) metrics_protected: bool,

    /// Tell of gaps by accountable party in the metrics too
    #[arg(long, env = "RESPONSIBILITY_METRICS_OWNERS")]
    pub(super) metrics_owners: bool,
}

impl ServeArgs {
    /// Starts to serve.
    pub(super) async fn start(&self, readings: &Readings, client: &Client) -> anyhow::Result<Running> {
        self.check()?;
        let mut server = Server::default();
        if let Some(address) = &self.probe_address {
            server.probes(address, readings).context("--probe-address cannot be used")?;
        }
        if let Some(address) = &self.metrics_address {
            let protected_by = self.metrics_protected.then(|| client.clone());
            server.metrics(address, readings, protected_by).await.context("--metrics-address cannot be used")?;
        }
        Ok(server.start())
    }

    /// Metrics that are not served can be neither protected nor tell of owners.
    fn check(&self) -> anyhow::Result<()> {
        let is_about_metrics = self.metrics_protected || self.metrics_owners;
        ensure!(
            self.metrics_address.is_some() || !is_about_metrics,
            "--metrics-protected and --metrics-owners need --metrics-address"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArgs,
    }

    #[test]
    fn what_is_said_of_metrics_needs_an_address_for_them() {
        let check = |arguments: &[&str]| Line::parse_from(["run"].iter().chain(arguments)).serve.check();
        assert!(check(&[]).is_ok());
        assert!(check(&["--metrics-address=:8080", "--metrics-protected", "--metrics-owners"]).is_ok());
        for alone in ["--metrics-protected", "--metrics-owners"] {
            assert!(check(&[alone]).unwrap_err().to_string().contains("--metrics-address"));
        }
    }
}

//! Flags of the HTTP server for probes and metrics.

use anyhow::{Context, ensure};
use clap::Args;
use kube::Client;

use crate::server::{Address, Running, Server};
use crate::telemetry::TelemetryReader;

/// Flags for the addresses of probes and metrics.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address to serve the probes /livez and /readyz at, such as :8081. Without it, they are not served
    #[arg(long, value_name = "ADDRESS", env = "RESPONSIBILITY_PROBE_ADDRESS")]
    probe_address: Option<Address>,

    /// Address to serve /metrics at, such as :8080. Without it, they are not served
    #[arg(long, value_name = "ADDRESS", env = "RESPONSIBILITY_METRICS_ADDRESS")]
    metrics_address: Option<Address>,

    /// Serve metrics over HTTPS, only to callers that may get the URL /metrics (checked by TokenReview and
    /// SubjectAccessReview)
    #[arg(long, env = "RESPONSIBILITY_METRICS_PROTECTED")]
    pub(super) metrics_protected: bool,

    /// Also count gaps by accountable party in the metrics
    #[arg(long, env = "RESPONSIBILITY_METRICS_OWNERS")]
    pub(super) metrics_owners: bool,
}

impl ServeArgs {
    /// Starts the servers of the given addresses.
    ///
    /// # Errors
    ///
    /// If a flag lacks `--metrics-address`, or if an address cannot be used.
    pub(super) async fn start(&self, reader: &TelemetryReader, client: &Client) -> anyhow::Result<Running> {
        self.check()?;
        let mut server = Server::default();
        if let Some(address) = &self.probe_address {
            server.probes(address, reader).context("--probe-address cannot be used")?;
        }
        if let Some(address) = &self.metrics_address {
            let protected_by = self.metrics_protected.then(|| client.clone());
            server.metrics(address, reader, protected_by).await.context("--metrics-address cannot be used")?;
        }
        Ok(server.start())
    }

    /// Checks that flags about metrics come with an address for metrics.
    fn check(&self) -> anyhow::Result<()> {
        let needs_metrics = self.metrics_protected || self.metrics_owners;
        ensure!(
            self.metrics_address.is_some() || !needs_metrics,
            "--metrics-protected and --metrics-owners need --metrics-address; add it, such as --metrics-address=:8080"
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

//! Flags of the HTTP server for probes and metrics.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use kube::Client;

use crate::server::{Address, Protection, Running, Server};
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

    /// Folder with the certificate for protected metrics: tls.crt and tls.key, as in a Secret of the type kubernetes.io/tls.
    /// New files are used within a minute. Without it, the certificate is self-signed and scrapers cannot verify it
    #[arg(long, value_name = "FOLDER", env = "RESPONSIBILITY_METRICS_CERT_DIR")]
    metrics_cert_dir: Option<PathBuf>,

    /// Audience that tokens for protected metrics must be issued for. A token for another audience, such as the API server, is
    /// refused
    #[arg(
        long,
        value_name = "AUDIENCE",
        env = "RESPONSIBILITY_METRICS_AUDIENCE",
        default_value = "responsibility-operator"
    )]
    metrics_audience: String,

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
    pub(super) fn start(&self, reader: &TelemetryReader, client: &Client) -> anyhow::Result<Running> {
        self.check()?;
        let mut server = Server::default();
        if let Some(address) = &self.probe_address {
            server.probes(address, reader).context("--probe-address cannot be used")?;
        }
        if let Some(address) = &self.metrics_address {
            let protection = self.metrics_protected.then(|| Protection {
                client: client.clone(),
                audience: self.metrics_audience.clone(),
                certificates: self.metrics_cert_dir.clone(),
            });
            server.metrics(address, reader, protection).context("--metrics-address cannot be used")?;
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
        ensure!(
            self.metrics_cert_dir.is_none() || self.metrics_protected,
            "--metrics-cert-dir needs --metrics-protected; add it, or leave out --metrics-cert-dir"
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
        let open = ["--metrics-address=:8080", "--metrics-cert-dir=/certificates"];
        assert!(check(&open).unwrap_err().to_string().contains("--metrics-protected"));
    }
}

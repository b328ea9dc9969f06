//! `responsibility-operator run`: the controller.

use anyhow::Context;
use clap::{Args, ValueEnum};
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;
use tracing_subscriber::EnvFilter;

use crate::controller::{self, Options};
use crate::inventory::LEFT_OUT;
use crate::matrix::ServiceModel;
use crate::model::{ProviderDuties, Settings};

/// Options of the controller. Each can be given by the environment variable as well.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Service model of workloads for which no assignment claims one: OnPremises, IaaS, CaaS, ManagedNodes, PaaS, FaaS,
    /// SaaS. Without it such workloads are undetermined
    #[arg(long, value_name = "MODEL", env = "RESPONSIBILITY_DEFAULT_SERVICE_MODEL")]
    default_service_model: Option<ServiceModel>,

    /// What provider duties are of which nobody says anything
    #[arg(long, value_enum, default_value_t, env = "RESPONSIBILITY_PROVIDER_DUTIES")]
    provider_duties: ProviderDutiesArg,

    /// Namespaces left out unless a cluster assignment selects them by name, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = namespace_name, default_value = LEFT_OUT, env = "RESPONSIBILITY_EXCLUDE_NAMESPACES")]
    exclude_namespaces: Vec<String>,

    /// How log lines are written; which ones is set by RUST_LOG, such as RUST_LOG=debug
    #[arg(long, value_enum, default_value_t, env = "RESPONSIBILITY_LOG_FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ProviderDutiesArg {
    /// They are assumed to be held, and shown as assumed
    #[default]
    Assume,
    /// They are gaps until an assignment names who holds them
    Require,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl RunArgs {
    /// Runs the controller until it is told to stop by SIGTERM or SIGINT.
    pub(super) fn execute(self) -> anyhow::Result<()> {
        start_logging(self.log_format)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
        let ended = runtime.block_on(self.run());
        runtime.shutdown_background();
        ended
    }

    async fn run(self) -> anyhow::Result<()> {
        let stop = stop_on_signals()?;
        let config = Config::infer().await.context(
            "found no cluster to talk to: run in a pod with a ServiceAccount, or set KUBECONFIG to the path of a kubeconfig",
        )?;
        info!(version = env!("CARGO_PKG_VERSION"), server = %config.cluster_url, "starting");
        let client = Client::try_from(config).context("cannot use the credentials of the cluster")?;
        let provider_duties = match self.provider_duties {
            ProviderDutiesArg::Assume => ProviderDuties::Assume,
            ProviderDutiesArg::Require => ProviderDuties::Require,
        };
        let options = Options {
            settings: Settings { default_model: self.default_service_model, provider_duties },
            left_out: self.exclude_namespaces,
            instance: std::env::var("POD_NAME").unwrap_or_else(|_| format!("process-{}", std::process::id())),
        };
        controller::run(client, options, stop).await?;
        Ok(())
    }
}

/// A name that a namespace can have.
fn namespace_name(name: &str) -> Result<String, String> {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=63).contains(&name.len()) && name.bytes().all(is_part) {
        return Ok(name.to_owned());
    }
    Err("no namespace has this name; write names separated by commas, such as kube-system,kube-public".to_owned())
}

fn start_logging(format: LogFormat) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube_client=off,kube_runtime=off"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => lines.with_target(false).with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// The first signal asks for an orderly stop, a second one ends the process at once.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        for round in 0.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if round > 0 {
                std::process::exit(1);
            }
            info!("stopping");
            asked.cancel();
        }
    });
    Ok(stop)
}

//! `responsibility-operator run`: starts the controller.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;
use tracing_subscriber::EnvFilter;

use super::config::FileConfig;
use super::connection;
use super::names::{lease, namespace, namespace_pattern};
use super::serve::ServeArgs;
use crate::controller::{self, Candidacy, LeaseName, Options, STATUS_WRITES_PER_SECOND, SystemClock};
use crate::extract::Extraction;
use crate::inventory::{EXCLUDED_BY_DEFAULT, ExcludedNamespaces, InventoryOptions};
use crate::matrix::ServiceModel;
use crate::model::{EvaluationSettings, NodeModels, ProviderDuties};
use crate::printable::PrintableLine;
use crate::telemetry::telemetry;

/// Maximum number of `--namespaces`. Each namespace has its own watch of each kind.
const NAMESPACES: usize = 100;

/// Maximum number of `--exclude-namespaces`.
const EXCLUDED: usize = 256;

/// Maximum of `--status-writes-per-second`.
const STATUS_WRITES: u32 = 1000;

/// Minimum number of worker threads.
const WORKERS: usize = 2;

/// Options of the controller. Each has an environment variable too.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Service model to use if neither the nodes nor an assignment show one: OnPremises, IaaS, CaaS, ManagedNodes, PaaS, FaaS,
    /// SaaS. Without it, the model of such workloads is undetermined
    #[arg(long, value_name = "MODEL", env = "RESPONSIBILITY_DEFAULT_SERVICE_MODEL")]
    default_service_model: Option<ServiceModel>,

    /// The provider runs the control plane, even if no node shows it
    #[arg(long, env = "RESPONSIBILITY_MANAGED_CONTROL_PLANE")]
    managed_control_plane: bool,

    /// Treatment of provider duties that nobody claims
    #[arg(long, value_enum, default_value_t, env = "RESPONSIBILITY_PROVIDER_DUTIES")]
    provider_duties: ProviderDutiesArg,

    /// Namespaces to watch, separated by commas, at most 100. Needs a Role in each of them instead of a ClusterRole, and does
    /// not read nodes, cluster assignments and ServiceModels. Without it, the operator watches the whole cluster
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = namespace, env = "RESPONSIBILITY_NAMESPACES")]
    namespaces: Option<Vec<String>>,

    /// Namespaces to exclude, separated by commas, unless a cluster assignment selects them by name. openshift-* matches every
    /// name with that prefix. Cannot be used with --namespaces, which excludes none
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = namespace_pattern, default_value = EXCLUDED_BY_DEFAULT, conflicts_with = "namespaces", env = "RESPONSIBILITY_EXCLUDE_NAMESPACES")]
    exclude_namespaces: Vec<String>,

    /// YAML file with workloadKinds, nodeModels, nodeAgents, managedControlPlane, signals, customSignals, allowedRegistries and
    /// veleroNamespace
    #[arg(long, value_name = "FILE", env = "RESPONSIBILITY_CONFIG")]
    config: Option<PathBuf>,

    /// Lease for leader election, as NAMESPACE/NAME. Without it, run only one replica
    #[arg(long, value_name = "LEASE", value_parser = lease, env = "RESPONSIBILITY_LEASE")]
    pub(super) lease: Option<LeaseName>,

    /// Limit of status writes per second that follow from changes in the cluster, from 1 to 1000. Statuses that answer a write
    /// of a user are not limited
    #[arg(long, value_name = "NUMBER", value_parser = status_writes, default_value_t = STATUS_WRITES_PER_SECOND, env = "RESPONSIBILITY_STATUS_WRITES_PER_SECOND")]
    status_writes_per_second: NonZeroU32,

    /// Also write failures as Reports of OpenReports (openreports.io) while that API is served: a few Reports per namespace,
    /// with failures only
    #[arg(long, env = "RESPONSIBILITY_REPORTS")]
    reports: bool,

    #[command(flatten)]
    pub(super) serve: ServeArgs,

    /// Format of log lines. RUST_LOG sets the log level, such as RUST_LOG=debug
    #[arg(long, value_enum, default_value_t, env = "RESPONSIBILITY_LOG_FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ProviderDutiesArg {
    /// Count them as Assumed
    #[default]
    Assume,
    /// Count them as gaps until an assignment names their holder
    Require,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LogFormat {
    /// Plain text for people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

impl RunArgs {
    /// Runs the controller until SIGTERM or SIGINT.
    pub(super) fn execute(self) -> anyhow::Result<()> {
        start_logging(self.log_format, "info,kube_client=off,kube_runtime=off")?;
        // The engine runs as a task like the watches, so that they wake it without a thread switch. While it evaluates a large
        // cluster, a second worker must answer probes and renew the Lease.
        let workers = std::thread::available_parallelism().map_or(WORKERS, |cores| cores.get().max(WORKERS));
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.enable_all().worker_threads(workers).build().context("cannot start the async runtime")?;
        let ended = runtime.block_on(runtime.spawn(self.run()));
        runtime.shutdown_background();
        ended.context("the controller ended abnormally")?
    }

    async fn run(self) -> anyhow::Result<()> {
        let stop = stop_on_signals()?;
        let options = self.options()?;
        let config = connection::find().await?;
        info!(version = env!("CARGO_PKG_VERSION"), server = %config.cluster_url, "starting");
        let clients = connection::clients(config.clone())?;
        let (instruments, reader) = telemetry();
        let _server = self.serve.start(&reader, &clients.retrying)?;
        let candidacy = self.lease.map(|lease| {
            // The start time makes the identity unique: a paused process must not mistake its successor in the same pod for
            // itself.
            let identity = format!("{}_{:x}", options.instance, options.clock.now().as_nanosecond());
            connection::client_without_retry(config).map(|client| Candidacy { client, lease, identity })
        });
        controller::run(clients, options, instruments, candidacy.transpose()?, stop).await?;
        Ok(())
    }

    /// Starts logging with the level warn, unless RUST_LOG sets another one.
    pub(super) fn start_logging_warnings(&self) -> anyhow::Result<()> {
        start_logging(self.log_format, "warn,kube_client=off,kube_runtime=off")
    }

    /// Returns the options of the controller from the flags and the configuration file.
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        let file = self.config.as_deref().map(FileConfig::read).transpose()?.unwrap_or_default();
        let namespaces = self.namespaces.as_deref().map(distinct_namespaces).transpose()?;
        let excluded = self.exclude_namespaces.len();
        ensure!(
            excluded <= EXCLUDED,
            "--exclude-namespaces takes at most {EXCLUDED} names, {excluded} are given; write a prefix such as openshift-*"
        );
        // A namespace that the user names explicitly is not excluded.
        let excluded =
            if namespaces.is_some() { ExcludedNamespaces::default() } else { self.exclude_namespaces.iter().collect() };
        let settings = EvaluationSettings {
            default_model: self.default_service_model,
            managed_control_plane: self.managed_control_plane || file.managed_control_plane,
            provider_duties: match self.provider_duties {
                ProviderDutiesArg::Assume => ProviderDuties::Assume,
                ProviderDutiesArg::Require => ProviderDuties::Require,
            },
        };
        let extraction =
            Extraction { agents: file.node_agents.into_iter().collect(), registries: file.allowed_registries };
        Ok(Options {
            scope: InventoryOptions {
                settings,
                excluded,
                node_models: NodeModels::with(file.node_models),
                signals: file.signal_settings,
            },
            extraction: Arc::new(extraction),
            configured: file.workload_kinds,
            namespaces,
            instance: std::env::var("POD_NAME").unwrap_or_else(|_| format!("process-{}", std::process::id())),
            clock: Arc::new(SystemClock),
            owners_in_metrics: self.serve.metrics_owners,
            status_writes_per_second: self.status_writes_per_second,
            reports: self.reports,
        })
    }
}

/// Parses the limit of status writes per second.
fn status_writes(text: &str) -> Result<NonZeroU32, String> {
    let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= STATUS_WRITES);
    number.ok_or_else(|| {
        format!("not a valid limit; write a number from 1 to {STATUS_WRITES}, such as {STATUS_WRITES_PER_SECOND}")
    })
}

/// Returns the namespaces to watch without duplicates.
fn distinct_namespaces(names: &[String]) -> anyhow::Result<Vec<String>> {
    let distinct: BTreeSet<String> = names.iter().cloned().collect();
    let count = distinct.len();
    ensure!(
        count > 0,
        "--namespaces is empty; name the namespaces to watch, or remove the flag to watch the whole cluster"
    );
    ensure!(
        count <= NAMESPACES,
        "--namespaces takes at most {NAMESPACES} names, {count} are given; remove the flag to watch the whole cluster"
    );
    Ok(distinct.into_iter().collect())
}

fn start_logging(format: LogFormat, default: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| PrintableLine(std::io::stderr()));
    let started = match format {
        LogFormat::Text => lines.with_target(false).with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// Returns a token that the first SIGTERM or SIGINT cancels. The second signal ends the process at once.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let stop = CancellationToken::new();
    let requested = stop.clone();
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
            requested.cancel();
        }
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArgs,
    }

    /// Returns the options of a command line, or its error.
    fn options(arguments: &[&str]) -> Result<Options, String> {
        let line = Line::try_parse_from(["run"].iter().chain(arguments)).map_err(|error| error.to_string())?;
        line.run.options().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn without_a_word_the_whole_cluster_is_looked_at_but_for_what_the_provider_runs() {
        let options = options(&[]).unwrap();
        assert_eq!(options.namespaces, None);
        assert!(options.scope.excluded.contains("kube-system") && !options.scope.excluded.contains("shop"));
        assert_eq!(options.scope.settings, EvaluationSettings::default());
        assert!(options.configured.is_empty());
        assert_eq!(options.status_writes_per_second.get(), 50);
        assert!(!options.reports);
    }

    #[test]
    fn namespaces_to_look_at_count_once_and_are_all_looked_at() {
        let options = options(&["--namespaces=shop,payments,shop", "--namespaces=kube-system"]).unwrap();
        assert_eq!(options.namespaces.unwrap(), ["kube-system", "payments", "shop"]);
        assert!(!options.scope.excluded.contains("kube-system"));
    }

    #[test]
    fn beginnings_of_names_can_be_left_out() {
        let excluded = options(&["--exclude-namespaces=openshift-*,shop"]).unwrap().scope.excluded;
        assert!(excluded.contains("openshift-dns") && excluded.contains("shop") && !excluded.contains("kube-system"));
    }

    #[rstest]
    #[case::no_namespace(&["--namespaces="], &["--namespaces", "write names separated by commas"])]
    #[case::empty_name(&["--namespaces=shop,"], &["--namespaces", "write names separated by commas"])]
    #[case::pattern_to_look_at(&["--namespaces=shop-*"], &["--namespaces", "shop-*"])]
    #[case::everything_left_out(&["--exclude-namespaces=*"], &["--exclude-namespaces", "openshift-*"])]
    #[case::both(&["--namespaces=shop", "--exclude-namespaces=payments"], &["--namespaces", "--exclude-namespaces"])]
    #[case::no_model(&["--default-service-model=OnPrem"], &["--default-service-model", "OnPremises"])]
    #[case::no_writes(&["--status-writes-per-second=0"], &["--status-writes-per-second", "from 1 to 1000"])]
    #[case::too_many_writes(&["--status-writes-per-second=1001"], &["--status-writes-per-second", "from 1 to 1000"])]
    #[case::half_a_write(&["--status-writes-per-second=0.5"], &["--status-writes-per-second", "from 1 to 1000"])]
    #[case::no_lease(&["--lease=responsibility-operator"], &["--lease", "NAMESPACE/NAME"])]
    #[case::no_port(&["--probe-address=8081"], &["--probe-address", ":PORT"])]
    #[case::no_address(&["--metrics-address=localhost:8080"], &["--metrics-address", "127.0.0.1:8080"])]
    #[case::no_file(&["--config=/does/not/exist.yaml"], &["--config", "/does/not/exist.yaml"])]
    fn what_cannot_be_meant_is_refused_by_the_name_of_the_flag(#[case] arguments: &[&str], #[case] words: &[&str]) {
        let refusal = options(arguments).unwrap_err();
        for word in words {
            assert!(refusal.contains(word), "{word} is not in: {refusal}");
        }
    }

    #[rstest]
    #[case::fewest("1", 1)]
    #[case::most("1000", 1000)]
    fn writes_of_statuses_have_a_limit(#[case] written: &str, #[case] expected: u32) {
        let options = options(&["--status-writes-per-second", written]).unwrap();
        assert_eq!(options.status_writes_per_second.get(), expected);
    }

    #[test]
    fn namespaces_have_a_limit() {
        let names = |count: usize| (0..count).map(|number| format!("team-{number}")).collect::<Vec<_>>().join(",");
        assert_eq!(options(&["--namespaces", &names(NAMESPACES)]).unwrap().namespaces.unwrap().len(), NAMESPACES);
        let refusal = options(&["--namespaces", &names(NAMESPACES + 1)]).unwrap_err();
        assert!(refusal.contains("--namespaces takes at most 100 names, 101 are given"), "{refusal}");
        let refusal = options(&["--exclude-namespaces", &names(EXCLUDED + 1)]).unwrap_err();
        assert!(refusal.contains("--exclude-namespaces takes at most 256 names, 257 are given"), "{refusal}");
    }

    #[test]
    fn the_file_and_the_flags_come_together() {
        let path = std::env::temp_dir().join(format!("responsibility-config-{}.yaml", std::process::id()));
        let text = "
workloadKinds: [{group: argoproj.io, version: v1alpha1, kind: Rollout, plural: rollouts, template: spec.template}]
nodeModels: [{label: example.com/rack, model: OnPremises}]
nodeAgents: [our-agent]
";
        std::fs::write(&path, text).unwrap();
        let config = format!("--config={}", path.display());
        let options = options(&[&config, "--managed-control-plane", "--default-service-model=CaaS"]);
        std::fs::remove_file(&path).unwrap();
        let Options { scope, extraction, configured, .. } = options.unwrap();
        assert!(scope.settings.managed_control_plane);
        assert_eq!(scope.settings.default_model, Some(ServiceModel::Caas));
        assert_ne!(scope.node_models, NodeModels::default());
        assert_eq!(configured.len(), 1);
        assert!(extraction.agents.contains("our-agent"));
    }
}

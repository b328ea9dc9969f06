//! `responsibility-operator run`: the controller.

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
use crate::telemetry::telemetry;

/// The most namespaces that are looked at one by one: each has a watch of each kind.
const NAMESPACES: usize = 100;

/// The most names and beginnings of names of namespaces that are left out.
const EXCLUDED: usize = 256;

/// The most writes of statuses in a second that can be allowed.
const STATUS_WRITES: u32 = 1000;

/// The fewest threads that tasks run on.
const WORKERS: usize = 2;

/// Options of the controller. Each can be given by the environment variable as well.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Service model where neither nodes nor assignments tell one: OnPremises, IaaS, CaaS, ManagedNodes, PaaS, FaaS, SaaS.
    /// Without it such workloads are undetermined
    #[arg(long, value_name = "MODEL", env = "RESPONSIBILITY_DEFAULT_SERVICE_MODEL")]
    default_service_model: Option<ServiceModel>,

    /// The provider runs the control plane, although no node shows it
    #[arg(long, env = "RESPONSIBILITY_MANAGED_CONTROL_PLANE")]
    managed_control_plane: bool,

    /// What provider duties are of which nobody says anything
    #[arg(long, value_enum, default_value_t, env = "RESPONSIBILITY_PROVIDER_DUTIES")]
    provider_duties: ProviderDutiesArg,

    /// Namespaces to look at, separated by commas, at most 100: by a Role in each of them instead of a ClusterRole. Nodes,
    /// cluster assignments and ServiceModels are not seen then. Without it the whole cluster is looked at
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = namespace, env = "RESPONSIBILITY_NAMESPACES")]
    namespaces: Option<Vec<String>>,

    /// Namespaces left out unless a cluster assignment selects them by name, separated by commas; openshift-* stands for all
    /// that begin so. With --namespaces none is left out
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = namespace_pattern, default_value = EXCLUDED_BY_DEFAULT, conflicts_with = "namespaces", env = "RESPONSIBILITY_EXCLUDE_NAMESPACES")]
    exclude_namespaces: Vec<String>,

    /// YAML file with workloadKinds, nodeModels, nodeAgents, managedControlPlane, signals, customSignals, allowedRegistries and
    /// veleroNamespace
    #[arg(long, value_name = "FILE", env = "RESPONSIBILITY_CONFIG")]
    config: Option<PathBuf>,

    /// The Lease by which several replicas agree which of them writes, as NAMESPACE/NAME. Without it there is no other
    #[arg(long, value_name = "LEASE", value_parser = lease, env = "RESPONSIBILITY_LEASE")]
    pub(super) lease: Option<LeaseName>,

    /// The most writes of statuses in a second over time, from 1 to 1000, of those that follow from changes in the cluster. What users
    /// write is answered at once
    #[arg(long, value_name = "NUMBER", value_parser = status_writes, default_value_t = STATUS_WRITES_PER_SECOND, env = "RESPONSIBILITY_STATUS_WRITES_PER_SECOND")]
    status_writes_per_second: NonZeroU32,

    /// Also write what is wrong with duties as Reports of OpenReports (openreports.io), where that is served: a few in each
    /// namespace, with failures only
    #[arg(long, env = "RESPONSIBILITY_REPORTS")]
    reports: bool,

    #[command(flatten)]
    pub(super) serve: ServeArgs,

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
        start_logging(self.log_format, "info,kube_client=off,kube_runtime=off")?;
        // The index is a task like the watches, which wake it without another thread. While it evaluates a large cluster,
        // another worker has to answer probes and to renew the Lease.
        let workers = std::thread::available_parallelism().map_or(WORKERS, |cores| cores.get().max(WORKERS));
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.enable_all().worker_threads(workers).build().context("cannot start")?;
        let ended = runtime.block_on(runtime.spawn(self.run()));
        runtime.shutdown_background();
        ended.context("the controller ended abnormally")?
    }

    async fn run(self) -> anyhow::Result<()> {
        let stop = stop_on_signals()?;
        let options = self.options()?;
        let config = connection::find().await?;
        info!(version = env!("CARGO_PKG_VERSION"), server = %config.cluster_url, "starting");
        let client = connection::client(config.clone())?;
        let (instruments, readings) = telemetry();
        let _server = self.serve.start(&readings, &client).await?;
        let candidacy = self.lease.map(|lease| {
            // A process that was paused must not take itself for the one that came after it in the same pod.
            let identity = format!("{}_{:x}", options.instance, options.clock.now().as_nanosecond());
            connection::impatient_client(config).map(|client| Candidacy { client, lease, identity })
        });
        controller::run(client, options, instruments, candidacy.transpose()?, stop).await?;
        Ok(())
    }

    /// Logs what goes wrong, unless RUST_LOG asks for more.
    pub(super) fn start_logging_of_warnings(&self) -> anyhow::Result<()> {
        start_logging(self.log_format, "warn,kube_client=off,kube_runtime=off")
    }

    /// What the controller is told.
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        let file = self.config.as_deref().map(FileConfig::read).transpose()?.unwrap_or_default();
        let namespaces = self.namespaces.as_deref().map(distinct_namespaces).transpose()?;
        let excluded = self.exclude_namespaces.len();
        ensure!(excluded <= EXCLUDED, "--exclude-namespaces takes at most {EXCLUDED} names, {excluded} are given");
        // Whoever names the namespaces to look at wants them looked at.
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

/// How many writes of statuses may begin in a second.
fn status_writes(text: &str) -> Result<NonZeroU32, String> {
    let number = text.parse().ok().filter(|number: &NonZeroU32| number.get() <= STATUS_WRITES);
    number.ok_or_else(|| format!("write a number from 1 to {STATUS_WRITES}, such as {STATUS_WRITES_PER_SECOND}"))
}

/// The namespaces that are looked at, each once.
fn distinct_namespaces(names: &[String]) -> anyhow::Result<Vec<String>> {
    let distinct: BTreeSet<String> = names.iter().cloned().collect();
    let count = distinct.len();
    ensure!(count > 0, "--namespaces is empty; name the namespaces to look at, or leave it out to look at all");
    ensure!(
        count <= NAMESPACES,
        "--namespaces takes at most {NAMESPACES} names, {count} are given; leave it out to look at all"
    );
    Ok(distinct.into_iter().collect())
}

fn start_logging(format: LogFormat, default: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
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

    /// The options of a command line, or what is said of it.
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

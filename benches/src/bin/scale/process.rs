//! Measured programs and their resource usage.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use benches::scenario::Memory;
use harness::{Operator, Supervised};
use jiff::Timestamp;
use procfs::process::Process;
use responsibility_operator::signals::SIGNALS;

use crate::cluster::{ACCOUNT, Cluster};

/// Maximum time for a program to exit after SIGTERM.
const END_LIMIT: Duration = Duration::from_secs(30);

/// Resource usage of a process since its start.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// CPU time in seconds.
    pub cpu: f64,
    /// Current resident memory.
    pub memory: Memory,
    /// Peak resident memory in bytes.
    pub peak: u64,
}

/// Returns the usage of a running process.
pub fn usage(id: i32) -> Result<Usage> {
    let process = Process::new(id)?;
    let (stat, status) = (process.stat()?, process.status()?);
    let milliseconds = (stat.utime + stat.stime) * 1000 / procfs::ticks_per_second();
    let bytes = |kilobytes: Option<u64>| kilobytes.map(|kilobytes| kilobytes * 1024).context("the process has ended");
    Ok(Usage {
        cpu: Duration::from_millis(milliseconds).as_secs_f64(),
        memory: Memory { resident: bytes(status.vmrss)?, private: bytes(status.rssanon)? },
        peak: bytes(status.vmhwm)?,
    })
}

/// Signals that the operator evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnabledSignals {
    /// All signals, the default.
    All,
    /// No signal.
    None,
}

/// Returns a configuration that disables every signal.
fn without_signals(cluster: &Cluster) -> Result<PathBuf> {
    let lines = SIGNALS.map(|signal| format!("  {}: {{enabled: false}}\n", signal.id)).concat();
    let file = cluster.log("without-signals").with_extension("yaml");
    std::fs::write(&file, format!("signals:\n{lines}"))?;
    Ok(file)
}

/// Running operator, started as by the chart.
pub struct RunningOperator {
    operator: Operator,
    /// Time of the start.
    pub started: Timestamp,
}

impl RunningOperator {
    pub fn start(cluster: &Cluster, signals: EnabledSignals) -> Result<Self> {
        let mut arguments = vec![
            "--lease=responsibility-system/responsibility-operator",
            "--probe-address=127.0.0.1:0",
            "--metrics-address=127.0.0.1:0",
        ];
        let config = format!("--config={}", without_signals(cluster)?.display());
        if signals == EnabledSignals::None {
            arguments.push(&config);
        }
        let (program, kubeconfig) = (cluster.program("responsibility-operator")?, cluster.operator_kubeconfig()?);
        let started = Timestamp::now();
        let operator = Operator::start(&program, &kubeconfig, &arguments, cluster.log(ACCOUNT))?;
        Ok(Self { operator, started })
    }

    pub fn usage(&self) -> Result<Usage> {
        usage(self.operator.id()?).with_context(|| format!("the operator has ended:\n{}", self.operator.log()))
    }

    /// Stops the operator by SIGTERM, so that it releases the Lease.
    pub fn stop(mut self) -> Result<()> {
        self.operator.terminate(END_LIMIT).map(drop)
    }
}

/// Running floor.
pub struct Floor {
    process: Supervised,
    log: PathBuf,
    before: usize,
    started: Timestamp,
}

/// Output of the floor after it has read all objects.
pub struct Synced {
    /// Duration in seconds.
    pub seconds: f64,
    /// Number of objects.
    pub objects: usize,
}

impl Floor {
    pub fn start(cluster: &Cluster) -> Result<Self> {
        let log = cluster.log("floor");
        let before = std::fs::read_to_string(&log).unwrap_or_default().len();
        let mut command = Command::new(cluster.program("floor")?);
        command.env("KUBECONFIG", cluster.operator_kubeconfig()?);
        let started = Timestamp::now();
        Ok(Self { process: Supervised::start(&command, &log, None)?, log, before, started })
    }

    /// Returns the output of the floor, once it has read all objects.
    pub fn synced(&self) -> Result<Option<Synced>> {
        let log = std::fs::read_to_string(&self.log)?;
        let line = log[self.before..].lines().find_map(|line| line.strip_prefix("synced at="));
        let Some((at, objects)) = line.and_then(|line| line.split_once(" objects=")) else {
            // The process can have ended.
            self.usage()?;
            return Ok(None);
        };
        let at = Timestamp::from_millisecond(at.parse()?)?;
        Ok(Some(Synced { seconds: seconds_between(self.started, at), objects: objects.parse()? }))
    }

    pub fn usage(&self) -> Result<Usage> {
        usage(self.process.id()?).with_context(|| format!("the floor has ended; see {}", self.log.display()))
    }
}

/// Returns the time between two timestamps in seconds.
pub fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

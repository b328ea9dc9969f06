//! The programs that are measured, and what they use.

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

/// How long a program may take to end in order.
const END_LIMIT: Duration = Duration::from_secs(30);

/// What a process has used since it was started.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time, in seconds.
    pub cpu: f64,
    /// Memory in RAM now.
    pub memory: Memory,
    /// The most memory that was in RAM, in bytes.
    pub peak: u64,
}

/// What a running process has used so far.
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

/// What the operator looks at beside who holds what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Every signal, as when nothing is said.
    AtSignals,
    /// None.
    AtNoSignals,
}

/// A configuration that switches every signal off.
fn without_signals(cluster: &Cluster) -> Result<PathBuf> {
    let lines = SIGNALS.map(|signal| format!("  {}: {{enabled: false}}\n", signal.id)).concat();
    let file = cluster.log("without-signals").with_extension("yaml");
    std::fs::write(&file, format!("signals:\n{lines}"))?;
    Ok(file)
}

/// The operator, as the chart starts it.
pub struct RunningOperator {
    operator: Operator,
    /// When it was started.
    pub started: Timestamp,
}

impl RunningOperator {
    pub fn start(cluster: &Cluster, looks: Looks) -> Result<Self> {
        let mut arguments = vec![
            "--lease=responsibility-system/responsibility-operator",
            "--probe-address=127.0.0.1:0",
            "--metrics-address=127.0.0.1:0",
        ];
        let config = format!("--config={}", without_signals(cluster)?.display());
        if looks == Looks::AtNoSignals {
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

    /// Ends it in order: it gives the Lease back.
    pub fn stop(mut self) -> Result<()> {
        self.operator.terminate(END_LIMIT).map(drop)
    }
}

/// The floor.
pub struct Floor {
    process: Supervised,
    log: PathBuf,
    before: usize,
    started: Timestamp,
}

/// What the floor tells when it has read everything.
pub struct Synced {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How many objects there are.
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

    /// What it tells, when it has read everything.
    pub fn synced(&self) -> Result<Option<Synced>> {
        let log = std::fs::read_to_string(&self.log)?;
        let told = log[self.before..].lines().find_map(|line| line.strip_prefix("synced at="));
        let Some((at, objects)) = told.and_then(|told| told.split_once(" objects=")) else {
            // It may have ended.
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

/// The time from one moment to another, in seconds.
pub fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

//! Runs the operator as a process.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::supervised::Supervised;

/// A running operator. It is killed when this is dropped or the process that started it ends.
#[derive(Debug)]
pub struct Operator {
    process: Supervised,
    log: PathBuf,
}

impl Operator {
    /// Starts `binary run` with arguments against the cluster of a kubeconfig. Appends its log to the file `log`.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub fn start(binary: &Path, kubeconfig: &Path, arguments: &[&str], log: PathBuf) -> Result<Self> {
        Self::start_as("operator", binary, kubeconfig, arguments, log)
    }

    /// Does the same as [`start`](Self::start), with this pod name.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub fn start_as(pod: &str, binary: &Path, kubeconfig: &Path, arguments: &[&str], log: PathBuf) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("run").args(arguments).env("KUBECONFIG", kubeconfig).env("POD_NAME", pod);
        Ok(Self { process: Supervised::start(&command, &log, None)?, log })
    }

    /// Returns the process id.
    ///
    /// # Errors
    ///
    /// If the process has ended.
    pub fn id(&self) -> Result<i32> {
        self.process.id()
    }

    /// Returns the contents of the log file, including earlier runs.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends SIGTERM and waits until the process ends.
    ///
    /// # Errors
    ///
    /// If it does not end within `limit`.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        let ended = self.process.terminate(limit)?;
        ended.with_context(|| format!("the operator did not stop within {limit:?}:\n{}", self.log()))
    }

    /// Returns the address of its `probes` or `metrics`, or `None` until the log contains it.
    #[must_use]
    pub fn address(&self, what: &str) -> Option<SocketAddr> {
        let log = self.log();
        let line = log.lines().rev().find(|line| line.contains(&format!("serving {what}")))?;
        line.split_once("address=")?.1.split_whitespace().next()?.parse().ok()
    }

    /// Pauses the process with SIGSTOP, like a machine that hangs.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn pause(&self) -> Result<()> {
        self.process.signal_all(Signal::STOP)
    }

    /// Resumes the process after a pause.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn resume(&self) -> Result<()> {
        self.process.signal_all(Signal::CONT)
    }

    /// Kills the process at once, like a crash.
    pub fn kill(self) {
        drop(self);
    }
}

//! The operator as a process.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::supervised::Supervised;

/// A running operator. It is killed when this is dropped or the process ends.
#[derive(Debug)]
pub struct Operator {
    process: Supervised,
    log: PathBuf,
}

impl Operator {
    /// Starts `binary run` with further arguments against the cluster of a kubeconfig; it adds its log to the file `log`.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn start(binary: &Path, kubeconfig: &Path, arguments: &[&str], log: PathBuf) -> Result<Self> {
        Self::start_as("operator", binary, kubeconfig, arguments, log)
    }

    /// The same as a pod of this name.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn start_as(pod: &str, binary: &Path, kubeconfig: &Path, arguments: &[&str], log: PathBuf) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("run").args(arguments).env("KUBECONFIG", kubeconfig).env("POD_NAME", pod);
        Ok(Self { process: Supervised::start(&command, &log, None)?, log })
    }

    /// The id of its process.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn id(&self) -> Result<i32> {
        self.process.id()
    }

    /// What it has logged so far, and whatever was in the file before.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to stop by SIGTERM and waits for its end.
    ///
    /// # Errors
    ///
    /// When it does not end within `limit`.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        let ended = self.process.terminate(limit)?;
        ended.with_context(|| format!("the operator did not stop within {limit:?}:\n{}", self.log()))
    }

    /// Where it serves its `probes` or `metrics`, as soon as its log tells so.
    #[must_use]
    pub fn address(&self, what: &str) -> Option<SocketAddr> {
        let log = self.log();
        let line = log.lines().rev().find(|line| line.contains(&format!("serving {what}")))?;
        line.split_once("address=")?.1.split_whitespace().next()?.parse().ok()
    }

    /// Stops it where it is, as a machine that stands still does.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn pause(&self) -> Result<()> {
        self.process.signal_all(Signal::STOP)
    }

    /// Lets it go on after a pause.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn resume(&self) -> Result<()> {
        self.process.signal_all(Signal::CONT)
    }

    /// Kills it at once, as a crash does.
    pub fn kill(self) {
        drop(self);
    }
}

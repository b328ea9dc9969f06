//! Processes that end when the process that started them ends, even if it is killed.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A process below a small shell, which kills it when the pipe to the parent process closes.
#[derive(Debug)]
pub struct Supervised(Child);

/// The time within which the shell must start the process.
const FORK_LIMIT: Duration = Duration::from_secs(1);

/// The script of the shell. `$0` is the folder to remove at the end, or empty; the rest is the command line. The shell
/// forwards SIGTERM and returns the exit code of the process.
const SUPERVISE: &str = r#"
stopped=
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
trap 'stopped=1; kill -TERM "$child" 2>/dev/null' TERM
( trap '' TERM; cat <&3 >/dev/null
  # If this shell has ended, the process id may have been reused.
  if kill -0 $$ 2>/dev/null; then kill -KILL "$child" 2>/dev/null; fi
  # Other processes may still write there while they end.
  for round in 1 2 3 4 5; do [ -z "$0" ] || rm -rf "$0" 2>/dev/null && break; sleep 0.2; done ) &
exec 3<&-
wait "$child"; code=$?
if [ -n "$stopped" ]; then wait "$child"; code=$?; fi
exit "$code"
"#;

impl Supervised {
    /// Starts a command and appends its output to `log`. Removes the folder `remove` when the process is dropped or its
    /// parent ends.
    ///
    /// # Errors
    ///
    /// If the log cannot be written or the process cannot be started.
    pub fn start(command: &Command, log: &Path, remove: Option<&Path>) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new("sh")
            .arg("-c")
            .arg(SUPERVISE)
            .arg(remove.unwrap_or_else(|| Path::new("")))
            .arg(command.get_program())
            .args(command.get_args())
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Its own process group: Ctrl-C in a terminal reaches only the parent, which then ends this one in order.
            .process_group(0)
            .spawn()
            .context("cannot run sh")?;
        Ok(Self(child))
    }

    /// Sends SIGTERM and waits at most `limit` until the process ends. Returns `None` if it still runs.
    ///
    /// # Errors
    ///
    /// If the signal cannot be sent.
    pub fn terminate(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        kill_process(self.pid()?, Signal::TERM)?;
        let sent = Instant::now();
        loop {
            match self.0.try_wait()? {
                None if sent.elapsed() < limit => std::thread::sleep(Duration::from_millis(20)),
                ended => return Ok(ended),
            }
        }
    }

    /// Kills the process like a crash. Its folder is not removed.
    pub(crate) fn crash(&mut self) -> Result<()> {
        self.signal_all(Signal::KILL)?;
        self.0.wait()?;
        Ok(())
    }

    /// Sends a signal to the process and to the shell above it.
    pub(crate) fn signal_all(&self, signal: Signal) -> Result<()> {
        Ok(kill_process_group(self.pid()?, signal)?)
    }

    fn pid(&self) -> Result<Pid> {
        i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("the process has no id")
    }

    /// Returns the id of the process itself, below the shell.
    ///
    /// # Errors
    ///
    /// If it has ended.
    pub fn id(&self) -> Result<i32> {
        let shell = self.0.id();
        let begun = Instant::now();
        loop {
            // The process is the first child of the shell. The second child waits for the end of the parent.
            let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"))?;
            let mut children = children.split_whitespace();
            match (children.next().and_then(|id| id.parse().ok()), children.next()) {
                (Some(id), Some(_)) => return Ok(id),
                // The shell has not started both children yet.
                _ if begun.elapsed() < FORK_LIMIT => std::thread::sleep(Duration::from_millis(1)),
                _ => bail!("the process has ended"),
            }
        }
    }

    /// Returns true if the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // The process may be paused.
        let _ = self.signal_all(Signal::CONT);
        // The shell ends after the process. Drop cannot return an error.
        let _ = self.0.wait();
    }
}

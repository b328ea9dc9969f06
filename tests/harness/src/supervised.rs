//! Processes that end with whoever started them, even when that is killed.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A process under a small shell that kills it when the pipe to its starter closes.
#[derive(Debug)]
pub struct Supervised(Child);

/// How long the shell may take to start what it watches over.
const FORK_LIMIT: Duration = Duration::from_secs(1);

/// `$0` is the folder to remove at the end, or empty; the rest is the command line. SIGTERM is passed on, and the exit
/// code is that of the process.
const SUPERVISE: &str = r#"
stopped=
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
trap 'stopped=1; kill -TERM "$child" 2>/dev/null' TERM
( trap '' TERM; cat <&3 >/dev/null
  # Once this shell is gone the number may belong to somebody else.
  if kill -0 $$ 2>/dev/null; then kill -KILL "$child" 2>/dev/null; fi
  # Others may still be writing there as they end.
  for round in 1 2 3 4 5; do [ -z "$0" ] || rm -rf "$0" 2>/dev/null && break; sleep 0.2; done ) &
exec 3<&-
wait "$child"; code=$?
if [ -n "$stopped" ]; then wait "$child"; code=$?; fi
exit "$code"
"#;

impl Supervised {
    /// Starts a command that writes to `log`. When it is to end, `remove` goes with it.
    ///
    /// # Errors
    ///
    /// When the log cannot be written or the process cannot be started.
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
            // A group of its own: Ctrl-C in a terminal reaches the starter only, which then ends this one in order.
            .process_group(0)
            .spawn()
            .context("cannot run sh")?;
        Ok(Self(child))
    }

    /// Asks the process to stop by SIGTERM and waits for its end, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the process cannot be asked.
    pub fn terminate(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        kill_process(self.pid()?, Signal::TERM)?;
        let asked = Instant::now();
        loop {
            match self.0.try_wait()? {
                None if asked.elapsed() < limit => std::thread::sleep(Duration::from_millis(20)),
                ended => return Ok(ended),
            }
        }
    }

    /// Kills the process as a crash does, and what was to be removed with it stays.
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

    /// The id of the process itself, below the shell.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn id(&self) -> Result<i32> {
        let shell = self.0.id();
        let begun = Instant::now();
        loop {
            // The first child of the shell; the second one waits for the starter to end.
            let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"))?;
            let mut children = children.split_whitespace();
            match (children.next().and_then(|id| id.parse().ok()), children.next()) {
                (Some(id), Some(_)) => return Ok(id),
                // The shell has only begun.
                _ if begun.elapsed() < FORK_LIMIT => std::thread::sleep(Duration::from_millis(1)),
                _ => bail!("the process has ended"),
            }
        }
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It may have been paused.
        let _ = self.signal_all(Signal::CONT);
        // The shell ends with the process; there is nobody to tell about a failure.
        let _ = self.0.wait();
    }
}

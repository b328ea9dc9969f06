//! Processes that end with whoever started them, even when that is killed.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A process under a small shell that kills it when the pipe to its starter closes.
#[derive(Debug)]
pub(crate) struct Supervised(Child);

/// `$0` is the folder to remove at the end, or empty; the rest is the command line.
const SUPERVISE: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
( cat <&3 >/dev/null; kill -KILL "$child" 2>/dev/null; if [ -n "$0" ]; then rm -rf "$0"; fi ) &
exec 3<&-
wait "$child"
"#;

impl Supervised {
    /// Starts a command that writes to `log`. When it is to end, `remove` goes with it.
    pub(crate) fn start(command: &Command, log: &Path, remove: Option<&Path>) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new("sh")
            .arg("-c")
            .arg(SUPERVISE)
            .arg(remove.unwrap_or(Path::new("")))
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            // A group of its own: Ctrl-C in a terminal reaches the starter only, which then ends this one in order.
            .process_group(0)
            .spawn()
            .context("cannot run sh")?;
        Ok(Self(child))
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // The shell ends with the process; there is nobody to tell about a failure.
        let _ = self.0.wait();
    }
}

//! Whether the controller works, and whether it has read what it needs.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the engine may be silent: it looks at the clock every second, whatever the API server does.
const SILENCE: Duration = Duration::from_mins(1);

/// The state of one kind that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is watched, as permissions name it: `deployments.apps`.
    pub resource: String,
    /// What is wrong or still to come; nothing when it was read and is watched.
    pub problem: Option<String>,
    /// Whether the controller is not ready without it.
    pub required: bool,
}

/// Shared by who tells and who asks.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// When the engine gave a sign of life last; none before it works.
    alive: Option<Instant>,
    checks: Vec<Check>,
}

/// The answer to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whether all is well.
    pub passed: bool,
    /// A line for each thing that was looked at, as the API server writes them.
    pub lines: String,
}

impl Health {
    /// The engine gives a sign of life.
    pub fn beat(&self) {
        self.with(|state| state.alive = Some(Instant::now()));
    }

    /// Takes in what is watched and how that goes.
    pub fn set(&self, checks: Vec<Check>) {
        self.with(|state| state.checks = checks);
    }

    /// Whether the process works. Nothing of the API server counts: a restart would mend nothing of that.
    #[must_use]
    pub fn live(&self) -> Probe {
        let silent = self.with(|state| state.alive.map(|alive| alive.elapsed()));
        let problem = silent.filter(|silent| *silent > SILENCE);
        let problem = problem.map(|silent| format!("has been stuck for {} s", silent.as_secs()));
        probe("livez", [line("engine", problem.as_deref(), true)])
    }

    /// Whether every kind that is always watched was read and is watched. One that stands by is ready too.
    #[must_use]
    pub fn ready(&self) -> Probe {
        let (alive, checks) = self.with(|state| (state.alive.is_some(), state.checks.clone()));
        let starting = (!alive).then_some("is not reading yet: it finds out which APIs are served");
        let engine = line("engine", starting, true);
        let watches = checks.iter().map(|Check { resource, problem, required }| {
            line(&format!("watch/{resource}"), problem.as_deref(), *required)
        });
        probe("readyz", std::iter::once(engine).chain(watches))
    }

    fn with<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        // Nothing in here can be left half done.
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One line, and whether it lets the probe pass.
fn line(name: &str, problem: Option<&str>, required: bool) -> (bool, String) {
    match problem {
        None => (true, format!("[+]{name} ok")),
        Some(problem) if required => (false, format!("[-]{name} failed: {problem}")),
        Some(problem) => (true, format!("[ ]{name} not read, and not required: {problem}")),
    }
}

fn probe(name: &str, lines: impl IntoIterator<Item = (bool, String)>) -> Probe {
    let mut probe = Probe { passed: true, lines: String::new() };
    for (passed, line) in lines {
        probe.passed &= passed;
        probe.lines += &line;
        probe.lines.push('\n');
    }
    let end = if probe.passed { "passed" } else { "failed" };
    // Writing to a string does not fail.
    let _ = writeln!(probe.lines, "{name} check {end}");
    probe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resource: &str, problem: Option<&str>, required: bool) -> Check {
        Check { resource: resource.into(), problem: problem.map(str::to_owned), required }
    }

    #[test]
    fn a_process_is_ready_when_the_engine_works_and_every_required_kind_was_read() {
        let health = Health::default();
        assert!(!health.ready().passed, "it has not begun");
        health.set(vec![check("pods", Some("is being read"), true)]);
        health.beat();
        assert!(!health.ready().passed);
        health.set(vec![
            check("pods", None, true),
            check("httproutes.gateway.networking.k8s.io", Some("may not be listed"), false),
        ]);
        let ready = health.ready();
        assert!(ready.passed);
        assert_eq!(
            ready.lines,
            "[+]engine ok\n[+]watch/pods ok\n[ ]watch/httproutes.gateway.networking.k8s.io not read, and not required: may \
             not be listed\nreadyz check passed\n"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_alive_until_the_engine_is_silent_for_a_minute() {
        let health = Health::default();
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(health.live().passed, "an API server that is away is no reason for a restart");
        health.beat();
        tokio::time::advance(SILENCE).await;
        assert!(health.live().passed);
        tokio::time::advance(Duration::from_secs(1)).await;
        let dead = health.live();
        assert!(!dead.passed && dead.lines.contains("[-]engine failed: has been stuck for 61 s"), "{}", dead.lines);
        health.beat();
        assert!(health.live().passed);
    }
}

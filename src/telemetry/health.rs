//! Liveness and readiness of the controller.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Maximum time between two heartbeats of the engine. It sends one every second, even if the API server is away.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_mins(1);

/// State of one watched kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Resource as in permissions, such as `deployments.apps`.
    pub resource: String,
    /// Reason why the kind is not synced; none if it is.
    pub problem: Option<String>,
    /// True if the controller is not ready without this kind.
    pub required: bool,
}

/// Health state, shared by the engine and the HTTP server.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Time of the last heartbeat; none before the engine starts.
    last_heartbeat: Option<Instant>,
    checks: Vec<Check>,
}

/// Result of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// True if every required check passed.
    pub passed: bool,
    /// One line per check, in the format of the API server.
    pub lines: String,
}

impl Health {
    /// Records a heartbeat of the engine.
    pub fn record_heartbeat(&self) {
        self.with(|state| state.last_heartbeat = Some(Instant::now()));
    }

    /// Replaces the state of all watched kinds.
    pub fn set_checks(&self, checks: Vec<Check>) {
        self.with(|state| state.checks = checks);
    }

    /// Checks that the engine is not stuck. The API server does not matter, because a restart would not help.
    #[must_use]
    pub fn live(&self) -> Probe {
        let since = self.with(|state| state.last_heartbeat.map(|at| at.elapsed()));
        let problem = since.filter(|since| *since > HEARTBEAT_TIMEOUT);
        let problem = problem.map(|since| format!("stuck for {} s", since.as_secs()));
        probe("livez", [line("engine", problem.as_deref(), true)])
    }

    /// Checks that every required kind is synced. The result is the same on the leader and on standbys.
    #[must_use]
    pub fn ready(&self) -> Probe {
        let (started, checks) = self.with(|state| (state.last_heartbeat.is_some(), state.checks.clone()));
        let starting = (!started).then_some("not started yet; discovery of the served APIs is running");
        let engine = line("engine", starting, true);
        let watches = checks.iter().map(|Check { resource, problem, required }| {
            line(&format!("watch/{resource}"), problem.as_deref(), *required)
        });
        probe("readyz", std::iter::once(engine).chain(watches))
    }

    fn with<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        // A panic cannot leave the state inconsistent, so a poisoned lock is usable.
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the line of a check, and true if the check passed.
fn line(name: &str, problem: Option<&str>, required: bool) -> (bool, String) {
    match problem {
        None => (true, format!("[+]{name} ok")),
        Some(problem) if required => (false, format!("[-]{name} failed: {problem}")),
        Some(problem) => (true, format!("[ ]{name} not synced, not required: {problem}")),
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
        assert!(!health.ready().passed, "the engine has not started");
        health.set_checks(vec![check("pods", Some("is being read"), true)]);
        health.record_heartbeat();
        assert!(!health.ready().passed);
        health.set_checks(vec![
            check("pods", None, true),
            check("httproutes.gateway.networking.k8s.io", Some("may not be listed"), false),
        ]);
        let ready = health.ready();
        assert!(ready.passed);
        assert_eq!(
            ready.lines,
            "[+]engine ok\n[+]watch/pods ok\n[ ]watch/httproutes.gateway.networking.k8s.io not synced, not required: may not \
             be listed\nreadyz check passed\n"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_alive_until_the_engine_is_silent_for_a_minute() {
        let health = Health::default();
        tokio::time::advance(Duration::from_hours(1)).await;
        assert!(health.live().passed, "an API server that is away does not cause a restart");
        health.record_heartbeat();
        tokio::time::advance(HEARTBEAT_TIMEOUT).await;
        assert!(health.live().passed);
        tokio::time::advance(Duration::from_secs(1)).await;
        let dead = health.live();
        assert!(!dead.passed && dead.lines.contains("[-]engine failed: stuck for 61 s"), "{}", dead.lines);
        health.record_heartbeat();
        assert!(health.live().passed);
    }
}

//! Rate limits of Events.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::facts::AssignmentId;
use crate::rate_limit::{KeyedRateLimiter, Rate, RateLimiter};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// All Events together.
const OVERALL: Rate = Rate::new(10, SECOND, 50);
/// Events on the assignments of one namespace, so that a namespace whose gaps open and close all the time does not silence
/// others.
const PER_NAMESPACE: Rate = Rate::new(10, MINUTE, 25);
/// All Events on workloads and namespaces: the other half of the overall rate remains for assignments.
const MINOR: Rate = Rate::new(5, SECOND, 25);
/// Events on the workloads of one namespace.
const MINOR_PER_NAMESPACE: Rate = Rate::new(5, MINUTE, 10);
/// Shortest time after which a refused assignment is evaluated again, so that many of them are no load on the operator.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);

/// Limits how many Events are emitted.
#[derive(Debug)]
pub(in crate::controller) struct EventRate {
    overall: RateLimiter,
    /// By namespace; cluster assignments, whose Events are in the namespace `default`, have the key `None`.
    namespaces: KeyedRateLimiter<Option<Arc<str>>>,
    minor: RateLimiter,
    minor_namespaces: KeyedRateLimiter<Arc<str>>,
}

impl EventRate {
    pub(in crate::controller) fn new() -> Self {
        Self {
            overall: RateLimiter::new(OVERALL),
            namespaces: KeyedRateLimiter::new(PER_NAMESPACE),
            minor: RateLimiter::new(MINOR),
            minor_namespaces: KeyedRateLimiter::new(MINOR_PER_NAMESPACE),
        }
    }

    /// Counts Events on an assignment, which are emitted now.
    ///
    /// # Errors
    ///
    /// Returns the time to wait if the rate is used up; nothing is counted then. No Event is lost by waiting: the
    /// transition remains, and one that is undone meanwhile needs no Event.
    pub(super) fn admit(&mut self, id: &AssignmentId, count: usize, now: Instant) -> Result<(), Duration> {
        // One evaluation emits at most 3 transitions or 2 summaries, and 2 reminders: less than every burst.
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count == 0 {
            return Ok(());
        }
        let wait = self.namespaces.wait(&id.namespace, count, now).max(self.overall.wait(count, now));
        if !wait.is_zero() {
            return Err(wait.max(SHORTEST_WAIT));
        }
        self.namespaces.count(&id.namespace, count, now);
        self.overall.count(count, now);
        Ok(())
    }

    /// Counts an Event on a workload or a namespace. Returns false if the rate is used up: the Event is dropped then, because
    /// the statuses contain the same facts.
    pub(in crate::controller) fn admit_minor(&mut self, namespace: &Arc<str>, now: Instant) -> bool {
        let waits = [self.minor_namespaces.wait(namespace, 1, now), self.minor.wait(1, now), self.overall.wait(1, now)];
        if waits.iter().any(|wait| !wait.is_zero()) {
            return false;
        }
        self.minor_namespaces.count(namespace, 1, now);
        self.minor.count(1, now);
        self.overall.count(1, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(namespace: &str) -> AssignmentId {
        AssignmentId { namespace: Some(namespace.into()), name: "a".into() }
    }

    #[test]
    fn a_flapping_namespace_has_to_wait_and_does_not_silence_another() {
        let (mut rate, now) = (EventRate::new(), Instant::now());
        let admitted = (0..40).filter(|_| rate.admit(&id("flapping"), 1, now).is_ok()).count();
        assert_eq!(admitted, 25);
        assert!(rate.admit(&id("flapping"), 1, now).is_err_and(|wait| wait > Duration::from_secs(1)));
        assert_eq!(rate.admit(&id("quiet"), 3, now), Ok(()));
    }

    #[test]
    fn workloads_leave_room_for_assignments() {
        let (mut rate, now) = (EventRate::new(), Instant::now());
        let admitted = (0..100).filter(|number| rate.admit_minor(&format!("ns-{number}").into(), now)).count();
        assert_eq!(admitted, 25);
        assert_eq!((0..30).filter(|number| rate.admit(&id(&format!("ns-{number}")), 1, now).is_ok()).count(), 25);
    }

    #[test]
    fn the_workloads_of_one_namespace_do_not_silence_those_of_another() {
        let (mut rate, now) = (EventRate::new(), Instant::now());
        let mut admitted =
            |namespace: &str, count| (0..count).filter(|_| rate.admit_minor(&namespace.into(), now)).count();
        assert_eq!(admitted("flapping", 40), 10);
        assert_eq!(admitted("quiet", 1), 1);
    }
}

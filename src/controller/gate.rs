//! How many Events may be written.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::facts::AssignmentId;

const fn per_second(count: u32, burst: u32) -> Quota {
    Quota::per_second(NonZeroU32::new(count).expect("is not zero"))
        .allow_burst(NonZeroU32::new(burst).expect("is not zero"))
}

const fn per_minute(count: u32, burst: u32) -> Quota {
    Quota::per_minute(NonZeroU32::new(count).expect("is not zero"))
        .allow_burst(NonZeroU32::new(burst).expect("is not zero"))
}

/// All Events together.
const OVERALL: Quota = per_second(10, 50);
/// The Events of one namespace: a namespace that flaps must not silence the others.
const PER_NAMESPACE: Quota = per_minute(10, 25);
/// The Events on workloads and namespaces together: half of all are left for those on assignments.
const MINOR: Quota = per_second(5, 25);
/// The Events on workloads of one namespace.
const MINOR_PER_NAMESPACE: Quota = per_minute(5, 10);
/// Who has to wait does not ask again before this: many that wait must not keep the operator busy.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);
/// Above this many namespaces those that have been quiet are forgotten.
const KEPT_NAMESPACES: usize = 1024;

/// Lets Events through, or says when to ask again.
#[derive(Debug)]
pub(super) struct Gate {
    overall: DefaultDirectRateLimiter,
    /// Cluster assignments have one of their own, although their Events lie in a namespace.
    namespaces: DefaultKeyedRateLimiter<Option<Arc<str>>>,
    minor: DefaultDirectRateLimiter,
    minor_namespaces: DefaultKeyedRateLimiter<Arc<str>>,
    clock: DefaultClock,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            overall: RateLimiter::direct(OVERALL),
            namespaces: RateLimiter::keyed(PER_NAMESPACE),
            minor: RateLimiter::direct(MINOR),
            minor_namespaces: RateLimiter::keyed(MINOR_PER_NAMESPACE),
            clock: DefaultClock::default(),
        }
    }

    /// Whether so many Events about an assignment may be written now; otherwise how long to wait.
    ///
    /// Nothing is lost by waiting: the transitions stay untold, and what is undone meanwhile is never told.
    pub(super) fn admit(&self, id: &AssignmentId, count: usize) -> Result<(), Duration> {
        let Some(count) = u32::try_from(count).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        let wait = |until: governor::NotUntil<_>| until.wait_time_from(self.clock.now()).max(SHORTEST_WAIT);
        if self.namespaces.len() > KEPT_NAMESPACES {
            self.namespaces.retain_recent();
        }
        // No burst is smaller than the Events of one round: three transitions or two summaries, and two reminders. The
        // namespace comes first: whoever has to wait there must not use up what others may have.
        self.namespaces.check_key_n(&id.namespace, count).unwrap_or(Ok(())).map_err(wait)?;
        self.overall.check_n(count).unwrap_or(Ok(())).map_err(wait)
    }

    /// Whether an Event about a workload or a namespace may be written now. It is dropped otherwise: the statuses hold
    /// what it would have told.
    pub(super) fn admit_minor(&self, namespace: &Arc<str>) -> bool {
        if self.minor_namespaces.len() > KEPT_NAMESPACES {
            self.minor_namespaces.retain_recent();
        }
        self.minor_namespaces.check_key(namespace).is_ok() && self.minor.check().is_ok() && self.overall.check().is_ok()
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
        let gate = Gate::new();
        let admitted = (0..40).filter(|_| gate.admit(&id("flapping"), 1).is_ok()).count();
        assert_eq!(admitted, 25);
        assert!(gate.admit(&id("flapping"), 1).is_err_and(|wait| wait > Duration::from_secs(1)));
        assert_eq!(gate.admit(&id("quiet"), 3), Ok(()));
    }

    #[test]
    fn workloads_leave_room_for_assignments() {
        let gate = Gate::new();
        let admitted = (0..100).filter(|number| gate.admit_minor(&format!("ns-{number}").into())).count();
        assert_eq!(admitted, 25);
        assert_eq!((0..30).filter(|number| gate.admit(&id(&format!("ns-{number}")), 1).is_ok()).count(), 25);
    }

    #[test]
    fn the_workloads_of_one_namespace_do_not_silence_those_of_another() {
        let gate = Gate::new();
        let of = |namespace: &str, count| (0..count).filter(|_| gate.admit_minor(&namespace.into())).count();
        assert_eq!(of("flapping", 40), 10);
        assert_eq!(of("quiet", 1), 1);
    }
}

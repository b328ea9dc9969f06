//! Debounce of Events: a change is announced after the gaps have not changed for a while, so that a change that is undone
//! meanwhile emits no Event.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::Announcement;

/// Time for which the open gaps must not change before an Event is emitted ...
const QUIET: Duration = Duration::from_secs(2);
/// ... and the longest delay after the first change.
const LONGEST: Duration = Duration::from_secs(5);

/// Debounce of the Events of one assignment.
#[derive(Clone, Debug, Default)]
pub(in crate::controller) struct Debounce(Option<Pending>);

#[derive(Clone, Debug)]
struct Pending {
    began: Instant,
    changed: Instant,
    open: Vec<Announcement>,
}

impl Debounce {
    /// Drops the pending change: it was announced or undone.
    pub(super) fn reset(&mut self) {
        self.0 = None;
    }

    /// Returns the time at which the open gaps can be announced if they do not change until then.
    pub(super) fn due(&mut self, open: &[Announcement], now: Instant) -> Instant {
        let pending = self.0.get_or_insert_with(|| Pending { began: now, changed: now, open: open.to_vec() });
        if pending.open != open {
            pending.open = open.to_vec();
            pending.changed = now;
        }
        (pending.changed + QUIET).min(pending.began + LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{GapState, OpenState};
    use crate::matrix::Duty;

    fn gap(layer: &str) -> Announcement {
        Announcement { layer: layer.to_owned(), duty: Duty::Customer, state: OpenState::Gap(GapState::Unowned) }
    }

    #[test]
    fn a_change_waits_for_quiet_and_every_further_change_prolongs_the_wait_up_to_a_limit() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut debounce = Debounce::default();
        assert_eq!(debounce.due(&[gap("node-os")], at(0)), at(2));
        assert_eq!(debounce.due(&[gap("node-os")], at(1)), at(2), "no further change");
        assert_eq!(debounce.due(&[], at(1)), at(3));
        assert_eq!(debounce.due(&[gap("node-os")], at(2)), at(4));
        assert_eq!(debounce.due(&[], at(4)), at(5), "never longer than the limit");
    }

    #[test]
    fn after_a_change_was_undone_the_next_one_waits_anew() {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        debounce.due(&[gap("node-os")], start);
        debounce.reset();
        let later = start + Duration::from_mins(1);
        assert_eq!(debounce.due(&[gap("node-os")], later), later + QUIET);
    }
}

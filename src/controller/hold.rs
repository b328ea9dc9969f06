//! When to tell of a change: after it has been quiet for a while, so that a change undone meanwhile is never told.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::Announcement;

/// A change is told when the open gaps have not changed for this long ...
const QUIET: Duration = Duration::from_secs(2);
/// ... and at most this long after it began.
const LONGEST: Duration = Duration::from_secs(5);

/// A change that has not been told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Hold(Option<Pending>);

#[derive(Clone, Debug)]
struct Pending {
    began: Instant,
    changed: Instant,
    open: Vec<Announcement>,
}

impl Hold {
    /// Nothing is to be told: what was to be is undone.
    pub(super) fn release(&mut self) {
        self.0 = None;
    }

    /// The time at which the gaps that are open now may be told, if they stay as they are.
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
        let mut hold = Hold::default();
        assert_eq!(hold.due(&[gap("node-os")], at(0)), at(2));
        assert_eq!(hold.due(&[gap("node-os")], at(1)), at(2), "no further change");
        assert_eq!(hold.due(&[], at(1)), at(3));
        assert_eq!(hold.due(&[gap("node-os")], at(2)), at(4));
        assert_eq!(hold.due(&[], at(4)), at(5), "never longer than the limit");
    }

    #[test]
    fn after_a_change_was_undone_the_next_one_waits_anew() {
        let start = Instant::now();
        let mut hold = Hold::default();
        hold.due(&[gap("node-os")], start);
        hold.release();
        let later = start + Duration::from_mins(1);
        assert_eq!(hold.due(&[gap("node-os")], later), later + QUIET);
    }
}

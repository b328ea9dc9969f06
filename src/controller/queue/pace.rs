//! How many writes may begin in a time.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The writes of this time may begin all at once.
const BURST: Duration = Duration::from_secs(1);

/// Lets so many writes a second begin, by the generic cell rate algorithm. Not by governor, as Events are: that counts when
/// it is asked, and here most rounds of work that may begin come to no write.
#[derive(Debug)]
pub(super) struct Pace {
    /// The time that one write takes up.
    share: Duration,
    /// Up to when the writes that have begun take up the time.
    taken_up: Instant,
}

impl Pace {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self { share: Duration::from_secs(1) / per_second.get(), taken_up: Instant::now() }
    }

    /// Counts a write that begins.
    pub(super) fn count(&mut self, now: Instant) {
        self.taken_up = self.taken_up.max(now) + self.share;
    }

    /// Waits until one more may begin. Cancelling loses nothing.
    pub(super) async fn free(&self) {
        let ahead = self.taken_up.saturating_duration_since(Instant::now());
        let wait = (ahead + self.share).saturating_sub(BURST);
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// How many writes begin in this time when there is always one more.
    async fn begun_in(pace: &mut Pace, time: Duration) -> usize {
        let end = Instant::now() + time;
        let mut begun = 0;
        while tokio::time::timeout_at(end, pace.free()).await.is_ok() {
            pace.count(Instant::now());
            begun += 1;
        }
        begun
    }

    #[rstest]
    #[case::fewest(1)]
    #[case::a_share_that_is_not_whole(3)]
    #[case::default(50)]
    #[case::most(1000)]
    #[tokio::test(start_paused = true)]
    async fn a_second_s_worth_begins_at_once_and_then_so_many_a_second(#[case] per_second: u32) {
        let mut pace = Pace::new(NonZeroU32::new(per_second).unwrap());
        let count = usize::try_from(per_second).unwrap();
        assert_eq!(begun_in(&mut pace, Duration::from_millis(0)).await, count);
        let later = begun_in(&mut pace, Duration::from_secs(10)).await;
        assert!(later <= 10 * count && later >= 10 * count - 1, "{later}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_is_kept_for_a_second_and_no_longer() {
        let mut pace = Pace::new(NonZeroU32::new(10).unwrap());
        begun_in(&mut pace, Duration::ZERO).await;
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(begun_in(&mut pace, Duration::ZERO).await, 5);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(begun_in(&mut pace, Duration::ZERO).await, 10);
    }
}

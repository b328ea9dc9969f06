//! Rate limit by the generic cell rate algorithm.
//!
//! Callers pass the time, so tests need no clock. A caller can ask for the waiting time without using up the limit, and can
//! count writes that have begun although the limit is used up; the crates for rate limits offer neither.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// Number of keys above which a [`KeyedRateLimiter`] removes those that have their whole burst again.
const KEPT_KEYS: usize = 1024;

/// Limit of a number of writes over time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Time that one write uses up.
    share: Duration,
    /// Number of writes that can begin at once after a time without writes.
    burst: u32,
}

impl Rate {
    /// Returns a rate of `count` writes per `time`. `count` must be at least 1.
    pub(crate) const fn new(count: u32, time: Duration, burst: u32) -> Self {
        Self { share: time.checked_div(count).expect("the count is at least 1"), burst }
    }
}

/// Rate limiter for one kind of write.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    rate: Rate,
    /// Time up to which the writes so far use up the rate.
    used_until: Option<Instant>,
}

impl RateLimiter {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { rate, used_until: None }
    }

    /// Returns the time until `count` writes can begin at once; zero if they can begin now. At most the burst can begin at
    /// once.
    pub(crate) fn wait(&self, count: u32, now: Instant) -> Duration {
        (self.used(now) + self.rate.share * count).saturating_sub(self.rate.share * self.rate.burst)
    }

    /// Counts writes that begin.
    pub(crate) fn count(&mut self, count: u32, now: Instant) {
        self.used_until = Some(now + self.used(now) + self.rate.share * count);
    }

    fn used(&self, now: Instant) -> Duration {
        self.used_until.map(|until| until.saturating_duration_since(now)).unwrap_or_default()
    }
}

/// Rate limiter with the same rate for each key.
#[derive(Debug)]
pub(crate) struct KeyedRateLimiter<K> {
    rate: Rate,
    limiters: HashMap<K, RateLimiter>,
}

impl<K: Clone + Eq + Hash> KeyedRateLimiter<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, limiters: HashMap::new() }
    }

    /// Returns the time until `count` writes for a key can begin at once.
    pub(crate) fn wait(&self, key: &K, count: u32, now: Instant) -> Duration {
        self.limiters.get(key).map_or(Duration::ZERO, |limiter| limiter.wait(count, now))
    }

    /// Counts writes for a key that begin.
    pub(crate) fn count(&mut self, key: &K, count: u32, now: Instant) {
        if self.limiters.len() > KEPT_KEYS {
            self.limiters.retain(|_, limiter| !limiter.used(now).is_zero());
        }
        let limiter = self.limiters.entry(key.clone()).or_insert_with(|| RateLimiter::new(self.rate));
        limiter.count(count, now);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Returns how many writes begin in a time if there is always one more.
    fn begun_in(limiter: &mut RateLimiter, now: &mut Instant, time: Duration) -> u32 {
        let end = *now + time;
        let mut begun = 0;
        while *now + limiter.wait(1, *now) <= end {
            *now += limiter.wait(1, *now);
            limiter.count(1, *now);
            begun += 1;
        }
        *now = end;
        begun
    }

    #[rstest]
    #[case::fewest(1)]
    #[case::a_share_that_is_not_whole(3)]
    #[case::default(50)]
    #[case::most(1000)]
    fn a_second_s_worth_begins_at_once_and_then_so_many_a_second(#[case] per_second: u32) {
        let (mut limiter, mut now) = (limiter(per_second), Instant::now());
        assert_eq!(begun_in(&mut limiter, &mut now, Duration::ZERO), per_second);
        let later = begun_in(&mut limiter, &mut now, Duration::from_secs(10));
        assert!(later <= 10 * per_second && later >= 10 * per_second - 1, "{later}");
    }

    #[test]
    fn what_was_not_used_is_kept_for_a_second_and_no_longer() {
        let (mut limiter, mut now) = (limiter(10), Instant::now());
        begun_in(&mut limiter, &mut now, Duration::ZERO);
        now += Duration::from_millis(500);
        assert_eq!(begun_in(&mut limiter, &mut now, Duration::ZERO), 5);
        now += Duration::from_hours(1);
        assert_eq!(begun_in(&mut limiter, &mut now, Duration::ZERO), 10);
    }

    #[test]
    fn writes_that_begin_above_the_limit_delay_the_next_ones() {
        let (mut limiter, now) = (limiter(10), Instant::now());
        limiter.count(30, now);
        assert_eq!(limiter.wait(1, now), Duration::from_millis(2100));
    }

    #[test]
    fn keys_that_have_their_whole_burst_again_are_removed() {
        let mut limiter = KeyedRateLimiter::new(Rate::new(1, Duration::from_secs(1), 1));
        let now = Instant::now();
        (0..=KEPT_KEYS).for_each(|key| limiter.count(&key, 1, now));
        let later = now + Duration::from_secs(2);
        limiter.count(&0, 1, later);
        assert_eq!(limiter.limiters.len(), 1);
        assert!(limiter.wait(&0, 1, later) > Duration::ZERO && limiter.wait(&1, 1, later) == Duration::ZERO);
    }

    fn limiter(per_second: u32) -> RateLimiter {
        RateLimiter::new(Rate::new(per_second, Duration::from_secs(1), per_second))
    }
}

//! What is worked on when: an assignment, or a service model.
//!
//! The first change of a quiet one goes at once, further ones within a second go together. Each is worked on by one task at
//! a time, and all of them by a bounded number. Failures are tried again after growing times.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;
use tokio_util::time::{DelayQueue, delay_queue};

/// Each is written at most once in this time, failures and Events aside.
const WINDOW: Duration = Duration::from_secs(1);
/// The first and the longest time after which a failure is tried again.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// How many are worked on at the same time.
const PARALLEL: usize = 8;

/// What waits and what is worked on.
#[derive(Debug)]
pub(super) struct Queue<K> {
    entries: HashMap<K, Entry>,
    timers: DelayQueue<K>,
    /// Due, but too many are worked on.
    due: VecDeque<K>,
    running: usize,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self { entries: HashMap::new(), timers: DelayQueue::new(), due: VecDeque::new(), running: 0 }
    }
}

#[derive(Debug, Default)]
struct Entry {
    started: Option<Instant>,
    running: bool,
    waiting: Option<(Instant, delay_queue::Key)>,
    /// Since when it is due, and in the line of those that are.
    in_line: Option<Instant>,
    /// Asked for while it was worked on: the earliest time asked for.
    again: Option<Instant>,
    /// Gone while it was worked on: kept so long, since one of its name may come meanwhile.
    gone: bool,
    failures: u32,
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// Asks for one to be worked on as soon as its window allows.
    pub(super) fn mark(&mut self, id: &K, now: Instant) {
        let started = self.entries.get(id).and_then(|entry| entry.started);
        let at = started.map_or(now, |started| now.max(started + WINDOW));
        self.mark_at(id, at);
    }

    /// Asks for one to be worked on at a time; the earliest time asked for counts.
    pub(super) fn mark_at(&mut self, id: &K, at: Instant) {
        let entry = self.entries.entry(id.clone()).or_default();
        if entry.running {
            entry.gone = false;
            entry.again = Some(entry.again.map_or(at, |again| again.min(at)));
            return;
        }
        if entry.in_line.is_some() {
            return;
        }
        match &entry.waiting {
            Some((due, _)) if *due <= at => {}
            Some((_, key)) => {
                self.timers.reset_at(key, at);
                entry.waiting = Some((at, *key));
            }
            None => {
                let key = self.timers.insert_at(id.clone(), at);
                entry.waiting = Some((at, key));
            }
        }
    }

    /// The next to work on; [`finished`](Self::finished) is due for each. Waits when none is due or too many
    /// are worked on. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> K {
        loop {
            if self.running < PARALLEL
                && let Some(id) = self.due.pop_front()
            {
                // One that was forgotten is skipped.
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.in_line = None;
                    if entry.running {
                        continue;
                    }
                    entry.running = true;
                    entry.started = Some(Instant::now());
                    self.running += 1;
                    return id;
                }
                continue;
            }
            match self.timers.next().await {
                Some(expired) => {
                    let id = expired.into_inner();
                    if let Some(entry) = self.entries.get_mut(&id) {
                        let due = entry.waiting.take().map_or_else(Instant::now, |(due, _)| due);
                        entry.in_line = Some(due);
                        self.due.push_back(id);
                    }
                }
                // Nothing waits: only another call can change that.
                None => std::future::pending().await,
            }
        }
    }

    /// The work on one ended well.
    pub(super) fn finished(&mut self, id: &K) {
        let Some(entry) = self.ended(id) else { return };
        entry.failures = 0;
        if let Some(at) = entry.again.take() {
            let earliest = entry.started.map_or(at, |started| at.max(started + WINDOW));
            self.mark_at(id, earliest);
        }
    }

    /// The work on one failed: it is tried again after a time that grows with each failure.
    pub(super) fn failed(&mut self, id: &K, now: Instant) {
        let Some(entry) = self.ended(id) else { return };
        let retry = now + RETRY.0.saturating_mul(1 << entry.failures.min(16)).min(RETRY.1);
        entry.failures += 1;
        // A change that came meanwhile may be what mends it.
        let changed =
            entry.again.take().map(|again| entry.started.map_or(again, |started| again.max(started + WINDOW)));
        self.mark_at(id, changed.map_or(retry, |changed| changed.min(retry)));
    }

    /// Notes that the work on one ended; none when it is gone.
    fn ended(&mut self, id: &K) -> Option<&mut Entry> {
        self.running = self.running.saturating_sub(1);
        if self.entries.get(id).is_some_and(|entry| entry.gone) {
            self.entries.remove(id);
        }
        let entry = self.entries.get_mut(id)?;
        entry.running = false;
        Some(entry)
    }

    /// How many wait, those included that are to be looked at later.
    pub(super) fn waiting(&self) -> usize {
        let waits = |entry: &&Entry| entry.waiting.is_some() || entry.in_line.is_some();
        self.entries.values().filter(waits).count()
    }

    /// How many are worked on.
    pub(super) const fn running(&self) -> usize {
        self.running
    }

    /// For how long the first in the line has been due.
    pub(super) fn oldest(&self, now: Instant) -> Duration {
        let first = self.due.iter().find_map(|id| self.entries.get(id)?.in_line);
        first.map(|due| now.saturating_duration_since(due)).unwrap_or_default()
    }

    /// Forgets all that wait; those that are worked on end as they do.
    pub(super) fn forget_waiting(&mut self) {
        self.timers.clear();
        self.due.clear();
        self.entries.retain(|_, entry| entry.running);
        self.entries.values_mut().for_each(|entry| entry.again = None);
    }

    /// It is gone.
    pub(super) fn forget(&mut self, id: &K) {
        if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.running) {
            entry.gone = true;
            entry.again = None;
            return;
        }
        if let Some(Entry { waiting: Some((_, key)), .. }) = self.entries.remove(id) {
            self.timers.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssignmentId;

    fn id(name: &str) -> AssignmentId {
        AssignmentId { namespace: Some("shop".into()), name: name.into() }
    }

    /// How long after `start` the next assignment is due; the clock of the test jumps.
    async fn next_after(queue: &mut Queue<AssignmentId>, start: Instant) -> (String, Duration) {
        let id = queue.next().await;
        (id.name.to_string(), start.elapsed())
    }

    fn about(actual: Duration, expected: Duration) {
        // The timer wheel counts in milliseconds.
        let late = actual.checked_sub(expected);
        assert!(late.is_some_and(|late| late < Duration::from_millis(5)), "{actual:?} instead of {expected:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_change_goes_at_once_and_further_ones_within_a_second_go_together() {
        let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
        queue.mark(&id("a"), start);
        about(next_after(&mut queue, start).await.1, Duration::ZERO);
        queue.finished(&id("a"));
        for _ in 0..100 {
            queue.mark(&id("a"), Instant::now());
            tokio::time::advance(Duration::from_millis(2)).await;
        }
        about(next_after(&mut queue, start).await.1, WINDOW);
        queue.finished(&id("a"));
        let nothing = tokio::time::timeout(Duration::from_hours(1), queue.next()).await;
        assert!(nothing.is_err(), "the hundred changes were one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_assignment_does_not_starve() {
        let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
        let mut rounds = 0;
        while start.elapsed() < Duration::from_secs(10) {
            queue.mark(&id("a"), Instant::now());
            if tokio::time::timeout(Duration::from_millis(100), queue.next()).await.is_ok() {
                queue.finished(&id("a"));
                rounds += 1;
            }
        }
        assert!((9..=11).contains(&rounds), "{rounds}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_assignment_that_changes_while_it_is_worked_on_is_worked_on_again_afterwards() {
        let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
        queue.mark(&id("a"), start);
        queue.next().await;
        queue.mark(&id("a"), Instant::now());
        let early = tokio::time::timeout(Duration::from_secs(30), queue.next()).await;
        assert!(early.is_err(), "it was worked on twice at the same time");
        queue.finished(&id("a"));
        assert_eq!(queue.next().await, id("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_tried_again_after_growing_times_and_a_success_resets_them() {
        let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
        queue.mark(&id("a"), start);
        queue.next().await;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let failed = Instant::now();
            queue.failed(&id("a"), failed);
            about(next_after(&mut queue, failed).await.1, Duration::from_secs(seconds));
        }
        queue.finished(&id("a"));
        queue.mark(&id("a"), Instant::now());
        queue.next().await;
        let failed = Instant::now();
        queue.failed(&id("a"), failed);
        about(next_after(&mut queue, failed).await.1, Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_limit_are_worked_on_at_the_same_time() {
        let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
        for number in 0..=PARALLEL {
            queue.mark(&id(&number.to_string()), start);
        }
        let mut first = None;
        for _ in 0..PARALLEL {
            first = Some(queue.next().await);
        }
        assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
        assert_eq!((queue.waiting(), queue.running()), (1, PARALLEL));
        assert!(queue.oldest(Instant::now()) >= Duration::from_mins(1));
        queue.finished(&first.unwrap());
        assert_eq!(queue.running(), PARALLEL - 1);
        assert!(tokio::time::timeout(Duration::from_secs(1), queue.next()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_time_asked_for_counts_and_a_forgotten_assignment_is_never_due() {
        let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
        queue.mark_at(&id("a"), start + Duration::from_secs(9));
        queue.mark_at(&id("a"), start + Duration::from_secs(3));
        queue.mark_at(&id("a"), start + Duration::from_secs(6));
        queue.mark_at(&id("b"), start + Duration::from_secs(1));
        queue.forget(&id("b"));
        let (name, after) = next_after(&mut queue, start).await;
        assert_eq!(name, "a");
        about(after, Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_can_be_forgotten_and_what_is_worked_on_ends() {
        let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
        queue.mark(&id("a"), start);
        queue.next().await;
        queue.mark(&id("a"), Instant::now());
        queue.mark_at(&id("b"), start + Duration::from_secs(9));
        queue.forget_waiting();
        assert_eq!((queue.waiting(), queue.running(), queue.oldest(Instant::now())), (0, 1, Duration::ZERO));
        queue.finished(&id("a"));
        assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
        queue.mark(&id("b"), Instant::now());
        assert_eq!(queue.next().await, id("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_goes_and_comes_back_while_it_is_worked_on_is_not_worked_on_twice() {
        let (mut queue, start) = (Queue::<AssignmentId>::default(), Instant::now());
        queue.mark(&id("a"), start);
        queue.next().await;
        queue.forget(&id("a"));
        queue.mark(&id("a"), Instant::now());
        assert!(tokio::time::timeout(Duration::from_mins(1), queue.next()).await.is_err());
        queue.finished(&id("a"));
        assert_eq!(queue.next().await, id("a"));
        queue.forget(&id("a"));
        queue.finished(&id("a"));
        assert!(queue.entries.is_empty(), "nothing is left behind");
    }
}

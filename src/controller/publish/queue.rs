//! Work queue of keys to evaluate: assignments, ServiceModels, or namespaces with Reports.
//!
//! - The first change of a key is due at once; further changes within a second are one.
//! - One task works on a key at a time, and a bounded number of tasks on all keys.
//! - A failed key is retried with exponential backoff.
//! - Keys that wait for a user's change come first. Writes of the others are rate-limited.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;
use tokio_util::time::{DelayQueue, delay_queue};

use crate::rate_limit::{Rate, RateLimiter};

/// Shortest time between two evaluations of one key, except after failures and for Events.
const WINDOW: Duration = Duration::from_secs(1);
/// First and longest delay after a failure.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// Maximum number of keys in work.
const PARALLEL: usize = 16;
/// Places that are reserved for [`Priority::User`]: while writes hang, the answer to a user must not wait for others.
const RESERVED: usize = 4;

/// Priority of a key that is due. The first variant comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) enum Priority {
    /// A user changed the object and waits for its status. Not rate-limited: one user write leads to one status write.
    User,
    /// Something in the cluster changed.
    #[default]
    Background,
}

/// Place among the keys that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    priority: Priority,
    /// Time at which it became due.
    since: Instant,
    /// Breaks ties, in the order of arrival.
    sequence: u64,
}

/// Keys that wait, are due, or are in work.
#[derive(Debug)]
pub(in crate::controller) struct Queue<K> {
    entries: HashMap<K, Entry>,
    timers: DelayQueue<K>,
    /// Keys that are due and wait for a free place or for the rate limit.
    due: BTreeMap<Place, K>,
    next_sequence: u64,
    running: usize,
    rate: RateLimiter,
}

#[derive(Debug, Default)]
struct Entry {
    started: Option<Instant>,
    running: bool,
    /// Priority with which it waits or was taken.
    priority: Priority,
    waiting: Option<(Instant, delay_queue::Key)>,
    due: Option<Place>,
    /// Earliest time requested while it was in work.
    requeue_at: Option<Instant>,
    /// Removed while it was in work. Kept until the work ends, because an object of the same name can be created meanwhile.
    removed: bool,
    failures: u32,
}

impl Priority {
    /// Returns the maximum number of keys in work for starting one of this priority.
    const fn places(self) -> usize {
        match self {
            Self::User => PARALLEL,
            Self::Background => PARALLEL - RESERVED,
        }
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// Returns an empty queue with a limit of writes per second for [`Priority::Background`].
    pub(in crate::controller) fn new(writes_per_second: NonZeroU32) -> Self {
        let per_second = writes_per_second.get();
        Self {
            entries: HashMap::new(),
            timers: DelayQueue::new(),
            due: BTreeMap::new(),
            next_sequence: 0,
            running: 0,
            rate: RateLimiter::new(Rate::new(per_second, Duration::from_secs(1), per_second)),
        }
    }

    /// Enqueues a key for the earliest time that its window allows.
    pub(in crate::controller) fn enqueue(&mut self, id: &K, priority: Priority, now: Instant) {
        let started = self.entries.get(id).and_then(|entry| entry.started);
        let at = started.map_or(now, |started| now.max(started + WINDOW));
        self.enqueue_at(id, priority, at);
    }

    /// Enqueues a key for a time. The earliest time and the highest priority of all requests count. A key in work gets its
    /// priority when the work ends, because the user's change may have its status by then.
    pub(in crate::controller) fn enqueue_at(&mut self, id: &K, priority: Priority, at: Instant) {
        let entry = self.entries.entry(id.clone()).or_default();
        if entry.running {
            entry.removed = false;
            entry.requeue_at = Some(entry.requeue_at.map_or(at, |earlier| earlier.min(at)));
            return;
        }
        entry.priority = entry.priority.min(priority);
        if let Some(place) = &mut entry.due {
            if place.priority != entry.priority
                && let Some(id) = self.due.remove(place)
            {
                place.priority = entry.priority;
                self.due.insert(*place, id);
            }
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

    /// Waits for the next key to work on. Call [`finished`](Self::finished) or [`failed`](Self::failed) for each. Cancel-safe.
    pub(in crate::controller) async fn next(&mut self) -> K {
        loop {
            let priority = self.due.first_key_value().map(|(place, _)| place.priority);
            let priority = priority.filter(|priority| self.running < priority.places());
            if priority == Some(Priority::User)
                && let Some(id) = self.take_first()
            {
                return id;
            }
            tokio::select! {
                // A key that has just become due can have a higher priority.
                biased;
                Some(expired) = self.timers.next() => self.make_due(expired.into_inner()),
                () = wait(&self.rate), if priority.is_some() => {
                    if let Some(id) = self.take_first() {
                        return id;
                    }
                }
                // Only a later call can make a key due.
                else => std::future::pending().await,
            }
        }
    }

    /// Moves a key whose time has come to those that are due.
    fn make_due(&mut self, id: K) {
        if let Some(entry) = self.entries.get_mut(&id) {
            let since = entry.waiting.take().map_or_else(Instant::now, |(due, _)| due);
            let place = Place { priority: entry.priority, since, sequence: self.next_sequence };
            self.next_sequence += 1;
            entry.due = Some(place);
            self.due.insert(place, id);
        }
    }

    /// Takes the first key that is due into work.
    fn take_first(&mut self) -> Option<K> {
        let (_, id) = self.due.pop_first()?;
        let entry = self.entries.get_mut(&id)?;
        entry.due = None;
        entry.running = true;
        entry.started = Some(Instant::now());
        self.running += 1;
        Some(id)
    }

    /// Counts writes for a key in the rate limit, unless a user waits for them.
    pub(in crate::controller) fn count_writes(&mut self, id: &K, count: u32, now: Instant) {
        if self.entries.get(id).is_some_and(|entry| entry.priority == Priority::Background) {
            self.rate.count(count, now);
        }
    }

    /// Ends the work on a key after a success. A request from meanwhile gets this priority.
    pub(in crate::controller) fn finished(&mut self, id: &K, priority: Priority) {
        let Some(entry) = self.ended(id) else { return };
        entry.failures = 0;
        if let Some(at) = entry.requeue_at.take() {
            let earliest = entry.started.map_or(at, |started| at.max(started + WINDOW));
            self.enqueue_at(id, priority, earliest);
        }
    }

    /// Ends the work on a key after a failure: it is retried with this priority after a delay that doubles with each failure.
    /// Returns the number of failures in a row, 0 if the key was removed.
    pub(in crate::controller) fn failed(&mut self, id: &K, priority: Priority, now: Instant) -> u32 {
        let Some(entry) = self.ended(id) else { return 0 };
        let retry = now + BACKOFF.0.saturating_mul(1 << entry.failures.min(16)).min(BACKOFF.1);
        entry.failures = entry.failures.saturating_add(1);
        let failures = entry.failures;
        // A change from meanwhile can remove the cause, so it is not delayed.
        let changed = entry.requeue_at.take().map(|at| entry.started.map_or(at, |started| at.max(started + WINDOW)));
        self.enqueue_at(id, priority, changed.map_or(retry, |changed| changed.min(retry)));
        failures
    }

    /// Ends the work on a key. Returns `None` if it was removed.
    fn ended(&mut self, id: &K) -> Option<&mut Entry> {
        self.running = self.running.saturating_sub(1);
        if self.entries.get(id).is_some_and(|entry| entry.removed) {
            self.entries.remove(id);
        }
        let entry = self.entries.get_mut(id)?;
        entry.running = false;
        entry.priority = Priority::default();
        Some(entry)
    }

    /// Returns the number of keys that wait or are due.
    pub(in crate::controller) fn waiting(&self) -> usize {
        let waits = |entry: &&Entry| entry.waiting.is_some() || entry.due.is_some();
        self.entries.values().filter(waits).count()
    }

    /// Returns the number of keys in work.
    pub(in crate::controller) const fn running(&self) -> usize {
        self.running
    }

    /// Returns the longest time for which a key has been due.
    pub(in crate::controller) fn longest_wait(&self, now: Instant) -> Duration {
        let since = self.due.keys().map(|place| place.since).min();
        since.map(|since| now.saturating_duration_since(since)).unwrap_or_default()
    }

    /// Removes all keys that wait or are due. Work in progress is not affected.
    pub(in crate::controller) fn clear_waiting(&mut self) {
        self.timers.clear();
        self.due.clear();
        self.entries.retain(|_, entry| entry.running);
        self.entries.values_mut().for_each(|entry| entry.requeue_at = None);
    }

    /// Removes a key whose object was deleted.
    pub(in crate::controller) fn remove(&mut self, id: &K) {
        if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.running) {
            entry.removed = true;
            entry.requeue_at = None;
            return;
        }
        let Some(Entry { waiting, due, .. }) = self.entries.remove(id) else { return };
        if let Some((_, key)) = waiting {
            self.timers.remove(&key);
        }
        if let Some(place) = due {
            self.due.remove(&place);
        }
    }
}

/// Waits until one more write can begin.
async fn wait(rate: &RateLimiter) {
    let wait = rate.wait(1, Instant::now());
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests;

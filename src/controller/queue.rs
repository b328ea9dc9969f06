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
mod tests;

//! What is worked on when: an assignment, or a service model.
//!
//! The first change of a quiet one goes at once, further ones within a second go together. Each is worked on by one task at
//! a time, and all of them by a bounded number. Failures are tried again after growing times. What answers a user goes
//! first; what follows from changes in the cluster goes on as the limit of writes allows.

mod pace;

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;
use tokio_util::time::{DelayQueue, delay_queue};

use pace::Pace;

/// Each is written at most once in this time, failures and Events aside.
const WINDOW: Duration = Duration::from_secs(1);
/// The first and the longest time after which a failure is tried again.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// How many are worked on at the same time.
const PARALLEL: usize = 16;
/// How many of these places are for users alone: where writes hang, an answer must not wait for those that nobody waits for.
const RESERVED: usize = 4;

/// The line in which one waits when it is due, in the order in which they are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// The answer to what a user wrote. Not limited: a write of a user is answered by one.
    Prompt,
    /// What follows from changes in the cluster.
    #[default]
    Routine,
}

/// A place among those that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    line: Line,
    /// Since when it is due.
    since: Instant,
    /// How many came into a line before it.
    number: u64,
}

/// What waits and what is worked on.
#[derive(Debug)]
pub(super) struct Queue<K> {
    entries: HashMap<K, Entry>,
    timers: DelayQueue<K>,
    /// Due, but too many are worked on, or the limit of writes is used up.
    due: BTreeMap<Place, K>,
    /// How many have come into a line.
    lined_up: u64,
    running: usize,
    pace: Pace,
}

#[derive(Debug, Default)]
struct Entry {
    started: Option<Instant>,
    running: bool,
    /// The line in which it waits, or from which it was taken.
    line: Line,
    waiting: Option<(Instant, delay_queue::Key)>,
    in_line: Option<Place>,
    /// Asked for while it was worked on: the earliest time asked for.
    again: Option<Instant>,
    /// Gone while it was worked on: kept so long, since one of its name may come meanwhile.
    gone: bool,
    failures: u32,
}

impl Line {
    /// How many may be worked on at the same time when the next one of this line begins.
    const fn room(self) -> usize {
        match self {
            Self::Prompt => PARALLEL,
            Self::Routine => PARALLEL - RESERVED,
        }
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// A queue that lets so many writes a second begin, those aside that answer users.
    pub(super) fn new(writes_per_second: NonZeroU32) -> Self {
        Self {
            entries: HashMap::new(),
            timers: DelayQueue::new(),
            due: BTreeMap::new(),
            lined_up: 0,
            running: 0,
            pace: Pace::new(writes_per_second),
        }
    }

    /// Asks for one to be worked on as soon as its window allows.
    pub(super) fn mark(&mut self, id: &K, line: Line, now: Instant) {
        let started = self.entries.get(id).and_then(|entry| entry.started);
        let at = started.map_or(now, |started| now.max(started + WINDOW));
        self.mark_at(id, line, at);
    }

    /// Asks for one to be worked on at a time; the earliest time asked for counts, and the line that is served first. What is
    /// worked on has its line told when that ends: the user may be answered by then.
    pub(super) fn mark_at(&mut self, id: &K, line: Line, at: Instant) {
        let entry = self.entries.entry(id.clone()).or_default();
        if entry.running {
            entry.gone = false;
            entry.again = Some(entry.again.map_or(at, |again| again.min(at)));
            return;
        }
        entry.line = entry.line.min(line);
        if let Some(place) = &mut entry.in_line {
            if place.line != entry.line
                && let Some(id) = self.due.remove(place)
            {
                place.line = entry.line;
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

    /// The next to work on; [`finished`](Self::finished) is due for each. Waits when none is due, too many are worked on,
    /// or only such are due as the limit of writes holds up. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> K {
        loop {
            let line = self.due.first_key_value().map(|(place, _)| place.line);
            let line = line.filter(|line| self.running < line.room());
            if line == Some(Line::Prompt)
                && let Some(id) = self.take_first()
            {
                return id;
            }
            tokio::select! {
                // What has just become due may come before one that is in the line.
                biased;
                Some(expired) = self.timers.next() => self.line_up(expired.into_inner()),
                () = self.pace.free(), if line.is_some() => {
                    if let Some(id) = self.take_first() {
                        return id;
                    }
                }
                // Only another call can change that nothing can go on.
                else => std::future::pending().await,
            }
        }
    }

    /// One whose time has come waits for its turn.
    fn line_up(&mut self, id: K) {
        if let Some(entry) = self.entries.get_mut(&id) {
            let since = entry.waiting.take().map_or_else(Instant::now, |(due, _)| due);
            let place = Place { line: entry.line, since, number: self.lined_up };
            self.lined_up += 1;
            entry.in_line = Some(place);
            self.due.insert(place, id);
        }
    }

    /// The first of those that are due is worked on from now on.
    fn take_first(&mut self) -> Option<K> {
        let (_, id) = self.due.pop_first()?;
        let entry = self.entries.get_mut(&id)?;
        entry.in_line = None;
        entry.running = true;
        entry.started = Some(Instant::now());
        self.running += 1;
        Some(id)
    }

    /// The work on one comes to a write, which counts unless it answers a user.
    pub(super) fn write_begins(&mut self, id: &K, now: Instant) {
        if self.entries.get(id).is_some_and(|entry| entry.line == Line::Routine) {
            self.pace.count(now);
        }
    }

    /// The work on one ended well; if it was asked for meanwhile, it is in this line.
    pub(super) fn finished(&mut self, id: &K, line: Line) {
        let Some(entry) = self.ended(id) else { return };
        entry.failures = 0;
        if let Some(at) = entry.again.take() {
            let earliest = entry.started.map_or(at, |started| at.max(started + WINDOW));
            self.mark_at(id, line, earliest);
        }
    }

    /// The work on one failed: it is tried again, in this line, after a time that grows with each failure.
    pub(super) fn failed(&mut self, id: &K, line: Line, now: Instant) {
        let Some(entry) = self.ended(id) else { return };
        let retry = now + RETRY.0.saturating_mul(1 << entry.failures.min(16)).min(RETRY.1);
        entry.failures += 1;
        // A change that came meanwhile may be what mends it.
        let changed =
            entry.again.take().map(|again| entry.started.map_or(again, |started| again.max(started + WINDOW)));
        self.mark_at(id, line, changed.map_or(retry, |changed| changed.min(retry)));
    }

    /// Notes that the work on one ended; none when it is gone.
    fn ended(&mut self, id: &K) -> Option<&mut Entry> {
        self.running = self.running.saturating_sub(1);
        if self.entries.get(id).is_some_and(|entry| entry.gone) {
            self.entries.remove(id);
        }
        let entry = self.entries.get_mut(id)?;
        entry.running = false;
        entry.line = Line::default();
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

    /// For how long the one has been due that has waited for the longest time, in whichever line.
    pub(super) fn oldest(&self, now: Instant) -> Duration {
        let since = self.due.keys().map(|place| place.since).min();
        since.map(|since| now.saturating_duration_since(since)).unwrap_or_default()
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
        let Some(Entry { waiting, in_line, .. }) = self.entries.remove(id) else { return };
        if let Some((_, key)) = waiting {
            self.timers.remove(&key);
        }
        if let Some(place) = in_line {
            self.due.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests;

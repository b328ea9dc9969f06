//! Reads one kind: the pages of a list, then its changes. Every wait for the API server has a limit.
//!
//! The watcher of kube shows neither an accepted watch nor a bookmark, so it cannot show that a quiet kind is still read.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::api::{Api, WatchEvent};
use tokio::time::{Instant, timeout_at};

use super::decode::{Decoder, Object};
use crate::controller::api_call::{CallError, ErrorClass, call};

/// Time limit of one page of a list. The API server ends its own requests after a minute by default.
const PAGE_TIMEOUT: Duration = Duration::from_mins(1);

/// Time limit for the API server to accept a watch.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Seconds after which the API server ends a watch. They are random, so that the watches do not all restart at once.
const WATCH_SECONDS: RangeInclusive<u32> = 60..=75;

/// Time without data after which a watch that the API server should have ended counts as dead.
const SILENCE: Duration = Duration::from_secs(5);

/// Position in the objects and changes of one kind.
pub(super) struct Cursor<K> {
    api: Api<K>,
    state: State<K>,
}

enum State<K> {
    /// Nothing is read: the next request is a list.
    Empty,
    /// A list is being read. The version is that of the whole list.
    Listing { objects: VecDeque<K>, next_page: Option<String>, version: Option<String> },
    /// Everything is known up to this version: the next request is a watch from there.
    Known { version: String },
    /// A watch runs. The API server ends it at `ends`.
    Watching { version: String, changes: BoxStream<'static, kube::Result<WatchEvent<K>>>, ends: Instant },
}

/// One step of reading.
#[derive(Debug)]
pub(super) enum Step<K> {
    /// A list begins.
    ListBegins,
    /// An object of the list.
    Listed(K),
    /// The list is complete.
    ListComplete,
    /// The API server accepted a watch from the last known version.
    WatchStarted,
    /// An object was created or changed.
    Applied(K),
    /// An object was deleted.
    Deleted(K),
    /// The API server sent a new version without a change.
    Bookmark,
    /// The API server ended the watch. The next one resumes from the last version.
    WatchEnded,
}

impl<K: Object> Cursor<K> {
    pub(super) const fn new(api: Api<K>) -> Self {
        Self { api, state: State::Empty }
    }

    /// Discards the position: the next step begins a list.
    pub(super) fn restart(&mut self) {
        self.state = State::Empty;
    }

    /// Returns true while a watch runs.
    pub(super) const fn is_watching(&self) -> bool {
        matches!(self.state, State::Watching { .. })
    }

    /// Returns the next step. Cancel-safe: a cancelled request is sent again.
    ///
    /// # Errors
    ///
    /// Returns the error of a request or of a watch. A list starts again after that; a watch resumes, unless its version
    /// expired.
    pub(super) async fn next(&mut self, decoder: &Decoder<K>) -> Result<Step<K>, CallError> {
        loop {
            match &mut self.state {
                State::Empty => {
                    self.state = State::Listing { objects: VecDeque::new(), next_page: None, version: None };
                    return Ok(Step::ListBegins);
                }
                State::Listing { objects, next_page, version } => {
                    if let Some(object) = objects.pop_front() {
                        return Ok(Step::Listed(object));
                    }
                    if let (None, Some(version)) = (&next_page, version.take()) {
                        self.state = State::Known { version };
                        return Ok(Step::ListComplete);
                    }
                    let listed = call(PAGE_TIMEOUT, self.api.list(&decoder.list_params(next_page.as_deref()))).await;
                    match listed.and_then(page) {
                        Ok(state) => self.state = state,
                        Err(error) => {
                            self.state = State::Empty;
                            return Err(error);
                        }
                    }
                }
                State::Known { version } => {
                    let seconds = watch_seconds();
                    let params = decoder.watch_params(seconds);
                    match call(START_TIMEOUT, self.api.watch(&params, version)).await {
                        Ok(changes) => {
                            let version = std::mem::take(version);
                            let ends = Instant::now() + Duration::from_secs(seconds.into());
                            self.state = State::Watching { version, changes: changes.boxed(), ends };
                            return Ok(Step::WatchStarted);
                        }
                        Err(error) => return Err(self.failed(error)),
                    }
                }
                State::Watching { version, changes, ends } => {
                    let limit = (*ends).max(Instant::now()) + SILENCE;
                    let change = match timeout_at(limit, changes.next()).await {
                        Ok(Some(Ok(change))) => change,
                        // The stream goes on behind an object that cannot be decoded.
                        Ok(Some(Err(error @ kube::Error::SerdeError(_)))) => return Err(CallError::Api(error)),
                        Ok(Some(Err(error))) => return Err(self.failed(CallError::Api(error))),
                        Ok(None) => {
                            let version = std::mem::take(version);
                            self.state = State::Known { version };
                            return Ok(Step::WatchEnded);
                        }
                        Err(_) => return Err(self.failed(CallError::Timeout(SILENCE))),
                    };
                    let (step, seen) = match change {
                        WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                            let seen = object.meta().resource_version.clone();
                            (Step::Applied(object), seen)
                        }
                        WatchEvent::Deleted(object) => {
                            let seen = object.meta().resource_version.clone();
                            (Step::Deleted(object), seen)
                        }
                        WatchEvent::Bookmark(bookmark) => (Step::Bookmark, Some(bookmark.metadata.resource_version)),
                        WatchEvent::Error(status) => {
                            return Err(self.failed(CallError::Api(kube::Error::Api(status))));
                        }
                    };
                    if let Some(seen) = seen.filter(|seen| !seen.is_empty()) {
                        *version = seen;
                    }
                    return Ok(step);
                }
            }
        }
    }

    /// Moves to the state after a failed watch: a list if its version expired, otherwise a watch from the last version.
    fn failed(&mut self, error: CallError) -> CallError {
        match &mut self.state {
            _ if error.class() == ErrorClass::Expired => self.state = State::Empty,
            State::Watching { version, .. } => self.state = State::Known { version: std::mem::take(version) },
            State::Empty | State::Listing { .. } | State::Known { .. } => {}
        }
        error
    }
}

/// Returns the state after a page of a list.
fn page<K: Object>(list: kube::core::ObjectList<K>) -> Result<State<K>, CallError> {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (next_page, version) = (some(list.metadata.continue_), some(list.metadata.resource_version));
    if next_page.is_none() && version.is_none() {
        return Err(CallError::Api(kube::Error::Service("the list has no resourceVersion".into())));
    }
    Ok(State::Listing { objects: list.items.into(), next_page, version })
}

/// Returns the number of seconds after which the API server ends the next watch.
fn watch_seconds() -> u32 {
    let (first, last) = (*WATCH_SECONDS.start(), *WATCH_SECONDS.end());
    let random = RandomState::new().hash_one(()) % u64::from(last - first + 1);
    u32::try_from(random).map_or(last, |random| first + random)
}

#[cfg(test)]
pub(super) mod tests;

//! Watches: objects of the API server in, events for the engine out.

mod coverage;
mod cursor;
mod decode;
mod discovery;
mod event;
mod factory;
pub(super) mod kinds;
mod optional;
mod set;
mod stream;
mod watched_kind;

pub(super) use coverage::Coverage;
pub(super) use event::WatchEvent;
pub(super) use set::WatchSet;
pub(super) use stream::{GRACE, RelistRequest};
#[cfg(test)]
pub(super) use watched_kind::KindRole;
pub(super) use watched_kind::{INSTALL_CRDS, WatchedKind};

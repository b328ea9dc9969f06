//! Computes who is responsible for the security of every workload of a cluster, layer by layer, and where nobody is.
//!
//! The security of a workload consists of layers. Under a service model, each layer owes a provider duty, a customer duty or
//! both. An assignment names the party that holds a duty. An owed duty without a valid owner is a gap. This library computes
//! the gaps. With the feature `controller` it also writes them to the status of the assignments and emits Events.
//!
//! ```text
//! watch -> extract -> Delta -> inventory -> changed assignments -> queue -> reconcile
//! reconcile: roll-up -> status (pure) -> Events -> status by server-side apply (I/O)
//! ```
//!
//! No step calls an earlier one. All modules except [`controller`], [`telemetry`], [`server`] and [`cli`] are pure: no I/O,
//! no clock, no async.

pub mod api;
pub mod extract;
pub mod facts;
pub mod inventory;
pub mod matrix;
pub mod model;
pub mod openreports;
pub mod printable;
pub mod signals;

#[cfg(feature = "controller")]
pub mod cli;
#[cfg(feature = "controller")]
pub mod controller;
#[cfg(feature = "controller")]
mod rate_limit;
#[cfg(feature = "controller")]
pub mod server;
#[cfg(feature = "controller")]
pub mod telemetry;

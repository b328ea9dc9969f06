//! Who is responsible for the security of every workload of a cluster, layer by layer, and where is nobody?
//!
//! Security of a workload is made of layers; under a service model each layer owes a provider duty, a customer duty or
//! both; an assignment says which party holds which duty. A duty that a present layer owes and nobody validly holds is a
//! gap. This library computes the gaps and, with the feature `controller`, keeps them in the status of the assignments
//! and tells of them in Events.
//!
//! ```text
//! watch -> extract -> Delta -> inventory -> changed assignments -> queue -> reconcile
//! reconcile: roll-up -> status (pure) -> Events -> status by server-side apply (I/O)
//! ```
//!
//! No step goes back up this line. Everything but [`controller`], [`telemetry`], [`server`] and [`cli`] is pure: no I/O, no clock, no async.

pub mod api;
pub mod extract;
pub mod facts;
pub mod inventory;
pub mod matrix;
pub mod model;
pub mod openreports;
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

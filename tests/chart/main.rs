//! The chart, rendered by Helm: rejected values, created objects, and current generated files.
//! No API server is needed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod generated;
mod metrics;
mod monitoring;
mod objects;
mod pods;
mod rbac;
mod support;
mod values;

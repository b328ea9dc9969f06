//! The chart, rendered by Helm: what it refuses, what it makes of values, and that everything generated from it is current.
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

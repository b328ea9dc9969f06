//! Tests that need a real API server: schemas, statuses, Events, restarts, missing permissions.
//!
//! Most tests share one control plane and one operator, each in its own namespace. The operator has exactly the permissions
//! of `deploy/operator.yaml`. Tests that stop the operator or revoke permissions start their own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "objects are written down where they are used"
)]

mod acceptance;
mod admission;
mod changes;
mod clock;
mod custom_signals;
mod dates;
mod events;
mod explain;
mod faults;
mod fulfilment;
mod hiding;
mod inputs;
mod kinds;
mod limit;
mod network;
mod nodes;
mod optional;
mod presets;
mod replicas;
mod reports;
mod restart;
mod routes;
mod scenarios;
mod schema;
mod serve;
mod service_models;
mod signals;
mod support;
mod workload_events;

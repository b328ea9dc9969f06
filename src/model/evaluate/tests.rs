//! The exact rules for a duty.

mod acceptance;
mod claims;
mod dated;
mod fulfilment;
mod models;
mod nodes;
mod own_models;
mod parties;
mod properties;
mod ranks;
mod unclaimed;

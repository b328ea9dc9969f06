//! The exact rules for a duty.

mod acceptance;
mod claims;
mod models;
mod parties;
mod properties;
mod ranks;
mod unclaimed;

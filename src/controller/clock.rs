//! What day it is: tests have a clock of their own.

use std::fmt::Debug;

use jiff::Timestamp;

/// Tells the time by which reviews, agreements, evidence and exceptions end, and which statuses and Events carry.
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

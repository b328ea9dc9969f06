//! The right to write, and until when it lasts.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Longer than any process runs.
const EVER: Duration = Duration::from_hours(24 * 365 * 100);

/// The right of this process to write. Each copy tells the same.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Mandate {
    until: watch::Receiver<Option<Instant>>,
    wanted: Arc<Notify>,
}

/// Gives and takes the right to write.
#[derive(Debug)]
pub(super) struct Grant {
    until: watch::Sender<Option<Instant>>,
    wanted: Arc<Notify>,
}

impl Grant {
    /// Nobody may write yet.
    pub(super) fn new() -> (Self, Mandate) {
        let (sender, receiver) = watch::channel(None);
        let wanted = Arc::new(Notify::new());
        (Self { until: sender, wanted: wanted.clone() }, Mandate { until: receiver, wanted })
    }

    /// Waits until it is wanted.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Says until when this process may write, if it may.
    pub(super) fn set(&self, until: Option<Instant>) {
        self.until.send_replace(until);
    }
}

impl Mandate {
    /// One that always holds: there is no other process.
    pub(in crate::controller) fn always() -> Self {
        Self { until: watch::channel(Some(Instant::now() + EVER)).1, wanted: Arc::default() }
    }

    /// Asks for it: whoever has not read everything yet would keep another from writing.
    pub(in crate::controller) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Whether this process may write now. The clock goes on while a process is paused, so one that wakes up after its
    /// deadline may not.
    pub(in crate::controller) fn holds(&self) -> bool {
        self.until.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until it is given, prolonged, taken or has run out; for ever when that cannot be. Cancelling loses nothing.
    pub(in crate::controller) async fn changed(&mut self) {
        let until = *self.until.borrow();
        let runs_out = async {
            match until.filter(|until| Instant::now() < *until) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => pending().await,
            }
        };
        let told = async {
            if self.until.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = runs_out => {}
            () = told => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the mandate tells of a change within a time.
    async fn changes_within(mandate: &mut Mandate, limit: Duration) -> bool {
        tokio::time::timeout(limit, mandate.changed()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_mandate_that_is_not_renewed_runs_out_and_tells_so_once() {
        let (grant, mut mandate) = Grant::new();
        assert!(!mandate.holds());
        grant.set(Some(Instant::now() + Duration::from_secs(10)));
        assert!(changes_within(&mut mandate, Duration::from_secs(1)).await);
        assert!(mandate.holds());
        assert!(!changes_within(&mut mandate, Duration::from_secs(9)).await);
        assert!(changes_within(&mut mandate, Duration::from_secs(2)).await);
        assert!(!mandate.holds());
        assert!(!changes_within(&mut mandate, Duration::from_hours(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mandate_can_be_prolonged_and_taken() {
        let (grant, mut mandate) = Grant::new();
        grant.set(Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(9)).await;
        grant.set(Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(mandate.holds());
        mandate.changed().await;
        grant.set(None);
        assert!(!mandate.holds() && changes_within(&mut mandate, Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_alone_may_always_write() {
        let mut mandate = Mandate::always();
        assert!(!changes_within(&mut mandate, Duration::from_hours(24 * 365)).await);
        assert!(mandate.holds());
    }
}

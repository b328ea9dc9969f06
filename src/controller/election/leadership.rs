//! Leadership: the right of this replica to write, until a deadline.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Deadline without an election: longer than any process runs.
const ALWAYS: Duration = Duration::from_hours(24 * 365 * 100);

/// Right of this replica to write. All clones share one state.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Leadership {
    until: watch::Receiver<Option<Instant>>,
    wanted: Arc<Notify>,
}

/// Sets the leadership.
#[derive(Debug)]
pub(super) struct LeadershipSender {
    until: watch::Sender<Option<Instant>>,
    wanted: Arc<Notify>,
}

impl LeadershipSender {
    /// Returns a leadership that is not held, and its sender.
    pub(super) fn new() -> (Self, Leadership) {
        let (until, receiver) = watch::channel(None);
        let wanted = Arc::new(Notify::new());
        (Self { until, wanted: wanted.clone() }, Leadership { until: receiver, wanted })
    }

    /// Waits until the replica is ready to lead.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Sets the deadline; `None` if the replica does not lead.
    pub(super) fn set(&self, until: Option<Instant>) {
        self.until.send_replace(until);
    }
}

impl Leadership {
    /// Returns a leadership that is always held, for a single replica.
    pub(in crate::controller) fn always() -> Self {
        Self { until: watch::channel(Some(Instant::now() + ALWAYS)).1, wanted: Arc::default() }
    }

    /// Reports that this replica is ready to lead: before it has read everything, it would only keep another from writing.
    pub(in crate::controller) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Returns true if this replica can write now. The clock goes on while a process is paused, so one that resumes after its
    /// deadline cannot.
    pub(in crate::controller) fn is_held(&self) -> bool {
        self.until.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until it is set, or its deadline passes; for ever if neither can happen. Cancel-safe.
    pub(in crate::controller) async fn changed(&mut self) {
        let until = *self.until.borrow();
        let expires = async {
            match until.filter(|until| Instant::now() < *until) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => pending().await,
            }
        };
        let set = async {
            if self.until.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = expires => {}
            () = set => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns true if the leadership changes within a time.
    async fn changes_within(leadership: &mut Leadership, limit: Duration) -> bool {
        tokio::time::timeout(limit, leadership.changed()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_mandate_that_is_not_renewed_runs_out_and_tells_so_once() {
        let (sender, mut leadership) = LeadershipSender::new();
        assert!(!leadership.is_held());
        sender.set(Some(Instant::now() + Duration::from_secs(10)));
        assert!(changes_within(&mut leadership, Duration::from_secs(1)).await);
        assert!(leadership.is_held());
        assert!(!changes_within(&mut leadership, Duration::from_secs(9)).await);
        assert!(changes_within(&mut leadership, Duration::from_secs(2)).await);
        assert!(!leadership.is_held());
        assert!(!changes_within(&mut leadership, Duration::from_hours(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mandate_can_be_prolonged_and_taken() {
        let (sender, mut leadership) = LeadershipSender::new();
        sender.set(Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(9)).await;
        sender.set(Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(leadership.is_held());
        leadership.changed().await;
        sender.set(None);
        assert!(!leadership.is_held() && changes_within(&mut leadership, Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_alone_may_always_write() {
        let mut leadership = Leadership::always();
        assert!(!changes_within(&mut leadership, Duration::from_hours(24 * 365)).await);
        assert!(leadership.is_held());
    }
}

//! Asking the API server with a limit: its client would go on trying for minutes.

use std::time::Duration;

/// Why there is no answer.
pub(super) enum Refusal {
    /// The API server, or the way to it, says no.
    Error(kube::Error),
    /// Nothing was said in time.
    Silence,
}

/// The answer to a request, within a time.
pub(super) async fn answer<T>(limit: Duration, request: impl Future<Output = kube::Result<T>>) -> Result<T, Refusal> {
    match tokio::time::timeout(limit, request).await {
        Ok(answer) => answer.map_err(Refusal::Error),
        Err(_) => Err(Refusal::Silence),
    }
}

//! Handler of `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::telemetry::{SnapshotTimeout, TelemetryReader};

/// Content type of the text format of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Time for which callers get the same metrics. It limits the work for the engine, and the memory of responses that callers do
/// not read: all responses of this time share one text.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// The metrics, computed at most once per [`SHARED_FOR`].
#[derive(Clone)]
struct Shared {
    reader: TelemetryReader,
    latest: Arc<Mutex<Option<(Instant, Bytes)>>>,
}

pub(super) fn router(reader: TelemetryReader) -> Router {
    let shared = Shared { reader, latest: Arc::default() };
    Router::new().route("/metrics", get(metrics)).with_state(shared)
}

async fn metrics(State(shared): State<Shared>) -> Response {
    match shared.text().await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

impl Shared {
    async fn text(&self) -> Result<Bytes, SnapshotTimeout> {
        // Concurrent callers wait here for the first one.
        let mut latest = self.latest.lock().await;
        if let Some((_, text)) = latest.as_ref().filter(|(since, _)| since.elapsed() < SHARED_FOR) {
            return Ok(text.clone());
        }
        let text = Bytes::from(self.reader.metrics().await?);
        *latest = Some((Instant::now(), text.clone()));
        Ok(text)
    }
}

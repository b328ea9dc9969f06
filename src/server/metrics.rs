//! Handler of `/metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::telemetry::TelemetryReader;

/// Content type of the text format of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn router(reader: TelemetryReader) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(reader)
}

async fn metrics(State(reader): State<TelemetryReader>) -> Response {
    match reader.metrics().await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

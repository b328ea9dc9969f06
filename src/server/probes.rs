//! Handlers of `/livez` and `/readyz`. As in the API server, `?verbose` or a failure lists each check.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;

use crate::telemetry::health::{Health, Probe};

pub(super) fn router(health: Health) -> Router {
    let live =
        async |State(health): State<Health>, RawQuery(query): RawQuery| response(health.live(), query.as_deref());
    let ready =
        async |State(health): State<Health>, RawQuery(query): RawQuery| response(health.ready(), query.as_deref());
    Router::new().route("/livez", get(live)).route("/readyz", get(ready)).with_state(health)
}

fn response(probe: Probe, query: Option<&str>) -> (StatusCode, String) {
    let verbose =
        query.is_some_and(|query| query.split('&').any(|word| word == "verbose" || word.starts_with("verbose=")));
    match probe.passed {
        true if verbose => (StatusCode::OK, probe.lines),
        true => (StatusCode::OK, "ok".to_owned()),
        false => (StatusCode::INTERNAL_SERVER_ERROR, probe.lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(passed: bool) -> Probe {
        Probe { passed, lines: "[+]engine ok\n".into() }
    }

    #[test]
    fn details_are_told_when_asked_for_and_when_something_fails() {
        assert_eq!(response(probe(true), None), (StatusCode::OK, "ok".into()));
        assert_eq!(response(probe(true), Some("verbose")), (StatusCode::OK, "[+]engine ok\n".into()));
        assert_eq!(response(probe(true), Some("timeout=1s&verbose=true")).1, "[+]engine ok\n");
        assert_eq!(response(probe(false), None), (StatusCode::INTERNAL_SERVER_ERROR, "[+]engine ok\n".into()));
    }
}

//! Calls to the API server with a time limit, and the one classification of their errors.
//!
//! The client of kube has no limit of its own: a request on a dead connection can wait for minutes.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use kube::Client;

/// Clients of the API server.
#[derive(Clone)]
pub struct Clients {
    /// Retries a request that the API server cannot serve now (429, 503, 504). For requests with a short time limit.
    pub retrying: Client,
    /// Returns every error at once. For watches and lists, which must notice that they fail.
    pub direct: Client,
}

impl From<Client> for Clients {
    /// Uses one client for all requests. Their errors come as this client returns them.
    fn from(client: Client) -> Self {
        Self { retrying: client.clone(), direct: client }
    }
}

/// Class of an error of the API server, by HTTP status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorClass {
    /// 403: RBAC or an admission plugin denies the request.
    Forbidden,
    /// 403: the namespace is being deleted and accepts no new objects.
    NamespaceTerminating,
    /// 404: the object, its namespace or the API does not exist.
    NotFound,
    /// 409: the object has another version, or exists already.
    Conflict,
    /// 410: the resource version of a watch is too old.
    Expired,
    /// Every other status code, connection errors, and responses that cannot be decoded.
    Other,
}

impl ErrorClass {
    /// Returns the class of an error.
    pub(super) fn of(error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else { return Self::Other };
        match status.code {
            403 if status.message.contains("being terminated") => Self::NamespaceTerminating,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            409 => Self::Conflict,
            410 => Self::Expired,
            _ => Self::Other,
        }
    }
}

/// Reason a call failed.
#[derive(Debug)]
pub(super) enum CallError {
    /// The API server refused the request, or the connection to it failed.
    Api(kube::Error),
    /// The API server did not respond within this time.
    Timeout(Duration),
}

impl CallError {
    /// Returns the class of the error; [`ErrorClass::Other`] for a timeout.
    pub(super) fn class(&self) -> ErrorClass {
        match self {
            Self::Api(error) => ErrorClass::of(error),
            Self::Timeout(_) => ErrorClass::Other,
        }
    }

    /// Returns the time for which the API server asks to wait; zero if it does not.
    pub(super) fn retry_after(&self) -> Duration {
        let Self::Api(kube::Error::Api(status)) = self else { return Duration::ZERO };
        Duration::from_secs(status.details.as_ref().map_or(0, |details| details.retry_after_seconds.into()))
    }

    /// Returns true if the API server rejected the request itself: not if it is overloaded or cannot be reached.
    pub(super) fn is_rejection(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if !matches!(status.code, 429 | 503))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(kube::Error::Api(status)) => write!(f, "{} (code {})", status.message, status.code),
            Self::Api(error) => f.write_str(&root_cause(error)),
            Self::Timeout(limit) => write!(f, "the API server did not respond within {limit:?}"),
        }
    }
}

/// Waits at most `limit` for the response to a request.
///
/// # Errors
///
/// Returns the error of the request, or [`CallError::Timeout`].
pub(super) async fn call<T>(limit: Duration, request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match tokio::time::timeout(limit, request).await {
        Ok(response) => response.map_err(CallError::Api),
        Err(_) => Err(CallError::Timeout(limit)),
    }
}

/// Returns the message of the innermost error: "Connection refused" instead of "client error".
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::rbac(403, "pods is forbidden", ErrorClass::Forbidden)]
    #[case::terminating(403, "namespace shop is being terminated", ErrorClass::NamespaceTerminating)]
    #[case::missing(404, "not found", ErrorClass::NotFound)]
    #[case::conflict(409, "the object has been modified", ErrorClass::Conflict)]
    #[case::expired(410, "too old resource version", ErrorClass::Expired)]
    #[case::busy(429, "too many requests", ErrorClass::Other)]
    fn an_error_is_classified_by_its_status_code(
        #[case] code: u16,
        #[case] message: &str,
        #[case] expected: ErrorClass,
    ) {
        let status = Status { code, message: message.to_owned(), ..Status::default() };
        let error = CallError::Api(kube::Error::Api(Box::new(status)));
        assert_eq!(error.class(), expected);
        assert_eq!(error.to_string(), format!("{message} (code {code})"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_a_response_ends_at_its_limit() {
        let limit = Duration::from_secs(10);
        let error = call(limit, std::future::pending::<kube::Result<()>>()).await.unwrap_err();
        assert_eq!(error.to_string(), "the API server did not respond within 10s");
    }
}

//! Authentication and authorization of metrics clients: the API server must allow them to `get` the URL `/metrics`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum_server::tls_rustls::RustlsConfig;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo};
use k8s_openapi::api::authorization::v1::{NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};
use rcgen::{CertificateParams, DnType, KeyPair};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tracing::warn;

use crate::rate_limit::{Rate, RateLimiter};

/// Maximum time for a review by the API server. The client itself would retry for minutes.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which an allowed token needs no new review.
const ALLOWED_FOR: Duration = Duration::from_mins(1);
/// Time for which reviews of a token that was allowed before are not rate-limited.
const CACHED_FOR: Duration = Duration::from_mins(10);
/// Maximum number of cached tokens.
const CACHED_TOKENS: usize = 64;
/// Rate limit of reviews, so that callers without permission do not load the API server.
const REVIEWS: Rate = Rate::new(5, Duration::from_secs(1), 20);

/// Authenticates and authorizes callers by reviews of the API server.
#[derive(Clone)]
pub(super) struct Reviewer(Arc<Inner>);

struct Inner {
    client: Client,
    /// Allowed tokens by their SHA-256 digest, with the time of the review.
    allowed: Mutex<HashMap<[u8; 32], Instant>>,
    reviews: Mutex<RateLimiter>,
    /// True if the last review failed, which was logged then.
    failure_logged: AtomicBool,
}

impl Reviewer {
    pub(super) fn new(client: Client) -> Self {
        Self(Arc::new(Inner {
            client,
            allowed: Mutex::default(),
            reviews: Mutex::new(RateLimiter::new(REVIEWS)),
            failure_logged: AtomicBool::new(false),
        }))
    }

    /// Counts a review. Returns false if the rate limit is reached.
    fn admit_review(&self) -> bool {
        let (mut reviews, now) = (self.0.reviews.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        let is_admitted = reviews.wait(1, now).is_zero();
        if is_admitted {
            reviews.count(1, now);
        }
        is_admitted
    }

    /// Adds the check to a router. A rejected caller gets the cause: 401, 403, 429 or 503.
    pub(super) fn protect(self, router: Router) -> Router {
        let check = async |State(reviewer): State<Self>, request: Request, next: Next| -> Response {
            match reviewer.review(request.headers()).await {
                Ok(()) => next.run(request).await,
                Err(refusal) => refusal.into_response(),
            }
        };
        router.layer(from_fn_with_state(self, check))
    }

    async fn review(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let token = bearer(headers).ok_or((
            StatusCode::UNAUTHORIZED,
            "the request has no bearer token; send one in the header Authorization",
        ))?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        let allowed_since = self.allowed_since(&digest);
        if allowed_since.is_some_and(|since| since < ALLOWED_FOR) {
            return Ok(());
        }
        if allowed_since.is_none() && !self.admit_review() {
            return Err((StatusCode::TOO_MANY_REQUESTS, "too many callers; try again later"));
        }
        let review = async {
            let user = self.authenticate(token).await?;
            self.authorize(user).await
        };
        match tokio::time::timeout(REVIEW_TIMEOUT, review).await {
            Ok(Ok(())) => {
                self.cache(digest);
                Ok(())
            }
            Ok(Err(refusal)) => Err(refusal),
            Err(_) => Err((StatusCode::SERVICE_UNAVAILABLE, "the API server did not respond in time; try again later")),
        }
    }

    /// Returns the user of a token.
    async fn authenticate(&self, token: &str) -> Result<UserInfo, (StatusCode, &'static str)> {
        let spec = TokenReviewSpec { token: token.to_owned(), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviewed = Api::all(self.0.client.clone()).create(&PostParams::default(), &review).await;
        let status = self.response(reviewed)?.status.unwrap_or_default();
        match status {
            TokenReviewStatus { authenticated: Some(true), user: Some(user), .. } => Ok(user),
            _ => Err((
                StatusCode::UNAUTHORIZED,
                "the token is not valid in this cluster; send a token that its API server accepts",
            )),
        }
    }

    /// Checks that a user may `get` the URL `/metrics`.
    async fn authorize(&self, user: UserInfo) -> Result<(), (StatusCode, &'static str)> {
        let attributes = NonResourceAttributes { path: Some("/metrics".into()), verb: Some("get".into()) };
        let spec = SubjectAccessReviewSpec {
            non_resource_attributes: Some(attributes),
            user: user.username,
            groups: user.groups,
            uid: user.uid,
            extra: user.extra,
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let reviewed = Api::all(self.0.client.clone()).create(&PostParams::default(), &review).await;
        let status = self.response(reviewed)?.status;
        if status.is_some_and(|status| status.allowed) {
            Ok(())
        } else {
            Err((StatusCode::FORBIDDEN, "may not get the URL /metrics; bind a ClusterRole that grants it"))
        }
    }

    /// Returns the time since the token was allowed, if it is cached.
    fn allowed_since(&self, digest: &[u8; 32]) -> Option<Duration> {
        let allowed = self.0.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.get(digest).map(Instant::elapsed).filter(|since| *since < CACHED_FOR)
    }

    fn cache(&self, digest: [u8; 32]) {
        let now = Instant::now();
        let mut allowed = self.0.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.retain(|_, reviewed| now.duration_since(*reviewed) < CACHED_FOR);
        if allowed.len() < CACHED_TOKENS {
            allowed.insert(digest, now);
        }
    }

    /// Returns the response of the API server. The first failure in a row is logged.
    fn response<T>(&self, reviewed: kube::Result<T>) -> Result<T, (StatusCode, &'static str)> {
        let logged = self.0.failure_logged.swap(reviewed.is_err(), Ordering::Relaxed);
        reviewed.map_err(|error| {
            if !logged {
                let remedy = "grant the operator create on tokenreviews and subjectaccessreviews";
                warn!(%error, "cannot review the permissions of a metrics client; {remedy}");
            }
            (StatusCode::SERVICE_UNAVAILABLE, "the operator cannot review permissions; its log names the cause")
        })
    }
}

/// Returns the token of the header `Authorization: Bearer TOKEN`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

/// Creates a self-signed certificate. It encrypts the tokens in transit. It does not authenticate the server: a scraper in the
/// cluster relies on the address.
pub(super) async fn certificate() -> Result<RustlsConfig, String> {
    let create = || {
        let name = "responsibility-operator";
        let mut parameters = CertificateParams::new([name.to_owned()])?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok::<_, rcgen::Error>((parameters.self_signed(&key)?, key))
    };
    let (certificate, key) = create().map_err(|error| error.to_string())?;
    let config = RustlsConfig::from_der(vec![certificate.der().to_vec()], key.serialize_der()).await;
    config.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Bearer abc", Some("abc"))]
    #[case("bearer  abc ", Some("abc"))]
    #[case("Bearer ", None)]
    #[case("Basic abc", None)]
    #[case("abc", None)]
    fn the_token_is_that_of_the_bearer(#[case] value: &str, #[case] expected: Option<&str>) {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        assert_eq!(bearer(&headers), expected);
    }
}

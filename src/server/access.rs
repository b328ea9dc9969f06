//! Authentication and authorization of metrics clients: the API server must allow them to `get` the URL `/metrics`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus, UserInfo};
use k8s_openapi::api::authorization::v1::{NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::Client;
use kube::api::{Api, PostParams};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tracing::warn;

use super::admission::Source;
use crate::rate_limit::{KeyedRateLimiter, Rate, RateLimiter};

/// Maximum time for a review by the API server. The client itself would retry for minutes.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which an allowed token needs no new review.
const ALLOWED_FOR: Duration = Duration::from_mins(1);
/// Time for which reviews of a token that was allowed before are not rate-limited.
const CACHED_FOR: Duration = Duration::from_mins(10);
/// Maximum number of cached tokens.
const CACHED_TOKENS: usize = 64;
/// Rate limit of reviews for one source. A scraper needs one review per minute.
const REVIEWS_PER_SOURCE: Rate = Rate::new(1, Duration::from_secs(1), 5);
/// Rate limit of reviews for all sources, so that callers without permission do not load the API server.
const REVIEWS: Rate = Rate::new(20, Duration::from_secs(1), 40);

/// Authenticates and authorizes callers by reviews of the API server.
#[derive(Clone)]
pub(super) struct Reviewer(Arc<Inner>);

struct Inner {
    client: Client,
    /// Audience that a token must be issued for.
    audience: String,
    /// Allowed tokens by their SHA-256 digest, with the time of the review.
    allowed: Mutex<HashMap<[u8; 32], Instant>>,
    reviews: Mutex<Reviews>,
    /// True if the last review failed, which was logged then.
    failure_logged: AtomicBool,
}

/// Rate limits of reviews.
struct Reviews {
    all: RateLimiter,
    by_source: KeyedRateLimiter<Source>,
}

impl Reviews {
    fn new() -> Self {
        Self { all: RateLimiter::new(REVIEWS), by_source: KeyedRateLimiter::new(REVIEWS_PER_SOURCE) }
    }

    /// Counts a review. Returns false if a rate limit is reached. A rejected review does not count, so one source cannot use up
    /// the reviews of others.
    fn admit(&mut self, source: Source, now: Instant) -> bool {
        let is_admitted = self.by_source.wait(&source, 1, now).is_zero() && self.all.wait(1, now).is_zero();
        if is_admitted {
            self.by_source.count(&source, 1, now);
            self.all.count(1, now);
        }
        is_admitted
    }
}

impl Reviewer {
    /// Creates a reviewer that accepts only tokens for the audience.
    pub(super) fn new(client: Client, audience: String) -> Self {
        Self(Arc::new(Inner {
            client,
            audience,
            allowed: Mutex::default(),
            reviews: Mutex::new(Reviews::new()),
            failure_logged: AtomicBool::new(false),
        }))
    }

    /// Adds the check to a router. A rejected caller gets the cause: 401, 403, 429 or 503.
    pub(super) fn protect(self, router: Router) -> Router {
        let check = async |State(reviewer): State<Self>,
                           Extension(source): Extension<Source>,
                           request: Request,
                           next: Next|
               -> Response {
            match reviewer.review(source, request.headers()).await {
                Ok(()) => next.run(request).await,
                Err(refusal) => refusal.into_response(),
            }
        };
        router.layer(from_fn_with_state(self, check))
    }

    async fn review(&self, source: Source, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let token = bearer(headers).ok_or((
            StatusCode::UNAUTHORIZED,
            "the request has no bearer token; send one in the header Authorization",
        ))?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        let allowed_since = self.allowed_since(&digest);
        if allowed_since.is_some_and(|since| since < ALLOWED_FOR) {
            return Ok(());
        }
        if allowed_since.is_none() && !self.admit(source) {
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

    fn admit(&self, source: Source) -> bool {
        self.0.reviews.lock().unwrap_or_else(PoisonError::into_inner).admit(source, Instant::now())
    }

    /// Returns the user of a token.
    async fn authenticate(&self, token: &str) -> Result<UserInfo, (StatusCode, &'static str)> {
        let audience = &self.0.audience;
        let spec = TokenReviewSpec { token: token.to_owned(), audiences: Some(vec![audience.clone()]) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviewed = Api::all(self.0.client.clone()).create(&PostParams::default(), &review).await;
        let status = self.response(reviewed)?.status.unwrap_or_default();
        match status {
            // An authenticator that does not know audiences returns none: its tokens are for anybody.
            TokenReviewStatus { authenticated: Some(true), user: Some(user), audiences: Some(audiences), .. }
                if audiences.contains(audience) =>
            {
                Ok(user)
            }
            _ => Err((
                StatusCode::UNAUTHORIZED,
                "the token is not valid here; send one of this cluster for the audience of --metrics-audience",
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
        if allowed.len() >= CACHED_TOKENS && !allowed.contains_key(&digest) {
            let oldest = allowed.iter().min_by_key(|(_, reviewed)| **reviewed).map(|(digest, _)| *digest);
            oldest.and_then(|oldest| allowed.remove(&oldest));
        }
        allowed.insert(digest, now);
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

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

    #[test]
    fn junk_tokens_of_one_source_do_not_use_up_the_reviews_of_another() {
        let (mut reviews, mut now) = (Reviews::new(), Instant::now());
        let [junk, honest] = [[127, 0, 0, 2], [127, 0, 0, 3]].map(|address| Source::from(IpAddr::from(address)));
        let mut admitted = 0;
        for _ in 0..125 * 60 {
            now += Duration::from_millis(8);
            admitted += u32::from(reviews.admit(junk, now));
        }
        assert!((60..=65).contains(&admitted), "125 tokens per second for a minute: {admitted} reviews");
        assert!((0..5).all(|_| reviews.admit(honest, now)));
    }

    #[test]
    fn all_sources_together_have_a_limit_of_reviews() {
        let (mut reviews, now) = (Reviews::new(), Instant::now());
        let sources = (0..=255).map(|last| Source::from(IpAddr::from([127, 0, 0, last])));
        assert_eq!(sources.filter(|source| reviews.admit(*source, now)).count(), 40);
    }
}

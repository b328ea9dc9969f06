//! Who may read the metrics: whoever the API server says may `get` the URL `/metrics`.

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

/// How long the API server may take for an answer; the client would go on trying for minutes.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long a permission is believed in without asking again.
const BELIEVED: Duration = Duration::from_mins(1);
/// How long whoever was allowed is asked about without regard to how many others want to be let in.
const KNOWN: Duration = Duration::from_mins(10);
/// How many callers are remembered.
const CALLERS: usize = 64;
/// Rate limit of reviews by the API server, so that callers without a right are no load on it.
const REVIEWS: Rate = Rate::new(5, Duration::from_secs(1), 20);

/// Asks the API server who a caller is and what it may do.
#[derive(Clone)]
pub(super) struct Reviewer(Arc<Inner>);

struct Inner {
    client: Client,
    /// Tokens that may, by digest, and when that was found.
    allowed: Mutex<HashMap<[u8; 32], Instant>>,
    reviews: Mutex<RateLimiter>,
    /// Whether it was logged that the API server does not answer such questions.
    complained: AtomicBool,
}

impl Reviewer {
    pub(super) fn new(client: Client) -> Self {
        Self(Arc::new(Inner {
            client,
            allowed: Mutex::default(),
            reviews: Mutex::new(RateLimiter::new(REVIEWS)),
            complained: AtomicBool::new(false),
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

    /// Lets through who may.
    pub(super) fn guard(self, router: Router) -> Router {
        let check = async |State(reviewer): State<Self>, request: Request, next: Next| -> Response {
            match reviewer.review(request.headers()).await {
                Ok(()) => next.run(request).await,
                Err(refusal) => refusal.into_response(),
            }
        };
        router.layer(from_fn_with_state(self, check))
    }

    async fn review(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let token = bearer(headers).ok_or((StatusCode::UNAUTHORIZED, "send a bearer token"))?;
        let digest: [u8; 32] = Sha256::digest(token).into();
        let allowed = self.allowed(&digest);
        if allowed.is_some_and(|since| since < BELIEVED) {
            return Ok(());
        }
        if allowed.is_none() && !self.admit_review() {
            return Err((StatusCode::TOO_MANY_REQUESTS, "too many callers; try again later"));
        }
        let asked = async {
            let user = self.user(token).await?;
            self.may_read(user).await
        };
        match tokio::time::timeout(ANSWER_LIMIT, asked).await {
            Ok(Ok(())) => {
                self.remember(digest);
                Ok(())
            }
            Ok(Err(refusal)) => Err(refusal),
            Err(_) => Err((StatusCode::SERVICE_UNAVAILABLE, "the API server does not answer")),
        }
    }

    /// Who the bearer of a token is.
    async fn user(&self, token: &str) -> Result<UserInfo, (StatusCode, &'static str)> {
        let spec = TokenReviewSpec { token: token.to_owned(), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviewed = Api::all(self.0.client.clone()).create(&PostParams::default(), &review).await;
        let status = self.answer(reviewed)?.status.unwrap_or_default();
        match status {
            TokenReviewStatus { authenticated: Some(true), user: Some(user), .. } => Ok(user),
            _ => Err((StatusCode::UNAUTHORIZED, "the token is not valid here")),
        }
    }

    async fn may_read(&self, user: UserInfo) -> Result<(), (StatusCode, &'static str)> {
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
        let status = self.answer(reviewed)?.status;
        if status.is_some_and(|status| status.allowed) {
            Ok(())
        } else {
            Err((StatusCode::FORBIDDEN, "may not get the URL /metrics; bind a ClusterRole that grants that"))
        }
    }

    /// How long ago a token was found to be one that may, if it was.
    fn allowed(&self, digest: &[u8; 32]) -> Option<Duration> {
        let allowed = self.0.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.get(digest).map(Instant::elapsed).filter(|since| *since < KNOWN)
    }

    fn remember(&self, digest: [u8; 32]) {
        let now = Instant::now();
        let mut allowed = self.0.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.retain(|_, found| now.duration_since(*found) < KNOWN);
        if allowed.len() < CALLERS {
            allowed.insert(digest, now);
        }
    }

    /// What the API server answers; when it does not, that is logged once.
    fn answer<T>(&self, reviewed: kube::Result<T>) -> Result<T, (StatusCode, &'static str)> {
        let complained = self.0.complained.swap(reviewed.is_err(), Ordering::Relaxed);
        reviewed.map_err(|error| {
            if !complained {
                let remedy = "the operator needs create on tokenreviews and subjectaccessreviews";
                warn!(%error, "cannot ask the API server who reads the metrics; {remedy}");
            }
            (StatusCode::SERVICE_UNAVAILABLE, "the API server does not tell who may read this")
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

/// A certificate that the process makes itself: it keeps tokens from being read on the way. Who the server is, a scraper
/// in the cluster knows from the address.
pub(super) async fn certificate() -> Result<RustlsConfig, String> {
    let make = || {
        let name = "responsibility-operator";
        let mut parameters = CertificateParams::new([name.to_owned()])?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok::<_, rcgen::Error>((parameters.self_signed(&key)?, key))
    };
    let (certificate, key) = make().map_err(|error| error.to_string())?;
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

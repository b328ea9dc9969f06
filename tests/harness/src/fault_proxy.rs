//! A proxy between the operator and the API server that injects faults.
//!
//! It accepts plain HTTP on loopback, which a kubeconfig allows, and forwards to the API server over TLS with the token of the
//! caller. Each request is recorded.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::access::Access;

/// Largest body of a request in bytes: more than the API server accepts.
const BODY: usize = 4 << 20;

/// Interruptions that a running response can fall behind.
const INTERRUPTIONS: usize = 64;

/// Requests of one verb for one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Verb of the audit log: `list`, `watch`, `get`, `patch`, `create`, `update`.
    pub verb: &'static str,
    /// Plural with its subresource: `services`, `responsibilityassignments/status`.
    pub resource: &'static str,
}

/// Fault of new requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Responds with this status code instead of the API server.
    Code(u16),
    /// Responds with status code 429 and asks to retry after this number of seconds.
    RetryAfter(u32),
    /// Never responds.
    Hang,
}

/// Interruption of the responses that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interruption {
    Cut,
    Freeze,
}

/// Number of requests that a fault affects.
#[derive(Debug)]
struct Rule {
    target: Target,
    fault: Fault,
    /// Requests to forward before the first fault.
    skip: usize,
    /// Requests that are left to fail; `None` for all.
    left: Option<usize>,
}

/// A request that the proxy received.
#[derive(Clone, Debug)]
pub struct Call {
    /// Verb of the audit log.
    pub verb: String,
    /// Plural with its subresource.
    pub resource: String,
    /// Query of the URL.
    pub query: String,
    /// Fault that it met.
    pub fault: Option<Fault>,
    /// Time of arrival.
    pub at: Instant,
}

/// A running proxy. It ends when this is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    calls: Mutex<Vec<Call>>,
    interruptions: broadcast::Sender<(Target, Interruption)>,
}

#[derive(Clone)]
struct Forwarder {
    client: Client,
    shared: Arc<Shared>,
}

impl FaultProxy {
    /// Starts a proxy in front of a cluster, without faults.
    ///
    /// # Errors
    ///
    /// If the kubeconfig cannot be read or no port is free.
    pub async fn start(cluster: &impl Access) -> Result<Self> {
        let mut kubeconfig = Kubeconfig::read_from(cluster.kubeconfig())?;
        // The token of each caller is forwarded instead.
        kubeconfig.auth_infos.iter_mut().for_each(|named| named.auth_info = None);
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.default_retry = false;
        config.disable_compression = true;
        let shared = Arc::new(Shared {
            rules: Mutex::default(),
            calls: Mutex::default(),
            interruptions: broadcast::channel(INTERRUPTIONS).0,
        });
        let forwarder = Forwarder { client: Client::try_from(config)?, shared: shared.clone() };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(forward).with_state(forwarder);
        let task = tokio::spawn(async move {
            // Serving ends with the task only.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { address, state: shared, task })
    }

    /// Returns a copy of a kubeconfig whose requests go through the proxy.
    ///
    /// # Errors
    ///
    /// If the kubeconfig names no server or its copy cannot be written.
    pub fn kubeconfig(&self, original: &Path) -> Result<PathBuf> {
        let text = fs::read_to_string(original)?;
        let server = text.split_once("server: '").and_then(|(_, rest)| rest.split_once('\''));
        let (server, _) = server.context("the kubeconfig names no server")?;
        let path = original.with_extension("proxied.kubeconfig");
        fs::write(&path, text.replace(server, &format!("http://{}", self.address)))?;
        Ok(path)
    }

    /// Makes all further requests of a target fail.
    pub fn inject(&self, target: Target, fault: Fault) {
        lock(&self.state.rules).push(Rule { target, fault, skip: 0, left: None });
    }

    /// Makes some requests of a target fail: those from number `first` on, counted from 1.
    pub fn inject_some(&self, target: Target, fault: Fault, first: usize, count: usize) {
        lock(&self.state.rules).push(Rule { target, fault, skip: first - 1, left: Some(count) });
    }

    /// Ends all faults of new requests.
    pub fn heal(&self) {
        lock(&self.state.rules).clear();
    }

    /// Cuts the connections of the responses of a target that run. Returns their number.
    #[must_use]
    pub fn cut(&self, target: Target) -> usize {
        self.interrupt(target, Interruption::Cut)
    }

    /// Stops to forward the responses of a target that run, and leaves their connections open. Returns the number of all
    /// running responses.
    #[must_use]
    pub fn freeze(&self, target: Target) -> usize {
        self.interrupt(target, Interruption::Freeze)
    }

    fn interrupt(&self, target: Target, interruption: Interruption) -> usize {
        // Without a running response there is no receiver.
        self.state.interruptions.send((target, interruption)).unwrap_or_default()
    }

    /// Returns the requests of a target so far.
    #[must_use]
    pub fn calls(&self, target: Target) -> Vec<Call> {
        let calls = lock(&self.state.calls);
        calls.iter().filter(|call| target.matches(&call.verb, &call.resource)).cloned().collect()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Target {
    fn matches(self, verb: &str, resource: &str) -> bool {
        self.verb == verb && self.resource == resource
    }
}

impl Shared {
    /// Records a request and returns its fault.
    fn receive(&self, verb: &str, resource: &str, query: &str) -> Option<Fault> {
        let mut fault = None;
        for rule in lock(&self.rules).iter_mut().filter(|rule| rule.target.matches(verb, resource)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.left != Some(0) {
                rule.left = rule.left.map(|left| left - 1);
                fault = Some(rule.fault);
                break;
            }
        }
        let (verb, resource, query) = (verb.to_owned(), resource.to_owned(), query.to_owned());
        lock(&self.calls).push(Call { verb, resource, query, fault, at: Instant::now() });
        fault
    }
}

async fn forward(State(Forwarder { client, shared }): State<Forwarder>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let (verb, resource) = verb_and_resource(request.method().as_str(), request.uri().path(), query);
    match shared.receive(&verb, &resource, query) {
        Some(Fault::Code(code)) => return refusal(code, None),
        Some(Fault::RetryAfter(seconds)) => return refusal(429, Some(seconds)),
        Some(Fault::Hang) => return std::future::pending().await,
        None => {}
    }
    // Before the request, so that no interruption is missed.
    let interruptions = shared.interruptions.subscribe();
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY).await else { return refusal(400, None) };
    match client.send(http::Request::from_parts(parts, kube::client::Body::from(body))).await {
        Ok(response) => response.map(|body| interruptible(body, interruptions, verb, resource)),
        Err(_) => refusal(502, None),
    }
}

/// Returns a body that an interruption ends or stops.
fn interruptible(
    body: kube::client::Body,
    interruptions: broadcast::Receiver<(Target, Interruption)>,
    verb: String,
    resource: String,
) -> Body {
    let data = Body::new(body).into_data_stream();
    let stream = futures::stream::unfold((data, interruptions), move |(mut data, mut interruptions)| {
        let (verb, resource) = (verb.clone(), resource.clone());
        async move {
            loop {
                tokio::select! {
                    interruption = interruptions.recv() => match interruption {
                        Ok((target, Interruption::Cut)) if target.matches(&verb, &resource) => {
                            let error = axum::Error::new(std::io::Error::other("cut by the fault proxy"));
                            return Some((Err(error), (data, interruptions)));
                        }
                        Ok((target, Interruption::Freeze)) if target.matches(&verb, &resource) => {
                            std::future::pending::<()>().await;
                        }
                        Ok(_) | Err(_) => {}
                    },
                    chunk = data.next() => return chunk.map(|chunk| (chunk, (data, interruptions))),
                }
            }
        }
    });
    Body::from_stream(stream)
}

/// Responds as the API server does, with the status object that it sends.
fn refusal(code: u16, retry_after: Option<u32>) -> Response {
    let details = retry_after.map(|seconds| serde_json::json!({ "retryAfterSeconds": seconds }));
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "injected by the fault proxy",
        "reason": "Injected", "details": details, "code": code,
    });
    let mut response = Response::new(Body::from(status.to_string()));
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Returns the verb and the resource with its subresource, as the audit log names them.
fn verb_and_resource(method: &str, path: &str, query: &str) -> (String, String) {
    let mut parts = path.trim_matches('/').split('/');
    let skipped = match parts.next() {
        Some("api") => 1,
        Some("apis") => 2,
        _ => return (method.to_lowercase(), path.to_owned()),
    };
    let rest: Vec<&str> = parts.skip(skipped).collect();
    let rest = match &rest[..] {
        // Without more behind the name the namespace itself is meant.
        ["namespaces", _, resource @ ..] if !resource.is_empty() => resource,
        all => all,
    };
    let (resource, name) = match rest {
        [resource] => ((*resource).to_owned(), None),
        [resource, name] => ((*resource).to_owned(), Some(name)),
        [resource, name, subresource, ..] => (format!("{resource}/{subresource}"), Some(name)),
        [] => (String::new(), None),
    };
    let verb = match (method, name) {
        ("GET", _) if query.contains("watch=true") => "watch",
        ("GET", None) => "list",
        ("GET", Some(_)) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        (other, _) => other,
    };
    (verb.to_owned(), resource)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_named_as_in_the_audit_log() {
        let named = |method, path, query| verb_and_resource(method, path, query);
        let expected = |verb: &str, resource: &str| (verb.to_owned(), resource.to_owned());
        assert_eq!(named("GET", "/api/v1/services", "limit=250"), expected("list", "services"));
        assert_eq!(named("GET", "/api/v1/services", "limit=250&watch=true"), expected("watch", "services"));
        assert_eq!(named("GET", "/api/v1/namespaces/shop", ""), expected("get", "namespaces"));
        let path = "/apis/sharedresponsibility.dev/v1alpha1/namespaces/shop/responsibilityassignments/team/status";
        assert_eq!(named("PATCH", path, ""), expected("patch", "responsibilityassignments/status"));
        assert_eq!(named("GET", "/version", ""), expected("get", "/version"));
    }

    #[test]
    fn a_fault_can_affect_some_requests_only() {
        let target = Target { verb: "patch", resource: "things/status" };
        let shared =
            Shared { rules: Mutex::default(), calls: Mutex::default(), interruptions: broadcast::channel(1).0 };
        lock(&shared.rules).push(Rule { target, fault: Fault::Code(409), skip: 1, left: Some(2) });
        let faults: Vec<bool> = (0..4).map(|_| shared.receive("patch", "things/status", "").is_some()).collect();
        assert_eq!(faults, [false, true, true, false]);
        assert_eq!(shared.receive("list", "things", ""), None);
        assert_eq!(lock(&shared.calls).len(), 5);
    }
}

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use futures::stream;
use http::{Response, Uri};
use kube::core::ApiResource;
use kube::{Client, Resource};
use serde_json::{Value, json};

use super::*;
use crate::extract::{Extraction, Service};

/// Response of the API server to one request.
pub(in super::super) enum Reply {
    Json(u16, Value),
    /// Lines of a watch that stays open after them.
    Open(Vec<Value>),
    /// Lines of a watch that ends after them.
    Ended(Vec<Value>),
    Nothing,
}

/// An API server that replies from a script and records the queries.
#[derive(Clone, Default)]
pub(in super::super) struct Server(Arc<Mutex<(VecDeque<Reply>, Vec<String>)>>);

impl Server {
    pub(in super::super) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self(Arc::new(Mutex::new((replies.into_iter().collect(), Vec::new()))))
    }

    pub(in super::super) fn api(&self) -> Api<Service> {
        let server = self.clone();
        let router = Router::new().fallback(move |uri: Uri| async move { server.reply(&uri).await });
        let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Service>(&());
        Api::all_with(Client::new(router, "default"), &resource)
    }

    fn cursor(&self) -> Cursor<Service> {
        Cursor::new(self.api())
    }

    async fn reply(&self, uri: &Uri) -> Response<Body> {
        let reply = {
            let (replies, queries) = &mut *self.0.lock().unwrap();
            queries.push(uri.query().unwrap_or_default().to_owned());
            replies.pop_front().expect("the script has a reply for each request")
        };
        let lines = |lines: Vec<Value>| {
            stream::iter(lines.into_iter().map(|line| Ok::<_, std::io::Error>(format!("{line}\n").into_bytes())))
        };
        let (code, body) = match reply {
            Reply::Json(code, value) => (code, Body::from(value.to_string())),
            Reply::Open(sent) => (200, Body::from_stream(lines(sent).chain(stream::pending()))),
            Reply::Ended(sent) => (200, Body::from_stream(lines(sent))),
            Reply::Nothing => std::future::pending().await,
        };
        Response::builder().status(code).body(body).unwrap()
    }

    pub(in super::super) fn queries(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

fn service(name: &str, version: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": "shop", "uid": name, "resourceVersion": version },
    })
}

pub(in super::super) fn list(items: &[Value], version: &str, next_page: &str) -> Reply {
    let metadata = json!({ "resourceVersion": version, "continue": next_page });
    Reply::Json(200, json!({ "apiVersion": "v1", "kind": "ServiceList", "metadata": metadata, "items": items }))
}

fn change(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}

pub(in super::super) fn refusal(code: u16) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "refused", "reason": "Test", "code": code })
}

pub(in super::super) fn decoder() -> Decoder<Service> {
    Decoder::of_table(false, &Arc::new(Extraction::default()))
}

/// Takes this many steps and returns their names; an error is its message.
async fn steps(cursor: &mut Cursor<Service>, count: usize) -> Vec<String> {
    let decoder = decoder();
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(match cursor.next(&decoder).await {
            Ok(Step::ListBegins) => "begin".to_owned(),
            Ok(Step::Listed(object)) => format!("listed {}", object.meta().name.as_deref().unwrap()),
            Ok(Step::ListComplete) => "complete".to_owned(),
            Ok(Step::WatchStarted) => "started".to_owned(),
            Ok(Step::Applied(object)) => format!("applied {}", object.meta().name.as_deref().unwrap()),
            Ok(Step::Deleted(object)) => format!("deleted {}", object.meta().name.as_deref().unwrap()),
            Ok(Step::Bookmark) => "bookmark".to_owned(),
            Ok(Step::WatchEnded) => "ended".to_owned(),
            Err(error) => error.to_string(),
        });
    }
    names
}

fn resumes_at(query: &str, version: &str) -> bool {
    query.contains("watch=true") && query.ends_with(&format!("resourceVersion={version}"))
}

#[tokio::test(start_paused = true)]
async fn pages_are_listed_and_a_watch_that_ends_resumes_at_its_last_version() {
    let bookmark =
        change("BOOKMARK", &json!({ "kind": "Service", "apiVersion": "v1", "metadata": { "resourceVersion": "14" } }));
    let changes = vec![change("MODIFIED", &service("a", "12")), change("DELETED", &service("b", "13")), bookmark];
    let server = Server::new([
        list(&[service("a", "1")], "10", "more"),
        list(&[service("b", "2")], "10", ""),
        Reply::Ended(changes),
        Reply::Open(Vec::new()),
    ]);
    let taken = steps(&mut server.cursor(), 10).await;
    let expected = [
        "begin",
        "listed a",
        "listed b",
        "complete",
        "started",
        "applied a",
        "deleted b",
        "bookmark",
        "ended",
        "started",
    ];
    assert_eq!(taken, expected);
    let queries = server.queries();
    assert!(queries[0].contains("limit=250") && queries[1].contains("continue=more"), "{queries:?}");
    assert!(resumes_at(&queries[2], "10") && resumes_at(&queries[3], "14"), "{queries:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_ends_five_seconds_after_its_time_and_resumes() {
    let server = Server::new([list(&[], "10", ""), Reply::Open(Vec::new()), Reply::Open(Vec::new())]);
    let mut cursor = server.cursor();
    steps(&mut cursor, 3).await;
    let started = Instant::now();
    assert_eq!(steps(&mut cursor, 2).await, ["the API server did not respond within 5s", "started"]);
    let elapsed = started.elapsed().as_secs();
    let asked: u64 =
        server.queries()[1].split("timeoutSeconds=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
    assert!((60..=75).contains(&asked) && (asked + 5..=asked + 6).contains(&elapsed), "{asked} {elapsed}");
    assert!(resumes_at(&server.queries()[2], "10"));
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_response_end_at_their_limits() {
    let server = Server::new([Reply::Nothing, list(&[], "10", ""), Reply::Nothing, Reply::Open(Vec::new())]);
    let mut cursor = server.cursor();
    let started = Instant::now();
    assert_eq!(steps(&mut cursor, 2).await, ["begin", "the API server did not respond within 60s"]);
    assert_eq!(started.elapsed().as_secs(), 60);
    let taken = steps(&mut cursor, 4).await;
    assert_eq!(taken, ["begin", "complete", "the API server did not respond within 30s", "started"]);
    assert_eq!(started.elapsed().as_secs(), 90);
}

#[tokio::test(start_paused = true)]
async fn only_an_expired_version_lists_anew() {
    for code in [429, 500, 503] {
        let server = Server::new([list(&[], "10", ""), Reply::Json(code, refusal(code)), Reply::Open(Vec::new())]);
        let taken = steps(&mut server.cursor(), 4).await;
        assert_eq!(taken[2..], [format!("refused (code {code})"), "started".to_owned()]);
    }
    let in_stream = Reply::Open(vec![change("ERROR", &refusal(410))]);
    let server = Server::new([list(&[], "10", ""), in_stream, list(&[], "20", ""), Reply::Json(410, refusal(410))]);
    let mut cursor = server.cursor();
    let taken = steps(&mut cursor, 7).await;
    assert_eq!(taken[2..], ["started", "refused (code 410)", "begin", "complete", "refused (code 410)"]);
    assert!(!cursor.is_watching());
    let server =
        Server::new([list(&[], "10", ""), Reply::Ended(vec![change("ERROR", &refusal(500))]), Reply::Open(vec![])]);
    assert_eq!(steps(&mut server.cursor(), 5).await[3..], ["refused (code 500)", "started"]);
}

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::get;
use hyper::client::conn::http2;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::super::admission::CONNECTIONS_PER_SOURCE;
use super::super::certificate::Certificate;
use super::*;

/// Size of the response of the tests: more than the buffers of the kernel.
const LARGE: usize = 8 * 1024 * 1024;
/// Limit for what happens at once, or after the short limits of these tests.
const SOON: Duration = Duration::from_secs(10);
const SHORT: Limits =
    Limits { request: Duration::from_millis(200), exchange: Duration::from_millis(300), age: Duration::from_mins(10) };

struct Served {
    address: SocketAddr,
    _task: JoinSet<()>,
}

async fn served(tls: Option<&Certificate>, limits: Limits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let large = Bytes::from(vec![b'x'; LARGE]);
    let router = Router::new().route("/small", get("small")).route("/large", get(async move || large));
    let mut task = JoinSet::new();
    task.spawn(serve(listener, router, tls.map(|tls| tls.acceptor().unwrap()), limits));
    Served { address, _task: task }
}

impl Served {
    /// Connects from an address of the loopback network.
    async fn connect_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Sends a request on a new connection, and returns the connection.
    async fn request(&self, from: u8, path: &str) -> TcpStream {
        let mut stream = self.connect_from(from).await;
        // The server may already have closed the connection.
        let _ = stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        stream
    }

    async fn is_served(&self, from: u8) -> bool {
        let mut stream = self.request(from, "/small").await;
        let mut head = [0; 15];
        timeout(SOON, stream.read_exact(&mut head)).await.unwrap().is_ok() && head == *b"HTTP/1.1 200 OK"
    }

    async fn connect_tls(&self, certificate: &Certificate) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.chain()[0].clone()).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("responsibility-operator").unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        stream
    }
}

/// Waits until the server has closed a connection.
async fn is_closed(mut stream: impl AsyncReadExt + Unpin) {
    let mut rest = Vec::new();
    // An error is a connection that was reset.
    let _ = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the server keeps the connection");
}

fn get_request(path: &str) -> Request<Body> {
    Request::get(format!("https://responsibility-operator{path}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn callers_that_never_read_do_not_lock_out_others() {
    let served = served(None, LIMITS).await;
    let mut silent = Vec::new();
    for _ in 0..20 * CONNECTIONS_PER_SOURCE {
        silent.push(served.request(2, "/large").await);
    }
    assert!(!served.is_served(2).await, "this source has used up its connections");
    assert!(served.is_served(3).await);
    for from in 10..250 {
        silent.push(served.request(from, "/large").await);
        silent.push(served.request(from, "/large").await);
    }
    assert!(served.is_served(3).await, "all places are taken by many sources");
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_response_in_time_loses_its_connection() {
    let served = served(None, SHORT).await;
    let mut stream = served.request(2, "/large").await;
    let slowly = async {
        let mut byte = [0];
        while stream.read_exact(&mut byte).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(SHORT.exchange * 2, slowly).await;
    let mut rest = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the server keeps the connection");
    assert!(rest.len() < LARGE / 2, "the server sent {} bytes after the limit", rest.len());
}

#[tokio::test]
async fn a_caller_that_does_not_send_its_request_in_time_loses_its_connection() {
    let certificate = Certificate::new(None).unwrap();
    let (plain, tls) = (served(None, SHORT).await, served(Some(&certificate), SHORT).await);
    let mut half = plain.connect_from(2).await;
    half.write_all(b"GET /small HTTP/1.1\r\nHost: ").await.unwrap();
    is_closed(half).await;
    is_closed(plain.connect_from(2).await).await;
    is_closed(tls.connect_from(2).await).await;
    is_closed(tls.connect_tls(&certificate).await).await;
}

#[tokio::test]
async fn a_connection_has_a_limit_of_requests() {
    let served = served(None, LIMITS).await;
    let mut stream = served.connect_from(2).await;
    let requests = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n".repeat(MAX_REQUESTS + 10);
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut responses = Vec::new();
    // The server closes with unread requests, which can reset the connection.
    let _ = timeout(SOON, stream.read_to_end(&mut responses)).await.expect("the server keeps the connection");
    let count = String::from_utf8_lossy(&responses).matches("200 OK").count();
    assert_eq!(count, MAX_REQUESTS);
    assert!(served.is_served(2).await, "a new connection is served");
}

#[tokio::test]
async fn a_connection_has_a_limit_of_age_and_the_current_response_is_complete() {
    let limits = Limits { age: Duration::from_millis(100), ..LIMITS };
    let served = served(None, limits).await;
    let mut stream = served.request(2, "/large").await;
    stream.readable().await.unwrap();
    sleep(limits.age * 2).await;
    let mut response = Vec::new();
    timeout(SOON, stream.read_to_end(&mut response)).await.expect("the server keeps the connection").unwrap();
    assert!(response.len() > LARGE, "{} bytes", response.len());
}

#[tokio::test]
async fn http_2_works_with_a_verified_certificate() {
    let certificate = Certificate::new(None).unwrap();
    let served = served(Some(&certificate), LIMITS).await;
    let stream = TokioIo::new(served.connect_tls(&certificate).await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    for (path, length) in [("/small", 5), ("/large", LARGE), ("/small", 5)] {
        let response = sender.send_request(get_request(path)).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = axum::body::to_bytes(Body::new(response.into_body()), LARGE).await.unwrap();
        assert_eq!(body.len(), length);
    }
}

#[tokio::test]
async fn a_caller_over_http_2_that_does_not_read_its_response_in_time_loses_its_connection() {
    let certificate = Certificate::new(None).unwrap();
    let served = served(Some(&certificate), SHORT).await;
    let stream = TokioIo::new(served.connect_tls(&certificate).await);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1024);
    let (mut sender, connection) = builder.handshake(stream).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let response = sender.send_request(get_request("/large")).await.unwrap();
    let _ended = timeout(SOON, tasks.join_next()).await.expect("the server keeps the connection");
    drop(response);
}

//! Serves connections within limits, so that no caller can use up memory or places.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use axum::serve::Listener;
use futures::{StreamExt, stream};
use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::admission::{Admission, Admitted, Source};

/// Time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Maximum time for the TLS handshake, and for a caller to send the head of a request.
    request: Duration,
    /// Maximum time from the head of a request until the caller has read its response.
    exchange: Duration,
    /// Time after which a connection takes no more requests. Clients then open a new one.
    age: Duration,
}

/// The limits of all listeners. The time for an exchange covers two reviews of the caller and the time that the engine has to
/// compute the metrics.
pub(super) const LIMITS: Limits =
    Limits { request: Duration::from_secs(5), exchange: Duration::from_secs(15), age: Duration::from_mins(1) };
/// Maximum number of requests of a connection. Clients then open a new one.
const MAX_REQUESTS: usize = 100;
/// Maximum number of concurrent requests of an HTTP/2 connection. A scraper needs one.
const MAX_STREAMS: u32 = 4;
/// Maximum size of the head of a request in bytes. Tokens of ServiceAccounts have about 1 KiB.
const MAX_HEAD: u32 = 16 * 1024;
/// Size in bytes of the parts of a response. The next part is taken when the caller has read most of the previous ones.
const PART: usize = 16 * 1024;
/// Maximum number of unread bytes that an HTTP/2 caller may send: the smallest window that HTTP/2 allows for a connection.
const RECEIVE_WINDOW: u32 = 65_535;

/// Serves connections until it is dropped, which ends them.
pub(super) async fn serve(mut listener: TcpListener, router: Router, tls: Option<TlsAcceptor>, limits: Limits) {
    let admission = Admission::default();
    let mut connections = JoinSet::new();
    loop {
        // Retries errors, and waits a second if they are not about one connection.
        let (stream, peer) = Listener::accept(&mut listener).await;
        while connections.try_join_next().is_some() {}
        let source = Source::from(peer.ip());
        if let Some(admitted) = admission.admit(source) {
            let exchanges = Exchanges { router: router.clone(), source, ended: admitted.ended.clone(), limits };
            connections.spawn(connection(stream, admitted, exchanges, tls.clone()));
        }
    }
}

async fn connection(stream: TcpStream, admitted: Admitted, exchanges: Exchanges, tls: Option<TlsAcceptor>) {
    let limits = exchanges.limits;
    let served = async {
        match tls {
            None => exchanges.serve(builder(limits).http1_only(), TokioIo::new(stream)).await,
            Some(tls) => {
                let Ok(Ok(stream)) = timeout(limits.request, tls.accept(stream)).await else { return };
                let builder = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => builder(limits).http2_only(),
                    _ => builder(limits).http1_only(),
                };
                exchanges.serve(builder, TokioIo::new(stream)).await;
            }
        }
    };
    admitted.ended.run_until_cancelled(served).await;
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.request).max_buf_size(MAX_HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD)
        .max_send_buf_size(PART)
        .initial_stream_window_size(RECEIVE_WINDOW)
        .initial_connection_window_size(RECEIVE_WINDOW);
    builder
}

/// The requests of a connection.
struct Exchanges {
    router: Router,
    source: Source,
    ended: CancellationToken,
    limits: Limits,
}

impl Exchanges {
    /// Serves requests until the caller closes the connection or a limit is reached.
    async fn serve<I: Read + Write + Send + Unpin + 'static>(self, builder: Builder<TokioExecutor>, io: I) {
        let Self { router, source, ended, limits } = self;
        let (router, count, full) = (TowerToHyperService::new(router), AtomicUsize::new(0), Notify::new());
        let service = service_fn(|mut request: Request<Incoming>| {
            let is_last = count.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_REQUESTS;
            if is_last {
                full.notify_one();
            }
            // HTTP/2 has no such header. The other requests of an HTTP/1.1 connection can already be in the buffer.
            let closes = is_last && request.version() < Version::HTTP_2;
            request.extensions_mut().insert(source);
            let (running, response) = (limit_exchange(ended.clone(), limits.exchange), router.call(request));
            async move {
                let mut response = in_parts(response.await?, running);
                if closes {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let silence = async {
            sleep(limits.request).await;
            if count.load(Ordering::Relaxed) > 0 {
                std::future::pending::<()>().await;
            }
        };
        let mut connection = pin!(builder.serve_connection(io, service));
        tokio::select! {
            // Errors are about this caller only, and cannot be reported to it.
            _ = connection.as_mut() => return,
            () = silence => return,
            () = full.notified() => {}
            () = sleep(limits.age) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = timeout(limits.exchange, connection).await;
    }
}

/// Ends a connection if the result is not dropped within the limit.
fn limit_exchange(connection: CancellationToken, limit: Duration) -> DropGuard {
    let done = CancellationToken::new();
    let running = done.clone().drop_guard();
    tokio::spawn(async move {
        if timeout(limit, done.cancelled()).await.is_err() {
            connection.cancel();
        }
    });
    running
}

/// Divides the body of a response, and drops `running` when the last part was taken. The connection takes a part only if it has
/// sent most of the previous ones, in HTTP/1.1 and HTTP/2.
fn in_parts(response: Response, running: DropGuard) -> Response {
    let parts = |data: Bytes| {
        let length = data.len();
        (0..length).step_by(PART).map(move |start| data.slice(start..length.min(start + PART)))
    };
    response.map(|body| {
        let parts = body.into_data_stream().flat_map(move |data| match data {
            Ok(data) => stream::iter(parts(data)).map(Ok).left_stream(),
            Err(error) => stream::once(async { Err(error) }).right_stream(),
        });
        Body::from_stream(parts.inspect(move |_| {
            let _: &DropGuard = &running;
        }))
    })
}

#[cfg(test)]
mod tests;

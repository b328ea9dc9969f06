//! HTTP server for probes and metrics.

mod access;
mod address;
mod metrics;
mod probes;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use kube::Client;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::telemetry::TelemetryReader;
use access::Reviewer;

pub use address::{Address, InvalidAddress};

/// Maximum time for a caller to send its next request.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// Listeners with their handlers. Empty by default.
#[derive(Debug, Default)]
pub struct Server {
    listeners: Vec<(&'static str, TcpListener, Router, Option<RustlsConfig>)>,
}

/// Error of a server that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Unservable {
    /// The address is in use, does not belong to this machine or is not permitted.
    #[error("cannot listen on {address}: {error}")]
    Address {
        /// Address as given by the user.
        address: Address,
        /// Error of the operating system.
        error: std::io::Error,
    },
    /// The certificate for protected metrics cannot be created.
    #[error("cannot create a certificate: {0}")]
    Certificate(String),
}

impl Server {
    /// Adds a listener for `/livez` and `/readyz`.
    ///
    /// # Errors
    ///
    /// If it cannot listen on the address.
    pub fn probes(&mut self, address: &Address, reader: &TelemetryReader) -> Result<(), Unservable> {
        self.listeners.push(("probes", address.listen()?, probes::router(reader.health.clone()), None));
        Ok(())
    }

    /// Adds a listener for `/metrics`. With `protected_by`, a client of the API server, it serves HTTPS with a self-signed
    /// certificate, and only to callers that may `get` the URL `/metrics`.
    ///
    /// # Errors
    ///
    /// If it cannot listen on the address, or cannot create a certificate.
    pub async fn metrics(
        &mut self,
        address: &Address,
        reader: &TelemetryReader,
        protected_by: Option<Client>,
    ) -> Result<(), Unservable> {
        let listener = address.listen()?;
        let router = metrics::router(reader.clone());
        let served = match protected_by {
            Some(client) => {
                let tls = access::certificate().await.map_err(Unservable::Certificate)?;
                ("metrics", listener, Reviewer::new(client).protect(router), Some(tls))
            }
            None => ("metrics", listener, router, None),
        };
        self.listeners.push(served);
        Ok(())
    }

    /// Starts to serve. Dropping the result stops all listeners.
    #[must_use]
    pub fn start(self) -> Running {
        let mut tasks = JoinSet::new();
        for (content, listener, router, tls) in self.listeners {
            tasks.spawn(serve(content, listener, router, tls));
        }
        Running { _tasks: tasks }
    }
}

/// Running listeners. Dropping it stops them.
#[derive(Debug)]
pub struct Running {
    _tasks: JoinSet<()>,
}

async fn serve(content: &'static str, listener: TcpListener, router: Router, tls: Option<RustlsConfig>) {
    let address = listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string());
    info!(%address, protected = tls.is_some(), "serving {content}");
    let service = router.into_make_service();
    let ended = match tls {
        Some(tls) => match axum_server::from_tcp_rustls(listener, tls) {
            Ok(server) => with_timeouts(server).serve(service).await,
            Err(error) => Err(error),
        },
        None => match axum_server::from_tcp(listener) {
            Ok(server) => with_timeouts(server).serve(service).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        warn!(%address, %error, "stopped serving {content}");
    }
}

/// Sets timeouts that close connections without requests.
fn with_timeouts<Acceptor>(
    server: axum_server::Server<SocketAddr, Acceptor>,
) -> axum_server::Server<SocketAddr, Acceptor> {
    let mut server = server.first_request_timeout(REQUEST_LIMIT).http1_only();
    server.http_builder().http1().header_read_timeout(REQUEST_LIMIT);
    server
}

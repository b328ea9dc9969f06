//! The server: probes for the kubelet, metrics for a scraper.

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

use crate::telemetry::Readings;
use access::Reviewer;

pub use address::{Address, InvalidAddress};

/// How long a caller may take to send its next request.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// What is served where; nothing at first.
#[derive(Debug, Default)]
pub struct Server {
    listeners: Vec<(&'static str, TcpListener, Router, Option<RustlsConfig>)>,
}

/// An address cannot be listened on, or no certificate can be made.
#[derive(Debug, thiserror::Error)]
pub enum Unservable {
    /// The address is taken, not of this machine or not permitted.
    #[error("cannot listen on {address}: {error}")]
    Address {
        /// The address as it was given.
        address: Address,
        /// What the system says.
        error: std::io::Error,
    },
    /// The certificate of the metrics.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

impl Server {
    /// Serves `/livez` and `/readyz` there.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub fn probes(&mut self, address: &Address, readings: &Readings) -> Result<(), Unservable> {
        self.listeners.push(("probes", address.listen()?, probes::router(readings.health.clone()), None));
        Ok(())
    }

    /// Serves `/metrics` there. With `protected_by` a client of the API server: over HTTPS with a certificate of its own
    /// making, and to callers who may `get` the URL `/metrics` only.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, or no certificate can be made.
    pub async fn metrics(
        &mut self,
        address: &Address,
        readings: &Readings,
        protected_by: Option<Client>,
    ) -> Result<(), Unservable> {
        let listener = address.listen()?;
        let router = metrics::router(readings.clone());
        let served = match protected_by {
            Some(client) => {
                let tls = access::certificate().await.map_err(Unservable::Certificate)?;
                ("metrics", listener, Reviewer::new(client).guard(router), Some(tls))
            }
            None => ("metrics", listener, router, None),
        };
        self.listeners.push(served);
        Ok(())
    }

    /// Serves until this is dropped.
    #[must_use]
    pub fn start(self) -> Running {
        let mut tasks = JoinSet::new();
        for (what, listener, router, tls) in self.listeners {
            tasks.spawn(serve(what, listener, router, tls));
        }
        Running { _tasks: tasks }
    }
}

/// Servers at work. They end when this is dropped.
#[derive(Debug)]
pub struct Running {
    _tasks: JoinSet<()>,
}

async fn serve(what: &'static str, listener: TcpListener, router: Router, tls: Option<RustlsConfig>) {
    let address = listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string());
    info!(%address, protected = tls.is_some(), "serving {what}");
    let service = router.into_make_service();
    let ended = match tls {
        Some(tls) => match axum_server::from_tcp_rustls(listener, tls) {
            Ok(server) => bounded(server).serve(service).await,
            Err(error) => Err(error),
        },
        None => match axum_server::from_tcp(listener) {
            Ok(server) => bounded(server).serve(service).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = ended {
        warn!(%address, %error, "serving {what} has ended");
    }
}

/// Callers that are silent are cut off.
fn bounded<Acceptor>(server: axum_server::Server<SocketAddr, Acceptor>) -> axum_server::Server<SocketAddr, Acceptor> {
    let mut server = server.first_request_timeout(REQUEST_LIMIT).http1_only();
    server.http_builder().http1().header_read_timeout(REQUEST_LIMIT);
    server
}

//! HTTP server for probes and metrics.

mod access;
mod address;
mod admission;
mod certificate;
mod connection;
mod metrics;
mod probes;

use std::net::TcpListener;
use std::path::PathBuf;

use axum::Router;
use kube::Client;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::telemetry::TelemetryReader;
use access::Reviewer;
use certificate::Certificate;
use connection::LIMITS;

pub use address::{Address, InvalidAddress};

/// Listeners with their handlers. Empty by default.
#[derive(Default)]
pub struct Server {
    listeners: Vec<(&'static str, TcpListener, Router, Option<TlsAcceptor>)>,
    /// The certificates of the listeners.
    certificates: Vec<Certificate>,
}

/// Protection of metrics: HTTPS, and only for callers that may `get` the URL `/metrics`.
pub struct Protection {
    /// Client of the API server that reviews callers.
    pub client: Client,
    /// Audience that the token of a caller must be issued for.
    pub audience: String,
    /// Folder with `tls.crt` and `tls.key`, read again when they change. Without it, the certificate is self-signed.
    pub certificates: Option<PathBuf>,
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
    /// The certificate for protected metrics cannot be read or created.
    #[error("cannot use the certificate of the metrics: {0}")]
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

    /// Adds a listener for `/metrics`.
    ///
    /// # Errors
    ///
    /// If it cannot listen on the address, or cannot use the certificate.
    pub fn metrics(
        &mut self,
        address: &Address,
        reader: &TelemetryReader,
        protection: Option<Protection>,
    ) -> Result<(), Unservable> {
        let listener = address.listen()?;
        let router = metrics::router(reader.clone());
        let served = match protection {
            Some(Protection { client, audience, certificates }) => {
                let certificate = Certificate::new(certificates).map_err(Unservable::Certificate)?;
                let tls = certificate.acceptor().map_err(Unservable::Certificate)?;
                self.certificates.push(certificate);
                ("metrics", listener, Reviewer::new(client, audience).protect(router), Some(tls))
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
        for certificate in self.certificates {
            tasks.spawn(certificate.follow());
        }
        Running { _tasks: tasks }
    }
}

/// Running listeners. Dropping it stops them.
#[derive(Debug)]
pub struct Running {
    _tasks: JoinSet<()>,
}

async fn serve(content: &'static str, listener: TcpListener, router: Router, tls: Option<TlsAcceptor>) {
    let address = listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string());
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => {
            info!(%address, protected = tls.is_some(), "serving {content}");
            connection::serve(listener, router, tls, LIMITS).await;
        }
        Err(error) => warn!(%address, %error, "cannot serve {content}"),
    }
}

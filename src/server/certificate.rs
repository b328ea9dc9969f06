//! The certificate for protected metrics: from a folder, or self-signed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tracing::{info, warn};

/// Name of the file with the certificate and its chain, as in a Secret of the type `kubernetes.io/tls`.
const CERTIFICATE: &str = "tls.crt";
/// Name of the file with the private key.
const KEY: &str = "tls.key";
/// Time between two reads of the folder. The kubelet needs about a minute to update the files of a Secret.
const RELOAD_INTERVAL: Duration = Duration::from_secs(30);
/// Maximum size of a file in bytes. A Secret has at most 1 MiB.
const MAX_FILE: u64 = 1024 * 1024;

/// The current certificate with its key. A new one is used for new connections.
#[derive(Clone, Debug)]
pub(super) struct Certificate(Arc<Current>);

#[derive(Debug)]
struct Current {
    /// Folder to read the certificate from; `None` for a self-signed one.
    folder: Option<PathBuf>,
    key: RwLock<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Certificate {
    /// Reads the certificate from a folder. Without a folder, creates a self-signed one: it encrypts the tokens in transit, but
    /// clients cannot verify it.
    pub(super) fn new(folder: Option<PathBuf>) -> Result<Self, String> {
        let key = folder.as_deref().map_or_else(self_signed, read)?;
        Ok(Self(Arc::new(Current { folder, key: RwLock::new(Arc::new(key)) })))
    }

    /// Returns the TLS side of a server with HTTP/2 and HTTP/1.1.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, String> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(self.0.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Returns the certificates that clients get.
    #[cfg(test)]
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0.key.read().unwrap_or_else(PoisonError::into_inner).cert.clone()
    }

    /// Reads the folder again and again. Returns at once for a self-signed certificate.
    pub(super) async fn follow(self) {
        let mut failed = false;
        while self.0.folder.is_some() {
            tokio::time::sleep(RELOAD_INTERVAL).await;
            let current = self.clone();
            let reloaded = tokio::task::spawn_blocking(move || current.reload()).await;
            let reloaded = reloaded.unwrap_or_else(|error| Err(error.to_string()));
            match &reloaded {
                Ok(true) => info!("read the new certificate of the metrics"),
                Err(error) if !failed => {
                    warn!(%error, "cannot read the certificate of the metrics; the last one stays in use");
                }
                Ok(false) | Err(_) => {}
            }
            failed = reloaded.is_err();
        }
    }

    /// Reads the folder. Returns true if its certificate is another one.
    fn reload(&self) -> Result<bool, String> {
        let Some(folder) = &self.0.folder else { return Ok(false) };
        let read = read(folder)?;
        let mut key = self.0.key.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = key.cert != read.cert;
        if is_new {
            *key = Arc::new(read);
        }
        Ok(is_new)
    }
}

/// Reads a certificate and its key.
fn read(folder: &Path) -> Result<CertifiedKey, String> {
    let contents = |name: &str| {
        let path = folder.join(name);
        let length = std::fs::metadata(&path).map(|file| file.len());
        match length {
            Ok(length) if length > MAX_FILE => Err(format!("{}: larger than {MAX_FILE} bytes", path.display())),
            _ => std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display())),
        }
    };
    let (chain, key) = (contents(CERTIFICATE)?, contents(KEY)?);
    let invalid = |name: &str, error: String| format!("{}: {error}; write PEM", folder.join(name).display());
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| invalid(CERTIFICATE, error.to_string()))?;
    if chain.is_empty() {
        return Err(invalid(CERTIFICATE, "no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| invalid(KEY, error.to_string()))?;
    certified(chain, key).map_err(|error| format!("{}: {error}", folder.display()))
}

fn certified(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, String> {
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| error.to_string())
}

/// Creates a self-signed certificate.
fn self_signed() -> Result<CertifiedKey, String> {
    let create = || {
        let name = "responsibility-operator";
        let mut parameters = CertificateParams::new([name.to_owned()])?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok::<_, rcgen::Error>((parameters.self_signed(&key)?, key))
    };
    let (certificate, key) = create().map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(ToOwned::to_owned)?;
    certified(vec![certificate.der().clone()], key)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, certificate: &str, key: &str) {
            std::fs::write(self.0.join(CERTIFICATE), certificate).unwrap();
            std::fs::write(self.0.join(KEY), key).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn pair() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(["metrics".to_owned()]).unwrap();
        (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn a_renewed_certificate_is_used_and_a_broken_one_is_not() {
        let folder = Folder::new("renewed-certificate");
        let (certificate, key) = pair();
        folder.write(&certificate, &key);
        let current = Certificate::new(Some(folder.0.clone())).unwrap();
        let first = current.chain();
        assert_eq!(current.reload(), Ok(false), "nothing has changed");
        let (renewed, renewed_key) = pair();
        folder.write(&renewed, &key);
        assert!(current.reload().is_err(), "the key belongs to another certificate");
        assert_eq!(current.chain(), first);
        folder.write(&renewed, &renewed_key);
        assert_eq!(current.reload(), Ok(true));
        assert_ne!(current.chain(), first);
    }

    #[test]
    fn the_error_names_the_file() {
        let folder = Folder::new("broken-certificate");
        let error = || Certificate::new(Some(folder.0.clone())).unwrap_err();
        assert!(error().contains(CERTIFICATE), "{}", error());
        let (certificate, key) = pair();
        folder.write("not PEM", &key);
        assert!(error().contains("tls.crt: no certificate"), "{}", error());
        folder.write(&certificate, "not PEM");
        assert!(error().contains(KEY), "{}", error());
    }
}

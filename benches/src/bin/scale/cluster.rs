//! Cluster of the run: a real API server that is filled in parallel.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use benches::Object;
use futures::{StreamExt, TryStreamExt, stream};
use harness::{Access, ControlPlane, output};
use http::{Method, Request};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::process::usage;

/// Namespace of the operator.
const SYSTEM: &str = "responsibility-system";

/// ServiceAccount of the operator.
pub const ACCOUNT: &str = "responsibility-operator";

/// Number of parallel requests.
const PARALLEL: usize = 32;

/// Maximum time until the ServiceAccounts of all namespaces exist.
const START_LIMIT: Duration = Duration::from_mins(2);

/// Time between two lines about the progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// Control plane with the CRDs and the permissions of the operator.
pub struct Cluster {
    control_plane: ControlPlane,
    client: Client,
    programs: PathBuf,
}

impl Cluster {
    pub async fn start() -> Result<Self> {
        let control_plane = ControlPlane::start_for_scale().await?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let kubectl = |arguments: &[&str]| output(control_plane.kubectl().current_dir(&root).args(arguments));
        kubectl(&["apply", "--server-side", "-f", "crds/"])?;
        kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"])?;
        kubectl(&["apply", "-f", "deploy/operator.yaml"])?;
        // Only the permissions are needed, because the operator runs as a process.
        kubectl(&["delete", "deployment", ACCOUNT, "-n", SYSTEM])?;
        let programs = std::env::current_exe()?.parent().context("the path of this program has no folder")?.to_owned();
        Ok(Self { client: control_plane.client().await?, control_plane, programs })
    }

    /// Returns a client with all permissions.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the path of the audit log.
    pub fn audit_log(&self) -> PathBuf {
        self.control_plane.audit_log()
    }

    /// Returns the CPU time of the API server so far, in seconds.
    pub fn api_server_cpu(&self) -> Result<f64> {
        Ok(usage(self.control_plane.apiserver_id()?)?.cpu)
    }

    /// Returns the path of a program from the same build.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let path = self.programs.join(name);
        ensure!(path.is_file(), "{} is missing; run make bench", path.display());
        Ok(path)
    }

    /// Creates a kubeconfig with the permissions of the operator.
    pub fn operator_kubeconfig(&self) -> Result<PathBuf> {
        self.control_plane.kubeconfig_of(SYSTEM, ACCOUNT)
    }

    /// Returns the path of a log that is deleted with the cluster.
    pub fn log(&self, name: &str) -> PathBuf {
        self.control_plane.folder().join(format!("{name}.log"))
    }

    /// Creates objects in parallel.
    pub async fn create(&self, what: &str, objects: impl Iterator<Item = Object>) -> Result<()> {
        let requests = objects.map(|object| {
            let path = format!("{}?fieldManager=kubectl-client-side-apply", object.collection);
            request(Method::POST, &path, "application/json", object.body.to_string())
        });
        self.send_all(&format!("{what} created"), requests).await
    }

    /// Waits until each namespace has its default ServiceAccount. Without it the API server admits no pod.
    pub async fn await_service_accounts(&self, namespaces: usize) -> Result<()> {
        let begun = Instant::now();
        let selected = ListParams::default().fields("metadata.name=default");
        loop {
            let accounts = Api::<ServiceAccount>::all(self.client.clone()).list_metadata(&selected).await?.items.len();
            if accounts >= namespaces {
                return Ok(());
            }
            ensure!(begun.elapsed() < START_LIMIT, "only {accounts} of {namespaces} namespaces have a ServiceAccount");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends requests in parallel.
    pub async fn send_all(&self, what: &str, requests: impl Iterator<Item = Request<Vec<u8>>>) -> Result<()> {
        let begun = Instant::now();
        let (mut done, mut reported) = (0_u32, begun);
        let mut answers = stream::iter(requests).map(|request| self.send(request)).buffer_unordered(PARALLEL);
        while answers.try_next().await?.is_some() {
            done += 1;
            if reported.elapsed() > PROGRESS {
                reported = Instant::now();
                super::say(&format!("{done} {what} ..."));
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        super::say(&format!("{done} {what} in {seconds:.1} s, {:.0} a second", f64::from(done) / seconds));
        Ok(())
    }

    /// Sends a request that must succeed.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<String> {
        let what = format!("{} {}", request.method(), request.uri());
        self.client.request_text(request).await.with_context(|| what)
    }

    /// Gets the object at a path.
    pub async fn get(&self, path: &str) -> Result<String> {
        self.send(request(Method::GET, path, "application/json", String::new())).await
    }
}

/// Returns a request with a body of a content type.
pub fn request(method: Method, path: &str, content_type: &str, body: String) -> Request<Vec<u8>> {
    let request = Request::builder().method(method).uri(path).header(http::header::CONTENT_TYPE, content_type);
    request.body(body.into_bytes()).expect("the paths of the world are valid")
}

/// Returns a request that changes an object by JSON Patch.
pub fn json_patch(path: &str, change: &serde_json::Value) -> Request<Vec<u8>> {
    request(Method::PATCH, path, "application/json-patch+json", change.to_string())
}

/// Returns a request that changes an object by merge patch.
pub fn merge_patch(path: &str, change: &serde_json::Value) -> Request<Vec<u8>> {
    request(Method::PATCH, path, "application/merge-patch+json", change.to_string())
}

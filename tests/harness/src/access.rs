//! How a running cluster is talked to, whichever it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use kube::Client;

use crate::components;

/// A running cluster.
pub trait Access {
    /// A folder that goes with the cluster.
    fn folder(&self) -> &Path;

    /// Where kubectl is.
    fn kubectl_program(&self) -> &Path;

    /// The kubeconfig of an administrator.
    fn kubeconfig(&self) -> PathBuf {
        self.folder().join("kubeconfig")
    }

    /// The audit log: what was really asked of the API server, as JSON lines.
    fn audit_log(&self) -> PathBuf {
        self.folder().join("audit.log")
    }

    /// kubectl as administrator of this cluster.
    fn kubectl(&self) -> Command {
        let mut command = Command::new(self.kubectl_program());
        // The cache of discovery is kept apart: other clusters have other kinds.
        command.env("KUBECONFIG", self.kubeconfig()).env("KUBECACHEDIR", self.folder().join("kubectl-cache"));
        command
    }

    /// A client with the rights of an administrator.
    ///
    /// # Errors
    ///
    /// When the kubeconfig cannot be read.
    fn client(&self) -> impl Future<Output = Result<Client>> + Send {
        let kubeconfig = self.kubeconfig();
        async move { components::client(&kubeconfig).await }
    }
}

//! How a running cluster is talked to, whichever it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use kube::Client;

use crate::components::{self, output};

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

    /// A kubeconfig with a token of a ServiceAccount that lasts a day; it is made once.
    ///
    /// # Errors
    ///
    /// When there is no such ServiceAccount.
    fn kubeconfig_of(&self, namespace: &str, account: &str) -> Result<PathBuf> {
        let path = self.folder().join(format!("{account}.kubeconfig"));
        if !path.exists() {
            let token = output(self.kubectl().args(["create", "token", account, "-n", namespace, "--duration=24h"]))?;
            let admin = fs::read_to_string(self.kubeconfig())?;
            fs::write(&path, admin.replace("admin-token", token.trim()))?;
        }
        Ok(path)
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

//! Access to a running cluster, with or without a node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use kube::Client;

use crate::components::{self, output};

/// A running cluster.
pub trait Access {
    /// Returns the folder of the cluster, which is removed when the cluster ends.
    fn folder(&self) -> &Path;

    /// Returns the path of kubectl.
    fn kubectl_program(&self) -> &Path;

    /// Returns the kubeconfig of an administrator.
    fn kubeconfig(&self) -> PathBuf {
        self.folder().join("kubeconfig")
    }

    /// Returns a kubeconfig with a token of a ServiceAccount. The first call creates it; the token is valid for a day.
    ///
    /// # Errors
    ///
    /// If the ServiceAccount does not exist.
    fn kubeconfig_of(&self, namespace: &str, account: &str) -> Result<PathBuf> {
        let path = self.folder().join(format!("{account}.kubeconfig"));
        if !path.exists() {
            let token = output(self.kubectl().args(["create", "token", account, "-n", namespace, "--duration=24h"]))?;
            let admin = fs::read_to_string(self.kubeconfig())?;
            fs::write(&path, admin.replace("admin-token", token.trim()))?;
        }
        Ok(path)
    }

    /// Returns the audit log: the requests that the API server has received, as JSON lines.
    fn audit_log(&self) -> PathBuf {
        self.folder().join("audit.log")
    }

    /// Returns a kubectl command with the rights of an administrator.
    fn kubectl(&self) -> Command {
        let mut command = Command::new(self.kubectl_program());
        // Other clusters serve other kinds, so that this one needs its own discovery cache.
        command.env("KUBECONFIG", self.kubeconfig()).env("KUBECACHEDIR", self.folder().join("kubectl-cache"));
        command
    }

    /// Returns a client with the rights of an administrator.
    ///
    /// # Errors
    ///
    /// If the kubeconfig cannot be read.
    fn client(&self) -> impl Future<Output = Result<Client>> + Send {
        let kubeconfig = self.kubeconfig();
        async move { components::client(&kubeconfig).await }
    }
}

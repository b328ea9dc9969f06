//! The chart and the files that are generated from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::assets::{Assets, Tool};

const HEADER: &str = "\
# The operator with exactly the rights that it needs. `make generate` renders this file from charts/responsibility-operator
# with deploy/values.yaml. Install the CRDs first: kubectl apply --server-side -f crds/
";

/// The chart of the operator.
#[derive(Clone, Debug)]
pub struct Chart {
    root: PathBuf,
    helm: PathBuf,
}

impl Chart {
    /// Finds the chart and Helm. Builds Helm if it is missing.
    ///
    /// # Errors
    ///
    /// If Helm cannot be built.
    pub fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        Ok(Self { root, helm: Assets::locate()?.path(Tool::Helm)? })
    }

    /// Returns the folder of the chart.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.root.join("charts/responsibility-operator")
    }

    /// Returns a Helm command that uses no cluster. Relative paths start at the root of the repository.
    #[must_use]
    pub fn helm(&self) -> Command {
        let mut helm = Command::new(&self.helm);
        helm.env_remove("KUBECONFIG").env("HELM_NAMESPACE", "responsibility-system").current_dir(&self.root);
        helm
    }

    /// Generates the files that depend on the chart and the CRDs. Returns their paths and contents.
    ///
    /// # Errors
    ///
    /// If Helm or helm-docs fails, or helm-docs cannot be built.
    pub fn generated(&self) -> Result<Vec<(PathBuf, String)>> {
        Ok(vec![
            (self.folder().join("crds/crds.yaml"), fs::read_to_string(self.root.join("crds/crds.yaml"))?),
            (self.root.join("deploy/operator.yaml"), self.manifests()?),
            (self.folder().join("README.md"), self.readme()?),
        ])
    }

    /// Renders the manifests for users without Helm.
    fn manifests(&self) -> Result<String> {
        let namespace = fs::read_to_string(self.root.join("deploy/namespace.yaml"))?;
        let mut helm = self.helm();
        helm.args(["template", "responsibility-operator"]).arg(self.folder());
        helm.args(["--namespace", "responsibility-system", "--values", "deploy/values.yaml", "--no-hooks"]);
        let rendered = output(&mut helm)?;
        // Lines that are only true for a release that Helm has installed.
        let of_helm = ["# Source: ", "    helm.sh/chart: ", "    app.kubernetes.io/managed-by: "];
        let kept = rendered.lines().filter(|line| !of_helm.iter().any(|start| line.starts_with(start)));
        Ok(format!("{HEADER}{namespace}{}\n", kept.collect::<Vec<_>>().join("\n").trim_end()))
    }

    /// Generates the README of the chart, with a table of the values.
    fn readme(&self) -> Result<String> {
        let mut helm_docs = Command::new(Assets::locate()?.path(Tool::HelmDocs)?);
        helm_docs.arg("--chart-search-root").arg(self.folder());
        helm_docs.args(["--dry-run", "--sort-values-order", "file", "--log-level", "warning"]);
        let text = output(&mut helm_docs)?;
        // On errors, helm-docs only logs and exits with 0.
        ensure!(text.contains("## Values"), "helm-docs wrote no README");
        Ok(format!("{}\n", text.trim_end()))
    }
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

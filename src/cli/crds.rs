//! `responsibility-operator crds`: prints or applies the custom resource definitions (CRDs).

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::Condition;

use super::connection;
use crate::api::crds;

/// Field manager of the CRDs.
const MANAGER: &str = "responsibility-operator-crds";
/// Maximum time until the API server serves all CRDs.
const LIMIT: Duration = Duration::from_mins(1);
/// Time between two checks.
const POLL: Duration = Duration::from_millis(200);

/// Options of `crds`.
#[derive(Debug, Args)]
pub(super) struct CrdsArgs {
    /// Apply the CRDs to the cluster by server-side apply and wait until they are served, instead of printing them
    #[arg(long)]
    apply: bool,
}

impl CrdsArgs {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        if !self.apply {
            return print();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the async runtime")?;
        runtime.block_on(async { tokio::time::timeout(LIMIT, apply()).await }).with_context(|| {
            format!("the API server did not serve the CRDs within {} s; see kubectl describe crd", LIMIT.as_secs())
        })?
    }
}

/// Writes all CRDs to standard output as input for `kubectl apply --server-side -f -`.
fn print() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for crd in crds() {
        let yaml = serde_saphyr::to_string(&crd).context("cannot write a CRD as YAML")?;
        write!(out, "---\n{yaml}")?;
    }
    Ok(())
}

async fn apply() -> anyhow::Result<()> {
    let client = connection::client(connection::find().await?)?;
    let api: Api<CustomResourceDefinition> = Api::all(client);
    for crd in crds() {
        let name = crd.name_any();
        let before = api.get_opt(&name).await.with_context(|| format!("cannot read the CRD {name}"))?;
        let parameters = PatchParams::apply(MANAGER).force();
        let applied = api.patch(&name, &parameters, &Patch::Apply(&crd)).await;
        let applied = applied.with_context(|| format!("cannot apply the CRD {name}"))?;
        let result = match before {
            None => "created",
            Some(before) if before.resource_version() == applied.resource_version() => "unchanged",
            Some(_) => "updated",
        };
        println!("{name}: {result}");
    }
    for crd in crds() {
        let name = crd.name_any();
        let read = async || api.get(&name).await.with_context(|| format!("cannot read the CRD {name}"));
        while !is_crd_established().matches_object(Some(&read().await?)) {
            tokio::time::sleep(POLL).await;
        }
    }
    println!("all CRDs are served");
    Ok(())
}

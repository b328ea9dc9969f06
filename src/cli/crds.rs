//! `responsibility-operator crds`: the custom resource definitions.

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

/// Who applies definitions, in managed fields.
const MANAGER: &str = "responsibility-operator-crds";
/// How long the API server may take to serve a definition.
const LIMIT: Duration = Duration::from_mins(1);
/// How often to see whether it does.
const POLL: Duration = Duration::from_millis(200);

/// Options of `crds`.
#[derive(Debug, Args)]
pub(super) struct CrdsArgs {
    /// Apply them to the cluster instead, by server-side apply, and wait until they are served
    #[arg(long)]
    apply: bool,
}

impl CrdsArgs {
    pub(super) fn execute(self) -> anyhow::Result<()> {
        if !self.apply {
            return print();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        runtime.block_on(async { tokio::time::timeout(LIMIT, apply()).await }).with_context(|| {
            format!(
                "the API server did not serve the definitions within {} s; see kubectl describe crd",
                LIMIT.as_secs()
            )
        })?
    }
}

/// Writes all definitions to standard output, ready for `kubectl apply --server-side -f -`.
fn print() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for crd in crds() {
        let yaml = serde_saphyr::to_string(&crd).context("cannot write a definition as YAML")?;
        write!(out, "---\n{yaml}")?;
    }
    Ok(())
}

async fn apply() -> anyhow::Result<()> {
    let client = connection::client(connection::find().await?)?;
    let api: Api<CustomResourceDefinition> = Api::all(client);
    for crd in crds() {
        let name = crd.name_any();
        let before = api.get_opt(&name).await.with_context(|| format!("cannot read the definition {name}"))?;
        let parameters = PatchParams::apply(MANAGER).force();
        let applied = api.patch(&name, &parameters, &Patch::Apply(&crd)).await;
        let applied = applied.with_context(|| format!("cannot apply the definition {name}"))?;
        let done = match before {
            None => "created",
            Some(before) if before.resource_version() == applied.resource_version() => "unchanged",
            Some(_) => "updated",
        };
        println!("{name}: {done}");
    }
    for crd in crds() {
        let name = crd.name_any();
        let read = async || api.get(&name).await.with_context(|| format!("cannot read the definition {name}"));
        while !is_crd_established().matches_object(Some(&read().await?)) {
            tokio::time::sleep(POLL).await;
        }
    }
    println!("all are served");
    Ok(())
}

//! `responsibility-operator doctor`: whether everything is there that the controller needs.

use anyhow::{Context, ensure};

use super::connection;
use super::run::RunArgs;
use crate::controller::examine;

/// Looks at what the controller needs with these options.
pub(super) fn execute(args: &RunArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(run(args))
}

async fn run(args: &RunArgs) -> anyhow::Result<()> {
    let options = args.options()?;
    let client = connection::impatient_client(connection::find().await?)?;
    let (mut looked, mut failed) = (0, 0);
    examine(client, &options, args.lease.as_ref(), args.serve.metrics_protected, |finding| {
        looked += 1;
        failed += usize::from(!finding.is_well);
        println!("{} {}", if finding.is_well { "ok  " } else { "FAIL" }, finding.text);
    })
    .await;
    ensure!(failed == 0, "{failed} of {looked} are not as they have to be");
    println!("all {looked} are as they have to be");
    Ok(())
}

//! `responsibility-operator doctor`: checks that everything the controller needs exists.

use anyhow::{Context, ensure};

use super::connection;
use super::run::RunArgs;
use crate::controller::diagnose;
use crate::printable::printable;

/// Checks what the controller needs with these options, and prints one line per check.
pub(super) fn execute(args: &RunArgs) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    runtime.block_on(run(args))
}

async fn run(args: &RunArgs) -> anyhow::Result<()> {
    let options = args.options()?;
    let client = connection::client_without_retry(connection::find().await?)?;
    let (mut checks, mut failed) = (0, 0);
    diagnose(client, &options, args.lease.as_ref(), args.serve.metrics_protected, |diagnosis| {
        checks += 1;
        failed += usize::from(!diagnosis.passed);
        println!("{} {}", if diagnosis.passed { "ok  " } else { "FAIL" }, printable(&diagnosis.text));
    })
    .await;
    ensure!(failed == 0, "{failed} of {checks} checks failed");
    println!("all {checks} checks passed");
    Ok(())
}

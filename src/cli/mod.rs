//! Command line: the subcommands and their flags.

mod config;
mod connection;
mod crds;
mod doctor;
mod explain;
mod names;
mod run;
mod serve;

use clap::{Parser, Subcommand};

/// Shows who is responsible for the security of each workload, layer by layer, and where nobody is.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controller, in a cluster or with KUBECONFIG
    Run(run::RunArgs),
    /// Print the custom resource definitions as YAML, or apply them
    Crds(crds::CrdsArgs),
    /// Check that everything exists that the controller needs with these options: CRDs, permissions, and a leader, for which it
    /// waits up to 45 seconds
    Doctor(run::RunArgs),
    /// Print each layer and duty of one workload: who owns it, if it is fulfilled, and why. Reads the cluster once, with the
    /// permissions of the caller
    Explain(explain::ExplainArgs),
}

impl Cli {
    /// Runs the subcommand to its end.
    ///
    /// # Errors
    ///
    /// If the subcommand fails. The message names the cause and the fix.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run(args) => args.execute(),
            Command::Crds(args) => args.execute(),
            Command::Doctor(args) => doctor::execute(&args),
            Command::Explain(args) => args.execute(),
        }
    }
}

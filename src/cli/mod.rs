//! The subcommands.

mod config;
mod connection;
mod crds;
mod doctor;
mod explain;
mod names;
mod run;
mod serve;

use clap::{Parser, Subcommand};

/// Shows who is responsible for the security of every workload, layer by layer, and where nobody is.
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
    /// See whether everything is there that the controller needs with the options of run: definitions,
    /// permissions, a leader for whom it waits up to 45 seconds
    Doctor(run::RunArgs),
    /// Print who is responsible for one workload: each layer and duty, who holds it, whether it is fulfilled, and why. Reads
    /// the cluster once, with the rights of whoever runs it
    Explain(explain::ExplainArgs),
}

impl Cli {
    /// Runs the subcommand to its end.
    ///
    /// # Errors
    ///
    /// When the subcommand cannot do its work: the message says what is missing.
    pub fn execute(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run(args) => args.execute(),
            Command::Crds(args) => args.execute(),
            Command::Doctor(args) => doctor::execute(&args),
            Command::Explain(args) => args.execute(),
        }
    }
}

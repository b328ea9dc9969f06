//! The subcommands.

mod config;
mod crds;
mod names;
mod reference;
mod run;

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
    /// Print the custom resource definitions as YAML
    Crds,
    /// Print a reference document as Markdown
    Reference {
        /// Which one
        document: reference::Document,
    },
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
            Command::Crds => crds::print(),
            Command::Reference { document } => reference::print(document),
        }
    }
}

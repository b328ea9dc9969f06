//! The command `responsibility-operator`.

use std::process::ExitCode;

use clap::Parser;
use responsibility_operator::cli::Cli;
use tikv_jemallocator::Jemalloc;

/// Long-lived facts are taken from lists that are thrown away: with the allocator of the system a third more memory stays
/// in use after them. How it is set up stands in `.cargo/config.toml`, which cargo reads when it runs in this repository.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match Cli::parse().execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! The command `responsibility-operator`.

use std::process::ExitCode;

use clap::Parser;
use responsibility_operator::cli::Cli;
use responsibility_operator::printable::printable_lines;

/// The operator keeps small facts and drops the large lists that it reads them from. After that, the system allocator keeps a
/// third more memory in use than jemalloc. `.cargo/config.toml` contains the allocator settings.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match Cli::parse().execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", printable_lines(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

//! Runs the control plane of the tests by hand: `build`, `up`, `down`.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use harness::{Access, Assets, ControlPlane, Tool};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// A real Kubernetes control plane on loopback, without nodes.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Build or download the programs of the control plane that are missing
    Build,
    /// Start a control plane that stays until `down`
    Up,
    /// Stop the control plane that `up` started
    Down,
    /// Download the official binaries of all platforms and pin their SHA-256 sums
    PinBinaries,
    /// Print the path of Helm. Build it if it is missing
    #[command(hide = true)]
    Helm,
    /// Run a control plane in the foreground until SIGTERM
    #[command(hide = true)]
    Serve,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Step::Build => Assets::locate().and_then(|assets| assets.provide()),
        Step::Up => up(),
        Step::Down => down(),
        Step::PinBinaries => Assets::pin_binaries(),
        Step::Helm => helm(),
        Step::Serve => serve(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the path of a file that `up` writes and `down` reads.
fn state(file: &str) -> Result<PathBuf> {
    let folder =
        std::env::temp_dir().join(format!("responsibility-operator-cluster-{}", rustix::process::getuid().as_raw()));
    fs::create_dir_all(&folder)?;
    Ok(folder.join(file))
}

fn running() -> Result<Option<Pid>> {
    let pid = fs::read_to_string(state("pid")?).ok().and_then(|text| text.trim().parse().ok()).and_then(Pid::from_raw);
    Ok(pid.filter(|pid| test_kill_process(*pid).is_ok()))
}

fn up() -> Result<()> {
    if running()?.is_none() {
        Assets::locate()?.provide()?;
        let log = fs::File::create(state("log")?)?;
        let _ = fs::remove_file(state("kubeconfig")?);
        let server = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        fs::write(state("pid")?, server.id().to_string())?;
        let started = Instant::now();
        while !state("kubeconfig")?.exists() {
            if running()?.is_none() || started.elapsed() > Duration::from_mins(2) {
                bail!("the control plane did not start: {}", fs::read_to_string(state("log")?)?);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let target = fs::read_to_string(state("kubeconfig")?)?;
    println!("export KUBECONFIG={target}");
    Ok(())
}

fn down() -> Result<()> {
    let Some(pid) = running()? else {
        eprintln!("no control plane is running");
        return Ok(());
    };
    kill_process(pid, Signal::TERM)?;
    while running()?.is_some() {
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::remove_file(state("pid")?)?;
    fs::remove_file(state("kubeconfig")?)?;
    Ok(())
}

fn helm() -> Result<()> {
    println!("{}", Assets::locate()?.path(Tool::Helm)?.display());
    Ok(())
}

fn serve() -> Result<()> {
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Fails only if the server is already ending.
        let _ = stop.send(());
    })?;
    let runtime = tokio::runtime::Runtime::new()?;
    let cluster = runtime.block_on(ControlPlane::start())?;
    fs::write(state("kubeconfig")?, cluster.kubeconfig().display().to_string())?;
    stopped.recv().context("the signal handler has ended")?;
    Ok(())
}

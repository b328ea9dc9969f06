//! Namespaces for a cluster with a node. Nothing of the node remains on the machine, however the program ends.
//!
//! The program runs itself again in a network, mount and process namespace. When the first process of the process
//! namespace ends, the kernel ends all others, containers included, and removes the mounts and the network. A keeper
//! outside of the namespaces removes the rest: the cgroups and a folder. It also ends the namespaces when the process that
//! started it ends.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{network, requirements};
use crate::assets::{Assets, cache_folder};
use crate::components::output;

/// Environment variables for the program that runs itself again: its role and its folder.
const ROLE: &str = "RESPONSIBILITY_SANDBOX_ROLE";
const FOLDER: &str = "RESPONSIBILITY_SANDBOX_FOLDER";
const KEEPER: &str = "keeper";
const INSIDE: &str = "inside";

/// The file with the id of the process that holds the namespaces, as seen from outside.
const PID: &str = "pid";

/// The file that the keeper locks until it ends.
const LOCK: &str = "lock";

const PREFIX: &str = "responsibility-operator-node-";

/// The time within which the kernel must remove the remains of killed processes.
const CLEANING_LIMIT: Duration = Duration::from_secs(20);

/// Folders whose paths are fixed in the programs of a node.
const PRIVATE_FOLDERS: [&str; 3] = ["/run", "/var/lib", "/var/log"];

/// Kernel settings that the kubelet would change for the whole machine. It sees these values instead and changes nothing.
const MACHINE_SETTINGS: [(&str, &str); 6] = [
    ("kernel/keys/root_maxbytes", "25000000"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
];

/// The folder and the namespaces of a cluster with a node.
#[derive(Debug)]
pub struct Sandbox {
    folder: PathBuf,
}

/// Runs `inside` in new namespaces, by starting this program again with the same arguments. Call it first, while the
/// program has one thread.
///
/// # Errors
///
/// If the machine lacks a requirement, the namespaces cannot be created, or `inside` fails.
pub fn sandboxed(inside: impl FnOnce(&Sandbox) -> Result<()>) -> Result<ExitCode> {
    match (env::var(ROLE).as_deref(), env::var_os(FOLDER).map(PathBuf::from)) {
        (Ok(INSIDE), Some(folder)) => inside(&Sandbox::prepare(folder)?).map(|()| ExitCode::SUCCESS),
        (Ok(KEEPER), Some(folder)) => keep(&folder),
        _ => start(),
    }
}

/// Runs in the process that the user has started: waits for the keeper and ends it on Ctrl-C.
fn start() -> Result<ExitCode> {
    requirements::check()?;
    // The namespaces have no network for downloads.
    Assets::locate()?.provide_node()?;
    for path in [env::temp_dir(), cache_folder()?, env::current_exe()?] {
        let hidden = PRIVATE_FOLDERS.iter().any(|folder| path.starts_with(folder));
        ensure!(!hidden, "{} cannot be used: the node hides the contents of {PRIVATE_FOLDERS:?}", path.display());
    }
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?.keep();
    let mut keeper = again(KEEPER, &folder)?
        .stdin(Stdio::piped())
        // Its own process group: Ctrl-C in a terminal reaches only this process, which then ends the keeper in order.
        .process_group(0)
        .spawn()
        .context("cannot start the keeper of the node")?;
    let pipe = Arc::new(Mutex::new(keeper.stdin.take()));
    ctrlc::set_handler(move || {
        eprintln!("\nstopping the node ...");
        drop(pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
    })?;
    let status = keeper.wait()?;
    if folder.exists() {
        // The keeper was killed.
        clean(&folder)?;
    }
    Ok(exit_code(status))
}

/// Runs the program inside of the namespaces and cleans up after it.
fn keep(folder: &Path) -> Result<ExitCode> {
    let (starter, starter_gone) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        // Nobody writes to this pipe. It closes when the starter ends.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(starter);
    });
    let result = run_inside(folder, &starter_gone);
    let cleaned = clean(folder);
    let status = result?;
    cleaned?;
    Ok(exit_code(status))
}

fn run_inside(folder: &Path, starter_gone: &mpsc::Receiver<()>) -> Result<ExitStatus> {
    // Create the lock before it gets its name: another keeper removes a folder whose lock is free.
    let made = folder.join("making-lock");
    let lock = File::create(&made)?;
    lock.lock().context("cannot lock the folder of the node")?;
    fs::rename(made, folder.join(LOCK))?;
    clean_stale(folder.parent().context("the folder of the node has no parent")?)?;
    for hierarchy in cgroup_hierarchies()? {
        let cgroup = hierarchy.join(cgroup_name(folder)?);
        fs::create_dir(&cgroup).with_context(|| format!("cannot create the cgroup {}", cgroup.display()))?;
    }
    let program = again(INSIDE, folder)?;
    let mut namespaces = Command::new("setpriv")
        // If the keeper is killed, the kernel kills this process and with it the namespaces.
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        // The first process of a process namespace inherits all orphans. A shell reaps them.
        .args(["sh", "-c", r#""$@"; exit "$?""#, "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .spawn()
        .context("cannot run setpriv")?;
    fs::write(folder.join(PID), namespaces.id().to_string())?;
    loop {
        if let Some(status) = namespaces.try_wait()? {
            return Ok(status);
        }
        if starter_gone.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Disconnected) {
            namespaces.kill()?;
            return Ok(namespaces.wait()?);
        }
    }
}

/// Returns a command that runs this program with the same arguments in another role.
fn again(role: &str, folder: &Path) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1)).env(ROLE, role).env(FOLDER, folder);
    Ok(command)
}

fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Removes the cgroups and the folder once the kernel has ended the processes in them.
fn clean(folder: &Path) -> Result<()> {
    let name = cgroup_name(folder)?;
    let cgroups: Vec<PathBuf> = cgroup_hierarchies()?.into_iter().map(|hierarchy| hierarchy.join(&name)).collect();
    until_done(|| cgroups.iter().try_for_each(|cgroup| remove_cgroup(cgroup)))
        .context("cannot remove the cgroups of the node")?;
    until_done(|| fs::remove_dir_all(folder)).with_context(|| format!("cannot remove {}", folder.display()))
}

fn until_done(mut attempt: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) if started.elapsed() < CLEANING_LIMIT => std::thread::sleep(Duration::from_millis(50)),
            result => return result,
        }
    }
}

/// Returns the mount points of cgroups: one with version 2, one for each controller with version 1.
fn cgroup_hierarchies() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    let hierarchies: Vec<PathBuf> = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let path = fields.next()?;
            matches!(fields.next()?, "cgroup" | "cgroup2").then(|| path.into())
        })
        .collect();
    ensure!(!hierarchies.is_empty(), "no cgroups are mounted");
    Ok(hierarchies)
}

fn cgroup_name(folder: &Path) -> Result<String> {
    let name = folder.file_name().and_then(|name| name.to_str());
    Ok(name.with_context(|| format!("{} is not the folder of a node", folder.display()))?.to_owned())
}

fn remove_cgroup(cgroup: &Path) -> io::Result<()> {
    if !cgroup.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(cgroup)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_cgroup(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
}

/// Cleans up after keepers that were killed together with their starters: the locks of their folders are free.
fn clean_stale(folders: &Path) -> Result<()> {
    for entry in fs::read_dir(folders)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX)
            && File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
        {
            clean(&entry.path())?;
        }
    }
    Ok(())
}

impl Sandbox {
    /// Sets up the private folders and the network. Runs inside of the namespaces.
    fn prepare(folder: PathBuf) -> Result<Self> {
        let sandbox = Self { folder };
        for target in PRIVATE_FOLDERS {
            let source = sandbox.folder.join(target.trim_start_matches('/'));
            fs::create_dir_all(&source)?;
            bind(&source, Path::new(target))?;
        }
        let settings = sandbox.folder.join("machine-settings");
        fs::create_dir(&settings)?;
        for (name, value) in MACHINE_SETTINGS {
            let source = settings.join(name.replace('/', "."));
            fs::write(&source, format!("{value}\n"))?;
            bind(&source, &Path::new("/proc/sys").join(name))?;
        }
        network::prepare()?;
        Ok(sandbox)
    }

    /// Returns the folder of the node, which is removed when the node ends.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path of a file with the id of the process that holds the namespaces, as seen from outside.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.folder.join(PID)
    }

    /// Returns the cgroup of the node in the form that the kubelet expects.
    pub(super) fn cgroup(&self) -> Result<String> {
        Ok(format!("/{}", cgroup_name(&self.folder)?))
    }
}

fn bind(source: &Path, target: &Path) -> Result<()> {
    let mut mount = Command::new("mount");
    output(mount.arg("--bind").arg(source).arg(target)).map(drop)
}

//! Downloads the official binaries of a control plane and checks them against the SHA-256 sums of this repository.
//!
//! curl transfers the files: it uses the certificates and the proxy of the machine. Nothing is downloaded unless the user
//! asks for it by `BINARIES=download`.

use std::fs::{self, File};
use std::io::{ErrorKind, IsTerminal, Read, Write, stderr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::Tool;
use super::go_module::ControlPlaneVersions;
use super::sums::{self, Sums};

/// The pinned sums, relative to the root of the repository.
const SUMS: &str = "tests/control-plane/binaries.sha256";

/// The comment at the top of the pinned sums.
const COMMENT: &str = "\
SHA-256 sums of the official binaries of the control plane, as sha256sum writes them. `BINARIES=download` accepts no other
file. Names are paths below https://dl.k8s.io/release and https://github.com/etcd-io/etcd/releases/download.
`make pin-binaries` writes this file for the versions in go.mod. Run it after each change of these versions.";

/// The platforms with pinned sums.
const PLATFORMS: [Platform; 4] = [
    Platform { os: "linux", architecture: "amd64" },
    Platform { os: "linux", architecture: "arm64" },
    Platform { os: "darwin", architecture: "amd64" },
    Platform { os: "darwin", architecture: "arm64" },
];

/// The largest text file that lists published sums, in bytes.
const TEXT_LIMIT: u64 = 1 << 20;

/// The release sites, as URLs without a slash at the end.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    pub(super) kubernetes: String,
    pub(super) etcd: String,
}

/// The bounds of one transfer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The largest file, in bytes.
    pub(super) size: u64,
    /// The time until the transfer must be complete; whole seconds.
    pub(super) total: Duration,
    /// The time after which a transfer without any data ends; whole seconds.
    pub(super) silence: Duration,
}

/// An operating system and a processor architecture, as the release sites name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) os: &'static str,
    pub(super) architecture: &'static str,
}

impl Platform {
    /// Returns the platform of this machine, or `None` if it has no pinned sums.
    pub(super) fn current() -> Option<Self> {
        let os = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        PLATFORMS.into_iter().find(|platform| platform.os == os && platform.architecture == architecture)
    }
}

/// A published file that is a program or contains one.
#[derive(Clone, Debug)]
struct Artifact {
    /// The path below the release site, which is also its name in the pinned sums.
    path: String,
    url: String,
    /// The URL of the file with the published sum.
    published: String,
    /// The path of the program in the archive, if the file is one.
    member: Option<String>,
}

/// Downloads the programs of the pinned versions.
#[derive(Clone, Debug)]
pub(super) struct Downloads {
    versions: ControlPlaneVersions,
    sites: Sites,
    limits: Limits,
    sums: PathBuf,
}

impl Downloads {
    /// Returns the downloads from the official release sites.
    pub(super) fn official(versions: ControlPlaneVersions) -> Self {
        Self {
            versions,
            sites: Sites {
                kubernetes: "https://dl.k8s.io/release".to_owned(),
                etcd: "https://github.com/etcd-io/etcd/releases/download".to_owned(),
            },
            limits: Limits { size: 400 << 20, total: Duration::from_mins(15), silence: Duration::from_secs(30) },
            sums: Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(SUMS),
        }
    }

    /// Returns true if the release sites publish a program for a platform.
    pub(super) fn publishes(&self, tool: Tool, platform: Platform) -> bool {
        self.artifact(tool, platform).is_some()
    }

    /// Downloads a program for a platform and writes it to `path`, which it replaces at once and only if the sum is right.
    /// Writes progress messages to standard error.
    ///
    /// # Errors
    ///
    /// If the file has no pinned sum or another sum, exceeds a limit, cannot be transferred, or if curl is missing.
    pub(super) fn fetch(&self, tool: Tool, platform: Platform, path: &Path) -> Result<()> {
        let name = tool.name();
        let Platform { os, architecture } = platform;
        let artifact = self.artifact(tool, platform).with_context(|| format!("{name} is not published for {os}"))?;
        let sums = self.pinned()?;
        let Some(expected) = sums.get(&artifact.path) else {
            bail!(
                "{SUMS} has no sum for {}. Run `make pin-binaries` and commit the file, or build {name} with Go: \
                 leave out BINARIES=download",
                artifact.path
            );
        };
        eprintln!("downloading {} ...", artifact.url);
        let started = Instant::now();
        // The caller holds the lock of the cache: a folder that exists is left over from a run that was killed.
        let folder = path.with_extension("download");
        remove(&folder)?;
        fs::create_dir_all(&folder)?;
        let fetched = self.fetch_into(&folder, &artifact, expected).and_then(|program| {
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
            Ok(fs::rename(&program, path)?)
        });
        remove(&folder)?;
        fetched?;
        eprintln!("downloaded {name} ({os}/{architecture}) in {} s", started.elapsed().as_secs());
        Ok(())
    }

    /// Downloads a file into an empty folder and returns the path of the program in this folder.
    fn fetch_into(&self, folder: &Path, artifact: &Artifact, expected: &str) -> Result<PathBuf> {
        let file = folder.join("file");
        let sum = self.transfer(&artifact.url, self.limits.size, &mut File::create(&file)?)?;
        ensure!(
            sum == expected,
            "{} has the SHA-256 sum {sum}, but {SUMS} says {expected}. The file was removed",
            artifact.url
        );
        match &artifact.member {
            Some(member) => unpack(&file, member, folder),
            None => Ok(file),
        }
    }

    /// Downloads every published program of the pinned versions, compares it with the sum on the release site, and writes
    /// all sums to the file of pinned sums.
    ///
    /// # Errors
    ///
    /// If a transfer fails, or a file differs from its published sum. The file of pinned sums then stays as it is.
    pub(super) fn pin(&self) -> Result<()> {
        let mut pinned = Sums::new();
        for platform in PLATFORMS {
            for artifact in Tool::CONTROL_PLANE.into_iter().filter_map(|tool| self.artifact(tool, platform)) {
                eprintln!("downloading {} ...", artifact.url);
                let sum = self.transfer(&artifact.url, self.limits.size, &mut std::io::sink())?;
                let published = self.published(&artifact)?;
                ensure!(
                    sum == published,
                    "{} has the sum {sum}, but {} says {published}",
                    artifact.url,
                    artifact.published
                );
                pinned.insert(artifact.path, sum);
            }
        }
        fs::write(&self.sums, sums::render(COMMENT, &pinned))?;
        eprintln!("wrote {} sums to {SUMS}", pinned.len());
        Ok(())
    }

    fn artifact(&self, tool: Tool, platform: Platform) -> Option<Artifact> {
        let Platform { os, architecture } = platform;
        let ControlPlaneVersions { kubernetes, etcd } = &self.versions;
        match tool {
            Tool::Etcd => {
                let folder = format!("etcd-v{etcd}-{os}-{architecture}");
                let path = format!("v{etcd}/{folder}.{}", if os == "darwin" { "zip" } else { "tar.gz" });
                let site = &self.sites.etcd;
                Some(Artifact {
                    url: format!("{site}/{path}"),
                    published: format!("{site}/v{etcd}/SHA256SUMS"),
                    member: Some(format!("{folder}/etcd")),
                    path,
                })
            }
            // For other systems than Linux, Kubernetes publishes clients only.
            Tool::KubeApiserver | Tool::KubeControllerManager if os != "linux" => None,
            Tool::KubeApiserver | Tool::KubeControllerManager | Tool::Kubectl => {
                let path = format!("v{kubernetes}/bin/{os}/{architecture}/{}", tool.name());
                let url = format!("{}/{path}", self.sites.kubernetes);
                Some(Artifact { published: format!("{url}.sha256"), member: None, path, url })
            }
            _ => None,
        }
    }

    fn pinned(&self) -> Result<Sums> {
        let text = fs::read_to_string(&self.sums).with_context(|| format!("cannot read {}", self.sums.display()))?;
        sums::parse(&text).with_context(|| self.sums.display().to_string())
    }

    /// Returns the sum on the release site: a file of one sum, or a list of sums by file name.
    fn published(&self, artifact: &Artifact) -> Result<String> {
        let mut text = Vec::new();
        self.transfer(&artifact.published, TEXT_LIMIT, &mut text)?;
        let text = String::from_utf8(text).with_context(|| artifact.published.clone())?;
        if artifact.member.is_none() {
            return sums::checked(text.trim()).with_context(|| artifact.published.clone());
        }
        let file = artifact.path.rsplit('/').next().unwrap_or_default();
        let found = sums::parse(&text).with_context(|| artifact.published.clone())?.remove(file);
        found.with_context(|| format!("{} does not list {file}", artifact.published))
    }

    /// Transfers a file to `target` and returns its SHA-256 sum in hexadecimal.
    fn transfer(&self, url: &str, limit: u64, target: &mut dyn Write) -> Result<String> {
        let mut curl = Curl(self.curl(url)?);
        let mut output = curl.0.stdout.take().context("curl has no output")?;
        let mut progress = Progress::new();
        let (mut hasher, mut size) = (Sha256::new(), 0);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("cannot read from curl"),
            };
            size += count as u64;
            ensure!(size <= limit, "{url} is larger than {limit} bytes");
            hasher.update(&buffer[..count]);
            target.write_all(&buffer[..count])?;
            progress.show(size);
        }
        progress.end();
        let mut reason = String::new();
        if let Some(mut errors) = curl.0.stderr.take() {
            errors.read_to_string(&mut reason)?;
        }
        let status = curl.0.wait()?;
        ensure!(status.success(), "cannot download {url}: {}", reason.trim());
        target.flush()?;
        Ok(hexadecimal(&hasher.finalize()))
    }

    fn curl(&self, url: &str) -> Result<Child> {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme).with_context(|| format!("{url} is not a URL"))?;
        let seconds = |time: Duration| time.as_secs().to_string();
        let child = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--location", "--max-redirs", "5"])
            // Redirects lead to other hosts, but not from https to http.
            .args(["--proto", &format!("={scheme}"), "--noproxy", "127.0.0.1"])
            .args(["--connect-timeout", &seconds(self.limits.silence), "--max-time", &seconds(self.limits.total)])
            // A transfer of less than one byte a second on average.
            .args(["--speed-limit", "1", "--speed-time", &seconds(self.limits.silence)])
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("curl is not on PATH. Install curl, or build with Go: leave out BINARIES=download")
            }
            child => child.context("cannot run curl"),
        }
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// A running curl. Dropping it ends curl.
struct Curl(Child);

impl Drop for Curl {
    fn drop(&mut self) {
        // Both fail if curl has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Extracts one file of an archive into `folder` and returns its path.
fn unpack(archive: &Path, member: &str, folder: &Path) -> Result<PathBuf> {
    // tar detects the format. The tar of macOS also reads zip files.
    let output = Command::new("tar")
        .arg("-xf")
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .arg(member)
        .output()
        .context("cannot run tar")?;
    ensure!(output.status.success(), "cannot unpack {member}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(folder.join(member))
}

/// Shows the transferred size on a terminal, once a second.
struct Progress {
    shown: Instant,
    is_terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Self { shown: Instant::now(), is_terminal: stderr().is_terminal() }
    }

    fn show(&mut self, size: u64) {
        if self.is_terminal && self.shown.elapsed() > Duration::from_secs(1) {
            self.shown = Instant::now();
            eprint!("\r{:>5} MiB", size >> 20);
        }
    }

    fn end(&self) {
        if self.is_terminal {
            eprint!("\r          \r");
        }
    }
}

#[cfg(test)]
mod tests;

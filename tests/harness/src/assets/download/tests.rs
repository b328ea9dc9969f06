#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;
use crate::assets::cached;

const LINUX: Platform = PLATFORMS[0];
const DARWIN: Platform = PLATFORMS[3];

/// The response of the release site to a path.
#[derive(Clone)]
enum Response {
    /// Sends the complete file.
    File(Vec<u8>),
    /// Announces the size of the file, sends half of it, and closes the connection.
    Truncated(Vec<u8>),
    /// Sends half of the file without an announced size, and closes the connection.
    TruncatedUnnoticed(Vec<u8>),
    /// Redirects to another URL.
    Redirect(String),
    /// Sends nothing and keeps the connection open.
    Silence,
    /// Announces the size of the file, sends half of it, and keeps the connection open.
    Stall(Vec<u8>),
    /// Sends data without an end.
    Endless,
}

/// A release site on loopback. Every path without a response is a 404.
struct Site {
    address: String,
    responses: Arc<Mutex<Vec<(String, Response)>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (responses, requests) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let site = Self { address, responses: Arc::clone(&responses), requests: Arc::clone(&requests) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (responses, requests) = (Arc::clone(&responses), Arc::clone(&requests));
                std::thread::spawn(move || serve(stream, &responses, &requests));
            }
        });
        site
    }

    fn respond(&self, path: &str, response: Response) {
        self.responses.lock().unwrap().insert(0, (format!("/{path}"), response));
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Responses one request. Writes fail if curl has ended, which tests expect.
fn serve(mut stream: TcpStream, responses: &Mutex<Vec<(String, Response)>>, requests: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    let path = request.split_whitespace().nth(1).unwrap().to_owned();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    requests.lock().unwrap().push(path.clone());
    let response =
        responses.lock().unwrap().iter().find(|(known, _)| *known == path).map(|(_, response)| response.clone());
    let sized = |size: usize| format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n");
    let unsized_head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let head = match &response {
        None => "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Some(Response::File(file) | Response::Truncated(file) | Response::Stall(file)) => sized(file.len()),
        Some(Response::TruncatedUnnoticed(_) | Response::Endless) => unsized_head.to_owned(),
        Some(Response::Redirect(url)) => {
            format!("HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n")
        }
        Some(Response::Silence) => String::new(),
    };
    let _ = stream.write_all(head.as_bytes());
    match response {
        Some(Response::File(file)) => drop(stream.write_all(&file)),
        Some(Response::Truncated(file) | Response::TruncatedUnnoticed(file)) => {
            drop(stream.write_all(&file[..file.len() / 2]));
        }
        Some(Response::Stall(file)) => {
            drop(stream.write_all(&file[..file.len() / 2]));
            wait_for_the_client(stream);
        }
        Some(Response::Silence) => wait_for_the_client(stream),
        Some(Response::Endless) => while stream.write_all(&[7; 4096]).is_ok() {},
        Some(Response::Redirect(_)) | None => {}
    }
}

fn wait_for_the_client(mut stream: TcpStream) {
    let _ = stream.read(&mut [0]);
}

/// A site, downloads from it, and a cache.
struct Setup {
    site: Site,
    downloads: Downloads,
    cache: tempfile::TempDir,
}

const KUBECTL: &str = "v1.2.3/bin/linux/amd64/kubectl";

impl Setup {
    fn new() -> Self {
        let (site, cache) = (Site::start(), tempfile::tempdir().unwrap());
        let downloads = Downloads {
            versions: ControlPlaneVersions { kubernetes: "1.2.3".to_owned(), etcd: "3.2.1".to_owned() },
            sites: Sites { kubernetes: site.address.clone(), etcd: format!("{}/etcd", site.address) },
            limits: Limits { size: 100_000, total: Duration::from_mins(2), silence: Duration::from_mins(1) },
            sums: cache.path().join("binaries.sha256"),
        };
        fs::write(&downloads.sums, "").unwrap();
        Self { site, downloads, cache }
    }

    /// The same with a kubectl on the site, whose sum is pinned.
    fn with_kubectl(response: impl FnOnce(Vec<u8>) -> Response) -> Self {
        let setup = Self::new();
        setup.pin(KUBECTL, &program());
        setup.site.respond(KUBECTL, response(program()));
        setup
    }

    fn pin(&self, name: &str, file: &[u8]) {
        let mut sums = self.downloads.pinned().unwrap();
        sums.insert(name.to_owned(), sum(file));
        fs::write(&self.downloads.sums, sums::render("", &sums)).unwrap();
    }

    fn provide(&self, tool: Tool) -> Result<PathBuf> {
        cached(&self.folder(), tool, |path| self.downloads.fetch(tool, LINUX, path))
    }

    fn folder(&self) -> PathBuf {
        self.cache.path().join("programs")
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Expects a refusal after which the cache has no program.
    fn expect_refusal(&self, reason: &str) {
        let error = format!("{:#}", self.provide(Tool::Kubectl).unwrap_err());
        assert!(error.contains(reason), "another reason was expected: {error}");
        assert_eq!(self.files(), ["lock"]);
    }
}

fn program() -> Vec<u8> {
    (0..50_000_u32).map(|number| (number % 251) as u8).collect()
}

fn sum(file: &[u8]) -> String {
    hexadecimal(&Sha256::digest(file))
}

/// An archive in the form of the etcd releases.
fn etcd_archive(etcd: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("etcd-v3.2.1-linux-amd64");
    fs::create_dir(&release).unwrap();
    fs::write(release.join("etcd"), etcd).unwrap();
    fs::write(release.join("README.md"), "etcd").unwrap();
    let archive = folder.path().join("etcd.tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(folder.path()).arg("etcd-v3.2.1-linux-amd64");
    assert!(tar.status().unwrap().success());
    fs::read(archive).unwrap()
}

#[test]
fn a_file_with_the_pinned_sum_becomes_an_executable_in_the_cache() {
    let setup = Setup::with_kubectl(Response::File);
    let path = setup.provide(Tool::Kubectl).unwrap();
    assert_eq!(fs::read(&path).unwrap(), program());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(setup.files(), ["kubectl", "lock"]);
    // The second call uses the cache.
    assert_eq!(setup.provide(Tool::Kubectl).unwrap(), path);
    assert_eq!(setup.site.requests(), [format!("/{KUBECTL}")]);
}

#[test]
fn sums_are_written_as_sha256sum_does() {
    assert_eq!(sum(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn etcd_is_unpacked_from_its_archive() {
    let (setup, archive) = (Setup::new(), etcd_archive(b"the server"));
    let name = "v3.2.1/etcd-v3.2.1-linux-amd64.tar.gz";
    setup.pin(name, &archive);
    setup.site.respond(&format!("etcd/{name}"), Response::File(archive));
    assert_eq!(fs::read(setup.provide(Tool::Etcd).unwrap()).unwrap(), b"the server");
    assert_eq!(setup.files(), ["etcd", "lock"]);
}

#[test]
fn a_file_with_another_sum_is_refused() {
    let setup = Setup::with_kubectl(|mut file| {
        file[40_000] += 1;
        Response::File(file)
    });
    setup.expect_refusal(&format!("says {}", sum(&program())));
}

#[test]
fn a_truncated_file_is_refused() {
    Setup::with_kubectl(Response::Truncated).expect_refusal("cannot download");
}

#[test]
fn a_truncated_file_without_an_announced_size_is_refused() {
    Setup::with_kubectl(Response::TruncatedUnnoticed).expect_refusal("has the SHA-256 sum");
}

#[test]
fn a_server_that_sends_nothing_is_given_up() {
    let silent: [fn(Vec<u8>) -> Response; 2] = [|_| Response::Silence, Response::Stall];
    for response in silent {
        let mut setup = Setup::with_kubectl(response);
        setup.downloads.limits.silence = Duration::from_secs(1);
        let started = Instant::now();
        setup.expect_refusal("cannot download");
        assert!(started.elapsed() < Duration::from_secs(30), "after {:?}", started.elapsed());
    }
}

#[test]
fn a_transfer_that_takes_too_long_is_given_up() {
    let mut setup = Setup::with_kubectl(Response::Stall);
    setup.downloads.limits.total = Duration::from_secs(1);
    setup.expect_refusal("cannot download");
}

#[test]
fn a_file_without_an_end_is_refused() {
    Setup::with_kubectl(|_| Response::Endless).expect_refusal("is larger than 100000 bytes");
}

#[test]
fn a_missing_file_is_an_error() {
    let setup = Setup::new();
    setup.pin(KUBECTL, &program());
    setup.expect_refusal("404");
}

#[test]
fn redirects_are_followed_and_the_sum_still_counts() {
    let setup = Setup::with_kubectl(|_| Response::Redirect("/elsewhere".to_owned()));
    setup.site.respond("elsewhere", Response::File(b"something else".to_vec()));
    setup.expect_refusal("has the SHA-256 sum");
    setup.site.respond("elsewhere", Response::File(program()));
    assert_eq!(fs::read(setup.provide(Tool::Kubectl).unwrap()).unwrap(), program());
}

#[test]
fn redirects_without_an_end_and_to_other_protocols_are_refused() {
    let endless = Setup::with_kubectl(|_| Response::Redirect(format!("/{KUBECTL}")));
    endless.expect_refusal("cannot download");
    assert_eq!(endless.site.requests().len(), 6);
    Setup::with_kubectl(|_| Response::Redirect("file:///etc/passwd".to_owned())).expect_refusal("cannot download");
}

#[test]
fn what_a_killed_run_left_is_replaced() {
    let setup = Setup::with_kubectl(Response::File);
    let left = setup.folder().join("kubectl.download");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("file"), "half").unwrap();
    assert_eq!(fs::read(setup.provide(Tool::Kubectl).unwrap()).unwrap(), program());
    assert_eq!(setup.files(), ["kubectl", "lock"]);
}

#[test]
fn without_a_pinned_sum_nothing_is_downloaded() {
    let setup = Setup::new();
    setup.pin("v1.2.2/bin/linux/amd64/kubectl", &program());
    setup.site.respond(KUBECTL, Response::File(program()));
    setup.expect_refusal("no sum for v1.2.3/bin/linux/amd64/kubectl. Run `make pin-binaries`");
    assert!(setup.site.requests().is_empty());
}

#[test]
fn a_damaged_file_of_sums_is_refused_with_its_line() {
    let setup = Setup::with_kubectl(Response::File);
    for (text, reason) in [
        ("# one\n12ab  v1", "line 2: \"12ab\" is not a SHA-256 sum"),
        ("12ab", "line 1 has no file name"),
        (&format!("{0}  v1\n{0}  v1", sum(b"")), "line 2: v1 has two sums"),
    ] {
        fs::write(&setup.downloads.sums, text).unwrap();
        setup.expect_refusal(reason);
    }
}

#[test]
fn servers_are_published_for_linux_and_clients_for_all_platforms() {
    let downloads = Setup::new().downloads;
    let published = |platform| -> Vec<Tool> {
        Tool::CONTROL_PLANE.into_iter().filter(|tool| downloads.publishes(*tool, platform)).collect()
    };
    assert_eq!(published(LINUX), Tool::CONTROL_PLANE);
    assert_eq!(published(DARWIN), [Tool::Etcd, Tool::Kubectl]);
    assert!(!downloads.publishes(Tool::Helm, LINUX));
}

/// Puts all programs of all platforms on the site, with their published sums.
fn publish_all(setup: &Setup) {
    let mut etcd = Sums::new();
    for platform in PLATFORMS {
        let artifacts = Tool::CONTROL_PLANE.into_iter().filter_map(|tool| setup.downloads.artifact(tool, platform));
        for artifact in artifacts {
            let file = artifact.path.as_bytes().to_vec();
            let path = |url: &str| url.strip_prefix(&setup.site.address).unwrap().trim_start_matches('/').to_owned();
            if artifact.member.is_some() {
                etcd.insert(artifact.path.rsplit('/').next().unwrap().to_owned(), sum(&file));
            } else {
                setup.site.respond(&path(&artifact.published), Response::File(sum(&file).into_bytes()));
            }
            setup.site.respond(&path(&artifact.url), Response::File(file));
        }
    }
    setup.site.respond("etcd/v3.2.1/SHA256SUMS", Response::File(sums::render("", &etcd).into_bytes()));
}

#[test]
fn pinning_writes_the_sums_of_all_platforms() {
    let setup = Setup::new();
    publish_all(&setup);
    setup.downloads.pin().unwrap();
    let pinned = setup.downloads.pinned().unwrap();
    assert_eq!(pinned.len(), 12);
    assert!(pinned.iter().all(|(path, pinned)| *pinned == sum(path.as_bytes())));
    assert_eq!(fs::read(setup.provide(Tool::Kubectl).unwrap()).unwrap(), KUBECTL.as_bytes());
}

#[test]
fn pinning_refuses_a_file_that_differs_from_its_published_sum() {
    let setup = Setup::new();
    publish_all(&setup);
    setup.site.respond("v1.2.3/bin/darwin/arm64/kubectl", Response::File(b"other".to_vec()));
    let before = fs::read_to_string(&setup.downloads.sums).unwrap();
    let error = format!("{:#}", setup.downloads.pin().unwrap_err());
    assert!(error.contains("darwin/arm64/kubectl has the sum"), "{error}");
    assert_eq!(fs::read_to_string(&setup.downloads.sums).unwrap(), before);
}

#[test]
fn the_pinned_sums_of_this_repository_are_valid() {
    let versions = ControlPlaneVersions::read().unwrap();
    Downloads::official(versions).pinned().unwrap();
}

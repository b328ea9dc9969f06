//! Leader election by a Lease: of several replicas, all watch and one writes.

mod candidate;
mod leadership;

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::api_call::{CallError, ErrorClass, call, root_cause};
use candidate::{Candidate, Claim, RELEASED, RENEW_DEADLINE, RETRY, Step};
use leadership::LeadershipSender;

pub(super) use candidate::LEASE;
pub(super) use leadership::Leadership;

/// Time limit of one request. A leader whose renewal gets no response has time for a second attempt.
const TIMEOUT: Duration = Duration::from_millis(2500);
const _: () = assert!(2 * (RETRY.as_millis() + TIMEOUT.as_millis()) < RENEW_DEADLINE.as_millis());
/// Time limit of the release. Without a release, the next leader waits until the Lease expires.
const RELEASE_TIMEOUT: Duration = Duration::from_millis(750);

/// Name of the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name within the namespace.
    pub name: String,
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Participation of this process in the leader election.
#[derive(Clone)]
pub struct Candidacy {
    /// Client without retries and with connections of its own, so that a slow list does not cost the Lease.
    pub client: Client,
    /// Lease of the replicas.
    pub lease: LeaseName,
    /// Identity of this process. No other process, earlier or later, can have the same.
    pub identity: String,
}

/// Running election. It releases the Lease when it ends.
#[derive(Debug)]
pub(super) struct Election {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Election {
    /// Starts the election. This replica takes part after [`Leadership::want`].
    pub(super) fn start(Candidacy { client, lease, identity }: Candidacy) -> (Self, Leadership) {
        let (sender, leadership) = LeadershipSender::new();
        let elector = Elector {
            leases: Api::namespaced(client, &lease.namespace),
            shown: lease.to_string(),
            name: lease.name,
            candidate: Candidate::new(identity),
            sender,
            known: None,
            problem: None,
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(elector.run(stop.clone()));
        (Self { stop, task }, leadership)
    }

    /// Waits for an end without a request, which only a defect can cause.
    pub(super) async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            warn!(%error, "the leader election ended abnormally");
        }
    }

    /// Stops the election after the last write, and releases the Lease.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        if !self.task.is_finished() {
            self.ended().await;
        }
    }
}

struct Elector {
    leases: Api<Lease>,
    name: String,
    /// Name of the Lease in messages.
    shown: String,
    candidate: Candidate,
    sender: LeadershipSender,
    /// Lease as it was last read or written. Fields of other writers are kept.
    known: Option<Lease>,
    /// Last logged problem.
    problem: Option<String>,
}

impl Elector {
    async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.sender.wanted() => {}
        }
        info!(lease = %self.shown, identity = self.candidate.identity(), "taking part in the leader election");
        loop {
            let ended = {
                let mut attempt = pin!(self.attempt());
                tokio::select! {
                    result = &mut attempt => Some(result),
                    // A write without a response can have succeeded, and only a known Lease can be released: wait for it.
                    () = stop.cancelled() => tokio::time::timeout(RELEASE_TIMEOUT, attempt).await.ok(),
                }
            };
            if let Some(result) = ended {
                self.log(result);
            }
            self.sender.set(self.candidate.leads_until());
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
        self.sender.set(None);
        self.release().await;
    }

    /// Logs a problem if it differs from the last one.
    fn log(&mut self, result: Result<(), String>) {
        let problem = result.err();
        if problem != self.problem {
            if let Some(error) = &problem {
                warn!(lease = %self.shown, error, "cannot take part in the leader election, trying again");
            } else {
                info!(lease = %self.shown, "taking part in the leader election again");
            }
        }
        self.problem = problem;
    }

    /// Renews the Lease, or acquires it if no other replica holds it. After a conflict the next attempt reads it again.
    async fn attempt(&mut self) -> Result<(), String> {
        // The leader knows the Lease and does not read it first. If it has changed, the write ends with a conflict.
        let is_ours = self.candidate.leads_until().is_some_and(|until| Instant::now() < until);
        if let Some(known) = self.known.clone().filter(|_| is_ours) {
            let transitions = claim(&known).transitions;
            if self.write(Some(known), transitions).await? {
                return Ok(());
            }
        }
        let read = call(TIMEOUT, self.leases.get_opt(&self.name)).await.map_err(|error| explain(&error, "get"))?;
        self.known.clone_from(&read);
        let step = self.candidate.look(read.as_ref().map(claim), Instant::now());
        debug!(lease = %self.shown, ?step, "read the Lease");
        match step {
            Step::Wait if read.is_none() => {
                Err("the Lease is missing; it is created again after 15 s, when no other replica can still write"
                    .to_owned())
            }
            Step::Wait => Ok(()),
            Step::Create => self.write(None, 0).await.map(drop),
            Step::Take(transitions) | Step::Renew(transitions) => self.write(read, transitions).await.map(drop),
        }
    }

    /// Writes this replica as the holder. Returns false if the Lease has changed meanwhile.
    async fn write(&mut self, known: Option<Lease>, transitions: i32) -> Result<bool, String> {
        let begun = Instant::now();
        let held_before = known.as_ref().filter(|lease| claim(lease).holder == self.candidate.identity());
        let acquired = held_before.and_then(|lease| lease.spec.as_ref()?.acquire_time.clone());
        let now = MicroTime(Timestamp::now());
        let spec = LeaseSpec {
            holder_identity: Some(self.candidate.identity().to_owned()),
            lease_duration_seconds: Some(seconds(LEASE)),
            acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..known.as_ref().and_then(|lease| lease.spec.clone()).unwrap_or_default()
        };
        let parameters = PostParams::default();
        let (verb, written) = if let Some(known) = known {
            let lease = Lease { spec: Some(spec), ..known };
            ("update", call(TIMEOUT, self.leases.replace(&self.name, &parameters, &lease)).await)
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            ("create", call(TIMEOUT, self.leases.create(&parameters, &Lease { metadata, spec: Some(spec) })).await)
        };
        match written {
            Ok(lease) => {
                self.candidate.wrote(claim(&lease), begun);
                self.known = Some(lease);
                Ok(true)
            }
            Err(error) => match (error.class(), verb) {
                // Another writer has changed, created or deleted it. A 404 for a create means that the namespace is missing.
                (ErrorClass::Conflict, _) | (ErrorClass::NotFound, "update") => {
                    self.known = None;
                    Ok(false)
                }
                _ => Err(explain(&error, verb)),
            },
        }
    }

    /// Releases the Lease if this replica holds it, so that another can acquire it at once.
    async fn release(mut self) {
        match tokio::time::timeout(RELEASE_TIMEOUT, self.clear_holder()).await {
            Ok(Ok(true)) => info!(lease = %self.shown, "released the Lease"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => warn!(lease = %self.shown, error = root_cause(&error), "cannot release the Lease"),
            Err(_) => warn!(lease = %self.shown, "cannot release the Lease: the API server does not respond"),
        }
    }

    /// Removes this replica as the holder. Returns false if it did not hold the Lease.
    async fn clear_holder(&mut self) -> kube::Result<bool> {
        let mut known = self.known.take();
        loop {
            let Some(lease) = known.filter(|lease| claim(lease).holder == self.candidate.identity()) else {
                return Ok(false);
            };
            let spec = LeaseSpec {
                holder_identity: Some(String::new()),
                lease_duration_seconds: Some(seconds(RELEASED)),
                renew_time: Some(MicroTime(Timestamp::now())),
                ..lease.spec.clone().unwrap_or_default()
            };
            match self.leases.replace(&self.name, &PostParams::default(), &Lease { spec: Some(spec), ..lease }).await {
                Ok(_) => return Ok(true),
                Err(error) => match ErrorClass::of(&error) {
                    // Another writer has changed it.
                    ErrorClass::Conflict => known = self.leases.get_opt(&self.name).await?,
                    // It was deleted, as by an uninstall.
                    ErrorClass::NotFound => return Ok(false),
                    _ => return Err(error),
                },
            }
        }
    }
}

/// Returns the fields of a Lease that decide the election.
fn claim(lease: &Lease) -> Claim {
    let spec = lease.spec.clone().unwrap_or_default();
    let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Claim {
        holder: spec.holder_identity.unwrap_or_default(),
        duration: duration.map_or(LEASE, Duration::from_secs),
        renewed: spec.renew_time.map(|time| time.0.to_string()).unwrap_or_default(),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

/// Returns the problem and its remedy.
fn explain(error: &CallError, verb: &str) -> String {
    if error.class() == ErrorClass::Forbidden {
        format!(
            "the operator may not {verb} leases there; grant get, update and create to its ServiceAccount with a Role, as helm upgrade of its release does"
        )
    } else {
        error.to_string()
    }
}

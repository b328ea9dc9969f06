//! Leader election: of several replicas, all of which watch, one writes.

mod candidate;
mod mandate;

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Candidacy;
use super::answer::{Refusal, answer};
use super::watch::root_cause;
use candidate::{Candidate, Claim, RELEASED, RENEW_DEADLINE, RETRY, Step};
use mandate::Grant;

pub(super) use candidate::LEASE;
pub(super) use mandate::Mandate;

/// How long the API server may take for an answer: a leader that gets none to one renewal has time for a second.
const ANSWER_LIMIT: Duration = Duration::from_millis(2500);
const _: () = assert!(2 * (RETRY.as_millis() + ANSWER_LIMIT.as_millis()) < RENEW_DEADLINE.as_millis());
/// How long letting go may take; who waits for the Lease gets it a little later otherwise.
const RELEASE_LIMIT: Duration = Duration::from_millis(750);

/// The Lease by which replicas agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A candidate at work. It ends when it is told to, and lets go of the Lease then.
#[derive(Debug)]
pub(super) struct Election {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Election {
    /// Takes part from when the mandate is wanted.
    pub(super) fn start(Candidacy { client, lease, identity }: Candidacy) -> (Self, Mandate) {
        let (grant, mandate) = Grant::new();
        let elector = Elector {
            leases: Api::namespaced(client, &lease.namespace),
            shown: lease.to_string(),
            name: lease.name,
            candidate: Candidate::new(identity),
            grant,
            known: None,
            problem: None,
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(elector.run(stop.clone()));
        (Self { stop, task }, mandate)
    }

    /// Returns when it has ended by itself, which it never does.
    pub(super) async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            warn!(%error, "the leader election ended abnormally");
        }
    }

    /// Lets go of the Lease: the last write is done.
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
    /// The Lease in messages.
    shown: String,
    candidate: Candidate,
    grant: Grant,
    /// The Lease as it was read or written last: what others put there stays.
    known: Option<Lease>,
    /// What was wrong when that was logged last.
    problem: Option<String>,
}

impl Elector {
    async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.grant.wanted() => {}
        }
        info!(lease = %self.shown, identity = self.candidate.identity(), "taking part in the leader election");
        loop {
            let ended = {
                let mut attempt = pin!(self.attempt());
                tokio::select! {
                    result = &mut attempt => Some(result),
                    // A write that is cut off may have been done: what it left could not be released then.
                    () = stop.cancelled() => tokio::time::timeout(RELEASE_LIMIT, attempt).await.ok(),
                }
            };
            if let Some(result) = ended {
                self.note(result);
            }
            self.grant.set(self.candidate.leads_until());
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
        self.grant.set(None);
        self.release().await;
    }

    /// Logs what is wrong when that is another thing than before.
    fn note(&mut self, result: Result<(), String>) {
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

    /// Renews the Lease, or takes it if it can be had. A conflict is no error: it is looked at again.
    async fn attempt(&mut self) -> Result<(), String> {
        // Who leads knows the Lease and need not read it first; a conflict shows when it is another by now.
        let is_ours = self.candidate.leads_until().is_some_and(|until| Instant::now() < until);
        if let Some(known) = self.known.clone().filter(|_| is_ours) {
            let transitions = claim(&known).transitions;
            if self.write(Some(known), transitions).await? {
                return Ok(());
            }
        }
        let read =
            answer(ANSWER_LIMIT, self.leases.get_opt(&self.name)).await.map_err(|refusal| explain(refusal, "get"))?;
        self.known.clone_from(&read);
        let step = self.candidate.look(read.as_ref().map(claim), Instant::now());
        debug!(lease = %self.shown, ?step, "looked at the Lease");
        match step {
            Step::Wait if read.is_none() => {
                Err("the Lease is missing; it is made anew after 15 s, when no other replica can still write"
                    .to_owned())
            }
            Step::Wait => Ok(()),
            Step::Create => self.write(None, 0).await.map(drop),
            Step::Take(transitions) | Step::Renew(transitions) => self.write(read, transitions).await.map(drop),
        }
    }

    /// Writes ourselves down as the holder; whether that succeeded, which it does not when the Lease has changed since.
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
            ("update", answer(ANSWER_LIMIT, self.leases.replace(&self.name, &parameters, &lease)).await)
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            (
                "create",
                answer(ANSWER_LIMIT, self.leases.create(&parameters, &Lease { metadata, spec: Some(spec) })).await,
            )
        };
        match written {
            Ok(lease) => {
                self.candidate.wrote(claim(&lease), begun);
                self.known = Some(lease);
                Ok(true)
            }
            // Changed, made or deleted by another meanwhile. To make one, its namespace has to be there.
            Err(Refusal::Error(kube::Error::Api(status)))
                if status.code == 409 || status.code == 404 && verb == "update" =>
            {
                self.known = None;
                Ok(false)
            }
            Err(refusal) => Err(explain(refusal, verb)),
        }
    }

    /// Lets go of the Lease if it is ours, so that another can have it at once.
    async fn release(mut self) {
        match tokio::time::timeout(RELEASE_LIMIT, self.let_go()).await {
            Ok(Ok(true)) => info!(lease = %self.shown, "released the Lease"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => warn!(lease = %self.shown, error = root_cause(&error), "cannot release the Lease"),
            Err(_) => warn!(lease = %self.shown, "cannot release the Lease: the API server does not answer"),
        }
    }

    /// Whether it was ours and is nobody's now.
    async fn let_go(&mut self) -> kube::Result<bool> {
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
                // Somebody has put something on it.
                Err(kube::Error::Api(status)) if status.code == 409 => known = self.leases.get_opt(&self.name).await?,
                // It was deleted, as by an uninstall.
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

/// What counts of a Lease.
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

/// What is wrong and what to do.
fn explain(refusal: Refusal, verb: &str) -> String {
    match refusal {
        Refusal::Error(kube::Error::Api(status)) if status.code == 403 => {
            format!(
                "the operator may not {verb} leases there; grant get, update and create to its ServiceAccount by a Role, as helm upgrade of its release does"
            )
        }
        Refusal::Error(kube::Error::Api(status)) => format!("{} (code {})", status.message, status.code),
        Refusal::Error(error) => root_cause(&error),
        Refusal::Silence => format!("no answer within {ANSWER_LIMIT:?}"),
    }
}

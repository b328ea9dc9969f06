//! Events on assignments: written once per transition, by name, and never more than the API server should bear.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, Resource};
use sha2::{Digest, Sha256};
use tracing::{debug, warn};

use super::REPORTER;
use crate::api::{ClusterResponsibilityAssignment, ResponsibilityAssignment};
use crate::model::{AssignmentId, Note, shorten};

/// All Events together.
const OVERALL: Quota =
    Quota::per_second(NonZeroU32::new(10).expect("is not zero")).allow_burst(NonZeroU32::new(50).expect("is not zero"));
/// The Events of one namespace: a namespace that flaps must not silence the others.
const PER_NAMESPACE: Quota =
    Quota::per_minute(NonZeroU32::new(10).expect("is not zero")).allow_burst(NonZeroU32::new(25).expect("is not zero"));
/// Who has to wait does not ask again before this: many that wait must not keep the operator busy.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);
/// Above this many namespaces those that have been quiet are forgotten.
const KEPT_NAMESPACES: usize = 1024;
/// How long writing the Events of one transition may take.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// Events about cluster-scoped objects are accepted here and in kube-system only.
const CLUSTER_NAMESPACE: &str = "default";
/// The most bytes of a note that the API server takes.
const NOTE_LIMIT: usize = 1024;

/// Lets Events through, or says when to ask again.
#[derive(Debug)]
pub(super) struct Gate {
    overall: DefaultDirectRateLimiter,
    /// Cluster assignments have one of their own, although their Events lie in a namespace.
    namespaces: DefaultKeyedRateLimiter<Option<Arc<str>>>,
    clock: DefaultClock,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            overall: RateLimiter::direct(OVERALL),
            namespaces: RateLimiter::keyed(PER_NAMESPACE),
            clock: DefaultClock::default(),
        }
    }

    /// Whether so many Events about an assignment may be written now; otherwise how long to wait.
    ///
    /// Nothing is lost by waiting: the transitions stay untold, and what is undone meanwhile is never told.
    pub(super) fn admit(&self, id: &AssignmentId, count: usize) -> Result<(), Duration> {
        let Some(count) = u32::try_from(count).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        let wait = |until: governor::NotUntil<_>| until.wait_time_from(self.clock.now()).max(SHORTEST_WAIT);
        // No burst is smaller than the Events of one transition.
        self.overall.check_n(count).unwrap_or(Ok(())).map_err(wait)?;
        if self.namespaces.len() > KEPT_NAMESPACES {
            self.namespaces.retain_recent();
        }
        self.namespaces.check_key_n(&id.namespace, count).unwrap_or(Ok(())).map_err(wait)
    }
}

fn event_namespace(id: &AssignmentId) -> &str {
    id.namespace.as_deref().unwrap_or(CLUSTER_NAMESPACE)
}

/// The assignment that Events are about, and which of its transitions they tell.
#[derive(Clone, Debug)]
pub(super) struct Occasion {
    pub(super) id: AssignmentId,
    pub(super) uid: String,
    /// `status.transitions` as it will be written after the Events.
    pub(super) transitions: i64,
}

/// Writes Events.
#[derive(Clone)]
pub(super) struct EventSink {
    client: Client,
    instance: Arc<str>,
}

impl EventSink {
    pub(super) fn new(client: Client, instance: &str) -> Self {
        Self { client, instance: shorten(instance, 128).into() }
    }

    /// Writes the Events of one transition. What cannot be written is dropped and logged: the status is the truth.
    pub(super) async fn write(&self, occasion: &Occasion, notes: &[Note]) {
        let api: Api<Event> = Api::namespaced(self.client.clone(), event_namespace(&occasion.id));
        let write_all = async {
            for note in notes {
                let event = event(occasion, note, &self.instance, Timestamp::now());
                match api.create(&PostParams::default(), &event).await {
                    Ok(_) => debug!(assignment = %occasion.id, reason = note.reason, "wrote an Event"),
                    Err(error) if is_done(&error) => {}
                    Err(error) => {
                        warn!(assignment = %occasion.id, reason = note.reason, %error, "dropped an Event");
                    }
                }
            }
        };
        if tokio::time::timeout(WRITE_LIMIT, write_all).await.is_err() {
            warn!(assignment = %occasion.id, "dropped Events: the API server did not answer in time");
        }
    }
}

/// An Event of that name was written before, or its namespace is going or gone.
fn is_done(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => {
            status.code == 409
                || status.code == 404
                || status.code == 403 && status.message.contains("being terminated")
        }
        _ => false,
    }
}

fn event(occasion: &Occasion, note: &Note, instance: &str, now: Timestamp) -> Event {
    let name = format!("{}.{}", shorten_name(&occasion.id.name), digest(occasion, note));
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(event_namespace(&occasion.id).to_owned()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(REPORTER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        action: Some("Evaluate".to_owned()),
        reason: Some(note.reason.to_owned()),
        regarding: Some(reference(occasion)),
        note: Some(shorten(&note.note, NOTE_LIMIT)),
        type_: Some(if note.warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}

fn reference(occasion: &Occasion) -> ObjectReference {
    let (api_version, kind) = if occasion.id.is_cluster() {
        (ClusterResponsibilityAssignment::api_version(&()), ClusterResponsibilityAssignment::kind(&()))
    } else {
        (ResponsibilityAssignment::api_version(&()), ResponsibilityAssignment::kind(&()))
    };
    ObjectReference {
        api_version: Some(api_version.into_owned()),
        kind: Some(kind.into_owned()),
        namespace: occasion.id.namespace.as_deref().map(str::to_owned),
        name: Some(occasion.id.name.to_string()),
        uid: Some(occasion.uid.clone()),
        ..ObjectReference::default()
    }
}

/// At most 40 characters of the assignment's name, which end as a name may end.
fn shorten_name(name: &str) -> &str {
    name[..name.floor_char_boundary(40)].trim_end_matches(['.', '-'])
}

/// 20 hexadecimal digits that are the same whenever the same transition is told: nothing from a clock goes in.
fn digest(occasion: &Occasion, note: &Note) -> String {
    let (layer, duty) = note.about.as_ref().map_or(("", ""), |(layer, duty)| (layer, duty.word()));
    let text = [&occasion.uid, &occasion.transitions.to_string(), layer, duty, note.reason].join("\n");
    Sha256::digest(text).iter().take(10).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Duty;

    fn occasion(name: &str) -> Occasion {
        let id = AssignmentId { namespace: Some("shop".into()), name: name.into() };
        Occasion { id, uid: "5f0c".into(), transitions: 7 }
    }

    fn note(layer: &str, text: &str) -> Note {
        let about = Some((layer.to_owned(), Duty::Customer));
        Note { warning: true, reason: "LayerUnowned", about, note: text.to_owned() }
    }

    fn name(occasion: &Occasion, note: &Note, seconds: i64) -> String {
        let now = Timestamp::from_second(seconds).unwrap();
        event(occasion, note, "operator-0", now).metadata.name.unwrap()
    }

    #[test]
    fn the_same_transition_has_the_same_name_whenever_it_is_told() {
        let told = |seconds| name(&occasion("shop"), &note("node-os", "a"), seconds);
        assert_eq!(told(1), told(2));
        assert_eq!(told(1).len(), "shop.".len() + 20);
    }

    #[test]
    fn another_layer_another_transition_and_another_object_have_other_names() {
        let base = occasion("shop");
        let names = [
            name(&base, &note("node-os", "a"), 1),
            name(&base, &note("cloud-network", "a"), 1),
            name(&Occasion { transitions: 8, ..base.clone() }, &note("node-os", "a"), 1),
            name(&Occasion { uid: "77aa".into(), ..base }, &note("node-os", "a"), 1),
        ];
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn names_and_notes_keep_the_bounds_of_the_api() {
        let long = occasion(&format!("{}.{}", "a".repeat(39), "b".repeat(200)));
        let event = event(&long, &note("node-os", &"ö".repeat(2000)), "operator-0", Timestamp::UNIX_EPOCH);
        assert_eq!(event.metadata.name.unwrap().split('.').next().unwrap().len(), 39);
        assert!(event.note.unwrap().len() <= NOTE_LIMIT);
    }

    #[test]
    fn a_flapping_namespace_has_to_wait_and_does_not_silence_another() {
        let gate = Gate::new();
        let id = |namespace: &str| AssignmentId { namespace: Some(namespace.into()), name: "a".into() };
        let admitted = (0..40).filter(|_| gate.admit(&id("flapping"), 1).is_ok()).count();
        assert_eq!(admitted, 25);
        assert!(gate.admit(&id("flapping"), 1).is_err_and(|wait| wait > Duration::from_secs(1)));
        assert_eq!(gate.admit(&id("quiet"), 3), Ok(()));
    }
}

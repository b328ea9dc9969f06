//! Events: written once per transition, by name, and never more than the API server should bear.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, Resource};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use super::REPORTER;
use crate::api::{ClusterResponsibilityAssignment, ResponsibilityAssignment};
use crate::facts::{AssignmentId, ObjectIdentity, WorkloadKey};
use crate::model::{Note, shorten};
use crate::telemetry::metric::Metrics;

/// How long writing the Events of one transition may take.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// Events about cluster-scoped objects of our kinds are accepted here and in kube-system only.
const CLUSTER_NAMESPACE: &str = "default";
/// The most bytes of a note that the API server takes.
const NOTE_LIMIT: usize = 1024;

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
    metrics: Metrics,
}

/// An Event that is about to be written.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    namespace: String,
    /// What is told once: the same words, the same name.
    once: String,
    regarding: ObjectReference,
    related: Option<ObjectReference>,
    warning: bool,
    reason: &'static str,
    note: String,
}

impl Telling {
    /// What tells of a transition of an assignment, or reminds of a date of it.
    fn of_assignment(occasion: &Occasion, note: &Note) -> Self {
        let (layer, duty) = note.about.as_ref().map_or(("", ""), |(layer, duty)| (layer, duty.word()));
        // Nothing from a clock goes in: a crash in between must lead to the same name.
        let turn = note.date.map_or_else(|| occasion.transitions.to_string(), |date| date.to_string());
        Self {
            namespace: occasion.id.namespace.as_deref().unwrap_or(CLUSTER_NAMESPACE).to_owned(),
            once: [&occasion.uid, &turn, layer, duty, note.reason].join("\n"),
            regarding: assignment_reference(&occasion.id, &occasion.uid),
            related: None,
            warning: note.warning,
            reason: note.reason,
            note: note.note.clone(),
        }
    }

    /// What tells of a workload; `turn` is another for each time it is told.
    pub(super) fn of_workload(
        key: &WorkloadKey,
        identity: &ObjectIdentity,
        assignment: (&AssignmentId, &str),
        note: &Note,
        turn: &str,
    ) -> Self {
        let group = key.kind.group();
        let version = &identity.version;
        Self {
            namespace: key.namespace.to_string(),
            once: [&identity.uid, turn, note.reason].join("\n"),
            regarding: ObjectReference {
                api_version: Some(if group.is_empty() { version.to_string() } else { format!("{group}/{version}") }),
                kind: Some(key.kind.name().to_owned()),
                namespace: Some(key.namespace.to_string()),
                name: Some(key.name.to_string()),
                uid: Some(identity.uid.to_string()),
                ..ObjectReference::default()
            },
            related: Some(assignment_reference(assignment.0, assignment.1)),
            warning: note.warning,
            reason: note.reason,
            note: note.note.clone(),
        }
    }

    /// What tells of a namespace, in that namespace.
    pub(super) fn of_namespace(name: &str, uid: &str, note: &Note, turn: &str) -> Self {
        Self {
            namespace: name.to_owned(),
            once: [uid, turn, note.reason].join("\n"),
            regarding: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Namespace".to_owned()),
                // The API server takes an Event only in the namespace of what it is about.
                namespace: Some(name.to_owned()),
                name: Some(name.to_owned()),
                uid: Some(uid.to_owned()),
                ..ObjectReference::default()
            },
            related: None,
            warning: note.warning,
            reason: note.reason,
            note: note.note.clone(),
        }
    }

    /// The word for what is told.
    pub(super) const fn reason(&self) -> &'static str {
        self.reason
    }

    fn event(self, instance: &str, now: Timestamp) -> Event {
        let about = self.regarding.name.as_deref().unwrap_or_default();
        let name = format!("{}.{}", shorten_name(about), digest(&self.once));
        Event {
            metadata: ObjectMeta { name: Some(name), namespace: Some(self.namespace), ..ObjectMeta::default() },
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(REPORTER.to_owned()),
            reporting_instance: Some(instance.to_owned()),
            action: Some("Evaluate".to_owned()),
            reason: Some(self.reason.to_owned()),
            regarding: Some(self.regarding),
            related: self.related,
            note: Some(shorten(&self.note, NOTE_LIMIT)),
            type_: Some(if self.warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        }
    }
}

impl EventSink {
    pub(super) fn new(client: Client, instance: &str, metrics: Metrics) -> Self {
        Self { client, instance: shorten(instance, 128).into(), metrics }
    }

    /// Writes the Events of one transition. What cannot be written is given up, counted and logged: the status is the truth.
    pub(super) async fn write(&self, occasion: &Occasion, notes: &[Note], now: Timestamp) {
        let deadline = Instant::now() + WRITE_LIMIT;
        for note in notes {
            self.write_one(Telling::of_assignment(occasion, note), now, deadline).await;
        }
    }

    /// Writes one Event, in the same way.
    pub(super) async fn tell(&self, telling: Telling, now: Timestamp) {
        self.write_one(telling, now, Instant::now() + WRITE_LIMIT).await;
    }

    async fn write_one(&self, telling: Telling, now: Timestamp, deadline: Instant) {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &telling.namespace);
        let (namespace, reason) = (telling.namespace.clone(), telling.reason);
        let event = telling.event(&self.instance, now);
        let result = match timeout_at(deadline, api.create(&PostParams::default(), &event)).await {
            Ok(Ok(_)) => {
                debug!(namespace, reason, "wrote an Event");
                "written"
            }
            Ok(Err(error)) => needless(&error).unwrap_or_else(|| {
                warn!(namespace, reason, %error, "cannot write an Event");
                "failed"
            }),
            Err(_) => {
                warn!(namespace, reason, "cannot write an Event: the API server did not answer in time");
                "failed"
            }
        };
        self.metrics.events(reason, result, 1);
    }
}

/// Why an Event that was refused need not be written, if so: one of that name was written before, or its namespace is going
/// or gone.
fn needless(error: &kube::Error) -> Option<&'static str> {
    match error {
        kube::Error::Api(status) => match status.code {
            409 => Some("existed"),
            404 => Some("gone"),
            403 if status.message.contains("being terminated") => Some("gone"),
            _ => None,
        },
        _ => None,
    }
}

fn assignment_reference(id: &AssignmentId, uid: &str) -> ObjectReference {
    let (api_version, kind) = if id.is_cluster() {
        (ClusterResponsibilityAssignment::api_version(&()), ClusterResponsibilityAssignment::kind(&()))
    } else {
        (ResponsibilityAssignment::api_version(&()), ResponsibilityAssignment::kind(&()))
    };
    ObjectReference {
        api_version: Some(api_version.into_owned()),
        kind: Some(kind.into_owned()),
        namespace: id.namespace.as_deref().map(str::to_owned),
        name: Some(id.name.to_string()),
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    }
}

/// At most 40 characters of a name, which end as a name may end.
fn shorten_name(name: &str) -> &str {
    name[..name.floor_char_boundary(40)].trim_end_matches(['.', '-'])
}

/// 20 hexadecimal digits.
fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(10).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::facts::WorkloadKind;
    use crate::matrix::Duty;

    fn occasion(name: &str) -> Occasion {
        let id = AssignmentId { namespace: Some("shop".into()), name: name.into() };
        Occasion { id, uid: "5f0c".into(), transitions: 7 }
    }

    fn note(layer: &str, text: &str) -> Note {
        let about = Some((layer.to_owned(), Duty::Customer));
        Note { warning: true, reason: "LayerUnowned", about, date: None, note: text.to_owned() }
    }

    fn reminder() -> Note {
        Note { about: None, date: Some(date(2026, 12, 1)), reason: "ReviewDue", ..note("", "a") }
    }

    fn event(occasion: &Occasion, note: &Note, seconds: i64) -> Event {
        Telling::of_assignment(occasion, note).event("operator-0", Timestamp::from_second(seconds).unwrap())
    }

    fn name(occasion: &Occasion, note: &Note, seconds: i64) -> String {
        event(occasion, note, seconds).metadata.name.unwrap()
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
    fn a_date_is_told_once_whatever_happens_in_between() {
        let later = Occasion { transitions: 9, ..occasion("shop") };
        assert_eq!(name(&occasion("shop"), &reminder(), 1), name(&later, &reminder(), 2));
        let next_year = Note { date: Some(date(2027, 12, 1)), ..reminder() };
        assert_ne!(name(&later, &reminder(), 1), name(&later, &next_year, 1));
    }

    #[test]
    fn names_and_notes_keep_the_bounds_of_the_api() {
        let long = occasion(&format!("{}.{}", "a".repeat(39), "b".repeat(200)));
        let event = event(&long, &note("node-os", &"ö".repeat(2000)), 0);
        assert_eq!(event.metadata.name.unwrap().split('.').next().unwrap().len(), 39);
        assert!(event.note.unwrap().len() <= NOTE_LIMIT);
    }

    #[test]
    fn an_event_on_a_workload_is_about_its_object_and_relates_to_the_assignment() {
        let key = WorkloadKey {
            namespace: "lake".into(),
            kind: WorkloadKind::of("postgresql.cnpg.io", "Cluster"),
            name: "pg".into(),
        };
        let identity = ObjectIdentity { uid: "77aa".into(), version: "v1".into(), created: 0 };
        let id = AssignmentId { namespace: Some("lake".into()), name: "team".into() };
        let telling = |turn| Telling::of_workload(&key, &identity, (&id, "5f0c"), &note("node-os", "a"), turn);
        let event = telling("1").event("operator-0", Timestamp::UNIX_EPOCH);
        let regarding = event.regarding.unwrap();
        assert_eq!(regarding.api_version.as_deref(), Some("postgresql.cnpg.io/v1"));
        assert_eq!(regarding.kind.as_deref(), Some("Cluster"));
        assert_eq!(regarding.uid.as_deref(), Some("77aa"));
        assert_eq!(event.related.unwrap().uid.as_deref(), Some("5f0c"));
        assert_eq!(event.metadata.namespace.as_deref(), Some("lake"));
        let name = |turn| telling(turn).event("", Timestamp::UNIX_EPOCH).metadata.name;
        assert_ne!(name("1"), name("2"));
    }

    #[test]
    fn an_event_on_a_namespace_lies_in_that_namespace() {
        let telling = Telling::of_namespace("shop", "5f0c", &note("", "a"), "1");
        let event = telling.event("operator-0", Timestamp::UNIX_EPOCH);
        assert_eq!(event.metadata.namespace.as_deref(), Some("shop"));
        let regarding = event.regarding.unwrap();
        assert_eq!((regarding.kind.as_deref(), regarding.namespace.as_deref()), (Some("Namespace"), Some("shop")));
    }
}

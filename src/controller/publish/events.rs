//! Events: drafts with a fixed name each, and the sink that emits them.
//!
//! The name of an Event is a digest of what it announces, so an Event that is emitted twice is refused as existing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, Resource};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::api::{ClusterResponsibilityAssignment, ResponsibilityAssignment};
use crate::controller::api_call::{ErrorClass, call};
use crate::facts::{AssignmentId, ObjectIdentity, WorkloadKey};
use crate::model::{Note, shorten};
use crate::printable::printable;
use crate::telemetry::metric::Metrics;

/// `reportingController` of Events.
const REPORTER: &str = "sharedresponsibility.dev/operator";
/// Time limit of emitting the Events of one transition, or one other Event.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Namespace of Events on cluster assignments. The API server accepts them here and in kube-system only.
const CLUSTER_NAMESPACE: &str = "default";
/// Maximum size of a note in bytes, set by the API server.
const NOTE_LIMIT: usize = 1024;

/// Transition of an assignment that Events announce.
#[derive(Clone, Debug)]
pub(in crate::controller) struct AssignmentTransition {
    pub(in crate::controller) id: AssignmentId,
    pub(in crate::controller) uid: String,
    /// Value of `status.transitions` that is written after the Events.
    pub(in crate::controller) transitions: i64,
}

/// Emits Events.
#[derive(Clone)]
pub(in crate::controller) struct EventSink {
    client: Client,
    instance: Arc<str>,
    metrics: Metrics,
}

/// Draft of an Event.
#[derive(Clone, Debug)]
pub(in crate::controller) struct EventDraft {
    namespace: String,
    /// Input of the digest in the Event's name: drafts with the same key are one Event.
    key: String,
    regarding: ObjectReference,
    related: Option<ObjectReference>,
    warning: bool,
    reason: &'static str,
    note: String,
}

impl EventDraft {
    /// Drafts the Event on a transition of an assignment, or on a date of it.
    fn of_assignment(transition: &AssignmentTransition, note: &Note) -> Self {
        let (layer, duty) = note.about.as_ref().map_or(("", ""), |(layer, duty)| (layer, duty.word()));
        // The key contains no time: after a crash the next leader must get the same name.
        let turn = note.date.map_or_else(|| transition.transitions.to_string(), |date| date.to_string());
        Self {
            namespace: transition.id.namespace.as_deref().unwrap_or(CLUSTER_NAMESPACE).to_owned(),
            key: [&transition.uid, &turn, layer, duty, note.reason].join("\n"),
            regarding: assignment_reference(&transition.id, &transition.uid),
            related: None,
            warning: note.warning,
            reason: note.reason,
            note: note.note.clone(),
        }
    }

    /// Drafts an Event on a workload. `turn` differs for each Event on it.
    pub(in crate::controller) fn of_workload(
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
            key: [&identity.uid, turn, note.reason].join("\n"),
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

    /// Drafts an Event on a namespace.
    pub(in crate::controller) fn of_namespace(name: &str, uid: &str, note: &Note, turn: &str) -> Self {
        Self {
            namespace: name.to_owned(),
            key: [uid, turn, note.reason].join("\n"),
            regarding: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Namespace".to_owned()),
                // The API server accepts an Event only in the namespace that `regarding` names.
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

    /// Returns the reason of the Event.
    pub(in crate::controller) const fn reason(&self) -> &'static str {
        self.reason
    }

    fn event(self, instance: &str, now: Timestamp) -> Event {
        let about = self.regarding.name.as_deref().unwrap_or_default();
        let name = format!("{}.{}", shorten_name(about), digest(&self.key));
        Event {
            metadata: ObjectMeta { name: Some(name), namespace: Some(self.namespace), ..ObjectMeta::default() },
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(REPORTER.to_owned()),
            reporting_instance: Some(instance.to_owned()),
            action: Some("Evaluate".to_owned()),
            reason: Some(self.reason.to_owned()),
            regarding: Some(self.regarding),
            related: self.related,
            note: Some(shorten(&printable(&self.note), NOTE_LIMIT)),
            type_: Some(if self.warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        }
    }
}

impl EventSink {
    pub(in crate::controller) fn new(client: Client, instance: &str, metrics: Metrics) -> Self {
        Self { client, instance: shorten(instance, 128).into(), metrics }
    }

    /// Emits the Events of one transition. An Event that fails is logged, counted and not tried again: the status has the facts.
    pub(super) async fn emit_all(&self, transition: &AssignmentTransition, notes: &[Note], now: Timestamp) {
        let deadline = Instant::now() + TIMEOUT;
        for note in notes {
            self.emit_before(EventDraft::of_assignment(transition, note), now, deadline).await;
        }
    }

    /// Emits one Event, in the same way.
    pub(in crate::controller) async fn emit(&self, draft: EventDraft, now: Timestamp) {
        self.emit_before(draft, now, Instant::now() + TIMEOUT).await;
    }

    async fn emit_before(&self, draft: EventDraft, now: Timestamp, deadline: Instant) {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &draft.namespace);
        let (namespace, reason) = (draft.namespace.clone(), draft.reason);
        let event = draft.event(&self.instance, now);
        let limit = deadline.saturating_duration_since(Instant::now());
        let result = match call(limit, api.create(&PostParams::default(), &event)).await {
            Ok(_) => {
                debug!(namespace, reason, "emitted an Event");
                "written"
            }
            Err(error) => match error.class() {
                ErrorClass::Conflict => "existed",
                ErrorClass::NotFound | ErrorClass::NamespaceTerminating => "gone",
                _ => {
                    warn!(namespace, reason, %error, "cannot emit an Event");
                    "failed"
                }
            },
        };
        self.metrics.count_events(reason, result, 1);
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

/// Returns at most 40 bytes of a name, without a dot or dash at the end.
fn shorten_name(name: &str) -> &str {
    name[..name.floor_char_boundary(40)].trim_end_matches(['.', '-'])
}

/// Returns 20 hexadecimal digits of a SHA-256 digest.
fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(10).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::facts::WorkloadKind;
    use crate::matrix::Duty;

    fn transition(name: &str) -> AssignmentTransition {
        let id = AssignmentId { namespace: Some("shop".into()), name: name.into() };
        AssignmentTransition { id, uid: "5f0c".into(), transitions: 7 }
    }

    fn note(layer: &str, text: &str) -> Note {
        let about = Some((layer.to_owned(), Duty::Customer));
        Note { warning: true, reason: "LayerUnowned", about, date: None, note: text.to_owned() }
    }

    fn reminder() -> Note {
        Note { about: None, date: Some(date(2026, 12, 1)), reason: "ReviewDue", ..note("", "a") }
    }

    fn event(transition: &AssignmentTransition, note: &Note, seconds: i64) -> Event {
        EventDraft::of_assignment(transition, note).event("operator-0", Timestamp::from_second(seconds).unwrap())
    }

    fn name(transition: &AssignmentTransition, note: &Note, seconds: i64) -> String {
        event(transition, note, seconds).metadata.name.unwrap()
    }

    #[test]
    fn the_same_transition_has_the_same_name_whenever_it_is_told() {
        let event_name = |seconds| name(&transition("shop"), &note("node-os", "a"), seconds);
        assert_eq!(event_name(1), event_name(2));
        assert_eq!(event_name(1).len(), "shop.".len() + 20);
    }

    #[test]
    fn another_layer_another_transition_and_another_object_have_other_names() {
        let base = transition("shop");
        let names = [
            name(&base, &note("node-os", "a"), 1),
            name(&base, &note("cloud-network", "a"), 1),
            name(&AssignmentTransition { transitions: 8, ..base.clone() }, &note("node-os", "a"), 1),
            name(&AssignmentTransition { uid: "77aa".into(), ..base }, &note("node-os", "a"), 1),
        ];
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn a_date_is_told_once_whatever_happens_in_between() {
        let later = AssignmentTransition { transitions: 9, ..transition("shop") };
        assert_eq!(name(&transition("shop"), &reminder(), 1), name(&later, &reminder(), 2));
        let next_year = Note { date: Some(date(2027, 12, 1)), ..reminder() };
        assert_ne!(name(&later, &reminder(), 1), name(&later, &next_year, 1));
    }

    #[test]
    fn names_and_notes_keep_the_bounds_of_the_api() {
        let long = transition(&format!("{}.{}", "a".repeat(39), "b".repeat(200)));
        let event = event(&long, &note("node-os", &"ö".repeat(2000)), 0);
        assert_eq!(event.metadata.name.unwrap().split('.').next().unwrap().len(), 39);
        assert!(event.note.unwrap().len() <= NOTE_LIMIT);
    }

    #[test]
    fn a_note_has_no_hidden_characters() {
        let event = event(&transition("shop"), &note("node-os", "a\u{1b}[2J\nb\u{202e}"), 0);
        assert_eq!(event.note.unwrap(), "a\u{fffd}[2J\u{fffd}b\u{fffd}");
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
        let draft = |turn| EventDraft::of_workload(&key, &identity, (&id, "5f0c"), &note("node-os", "a"), turn);
        let event = draft("1").event("operator-0", Timestamp::UNIX_EPOCH);
        let regarding = event.regarding.unwrap();
        assert_eq!(regarding.api_version.as_deref(), Some("postgresql.cnpg.io/v1"));
        assert_eq!(regarding.kind.as_deref(), Some("Cluster"));
        assert_eq!(regarding.uid.as_deref(), Some("77aa"));
        assert_eq!(event.related.unwrap().uid.as_deref(), Some("5f0c"));
        assert_eq!(event.metadata.namespace.as_deref(), Some("lake"));
        let name = |turn| draft(turn).event("", Timestamp::UNIX_EPOCH).metadata.name;
        assert_ne!(name("1"), name("2"));
    }

    #[test]
    fn an_event_on_a_namespace_lies_in_that_namespace() {
        let draft = EventDraft::of_namespace("shop", "5f0c", &note("", "a"), "1");
        let event = draft.event("operator-0", Timestamp::UNIX_EPOCH);
        assert_eq!(event.metadata.namespace.as_deref(), Some("shop"));
        let regarding = event.regarding.unwrap();
        assert_eq!((regarding.kind.as_deref(), regarding.namespace.as_deref()), (Some("Namespace"), Some("shop")));
    }
}

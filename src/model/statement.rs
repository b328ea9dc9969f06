//! Names of people in an assignment. Whoever writes the assignment states them; the operator cannot verify them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use serde_json::{Value, json};

use super::message::shorten;
use crate::api::AssignmentSpec;

/// Maximum number of sentences about an assignment. An assignment can have 64 exceptions and 512 pieces of evidence.
const MAX_STATEMENTS: usize = 32;
/// Maximum length of a quoted name in bytes.
const MAX_NAME: usize = 64;

/// Returns a sentence for each person that an assignment names, with the client and the time of the field where the managed
/// fields show them. The client chooses its own name.
#[must_use]
pub fn statements(spec: &AssignmentSpec, managed: &[ManagedFieldsEntry]) -> Vec<String> {
    let party = |name: &str, field: &str| {
        let key = format!("k:{}", json!({ "name": name }));
        written(managed, &["f:spec", "f:parties", &key, field])
    };
    let exceptions = spec.exceptions.iter().map(|exception| {
        let key = format!("k:{}", json!({ "layer": exception.layer.0 }));
        let written = written(managed, &["f:spec", "f:exceptions", &key, "f:approvedBy"]);
        sentence(&format!("exception for {}: approved", exception.layer.0), &exception.approved_by, written)
    });
    let acknowledgements = spec.parties.iter().filter_map(|stated| {
        let by = &stated.acknowledgement.as_ref()?.by;
        let written = party(&stated.name.0, "f:acknowledgement");
        Some(sentence(&format!("duties of {}: acknowledged", stated.name.0), by, written))
    });
    let reviews = spec.parties.iter().flat_map(|stated| {
        stated.evidence.iter().filter_map(move |evidence| {
            let what = format!(
                "evidence {} of {}: reviewed",
                shorten(&format!("{:?}", evidence.kind), MAX_NAME),
                stated.name.0
            );
            Some(sentence(&what, evidence.reviewed_by.as_ref()?, party(&stated.name.0, "f:evidence")))
        })
    });
    let mut all: Vec<String> = exceptions.chain(acknowledgements).chain(reviews).collect();
    if all.len() > MAX_STATEMENTS {
        let more = all.len() - MAX_STATEMENTS;
        all.truncate(MAX_STATEMENTS);
        all.push(format!("and {more} more"));
    }
    all
}

fn sentence(what: &str, name: &str, written: Option<(&str, Option<&Time>)>) -> String {
    let quoted = |name: &str| shorten(&format!("{name:?}"), MAX_NAME);
    let written = match written {
        Some((client, Some(Time(at)))) => format!("; written with {} at {at} or before", quoted(client)),
        Some((client, None)) => format!("; written with {}", quoted(client)),
        None => String::new(),
    };
    format!("{what}, stated by {}{written}", quoted(name))
}

/// Returns the client that wrote a field last, and the time of its last change to any field.
fn written<'a>(managed: &'a [ManagedFieldsEntry], path: &[&str]) -> Option<(&'a str, Option<&'a Time>)> {
    let owners = managed.iter().filter(|entry| {
        let fields = entry.fields_v1.as_ref();
        entry.subresource.is_none() && fields.is_some_and(|FieldsV1(fields)| owns(fields, path))
    });
    let last = owners.max_by_key(|entry| entry.time.as_ref().map(|Time(at)| *at))?;
    Some((last.manager.as_deref()?, last.time.as_ref()))
}

/// Returns true if managed fields contain a path. An empty part of them contains everything below.
fn owns(fields: &Value, path: &[&str]) -> bool {
    match path {
        [] => true,
        [first, rest @ ..] => match fields.as_object() {
            Some(map) if map.is_empty() => true,
            Some(map) => map.get(*first).is_some_and(|below| owns(below, rest)),
            None => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(parties: &Value, exceptions: &Value) -> AssignmentSpec {
        serde_json::from_value(json!({ "parties": parties, "exceptions": exceptions })).unwrap()
    }

    fn managed(entries: Value) -> Vec<ManagedFieldsEntry> {
        serde_json::from_value(entries).unwrap()
    }

    fn exception(by: &str) -> Value {
        json!([{ "layer": "node-os", "reason": "r", "approvedBy": by, "until": "2027-01-01" }])
    }

    #[test]
    fn a_name_is_stated_with_the_client_that_wrote_the_field_last() {
        let field =
            json!({ "f:spec": { "f:exceptions": { "k:{\"layer\":\"node-os\"}": { ".": {}, "f:approvedBy": {} } } } });
        let managers = managed(json!([
            { "manager": "helm", "operation": "Update", "time": "2026-11-01T10:00:00Z", "fieldsV1": field },
            { "manager": "kubectl", "operation": "Apply", "time": "2026-11-02T10:00:00Z", "fieldsV1": field },
            { "manager": "other", "operation": "Update", "time": "2026-11-03T10:00:00Z",
              "fieldsV1": { "f:spec": { "f:exceptions": { "k:{\"layer\":\"control-plane\"}": { "f:approvedBy": {} } } } } },
            { "manager": "operator", "operation": "Apply", "time": "2026-11-04T10:00:00Z", "subresource": "status", "fieldsV1": field },
        ]));
        assert_eq!(
            statements(&spec(&json!([]), &exception("the CISO")), &managers),
            [
                "exception for node-os: approved, stated by \"the CISO\"; written with \"kubectl\" at 2026-11-02T10:00:00Z or before"
            ]
        );
    }

    #[test]
    fn acknowledgements_and_reviews_are_stated_too() {
        let parties = json!([{ "name": "team", "role": "Customer", "acknowledgement": { "by": "Ann", "at": "2026-11-30" },
            "evidence": [{ "type": "SOC2", "validUntil": "2027-01-01", "reviewedBy": "Bob" }, { "type": "ISO", "validUntil": "2027-01-01" }] }]);
        let managers = managed(json!([{ "manager": "argocd", "operation": "Apply",
            "fieldsV1": { "f:spec": { "f:parties": { "k:{\"name\":\"team\"}": { "f:acknowledgement": {} } } } } }]));
        assert_eq!(
            statements(&spec(&parties, &json!([])), &managers),
            [
                "duties of team: acknowledged, stated by \"Ann\"; written with \"argocd\"",
                "evidence \"SOC2\" of team: reviewed, stated by \"Bob\"",
            ]
        );
    }

    #[test]
    fn names_are_quoted_short_and_without_characters_that_a_terminal_obeys() {
        let hostile = format!("\u{1b}[31m\u{202e}\n{}", "x".repeat(254));
        let said = statements(&spec(&json!([]), &exception(&hostile)), &[]).remove(0);
        assert!(said.len() < 200 && !said.chars().any(|c| c.is_control() || c == '\u{202e}'), "{said}");
    }

    #[test]
    fn the_number_of_sentences_has_a_limit() {
        let layers: Vec<Value> = (0..64)
            .map(|n| json!({ "layer": format!("example.com/l{n}"), "reason": "r", "approvedBy": "a", "until": "2027-01-01" }))
            .collect();
        let said = statements(&spec(&json!([]), &layers.into()), &[]);
        assert_eq!((said.len(), said.last().unwrap().as_str()), (MAX_STATEMENTS + 1, "and 32 more"));
    }
}

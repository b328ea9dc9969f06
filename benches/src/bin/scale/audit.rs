//! Requests of the operator in the audit log of the API server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// Audit entry of a request with a response.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    response_status: Option<Answer>,
    stage: String,
    /// Time of the response.
    #[serde(rename = "stageTimestamp")]
    pub at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ObjectRef {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    code: u16,
}

impl Entry {
    /// Returns verb and resource.
    pub fn what(&self) -> String {
        let ObjectRef { resource, subresource, .. } = &self.object_ref;
        let slash = if subresource.is_empty() { "" } else { "/" };
        let resource = if self.is_discovery() { "discovery" } else { resource };
        format!("{} {resource}{slash}{subresource}", self.verb)
    }

    /// Returns true if the request succeeded.
    pub fn is_done(&self) -> bool {
        self.response_status.as_ref().is_some_and(|answer| answer.code < 300)
    }

    /// Returns the namespace and the name of the object.
    pub fn object(&self) -> (String, String) {
        (self.object_ref.namespace.clone(), self.object_ref.name.clone())
    }

    /// Returns true for a write of an assignment's status.
    pub fn is_status(&self) -> bool {
        self.verb == "patch" && self.object_ref.subresource == "status" && self.is_done()
    }

    /// Returns true for a write of an Event.
    pub fn is_event(&self) -> bool {
        self.verb == "create" && self.object_ref.resource == "events"
    }

    /// Returns true for a list of a kind.
    pub fn is_list(&self) -> bool {
        self.verb == "list"
    }

    /// Returns true for a write of a status or an Event.
    pub fn is_write(&self) -> bool {
        self.is_event() || self.object_ref.subresource == "status"
    }

    /// Returns true for a discovery request.
    fn is_discovery(&self) -> bool {
        self.verb == "get" && self.object_ref.resource.is_empty()
    }
}

/// Reader that follows the audit log.
pub struct Audit {
    log: BufReader<File>,
    /// Start of an incomplete line.
    begun: String,
    user: String,
}

impl Audit {
    /// Follows the requests of a ServiceAccount from now on.
    pub fn from_now(path: &Path, account: &str) -> Result<Self> {
        let log = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut audit = Self { log: BufReader::new(log), begun: String::new(), user: format!(":{account}") };
        audit.read()?;
        Ok(audit)
    }

    /// Returns the requests since the last call.
    pub fn read(&mut self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while self.log.read_line(&mut self.begun)? > 0 {
            if !self.begun.ends_with('\n') {
                break;
            }
            let entry: Entry = serde_json::from_str(&self.begun)?;
            self.begun.clear();
            // The log has an entry for the start of a watch and one for its end.
            let is_noted =
                entry.stage == "ResponseComplete" && entry.verb != "watch" || entry.stage == "ResponseStarted";
            if is_noted && entry.user.username.ends_with(&self.user) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}

/// Counts requests by verb and resource.
pub fn count<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.what()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn each_answered_request_of_the_account_counts_once_however_the_log_is_cut() {
        let path = std::env::temp_dir().join(format!("audit-{}.log", std::process::id()));
        let mut log = File::create(&path).unwrap();
        let line = |verb: &str, stage: &str, account: &str| {
            let user = format!("system:serviceaccount:system:{account}");
            let object =
                r#"{"resource":"responsibilityassignments","subresource":"status","namespace":"team","name":"part-0"}"#;
            format!(
                r#"{{"verb":"{verb}","stage":"{stage}","user":{{"username":"{user}"}},"objectRef":{object},"responseStatus":{{"code":200}},"stageTimestamp":"2026-11-25T10:00:00.000000Z"}}"#
            ) + "\n"
        };
        log.write_all(line("patch", "ResponseComplete", "operator").as_bytes()).unwrap();
        let mut audit = Audit::from_now(&path, "operator").unwrap();
        let (first, second) =
            (line("patch", "ResponseComplete", "operator"), line("watch", "ResponseStarted", "operator"));
        let (begun, rest) = first.split_at(40);
        log.write_all(begun.as_bytes()).unwrap();
        assert!(audit.read().unwrap().is_empty());
        let others = line("patch", "ResponseComplete", "other") + &line("watch", "ResponseComplete", "operator");
        log.write_all((rest.to_owned() + &second + &others).as_bytes()).unwrap();
        let entries = audit.read().unwrap();
        std::fs::remove_file(&path).unwrap();
        let what: Vec<String> = entries.iter().map(Entry::what).collect();
        assert_eq!(what, ["patch responsibilityassignments/status", "watch responsibilityassignments/status"]);
        assert!(entries[0].is_status() && entries[0].object() == ("team".to_owned(), "part-0".to_owned()));
    }
}

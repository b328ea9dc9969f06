//! Certificates of cert-manager: their Secret, their expiry and their renewal.

use jiff::Timestamp;
use serde::Deserialize;

use super::meta::{Plain, or_default};
use super::{Extract, Extraction};
use crate::facts::{CertificateFacts, Delta, FactKind, Facts, ListedKind};
use crate::model::day;

/// A Certificate, reduced to the fields that the operator reads: <https://cert-manager.io/docs/reference/api-docs/>.
pub type Certificate = Plain<Spec, Status>;

/// The decoded part of the spec of a Certificate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    secret_name: String,
}

/// The decoded part of the status of a Certificate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    not_after: Option<Timestamp>,
    renewal_time: Option<Timestamp>,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
}

impl Certificate {
    fn facts(&self) -> Facts {
        let ready = self.status.conditions.iter().find(|condition| condition.r#type == "Ready");
        Facts::Certificate(CertificateFacts {
            secret: self.spec.secret_name.as_str().into(),
            ready: ready.map(|condition| condition.status == "True"),
            until: self.status.not_after.map(day),
            renewal: self.status.renewal_time.map(day),
        })
    }
}

impl Extract for Certificate {
    const KIND: ListedKind = ListedKind::Facts(FactKind::Certificates);

    fn delta(&self, _: &Extraction) -> Delta {
        Delta::Facts(FactKind::Certificates, self.object_name(), Some(self.facts()))
    }
}

//! Certificates of cert-manager: which Secret they fill, and until when they are good.

use jiff::Timestamp;
use serde::Deserialize;

use super::dynamic::{Dynamic, FactsOf};
use super::meta::or_default;
use crate::facts::{CertificateFacts, Facts};
use crate::model::day;

/// A Certificate, decoded as far as it counts: <https://cert-manager.io/docs/reference/api-docs/>.
pub type Certificate = Dynamic<Spec, Status>;

/// The part of the spec of a Certificate that counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    secret_name: String,
}

/// The part of the status of a Certificate that counts.
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

impl FactsOf for Certificate {
    fn facts(&self) -> Option<Facts> {
        let ready = self.status.conditions.iter().find(|condition| condition.r#type == "Ready");
        Some(Facts::Certificate(CertificateFacts {
            secret: self.spec.secret_name.as_str().into(),
            ready: ready.map(|condition| condition.status == "True"),
            until: self.status.not_after.map(day),
            renewal: self.status.renewal_time.map(day),
        }))
    }
}

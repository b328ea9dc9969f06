//! The reference of findings.

use super::{GENERATED, table};
use crate::api::{GapReason, RiskReason};
use crate::matrix::{Duty, Matrix};
use crate::model::{risk_sentence, sentence};

/// The findings as a document: the word, what it means, what to write.
#[must_use]
pub fn findings() -> String {
    let matrix = Matrix::built_in();
    let layer = |name: &str| matrix.find(name).map(|id| matrix.layer(id));
    let mut out = format!("{GENERATED}# Findings\n\n");
    out.push_str(
        "The words in statuses, Events and messages are fixed. A **gap** is a duty that a workload owes and nobody validly \
         holds; a\n**risk** is no gap and may become one or hide one, and never changes a state. Messages below are those \
         for one layer.\n\n## Gaps\n\nIn order of weight: where several apply, the first is shown. One Event tells that a \
         duty came into a state, whatever the reason\nwithin it.\n\n",
    );
    let gaps = GapReason::ALL.iter().map(|reason| {
        let message = layer("secrets-and-keys")
            .map(|layer| sentence(layer, Duty::Customer, *reason, Some("some-party")))
            .unwrap_or_default();
        let message = message.split(" Owed: ").next().unwrap_or_default().to_owned();
        vec![
            code(reason.name()),
            format!("{:?}", reason.state()),
            code(reason.state().event()),
            reason.meaning().to_owned(),
            message,
        ]
    });
    table(&mut out, &["reason", "state", "Event", "meaning", "what the status says"], gaps);
    out.push_str("## Risks\n\nIn the order in which they are listed.\n\n");
    let risks = RiskReason::ALL.iter().map(|reason| {
        let subject = match reason {
            RiskReason::EvidenceExpiring => Some("some-party on 2026-12-01"),
            RiskReason::ReviewDue | RiskReason::ExceptionExpired => Some("2026-12-01"),
            RiskReason::ExceptionRefused => None,
            _ => Some("some-party"),
        };
        let message = risk_sentence(*reason, layer("backup-recovery"), subject);
        vec![code(reason.name()), reason.meaning().to_owned(), message]
    });
    table(&mut out, &["reason", "meaning", "what the status says"], risks);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn code(word: &str) -> String {
    format!("`{word}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_in_the_document_with_a_meaning() {
        let document = findings();
        for (name, meaning) in GapReason::ALL
            .iter()
            .map(|reason| (reason.name(), reason.meaning()))
            .chain(RiskReason::ALL.iter().map(|reason| (reason.name(), reason.meaning())))
        {
            assert!(document.contains(&format!("| `{name}` |")), "{name}");
            assert!(meaning.len() > 15 && document.contains(meaning), "{name}: {meaning}");
        }
    }
}

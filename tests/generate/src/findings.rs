//! Writes `docs/reference/findings.md`.

use responsibility_operator::api::{GapReason, RiskReason};
use responsibility_operator::matrix::{Duty, Matrix};
use responsibility_operator::model::{risk_sentence, sentence, without_description};

use crate::markdown::{GENERATED, code, ended, table};

/// Returns the document: each reason of a gap or a risk, its meaning and its message.
pub fn document() -> String {
    let matrix = Matrix::built_in();
    let layer = |name: &str| matrix.find(name).map(|id| matrix.layer(id));
    let mut out = format!("{GENERATED}# Findings\n\n");
    out.push_str(
        "Statuses, Events and messages use the words below. These words are fixed.\n\n\
         - A **gap** is a duty that a workload owes and that no party validly holds.\n\
         - A **risk** is not a gap. It can become a gap or hide one, and it never changes the state of a duty.\n\n\
         The last column shows the message for a single layer.\n\n## Gaps\n\nThe reasons are sorted by weight: if several \
         reasons apply to a duty, the status shows the first. The operator emits one Event when a duty\nenters a state. It \
         emits no Event if only the reason changes within the state.\n\n",
    );
    let gaps = GapReason::ALL.iter().map(|reason| {
        let message = layer("secrets-and-keys")
            .map(|layer| sentence(layer, Duty::Customer, *reason, Some("some-party")))
            .unwrap_or_default();
        let message = without_description(&message).to_owned();
        vec![
            code(reason.name()),
            format!("{:?}", reason.state()),
            code(reason.state().event()),
            reason.meaning().to_owned(),
            message,
        ]
    });
    table(&mut out, &["reason", "state", "Event", "meaning", "message"], gaps);
    out.push_str("## Risks\n\n`status.risks` lists the risks in this order.\n\n");
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
    table(&mut out, &["reason", "meaning", "message"], risks);
    ended(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_in_the_document_with_a_meaning() {
        let document = document();
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

//! Messages for users: what is wrong and what to write instead.

use super::fulfilment::{SignalText, SignalVerdict};
use crate::api::{GapReason, RiskReason, Role};
use crate::matrix::{Duty, Layer};

/// Limit of a message in bytes.
const LIMIT: usize = 160;

/// Limit of party names in a message in bytes, so that the remedy fits.
const PARTY_LIMIT: usize = 40;

/// Limit of a layer name in a message in bytes, so that the remedy fits.
const NAME_LIMIT: usize = 40;

/// Label before the description of a duty.
const DUTY_LABEL: &str = " Duty: ";

/// Minimum bytes of a description; a shorter one is left away.
const DESCRIPTION_MIN: usize = 20;

/// Returns the problem of a gap and its remedy, at most 160 bytes.
///
/// The description of the duty comes last, after `Duty:`, and is shortened first: the remedy must stay readable.
#[must_use]
pub fn sentence(layer: &Layer, duty: Duty, reason: GapReason, subject: Option<&str>) -> String {
    let half = duty.word();
    let party = subject.map_or_else(|| "The party".to_owned(), |name| quote(name, PARTY_LIMIT));
    let role = match duty {
        Duty::Provider => Role::Provider,
        Duty::Customer => Role::Customer,
    };
    let message = match reason {
        GapReason::NotTransferable => format!(
            "{party} cannot hold this duty alone. Write {half}: PARTY of role Customer, or add accountable: PARTY."
        ),
        GapReason::RoleMismatch => {
            format!("{party} is not of role {role:?} in every declaration. Name a party of role {role:?}.")
        }
        GapReason::AgreementMissing => format!(
            "{party} has no agreement in force for this duty. Add agreement: {{uri: ...}}, or write {half}: PARTY of role {role:?}."
        ),
        GapReason::NotAccepted => format!(
            "{party} does not accept this duty. Name your own party, or ask the platform team for accepts: [{}].",
            shorten(&layer.name, NAME_LIMIT)
        ),
        GapReason::UnknownParty => {
            format!("{party} is not declared. Add it to spec.parties, or correct the name.")
        }
        GapReason::OverlappingAssignments => format!(
            "Several parties claim this duty: {}. Keep one entry, or narrow the selectors.",
            shorten(subject.unwrap_or("unknown"), 2 * PARTY_LIMIT)
        ),
        GapReason::ReviewLapsed => format!(
            "The review of the assignment that names {party} has lapsed. Read the assignment and set spec.review.lastAt."
        ),
        GapReason::SharedLayerHalfOwned => format!(
            "Only the {} duty has an owner, not the {half} duty. Add an entry to spec.duties with {half}: PARTY.",
            duty.other().word()
        ),
        GapReason::LayerUnowned => {
            format!("This duty has no owner. Add an entry to spec.duties with {half}: PARTY.")
        }
    };
    let room = LIMIT.saturating_sub(message.len() + DUTY_LABEL.len());
    if room < DESCRIPTION_MIN {
        return shorten(&message, LIMIT);
    }
    message + DUTY_LABEL + &shorten(layer.describe(duty), room)
}

/// Returns a message of [`sentence`] without the description of the duty.
#[must_use]
pub fn without_description(sentence: &str) -> &str {
    sentence.split(DUTY_LABEL).next().unwrap_or_default()
}

/// Returns the meaning of a risk and its remedy, at most 160 bytes.
#[must_use]
pub fn risk_sentence(reason: RiskReason, layer: Option<&Layer>, subject: Option<&str>) -> String {
    let name = layer.map_or_else(|| "a layer".to_owned(), |layer| shorten(&layer.name, NAME_LIMIT));
    let subject_or_empty = subject.unwrap_or_default();
    let party = quote(subject_or_empty, PARTY_LIMIT);
    let text = match reason {
        RiskReason::ServiceModelContradicted => format!(
            "serviceModel leaves {name} to the provider, but other inputs show a customer duty. Correct serviceModel, or \
             remove it."
        ),
        RiskReason::ServiceModelSelfDeclared => {
            "Only this assignment sets the service model: the nodes do not show one. Set spec.serviceModel in a cluster \
             assignment."
                .to_owned()
        }
        RiskReason::ProviderClaimsCustomerLayer => {
            format!("{name} has no provider duty, so provider: {party} has no effect. Write customer: PARTY.")
        }
        RiskReason::CustomerClaimsProviderLayer => {
            format!("{name} has no customer duty, so customer: {party} has no effect. Remove this claim.")
        }
        RiskReason::AccountableMissing => {
            format!("{party} holds this duty, and no party is accountable. Add accountable: PARTY of role Customer.")
        }
        RiskReason::ClaimOverruled => format!(
            "A cluster assignment gives this duty to another party. Agree with the platform team, or remove {party}."
        ),
        RiskReason::PartyRedefined => {
            format!("A cluster assignment declares {party} and takes precedence. Remove the declaration here.")
        }
        RiskReason::BlanketProviderAssignment => format!(
            "Every customer duty is left to {party}, which is not of role Customer. Name parties of role Customer."
        ),
        RiskReason::CustomerDutiesEmpty => {
            "The assignment names only providers, but customer duties remain under every service model. Write customer: \
             PARTY."
                .to_owned()
        }
        RiskReason::ProviderClaimWithoutEvidence => format!(
            "No evidence shows that {party} fulfils this duty. Add evidence to the party, such as a SOC 2 report."
        ),
        RiskReason::EvidenceLapsed => {
            format!("All evidence of {party} has ended, so this duty is only assumed. Add the current report.")
        }
        RiskReason::EvidenceExpiring => {
            format!("Evidence ends: {}. Add the next report to the party.", shorten(subject_or_empty, 80))
        }
        RiskReason::EvidenceOfWrongHalf => {
            format!("Evidence of {party} does not show a customer duty. Remove {name} from evidence.layers.")
        }
        RiskReason::BackupAssumedProvided => format!(
            "No agreement with {party} lists backup-recovery. Add agreement.layers: [backup-recovery], or name your own \
             party."
        ),
        RiskReason::SegmentationAssumed => {
            "This duty has an owner, but no NetworkPolicy selects the pods. Add a NetworkPolicy.".to_owned()
        }
        RiskReason::HostAccessDefeatsProviderNodes => {
            "The provider runs the node, but the pod accesses it (privileged, host namespaces or writable hostPath). \
             Remove this access."
                .to_owned()
        }
        RiskReason::PodsDifferFromTemplate => format!(
            "Live pods have the container {party}, which their template does not name and which lacks security settings. \
             Check its origin."
        ),
        RiskReason::ImpossibleOnDeclaredCompute => {
            "AWS Fargate does not run DaemonSets, privileged containers or host ports. Remove them, or choose other nodes."
                .to_owned()
        }
        RiskReason::ExceptionRefused if subject.is_some() => {
            "The exception ends more than 400 days ahead and has no effect. Write an earlier date in until.".to_owned()
        }
        RiskReason::ExceptionRefused => {
            format!("An exception for {name} is not allowed here and has no effect. Remove it and name an owner.")
        }
        RiskReason::ExceptionExpired => {
            format!("The exception ended on {subject_or_empty}. Name an owner, or decide on a new exception.")
        }
        RiskReason::ReviewDue => {
            format!("The review is due on {subject_or_empty}. Read the assignment and set spec.review.lastAt.")
        }
        RiskReason::ReviewMissing => {
            "No review of the assignment is recorded. Read it, then write review: {lastAt: DATE}.".to_owned()
        }
        RiskReason::Unacknowledged => format!(
            "The current duties are not acknowledged by {}. Set acknowledgement with the digest of status.dutiesDigest.",
            shorten(subject_or_empty, 50)
        ),
        RiskReason::OwnerUnreachable => format!(
            "No contact for {}. Add contact: {{email: ..., escalation: ...}} to the party.",
            shorten(subject_or_empty, 80)
        ),
        RiskReason::MatchesNothing => {
            "The assignment selects no workload. Check spec.selector, and spec.namespaceSelector of a cluster assignment."
                .to_owned()
        }
    };
    shorten(&text, LIMIT)
}

/// Returns the reading of a failed signal and its remedy, at most 160 bytes.
#[must_use]
pub fn failure_sentence(signal_text: &SignalText, detail: Option<&str>) -> String {
    let remedy = &signal_text.remedy;
    let room = LIMIT.saturating_sub(remedy.len() + 2);
    shorten(&format!("{}; {remedy}", shorten(signal_text.words(SignalVerdict::Failed, detail), room)), LIMIT)
}

/// Returns the last reading of a failed signal and why the current state is unknown, at most 160 bytes.
#[must_use]
pub fn unreadable_sentence(signal_text: &SignalText, detail: Option<&str>) -> String {
    let why = shorten(signal_text.words(SignalVerdict::Unreadable, detail), LIMIT / 2);
    let unknown = format!("; the current state is unknown: {why}");
    let failed = signal_text.words(SignalVerdict::Failed, None);
    format!("{}{unknown}", shorten(failed, LIMIT.saturating_sub(unknown.len())))
}

/// Message for a namespace with workloads that no assignment covers.
pub const UNASSIGNED: &str = "No assignment covers the workloads of this namespace. Apply a ResponsibilityAssignment that names a \
                              party for each duty, or select the namespace in a ClusterResponsibilityAssignment.";

/// Returns an unfulfilled duty in one line: the layer, the duty, its holder and the message of [`failure_sentence`].
#[must_use]
pub(super) fn failure_line(layer: &Layer, duty: Duty, party: Option<&str>, sentence: &str) -> String {
    let holder = party.map(|party| format!(", held by {}", shorten(party, 63))).unwrap_or_default();
    format!("{} ({} duty{holder}): {sentence}", layer.name, duty.word())
}

/// Returns a gap in one line: the layer, the duty and the message of [`sentence`].
#[must_use]
pub(super) fn gap_line(layer: &Layer, duty: Duty, reason: GapReason, subject: Option<&str>) -> String {
    format!("{} ({} duty): {}", layer.name, duty.word(), sentence(layer, duty, reason, subject))
}

/// Returns a name in double quotes, at most `limit` bytes with them.
fn quote(name: &str, limit: usize) -> String {
    format!("\"{}\"", shorten(name, limit.saturating_sub(2)))
}

/// Cuts a text to at most `limit` bytes, between characters. A text that is cut ends with an ellipsis.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    const ELLIPSIS: &str = "...";
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit.saturating_sub(ELLIPSIS.len()));
    format!("{}{ELLIPSIS}", &text[..end])
}

/// Joins as many layer names as fit into `limit` bytes. Ends with `,+N` if N names do not fit.
#[must_use]
pub fn list(names: &[&str], limit: usize) -> String {
    let all = names.join(",");
    if all.len() <= limit {
        return all;
    }
    let mut shown = String::new();
    for (index, name) in names.iter().enumerate() {
        let more = format!(",+{}", names.len() - index);
        if shown.len() + 1 + name.len() + more.len() > limit {
            return shown + &more;
        }
        if index > 0 {
            shown.push(',');
        }
        shown.push_str(name);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    #[test]
    fn every_message_fits_and_says_what_is_wrong_and_what_to_write() {
        let longest_party = "p".repeat(63);
        for (_, layer) in Matrix::built_in().layers() {
            for duty in Duty::ALL {
                for &reason in GapReason::ALL {
                    let message = sentence(layer, duty, reason, Some(&longest_party));
                    assert!(message.len() <= LIMIT, "{} bytes: {message}", message.len());
                    let remedy = message.split(". ").nth(1).unwrap_or_default();
                    assert!(remedy.len() > 10, "no remedy: {message}");
                }
            }
        }
    }

    /// Remedy of each risk. It must stay readable with names of any length.
    const fn remedy(reason: RiskReason) -> &'static str {
        match reason {
            RiskReason::ServiceModelContradicted => "Correct serviceModel, or remove it",
            RiskReason::ServiceModelSelfDeclared => "Set spec.serviceModel in a cluster assignment",
            RiskReason::ProviderClaimsCustomerLayer | RiskReason::CustomerDutiesEmpty => "Write customer: PARTY",
            RiskReason::CustomerClaimsProviderLayer => "Remove this claim",
            RiskReason::AccountableMissing => "Add accountable: PARTY of role Customer",
            RiskReason::ClaimOverruled => "Agree with the platform team, or remove ",
            RiskReason::PartyRedefined => "Remove the declaration here",
            RiskReason::BlanketProviderAssignment => "Name parties of role Customer",
            RiskReason::ProviderClaimWithoutEvidence => "Add evidence to the party, such as a SOC 2 report",
            RiskReason::EvidenceLapsed => "Add the current report",
            RiskReason::EvidenceExpiring => "Add the next report",
            RiskReason::EvidenceOfWrongHalf => " from evidence.layers",
            RiskReason::BackupAssumedProvided => "Add agreement.layers: [backup-recovery], or name your own party",
            RiskReason::SegmentationAssumed => "Add a NetworkPolicy",
            RiskReason::HostAccessDefeatsProviderNodes => "Remove this access",
            RiskReason::PodsDifferFromTemplate => "Check its origin",
            RiskReason::ImpossibleOnDeclaredCompute => "Remove them, or choose other nodes",
            RiskReason::ExceptionRefused => "Remove it and name an owner",
            RiskReason::ExceptionExpired => "Name an owner, or decide on a new exception",
            RiskReason::ReviewDue => "Read the assignment and set spec.review.lastAt",
            RiskReason::ReviewMissing => "write review: {lastAt: DATE}",
            RiskReason::Unacknowledged => "Set acknowledgement with the digest of status.dutiesDigest",
            RiskReason::OwnerUnreachable => "Add contact: {email: ..., escalation: ...}",
            RiskReason::MatchesNothing => "Check spec.selector, and spec.namespaceSelector of a cluster assignment",
        }
    }

    /// Subject of a risk: a date if the risk is about one, otherwise `parties`.
    fn about(reason: RiskReason, parties: &str) -> Option<&str> {
        match reason {
            RiskReason::ReviewDue | RiskReason::ExceptionExpired => Some("2026-12-01"),
            RiskReason::ExceptionRefused => None,
            _ => Some(parties),
        }
    }

    #[test]
    fn every_risk_fits_into_160_bytes_and_says_what_to_write() {
        let parties = [["p".repeat(63), "q".repeat(63), "r".repeat(63)].join(", "), "aws".to_owned()];
        let matrix = Matrix::built_in();
        let mut longest = matrix.layer(matrix.find("node-os").unwrap()).clone();
        longest.name = format!("example.com/{}", "x".repeat(116));
        let layers = matrix.layers().map(|(_, layer)| layer).chain([&longest]);
        for layer in layers.map(Some).chain([None]) {
            for (reason, parties) in RiskReason::ALL.iter().flat_map(|reason| parties.iter().map(|p| (*reason, p))) {
                for subject in [about(reason, parties), None] {
                    let message = risk_sentence(reason, layer, subject);
                    assert!(message.len() <= LIMIT, "{reason:?}: {} bytes: {message}", message.len());
                    assert!(message.contains(remedy(reason)), "{reason:?}: {message}");
                }
            }
        }
    }

    #[test]
    fn a_risk_names_the_layer_the_party_or_the_day_that_it_is_about() {
        let matrix = Matrix::built_in();
        let layer = Some(matrix.layer(matrix.find("node-os").unwrap()));
        let says = |reason, subject| risk_sentence(reason, layer, Some(subject));
        let claim = says(RiskReason::ProviderClaimsCustomerLayer, "aws");
        assert_eq!(claim, "node-os has no provider duty, so provider: \"aws\" has no effect. Write customer: PARTY.");
        assert!(says(RiskReason::ReviewDue, "2026-12-01").contains("2026-12-01"));
        assert!(says(RiskReason::OwnerUnreachable, "adam, mia").contains("adam, mia"));
        let too_far = says(RiskReason::ExceptionRefused, "until");
        assert!(too_far.contains("400 days") && too_far.contains("Write an earlier date in until"), "{too_far}");
    }

    #[test]
    fn a_message_names_the_duty_without_an_owner() {
        let matrix = Matrix::built_in();
        let layer = matrix.layer(matrix.find("node-os").unwrap());
        let message = sentence(layer, Duty::Customer, GapReason::SharedLayerHalfOwned, None);
        let problem = "Only the provider duty has an owner, not the customer duty. Add an entry to spec.duties with customer: PARTY.";
        assert!(message.starts_with(&format!("{problem} Duty: chooses the channel")), "{message}");
        assert_eq!(without_description(&message), problem);
    }

    #[test]
    fn shortening_never_cuts_a_character_and_shows_that_it_cut() {
        assert_eq!(shorten("größer", 8), "größer");
        assert_eq!(shorten("größergrößer", 6), "gr...");
    }

    #[test]
    fn a_list_that_does_not_fit_says_how_many_are_left_out() {
        assert_eq!(list(&["one", "two", "three"], 40), "one,two,three");
        assert_eq!(list(&["one", "two", "three"], 8), "one,+2");
    }
}

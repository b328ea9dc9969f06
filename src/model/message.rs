//! Sentences for people: what is owed and what to write.

use super::fulfilment::{SignalText, SignalVerdict};
use crate::api::{GapReason, RiskReason, Role};
use crate::matrix::{Duty, Layer};

/// The most bytes a message may have.
const LIMIT: usize = 160;

/// The most bytes of it that names of parties may take, so that there is room for what to write.
const WHO_LIMIT: usize = 40;

/// The most bytes of it that the name of a layer may take where what to write comes behind it.
const NAME_LIMIT: usize = 40;

/// What is wrong with a duty and what to write, at most 160 bytes.
///
/// What the owed half is gives way first where space is short: what to write must stay readable.
#[must_use]
pub fn sentence(layer: &Layer, duty: Duty, reason: GapReason, subject: Option<&str>) -> String {
    let half = duty.word();
    let name = &layer.name;
    let who = subject.map_or_else(|| "the party".to_owned(), |name| shorten(&format!("\"{name}\""), WHO_LIMIT));
    let (problem, remedy) = match (reason, duty) {
        (GapReason::NotTransferable, _) => {
            (format!("{who} as written cannot hold it"), format!("write {half}: PARTY of your own, or add accountable"))
        }
        (GapReason::RoleMismatch, Duty::Provider) => {
            (format!("{who} is not of role {:?}", Role::Provider), "name a party of role Provider".to_owned())
        }
        (GapReason::RoleMismatch, Duty::Customer) => {
            (format!("{who} is not plainly of role {:?}", Role::Customer), "name a party of role Customer".to_owned())
        }
        (GapReason::AgreementMissing, _) => (
            format!("{who} has no agreement in force that covers it"),
            format!("write {half}: PARTY of your own, or add agreement: {{uri: ...}}"),
        ),
        (GapReason::NotAccepted, _) => (
            format!("{who} does not accept it"),
            format!("write {half}: PARTY of your own, or ask for accepts: [{name}]"),
        ),
        (GapReason::UnknownParty, _) => {
            (format!("{who} is declared nowhere"), "add it to parties, or correct the name".to_owned())
        }
        (GapReason::OverlappingAssignments, _) => (
            format!("claimed by {}", shorten(subject.unwrap_or("several"), 2 * WHO_LIMIT)),
            "keep one, or narrow the selectors".to_owned(),
        ),
        (GapReason::ReviewLapsed, _) => {
            (format!("the review behind {who} has lapsed"), "read it through and set review.lastAt".to_owned())
        }
        (GapReason::SharedLayerHalfOwned, _) => {
            (format!("only the {} half is held", duty.other().word()), format!("write {half}: PARTY"))
        }
        (GapReason::LayerUnowned, _) => ("nobody holds it".to_owned(), format!("write {half}: PARTY")),
    };
    let frame = format!("{problem}; {remedy}. Owed: ");
    let room = LIMIT.saturating_sub(frame.len());
    shorten(&(frame + &shorten(layer.describe(duty), room)), LIMIT)
}

/// What a risk means and what to write, at most 160 bytes.
#[must_use]
pub fn risk_sentence(reason: RiskReason, layer: Option<&Layer>, subject: Option<&str>) -> String {
    let name = layer.map_or_else(|| "a layer".to_owned(), |layer| shorten(&layer.name, NAME_LIMIT));
    let what = subject.unwrap_or_default();
    let who = shorten(&format!("\"{what}\""), WHO_LIMIT);
    let text = match reason {
        RiskReason::ServiceModelContradicted => {
            format!("serviceModel leaves {name} to the provider, but the customer was found to have a duty; leave it out or correct it")
        }
        RiskReason::ServiceModelSelfDeclared => {
            "nothing but this assignment tells the service model; let a cluster assignment set serviceModel".to_owned()
        }
        RiskReason::ProviderClaimsCustomerLayer => {
            format!("{name} owes no provider duty: provider: {who} has no effect; write customer: PARTY")
        }
        RiskReason::CustomerClaimsProviderLayer => {
            format!("{name} owes no customer duty: customer: {who} has no effect; leave it out")
        }
        RiskReason::AccountableMissing => {
            format!("{who} does it and nobody of yours answers for it; write accountable: PARTY of role Customer")
        }
        RiskReason::ClaimOverruled => {
            format!("a cluster assignment gives it to another party; agree with the platform team or remove {who}")
        }
        RiskReason::PartyRedefined => {
            format!("the cluster declares {who}, and its word counts; remove the declaration here")
        }
        RiskReason::BlanketProviderAssignment => {
            format!("every customer duty is left to {who}, which is no customer; name parties of your own")
        }
        RiskReason::CustomerDutiesEmpty => {
            "only providers are named: duties remain with the customer under every service model; write customer: PARTY"
                .to_owned()
        }
        RiskReason::ProviderClaimWithoutEvidence => {
            format!("nothing shows that {who} does it; add evidence to the party, such as a SOC 2 report")
        }
        RiskReason::EvidenceLapsed => {
            format!("all evidence of {who} for it has ended: it is assumed again; add the current report")
        }
        RiskReason::EvidenceExpiring => {
            format!("evidence ends: {}; add the next report", shorten(what, 80))
        }
        RiskReason::EvidenceOfWrongHalf => {
            format!("evidence of {who} says nothing of the customer duty; leave {name} out of its layers")
        }
        RiskReason::BackupAssumedProvided => {
            format!("no agreement lists the backup with {who}; write agreement.layers: [backup-recovery], or do it yourself")
        }
        RiskReason::SegmentationAssumed => {
            "it has an owner, but no NetworkPolicy selects the pods; add one".to_owned()
        }
        RiskReason::HostAccessDefeatsProviderNodes => {
            "the node's system is the provider's, but the pod reaches into it (privileged, host namespaces or a writable \
             hostPath); remove that"
                .to_owned()
        }
        RiskReason::ImpossibleOnDeclaredCompute => {
            "AWS Fargate runs no DaemonSets, privileged containers or host ports; remove that, or choose other nodes"
                .to_owned()
        }
        RiskReason::ExceptionRefused if subject.is_some() => {
            "the exception reaches more than 400 days ahead and has no effect; write an earlier until".to_owned()
        }
        RiskReason::ExceptionRefused => {
            format!("no exception from {name} can be made here and it has no effect; remove it and name an owner")
        }
        RiskReason::ExceptionExpired => format!("the exception ended on {what}; decide anew, or name an owner"),
        RiskReason::ReviewDue => format!("the review is due on {what}; read the assignment through and set review.lastAt"),
        RiskReason::ReviewMissing => "nobody has read it, or is asked to again; write review: {lastAt: DATE}, the day it was read".to_owned(),
        RiskReason::Unacknowledged => format!(
            "not acknowledged as they are by {}; set acknowledgement with the digest of status.dutiesDigest",
            shorten(what, 60)
        ),
        RiskReason::OwnerUnreachable => {
            format!("no contact for {}; write contact: {{email: ..., escalation: ...}}", shorten(what, 80))
        }
        RiskReason::MatchesNothing => {
            "no workload is selected; check selector, and namespaceSelector of a cluster assignment".to_owned()
        }
    };
    shorten(&text, LIMIT)
}

/// What a signal showed of a duty that is not done, and what to do, at most 160 bytes.
#[must_use]
pub fn failure_sentence(signal_text: &SignalText, seen: Option<&str>) -> String {
    let remedy = &signal_text.remedy;
    let room = LIMIT.saturating_sub(remedy.len() + 2);
    shorten(&format!("{}; {remedy}", shorten(signal_text.words(SignalVerdict::Failed, seen), room)), LIMIT)
}

/// What a signal showed of a duty that was not done, and why it can be seen no more, at most 160 bytes.
#[must_use]
pub fn unreadable_sentence(signal_text: &SignalText, seen: Option<&str>) -> String {
    let why = shorten(signal_text.words(SignalVerdict::Unreadable, seen), LIMIT / 2);
    let hidden = format!("; not known whether it still is so: {why}");
    let failed = signal_text.words(SignalVerdict::Failed, None);
    format!("{}{hidden}", shorten(failed, LIMIT.saturating_sub(hidden.len())))
}

/// That no assignment speaks for the workloads of a namespace, and what to write.
pub const UNASSIGNED: &str = "no assignment speaks for the workloads of this namespace. Apply a ResponsibilityAssignment that names who \
                              holds which duty, or have a ClusterResponsibilityAssignment take it in";

/// A duty that is not done in one line: the layer, who owes it, and the sentence of [`failure_sentence`].
#[must_use]
pub(super) fn failure_line(layer: &Layer, duty: Duty, party: Option<&str>, sentence: &str) -> String {
    let holder = party.map(|party| format!(", held by {}", shorten(party, 63))).unwrap_or_default();
    format!("{} ({} duty{holder}): {sentence}", layer.name, duty.word())
}

/// A gap in one line: the layer, whose duty it is, and the sentence of [`sentence`].
#[must_use]
pub(super) fn gap_line(layer: &Layer, duty: Duty, reason: GapReason, subject: Option<&str>) -> String {
    format!("{} ({} duty): {}", layer.name, duty.word(), sentence(layer, duty, reason, subject))
}

/// Cuts a text to at most `limit` bytes on a character, with an ellipsis where something was cut.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    const ELLIPSIS: &str = "...";
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit.saturating_sub(ELLIPSIS.len()));
    format!("{}{ELLIPSIS}", &text[..end])
}

/// The names of layers in one string, as many as fit.
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
                    let remedy = message.split("; ").nth(1).unwrap_or_default();
                    assert!(remedy.len() > 10, "no remedy: {message}");
                }
            }
        }
    }

    /// What to write about each risk, which stays readable whatever the names.
    const fn remedy(reason: RiskReason) -> &'static str {
        match reason {
            RiskReason::ServiceModelContradicted => "leave it out or correct it",
            RiskReason::ServiceModelSelfDeclared => "let a cluster assignment set serviceModel",
            RiskReason::ProviderClaimsCustomerLayer | RiskReason::CustomerDutiesEmpty => "write customer: PARTY",
            RiskReason::CustomerClaimsProviderLayer => "leave it out",
            RiskReason::AccountableMissing => "write accountable: PARTY of role Customer",
            RiskReason::ClaimOverruled => "agree with the platform team or remove ",
            RiskReason::PartyRedefined => "remove the declaration here",
            RiskReason::BlanketProviderAssignment => "name parties of your own",
            RiskReason::ProviderClaimWithoutEvidence => "add evidence to the party, such as a SOC 2 report",
            RiskReason::EvidenceLapsed => "add the current report",
            RiskReason::EvidenceExpiring => "add the next report",
            RiskReason::EvidenceOfWrongHalf => " out of its layers",
            RiskReason::BackupAssumedProvided => "write agreement.layers: [backup-recovery], or do it yourself",
            RiskReason::SegmentationAssumed => "add one",
            RiskReason::HostAccessDefeatsProviderNodes => "remove that",
            RiskReason::ImpossibleOnDeclaredCompute => "remove that, or choose other nodes",
            RiskReason::ExceptionRefused => "remove it and name an owner",
            RiskReason::ExceptionExpired => "decide anew, or name an owner",
            RiskReason::ReviewDue => "read the assignment through and set review.lastAt",
            RiskReason::ReviewMissing => "write review: {lastAt: DATE}",
            RiskReason::Unacknowledged => "set acknowledgement with the digest of status.dutiesDigest",
            RiskReason::OwnerUnreachable => "write contact: {email: ..., escalation: ...}",
            RiskReason::MatchesNothing => "check selector, and namespaceSelector of a cluster assignment",
        }
    }

    /// What a risk is about: parties, or a day where it is about one.
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
        assert_eq!(claim, "node-os owes no provider duty: provider: \"aws\" has no effect; write customer: PARTY");
        assert!(says(RiskReason::ReviewDue, "2026-12-01").contains("2026-12-01"));
        assert!(says(RiskReason::OwnerUnreachable, "adam, mia").contains("adam, mia"));
        let too_far = says(RiskReason::ExceptionRefused, "until");
        assert!(too_far.contains("400 days") && too_far.contains("write an earlier until"), "{too_far}");
    }

    #[test]
    fn a_message_names_the_owed_half() {
        let matrix = Matrix::built_in();
        let layer = matrix.layer(matrix.find("node-os").unwrap());
        let message = sentence(layer, Duty::Customer, GapReason::SharedLayerHalfOwned, None);
        assert!(
            message.starts_with("only the provider half is held; write customer: PARTY. Owed: chooses the channel")
        );
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

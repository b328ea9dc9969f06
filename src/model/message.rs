//! Sentences for people: what is owed and what to write.

use crate::api::{GapReason, Role};
use crate::matrix::{Duty, Layer};

/// The most bytes a message may have.
const LIMIT: usize = 160;

/// The most bytes of it that names of parties may take, so that there is room for what to write.
const WHO_LIMIT: usize = 40;

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
            format!("{who} has no agreement for it"),
            format!("write {half}: PARTY of your own, or {half}: {who} with agreement: {{uri: ...}}"),
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
        (GapReason::SharedLayerHalfOwned, _) => {
            (format!("only the {} half is held", duty.other().word()), format!("write {half}: PARTY"))
        }
        (GapReason::LayerUnowned, _) => ("nobody holds it".to_owned(), format!("write {half}: PARTY")),
    };
    let frame = format!("{problem}; {remedy}. Owed: ");
    let room = LIMIT.saturating_sub(frame.len());
    shorten(&(frame + &shorten(layer.describe(duty), room)), LIMIT)
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
pub(super) fn list(names: &[&str], limit: usize) -> String {
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
                for reason in GapReason::ALL {
                    let message = sentence(layer, duty, reason, Some(&longest_party));
                    assert!(message.len() <= LIMIT, "{} bytes: {message}", message.len());
                    let remedy = message.split("; ").nth(1).unwrap_or_default();
                    assert!(remedy.len() > 10, "no remedy: {message}");
                }
            }
        }
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

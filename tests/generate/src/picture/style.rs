//! The marks of duties and the colours of the picture.

use responsibility_operator::api::{Fulfilment, GapState};
use responsibility_operator::model::{DutyState, State};

/// The width of half a cell.
pub const HALF_WIDTH: u32 = 26;
/// The height of half a cell.
pub const HALF_HEIGHT: u32 = 16;

/// The look of a state. States differ in letter, outline and polarity, so that a reader needs no colours.
pub struct Style {
    /// The name of the state in the style sheet.
    id: &'static str,
    /// The word for the state.
    pub word: &'static str,
    letter: char,
    outline: &'static str,
    /// The pattern on the outline, beside the letter.
    pattern: &'static str,
    /// True for gaps: a light letter on a dark fill, or the reverse on a dark page.
    is_reversed: bool,
    /// Fill and ink on a light page.
    light: [&'static str; 2],
    /// Fill and ink on a dark page.
    dark: [&'static str; 2],
}

const PLAIN: &str = "M2 0H24Q26 0 26 2V14Q26 16 24 16H2Q0 16 0 14V2Q0 0 2 0Z";
const NOTCH_LEFT: &str = "M2 0H24Q26 0 26 2V14Q26 16 24 16H2Q0 16 0 14V11L3 8L0 5V2Q0 0 2 0Z";
const NOTCH_RIGHT: &str = "M2 0H24Q26 0 26 2V5L23 8L26 11V14Q26 16 24 16H2Q0 16 0 14V2Q0 0 2 0Z";
const CORNERS_CUT: &str = "M2 0H20L26 6V14Q26 16 24 16H6L0 10V2Q0 0 2 0Z";

const DASHED: &str =
    r#"<rect x=".5" y=".5" width="25" height="15" rx="2" fill="none" stroke="var(--dash)" stroke-dasharray="3 2"/>"#;
const DOTTED: &str = r#"<path d="M2 15H24" stroke="var(--Ei)" stroke-width="2" stroke-dasharray="2 2"/>"#;
const HATCHED: &str = r#"<path d="M1 7L8 0M1 15L16 0M8 16L24 0M16 16L25 7" stroke="var(--Ki)" stroke-opacity=".3"/>"#;

static OWNED: Style = Style {
    id: "O",
    word: "Owned",
    letter: 'O',
    outline: PLAIN,
    pattern: "",
    is_reversed: false,
    light: ["#d6e6f7", "#123e6b"],
    dark: ["#1e3a56", "#cfe3f8"],
};
static ASSUMED: Style = Style {
    id: "A",
    word: "Assumed",
    letter: 'A',
    outline: PLAIN,
    pattern: DASHED,
    is_reversed: false,
    light: ["none", "#123e6b"],
    dark: ["none", "#cfe3f8"],
};
static EXCEPTED: Style = Style {
    id: "E",
    word: "Excepted",
    letter: 'E',
    outline: PLAIN,
    pattern: DOTTED,
    is_reversed: false,
    light: ["#eadff6", "#4b2a7b"],
    dark: ["#3b2a57", "#e2d3f6"],
};
static UNKNOWN: Style = Style {
    id: "K",
    word: "Unknown",
    letter: '?',
    outline: PLAIN,
    pattern: HATCHED,
    is_reversed: false,
    light: ["#e7e7e3", "#3a3a37"],
    dark: ["#34363a", "#d5d5d0"],
};
static UNOWNED: Style = Style {
    id: "U",
    word: "Unowned",
    letter: 'U',
    outline: PLAIN,
    pattern: "",
    is_reversed: true,
    light: ["#b42318", "#fff"],
    dark: ["#ff8a7a", "#14171a"],
};
static INVALID: Style = Style {
    id: "I",
    word: "Invalid",
    letter: 'I',
    outline: NOTCH_LEFT,
    pattern: "",
    is_reversed: true,
    light: ["#8f1d5c", "#fff"],
    dark: ["#f48cc4", "#14171a"],
};
static CONFLICTED: Style = Style {
    id: "X",
    word: "Conflicted",
    letter: 'X',
    outline: CORNERS_CUT,
    pattern: "",
    is_reversed: true,
    light: ["#6b3a00", "#fff"],
    dark: ["#e0a458", "#14171a"],
};
static LAPSED: Style = Style {
    id: "L",
    word: "Lapsed",
    letter: 'L',
    outline: NOTCH_RIGHT,
    pattern: "",
    is_reversed: true,
    light: ["#8a4b00", "#fff"],
    dark: ["#f0b429", "#14171a"],
};

/// All states in the order of the legend.
pub static STATES: [&Style; 8] = [&OWNED, &ASSUMED, &EXCEPTED, &UNKNOWN, &UNOWNED, &INVALID, &CONFLICTED, &LAPSED];

/// The mark of a duty: its state of ownership, and what signals show of it.
#[derive(Clone, Copy)]
pub struct Mark {
    style: &'static Style,
    fulfilment: Fulfilment,
}

impl Mark {
    /// Returns the mark of a duty.
    pub fn of(duty: &DutyState) -> Self {
        let style = match duty.state {
            State::Owned => &OWNED,
            State::Assumed => &ASSUMED,
            State::Excepted => &EXCEPTED,
            State::Unknown => &UNKNOWN,
            State::Gap(reason) => match reason.state() {
                GapState::Unowned => &UNOWNED,
                GapState::Invalid => &INVALID,
                GapState::Conflicted => &CONFLICTED,
                GapState::Lapsed => &LAPSED,
            },
        };
        Self { style, fulfilment: duty.fulfilment }
    }

    /// Returns the mark of a state without any signal.
    pub const fn of_state(style: &'static Style) -> Self {
        Self { style, fulfilment: Fulfilment::Unknown }
    }

    /// Returns the mark without what signals show.
    pub const fn state_alone(self) -> Self {
        Self::of_state(self.style)
    }

    /// Returns the identifier of the symbol for this mark.
    pub fn id(self) -> String {
        let done = match self.fulfilment {
            Fulfilment::Fulfilled => "-done",
            Fulfilment::Unfulfilled => "-open",
            Fulfilment::Stale => "-stale",
            Fulfilment::Unknown | Fulfilment::NotApplicable => "",
        };
        format!("{}{done}", self.style.id)
    }

    /// Returns the symbol for this mark.
    pub fn symbol(self) -> String {
        let Style { id, letter, outline, pattern, is_reversed, .. } = self.style;
        let ring = if *is_reversed { format!("{id}i") } else { "ring".to_owned() };
        let sign = |sign: char| format!(r#"<text x="19" y="12">{sign}</text>"#);
        let done = match self.fulfilment {
            Fulfilment::Fulfilled => {
                format!(r#"<path d="M15 8.5L17.5 11L22 5.5" fill="none" stroke="var(--{id}i)" stroke-width="1.5"/>"#)
            }
            Fulfilment::Unfulfilled => format!(
                r#"<rect x="1.5" y="1.5" width="23" height="13" rx="1" fill="none" stroke="var(--{ring})" stroke-width="1.5"/>{}"#,
                sign('!')
            ),
            Fulfilment::Stale => sign('~'),
            Fulfilment::Unknown | Fulfilment::NotApplicable => String::new(),
        };
        let middle = if done.is_empty() { HALF_WIDTH / 2 } else { 9 };
        format!(
            r#"<g id="{}" class="m" fill="var(--{id}i)"><path d="{outline}" fill="var(--{id})"/>{pattern}<text x="{middle}" y="12">{letter}</text>{done}</g>"#,
            self.id()
        )
    }
}

/// Returns the style sheet. It defines the colours of the page and of the marks, for light and dark.
pub fn sheet() -> String {
    let colours = |of: fn(&Style) -> [&'static str; 2]| -> String {
        let of_state = |state: &&Style| {
            let [fill, ink] = of(state);
            format!("--{0}:{fill};--{0}i:{ink};", state.id)
        };
        STATES.iter().map(of_state).collect()
    };
    format!(
        ":root{{--page:#fff;--text:#1b1f24;--muted:#57606a;--line:#d8dee4;--half:#8c959f;--dash:#4f79a6;--ring:#b93a00;{}}}\
         @media(prefers-color-scheme:dark){{\
         :root{{--page:#14171a;--text:#e6e8eb;--muted:#a0a8b1;--line:#2b3036;--dash:#6c93bc;--ring:#ff9e66;{}}}}}\
         text{{font:13px system-ui,sans-serif;fill:var(--text)}}\
         .m text{{font-size:11px;font-weight:650;fill:inherit;text-anchor:middle}}\
         .h{{font-size:24px;font-weight:650}}\
         .b{{font-weight:650}}\
         .s{{font-size:13px;font-weight:400;fill:var(--muted)}}\
         .l{{font-size:12px}}\
         .k{{font-size:11px;fill:var(--muted)}}\
         .c{{font-size:11px;fill:var(--muted);letter-spacing:.06em}}\
         .n{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}}\
         .e{{text-anchor:end;font-variant-numeric:tabular-nums}}",
        colours(|state| state.light),
        colours(|state| state.dark)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn states_differ_in_more_than_colour() {
        let letters: BTreeSet<char> = STATES.iter().map(|state| state.letter).collect();
        let shapes: BTreeSet<_> =
            STATES.iter().map(|state| (state.outline, state.pattern, state.is_reversed)).collect();
        assert_eq!((letters.len(), shapes.len()), (STATES.len(), STATES.len()));
    }
}

//! `responsibility-operator reference`: the reference documents as Markdown.

use std::io::Write;

use clap::ValueEnum;

use crate::{reference, telemetry};

/// A reference document.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Document {
    /// Who owes what under which service model, and where that is said
    Matrix,
    /// The kinds and their fields
    Api,
    /// Why a duty is a gap, what is a risk, what to write
    Findings,
    /// Whether each duty is done: the signals, what they read, whose failure it is
    Fulfilment,
    /// The series of /metrics, their labels, what they tell
    Metrics,
}

/// Writes a document to standard output.
pub(super) fn print(document: Document) -> anyhow::Result<()> {
    let text = match document {
        Document::Matrix => reference::matrix(),
        Document::Api => reference::api(),
        Document::Findings => reference::findings(),
        Document::Fulfilment => reference::fulfilment(),
        Document::Metrics => telemetry::reference::metrics(),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

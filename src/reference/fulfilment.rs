//! The document about fulfilment: what is written by hand, with the words and the table of signals.

use super::{GENERATED, table};
use crate::api::Fulfilment;
use crate::extract::kinds::spec_of;
use crate::model::{Attribution, Reach};
use crate::signals::{Reads, SIGNALS, Signal, support_as_of};

/// The document.
#[must_use]
pub fn fulfilment() -> String {
    let text = include_str!("fulfilment.md");
    let text = text.replace("{words}", &words()).replace("{signals}", &signals());
    format!("{GENERATED}{}", text.replace("{asOf}", &support_as_of().to_string()))
}

fn words() -> String {
    let row = |word: &Fulfilment| format!("| `{}` | {} |\n", word.name(), word.meaning());
    Fulfilment::ALL.iter().map(row).collect()
}

fn signals() -> String {
    let mut out = String::new();
    let head = ["signal", "layer", "duty of", "shows", "passes when", "threshold", "reads", "source"];
    table(&mut out, &head, SIGNALS.iter().map(|signal| row(signal)));
    out
}

fn row(signal: &Signal) -> Vec<String> {
    let threshold = signal.threshold.map_or_else(
        || "-".to_owned(),
        |range| format!("{} {} ({}-{})", range.default, range.unit, range.least, range.most),
    );
    let reads: Vec<String> = signal.reads.iter().map(|reads| of(*reads)).collect();
    vec![
        format!("`{}`", signal.id),
        signal.layer.unwrap_or("every layer").to_owned(),
        match signal.attribution {
            Attribution::Customer => "Customer",
            Attribution::Provider => "Provider",
            Attribution::Operator => "Operator",
        }
        .to_owned(),
        match signal.reach {
            Reach::Duty => "the duty",
            Reach::Part => "a part",
        }
        .to_owned(),
        signal.rule.to_owned(),
        threshold,
        reads.join(", "),
        signal.source.to_owned(),
    ]
}

fn of(reads: Reads) -> String {
    match reads {
        Reads::Templates => "pod templates".to_owned(),
        Reads::Namespaces => "namespaces".to_owned(),
        Reads::NetworkPolicies => "networkpolicies".to_owned(),
        Reads::Nodes => "nodes".to_owned(),
        Reads::Assignments => "assignments".to_owned(),
        Reads::ServerVersion => "/version".to_owned(),
        Reads::Facts(kind) => spec_of(kind).map_or("", |spec| spec.plural).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_in_the_document_and_nothing_is_left_open() {
        let document = fulfilment();
        for signal in SIGNALS {
            assert!(document.contains(&format!("| `{}` |", signal.id)), "{}", signal.id);
        }
        assert!(!document.contains("{words}") && !document.contains("{signals}") && !document.contains("{asOf}"));
    }
}

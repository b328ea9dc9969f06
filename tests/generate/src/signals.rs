//! Writes `docs/reference/signals.md`.

use std::fmt::Write;

use responsibility_operator::api::Fulfilment;
use responsibility_operator::controller::spec_of;
use responsibility_operator::model::{Attribution, Reach};
use responsibility_operator::signals::{Reads, SIGNALS, Signal, support_as_of};

use crate::markdown::{GENERATED, code, ended, table};

/// Returns the document: the words for a duty, and every built-in signal with its rule and source.
pub fn document() -> String {
    let mut out = format!("{GENERATED}# Signals\n\n");
    out.push_str(
        "A signal checks objects of the cluster and shows whether a duty is fulfilled. [Is each duty fulfilled?](../fulfilment.md) \
         explains\nhow the results of several signals are combined, and how to configure signals.\n\n## Words\n\nEach duty of \
         a workload has one of these words, in addition to its state of ownership.\n\n",
    );
    let word = |word: &Fulfilment| vec![code(word.name()), word.meaning().to_owned()];
    table(&mut out, &["word", "meaning"], Fulfilment::ALL.iter().map(word));
    out.push_str(
        "## Built-in signals\n\n\
         - *duty of*: the side that owes the duty. `Operator` means the customer if the layer owes a customer duty, and the \
         provider otherwise.\n\
         - *shows*: the part of the duty that the signal checks. A signal about *a part* can make a duty Unfulfilled, but never \
         Fulfilled.\n\
         - *threshold*: the default, with the allowed range in brackets.\n\
         - *reads*: the objects or the API that the signal needs.\n\n",
    );
    let head = ["signal", "layer", "duty of", "shows", "passes when", "threshold", "reads", "source"];
    table(&mut out, &head, SIGNALS.iter().map(|signal| row(signal)));
    let _ = writeln!(
        out,
        "The operator looks up the support of Kubernetes versions in a table as of {}. A version that is not in the table \
         gives no result.",
        support_as_of()
    );
    ended(out)
}

fn row(signal: &Signal) -> Vec<String> {
    let threshold = signal.threshold.map_or_else(
        || "-".to_owned(),
        |range| format!("{} {} ({}-{})", range.default, range.unit, range.least, range.most),
    );
    let attribution = match signal.attribution {
        Attribution::Customer => "Customer",
        Attribution::Provider => "Provider",
        Attribution::Operator => "Operator",
    };
    let reach = match signal.reach {
        Reach::Duty => "the duty",
        Reach::Part => "a part",
    };
    let reads: Vec<&str> = signal.reads.iter().map(|reads| input(*reads)).collect();
    vec![
        code(signal.id),
        signal.layer.unwrap_or("every layer").to_owned(),
        attribution.to_owned(),
        reach.to_owned(),
        signal.rule.to_owned(),
        threshold,
        reads.join(", "),
        signal.source.to_owned(),
    ]
}

/// Returns the name of an input of a signal.
fn input(reads: Reads) -> &'static str {
    match reads {
        Reads::Templates => "pod templates",
        Reads::Namespaces => "namespaces",
        Reads::NetworkPolicies => "networkpolicies",
        Reads::Nodes => "nodes",
        Reads::Assignments => "assignments",
        Reads::ServerVersion => "/version",
        Reads::Facts(kind) => spec_of(kind).map_or("", |spec| spec.plural),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_and_every_word_is_in_the_document() {
        let document = document();
        let words = Fulfilment::ALL.iter().map(|word| word.name());
        for name in SIGNALS.iter().map(|signal| signal.id).chain(words) {
            assert!(document.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}

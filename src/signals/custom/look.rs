//! What the signals of the configuration see of a workload.

use std::sync::Arc;

use super::CustomObjects;
use crate::facts::{CustomFinding, FactKind, Facts};
use crate::model::days_before;
use crate::model::{SignalId, SignalText, SignalVerdict};
use crate::signals::signal::{Reading, WorkloadInput};

/// A signal of the configuration that is looked at.
#[derive(Debug)]
pub(in crate::signals) struct ActiveCustom {
    pub(in crate::signals) id: SignalId,
    /// What it looks at.
    kind: FactKind,
    /// Its position among the signals that look at the kind.
    position: u16,
    /// The kind as its definition spells it.
    word: Arc<str>,
    /// What was seen where an object is not as it has to be.
    failed: Arc<str>,
    max_age_days: Option<u32>,
}

impl CustomObjects {
    /// The signals that look at the kind, each entered by `enter` into the catalogue.
    pub(in crate::signals) fn active(&self, mut enter: impl FnMut(SignalText) -> SignalId) -> Vec<ActiveCustom> {
        let active = self.signals().map(|(position, signal)| {
            let kind = &signal.kind;
            let failed: Arc<str> = signal
                .failed
                .as_deref()
                .map_or_else(|| format!("a {kind} is not as it has to be"), str::to_owned)
                .into();
            let remedy = signal
                .remedy
                .as_deref()
                .map_or_else(|| format!("mend it until this is true of it: {}", signal.expression), str::to_owned);
            let signal_text = SignalText {
                signal: signal.name.as_str().into(),
                layer: Some(signal.layer.as_str().into()),
                attribution: signal.duty,
                reach: signal.shows,
                passed: format!("each {kind} that speaks of it is as it has to be").into(),
                failed: failed.clone(),
                unseen: format!("no {kind} speaks of it").into(),
                remedy: remedy.into(),
            };
            ActiveCustom {
                id: enter(signal_text),
                kind: self.fact_kind(),
                position,
                word: kind.as_str().into(),
                failed,
                max_age_days: signal.max_age_days,
            }
        });
        active.collect()
    }
}

/// What is seen of a workload: all objects that speak of it have to be as they should.
pub(in crate::signals) fn look(view: &WorkloadInput<'_>, active: &ActiveCustom) -> Reading {
    if let Err(seen) = view.read(active.kind) {
        return seen;
    }
    let signal_index = if active.kind.is_cluster_scoped() { view.cluster } else { view.namespace };
    let concerns = |finding: &&CustomFinding| {
        finding.signal == active.position
            && view.facts.iter().any(|facts| finding.about.contains(view.key, facts, view.children))
    };
    let found = signal_index.objects_about(active.kind, view.key, view.children).flat_map(|(name, facts)| {
        let findings = match facts {
            Facts::Custom(findings) => findings.as_slice(),
            _ => &[],
        };
        findings.iter().filter(concerns).map(move |finding| active.seen(view, name, finding))
    });
    Reading::worst_of(found).unwrap_or(Reading::UNSEEN)
}

impl ActiveCustom {
    fn seen(&self, view: &WorkloadInput<'_>, name: &str, finding: &CustomFinding) -> Reading {
        let word = &self.word;
        match (&finding.outcome, finding.day, self.max_age_days) {
            (Err(why), ..) => Reading {
                verdict: SignalVerdict::Unreadable,
                detail: Some(format!("nothing can be told of {word} {name}: {why}").into()),
            },
            (Ok(false), ..) => Reading::failed(format!("{word} {name}: {}", self.failed)),
            (Ok(true), Some(day), Some(days)) if day < days_before(view.today, days) => {
                Reading::stale(format!("{word} {name} is of {day}, older than {days} days"))
            }
            (Ok(true), ..) => Reading::passed_if(true),
        }
    }
}

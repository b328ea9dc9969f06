//! Custom signals of a workload.

use std::sync::Arc;

use super::{CustomObjects, Ready};
use crate::facts::{CustomFinding, FactKind, Facts};
use crate::model::{SignalId, SignalText, SignalVerdict, shorten};
use crate::signals::signal::{Reading, WorkloadInput};

/// The most bytes of the advice that names the rules.
const REMEDY: usize = 256;

/// A custom signal that is evaluated for workloads.
#[derive(Debug)]
pub(in crate::signals) struct ActiveCustom {
    pub(in crate::signals) id: SignalId,
    /// The kind of its objects.
    kind: FactKind,
    /// Its position among the signals of the kind.
    position: u16,
    /// The kind as its definition spells it.
    word: Arc<str>,
    /// The message for an object that does not meet a rule.
    failed: Arc<str>,
}

impl CustomObjects {
    /// Returns the signals of the kind, each added to the catalogue by `enter`.
    pub(in crate::signals) fn active(&self, mut enter: impl FnMut(SignalText) -> SignalId) -> Vec<ActiveCustom> {
        let active = (0..).zip(&self.signals).map(|(position, Ready { signal, rules, .. })| {
            let kind = &signal.kind;
            let failed: Arc<str> = signal
                .failed
                .as_deref()
                .map_or_else(|| format!("a {kind} does not meet its rules"), str::to_owned)
                .into();
            let remedy = signal.remedy.clone().unwrap_or_else(|| {
                let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
                shorten(&format!("correct it until {}", rules.join(" and ")), REMEDY)
            });
            let signal_text = SignalText {
                signal: signal.name.as_str().into(),
                layer: Some(signal.layer.as_str().into()),
                attribution: signal.duty,
                reach: signal.shows,
                passed: format!("each {kind} about it meets its rules").into(),
                failed: failed.clone(),
                unseen: format!("no {kind} is about it").into(),
                remedy: remedy.into(),
            };
            ActiveCustom {
                id: enter(signal_text),
                kind: self.fact_kind(),
                position,
                word: kind.as_str().into(),
                failed,
            }
        });
        active.collect()
    }
}

/// Evaluates a signal for a workload: all objects about it must meet the rules.
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
        match (&finding.outcome, finding.until) {
            (Err(why), _) => Reading {
                verdict: SignalVerdict::Unreadable,
                detail: Some(format!("{word} {name} cannot be evaluated: {why}").into()),
            },
            (Ok(false), _) => Reading::failed(format!("{word} {name}: {}", self.failed)),
            (Ok(true), Some(until)) if until < view.today => {
                Reading::stale(format!("{word} {name} is too old: it counted until {until}"))
            }
            (Ok(true), _) => Reading::passed_if(true),
        }
    }
}

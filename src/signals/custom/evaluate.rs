//! Evaluates custom signals for a workload.

use std::sync::Arc;

use super::{CompiledSignal, CustomObjects};
use crate::facts::{CustomFinding, FactKind, Facts};
use crate::model::{SignalId, SignalText, SignalVerdict, shorten};
use crate::signals::signal::{Reading, WorkloadInput};

/// The maximum length in bytes of an advice that lists the rules.
const REMEDY: usize = 256;

/// A custom signal that is evaluated for workloads.
#[derive(Debug)]
pub(in crate::signals) struct ActiveCustom {
    pub(in crate::signals) id: SignalId,
    /// The kind of its objects.
    kind: FactKind,
    /// The position among the signals of the kind.
    position: u16,
    /// The name of the kind in its definition.
    kind_name: Arc<str>,
    /// The message for an object that does not meet a rule.
    failed: Arc<str>,
}

impl CustomObjects {
    /// Returns the signals of the kind. `add` adds each of them to the catalogue.
    pub(in crate::signals) fn active(&self, mut add: impl FnMut(SignalText) -> SignalId) -> Vec<ActiveCustom> {
        let active = (0..).zip(&self.signals).map(|(position, CompiledSignal { signal, rules, .. })| {
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
                id: add(signal_text),
                kind: self.fact_kind(),
                position,
                kind_name: kind.as_str().into(),
                failed,
            }
        });
        active.collect()
    }
}

/// Evaluates a signal for a workload: all objects about it must meet the rules.
pub(in crate::signals) fn evaluate(input: &WorkloadInput<'_>, active: &ActiveCustom) -> Reading {
    if let Err(reading) = input.read(active.kind) {
        return reading;
    }
    let signal_index = if active.kind.is_cluster_scoped() { input.cluster } else { input.namespace };
    let is_about = |finding: &&CustomFinding| {
        finding.signal == active.position
            && input.facts.iter().any(|facts| finding.about.contains(input.key, facts, input.children))
    };
    let readings = signal_index.objects_about(active.kind, input.key, input.children).flat_map(|(name, facts)| {
        let findings = match facts {
            Facts::Custom(findings) => findings.as_slice(),
            _ => &[],
        };
        findings.iter().filter(is_about).map(move |finding| active.reading(input, name, finding))
    });
    Reading::worst_of(readings).unwrap_or(Reading::UNSEEN)
}

impl ActiveCustom {
    fn reading(&self, input: &WorkloadInput<'_>, name: &str, finding: &CustomFinding) -> Reading {
        let kind = &self.kind_name;
        match (&finding.outcome, finding.until) {
            (Err(why), _) => Reading {
                verdict: SignalVerdict::Unreadable,
                detail: Some(format!("{kind} {name} cannot be evaluated: {why}").into()),
            },
            (Ok(false), _) => Reading::failed(format!("{kind} {name}: {}", self.failed)),
            (Ok(true), Some(until)) if until < input.today => {
                Reading::stale(format!("{kind} {name} is too old: it was valid until {until}"))
            }
            (Ok(true), _) => Reading::passed_if(true),
        }
    }
}

//! Which signals are looked at, and by which thresholds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::custom::{BadCustomSignal, CustomObjects, CustomSignal, repeated};
use super::signal::Reads;
use super::{SIGNALS, Signal};
use crate::facts::FactKind;

/// What the configuration says of one signal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SignalSetting {
    /// Whether it is looked at; it is unless it is said otherwise.
    pub enabled: Option<bool>,
    /// The number in its rule.
    pub threshold: Option<u32>,
}

/// What the configuration says of the signals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalSettings {
    by_signal: BTreeMap<String, SignalSetting>,
    custom: Vec<Arc<CustomObjects>>,
    /// Whether it is configured which registries are allowed.
    pub(super) registries_known: bool,
    /// The namespace where Velero runs.
    pub(super) velero_namespace: Option<String>,
}

/// Why a setting cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// There is no such signal.
    #[error("{name:?} is no signal; write one of: {}", names())]
    NoSuchSignal {
        /// The name.
        name: String,
    },
    /// The rule of the signal has no number.
    #[error("{name}: threshold: its rule has no number; leave it out")]
    NoThreshold {
        /// The signal.
        name: &'static str,
    },
    /// The number is out of its range.
    #[error("{name}: threshold: {given} is not possible; write from {least} to {most} {unit}")]
    OutOfRange {
        /// The signal.
        name: &'static str,
        /// What was given.
        given: u32,
        /// The least that makes sense.
        least: u32,
        /// The most that makes sense.
        most: u32,
        /// What is counted.
        unit: &'static str,
    },
}

fn names() -> String {
    SIGNALS.iter().map(|signal| signal.id).collect::<Vec<_>>().join(", ")
}

impl SignalSettings {
    /// Checked settings by the names of signals.
    ///
    /// # Errors
    ///
    /// The first that cannot be meant: what is wrong with it and what to write.
    pub fn new(settings: BTreeMap<String, SignalSetting>) -> Result<Self, BadSetting> {
        for (name, setting) in &settings {
            let Some(signal) = SIGNALS.iter().find(|signal| signal.id == name) else {
                return Err(BadSetting::NoSuchSignal { name: name.clone() });
            };
            match (setting.threshold, signal.threshold) {
                (Some(_), None) => return Err(BadSetting::NoThreshold { name: signal.id }),
                (Some(given), Some(range)) if !(range.least..=range.most).contains(&given) => {
                    let (least, most, unit) = (range.least, range.most, range.unit);
                    return Err(BadSetting::OutOfRange { name: signal.id, given, least, most, unit });
                }
                _ => {}
            }
        }
        Ok(Self { by_signal: settings, ..Self::default() })
    }

    /// Adds custom signals.
    ///
    /// # Errors
    ///
    /// The position of the first signal that cannot be used, and why.
    pub fn with_custom(self, signals: &[CustomSignal]) -> Result<Self, (usize, BadCustomSignal)> {
        let names = SIGNALS.iter().map(|signal| signal.id).chain(signals.iter().map(|signal| signal.name.as_str()));
        if let Some((position, name)) = repeated(names) {
            return Err((position - SIGNALS.len(), BadCustomSignal::SameName { name: name.to_owned() }));
        }
        Ok(Self { custom: CustomObjects::of(signals)?, ..self })
    }

    /// Returns the kinds that custom signals evaluate.
    pub fn custom(&self) -> impl Iterator<Item = &Arc<CustomObjects>> {
        self.custom.iter()
    }

    /// The same where it is configured which registries are allowed, or not.
    #[must_use]
    pub fn with_registries(self, known: bool) -> Self {
        Self { registries_known: known, ..self }
    }

    /// The same where Velero runs in another namespace than `velero`.
    #[must_use]
    pub fn with_velero_in(self, namespace: Option<String>) -> Self {
        Self { velero_namespace: namespace, ..self }
    }

    /// The signals that are looked at, each with its threshold, 0 where it has none.
    pub fn enabled(&self) -> impl Iterator<Item = (&'static Signal, u32)> {
        SIGNALS.iter().filter_map(|signal| {
            let setting = self.by_signal.get(signal.id);
            let is_enabled = setting.and_then(|setting| setting.enabled).unwrap_or(true);
            let threshold = setting.and_then(|setting| setting.threshold);
            let default = signal.threshold.map_or(0, |threshold| threshold.default);
            is_enabled.then_some((*signal, threshold.unwrap_or(default)))
        })
    }

    /// The built-in kinds that some signal reads and nothing else.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<FactKind> {
        let reads = self.enabled().flat_map(|(signal, _)| signal.reads);
        let kinds = reads.filter_map(|reads| match reads {
            Reads::Facts(kind) => Some(*kind),
            _ => None,
        });
        kinds.collect()
    }
}

//! Settings of the signals: enabled or not, and thresholds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::custom::{BadCustomSignal, CustomObjects, CustomSignal, repeated};
use super::signal::Reads;
use super::{SIGNALS, Signal};
use crate::facts::FactKind;

/// The configuration of one signal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SignalSetting {
    /// True (default) if the signal is evaluated.
    pub enabled: Option<bool>,
    /// The number in the rule.
    pub threshold: Option<u32>,
}

/// The configuration of all signals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignalSettings {
    by_signal: BTreeMap<String, SignalSetting>,
    custom: Vec<Arc<CustomObjects>>,
    /// True if the configuration has allowed registries.
    pub(super) registries_known: bool,
    /// The namespace of Velero; none for the default.
    pub(super) velero_namespace: Option<String>,
}

/// An error in the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// The signal does not exist.
    #[error("{name:?} is not a signal; write one of: {}", names())]
    NoSuchSignal {
        /// The name.
        name: String,
    },
    /// The signal has no threshold.
    #[error("{name}: threshold: this signal does not have a threshold; remove it")]
    NoThreshold {
        /// The signal.
        name: &'static str,
    },
    /// The threshold is out of range.
    #[error("{name}: threshold: {given} is out of range; write {least} to {most} {unit}")]
    OutOfRange {
        /// The signal.
        name: &'static str,
        /// The configured number.
        given: u32,
        /// The minimum.
        least: u32,
        /// The maximum.
        most: u32,
        /// The unit.
        unit: &'static str,
    },
}

fn names() -> String {
    SIGNALS.iter().map(|signal| signal.id).collect::<Vec<_>>().join(", ")
}

impl SignalSettings {
    /// Checks settings by the names of signals.
    ///
    /// # Errors
    ///
    /// The first setting that is not valid.
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

    /// Sets if the configuration has allowed registries.
    #[must_use]
    pub fn with_registries(self, known: bool) -> Self {
        Self { registries_known: known, ..self }
    }

    /// Sets the namespace of Velero; none for `velero`.
    #[must_use]
    pub fn with_velero_in(self, namespace: Option<String>) -> Self {
        Self { velero_namespace: namespace, ..self }
    }

    /// Returns the enabled signals with their thresholds. The threshold is 0 if the signal has none.
    pub fn enabled(&self) -> impl Iterator<Item = (&'static Signal, u32)> {
        SIGNALS.iter().filter_map(|signal| {
            let setting = self.by_signal.get(signal.id);
            let is_enabled = setting.and_then(|setting| setting.enabled).unwrap_or(true);
            let threshold = setting.and_then(|setting| setting.threshold);
            let default = signal.threshold.map_or(0, |threshold| threshold.default);
            is_enabled.then_some((*signal, threshold.unwrap_or(default)))
        })
    }

    /// Returns the built-in kinds that are read only because an enabled signal needs them.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<FactKind> {
        let inputs = self.enabled().flat_map(|(signal, _)| signal.reads);
        let kinds = inputs.filter_map(|input| match input {
            Reads::Facts(kind) => Some(*kind),
            _ => None,
        });
        kinds.collect()
    }
}

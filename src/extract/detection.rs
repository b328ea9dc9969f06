//! The values in pod templates that trigger layers, read from `detection.yaml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

/// The values that trigger each layer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Detection {
    pub(super) storage: StorageDetection,
    pub(super) secrets: SecretDetection,
    pub(super) external_services: ServiceDetection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct StorageDetection {
    pub(super) volumes: Vec<String>,
    pub(super) host_path_types: Vec<String>,
    pub(super) host_paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SecretDetection {
    pub(super) volumes: Vec<String>,
    pub(super) csi_drivers: Vec<String>,
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ServiceDetection {
    #[serde(deserialize_with = "regex")]
    pub(super) env_names: Regex,
    pub(super) schemes: Vec<String>,
    pub(super) cluster_suffixes: Vec<String>,
}

fn regex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
    Regex::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

pub(super) static DETECTION: LazyLock<Detection> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("detection.yaml"))
        .expect("the detection data is part of the binary and parsed by the tests")
});

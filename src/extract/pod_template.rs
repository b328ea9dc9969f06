//! Pod templates: what they store, which secrets they refer to, what they call and whether they use the node's network.
//!
//! What is searched for is data (`detection.yaml`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::matrix::{Signal, Signals};
use crate::model::ValueDigest;

/// What templates are searched for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Detection {
    storage: StorageDetection,
    secrets: SecretDetection,
    external_services: ServiceDetection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StorageDetection {
    volumes: Vec<String>,
    host_path_types: Vec<String>,
    host_paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SecretDetection {
    csi_drivers: Vec<String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ServiceDetection {
    #[serde(deserialize_with = "regex")]
    env_names: Regex,
    schemes: Vec<String>,
    cluster_suffixes: Vec<String>,
}

fn regex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
    Regex::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

static DETECTION: LazyLock<Detection> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("detection.yaml"))
        .expect("the detection data is part of the binary and parsed by the tests")
});

/// A pod template, or a pod, decoded as far as it counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodTemplate {
    pub(super) metadata: TemplateMeta,
    pub(super) spec: PodSpec,
}

/// The metadata of a template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateMeta {
    pub(super) labels: Option<BTreeMap<String, String>>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// The part of a pod's spec that counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    host_network: bool,
    volumes: Option<Vec<Volume>>,
    containers: Vec<Container>,
    init_containers: Option<Vec<Container>>,
    image_pull_secrets: Option<Vec<IgnoredAny>>,
}

/// A volume by its type. Types that are only looked up by name are in `other`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Volume {
    name: String,
    secret: Option<IgnoredAny>,
    projected: Option<Projected>,
    csi: Option<Csi>,
    host_path: Option<HostPath>,
    #[serde(flatten)]
    other: BTreeMap<String, Option<OtherSource>>,
}

/// The source of a volume, or whatever a later version of the API puts beside it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OtherSource {
    Volume(VolumeSource),
    Something(IgnoredAny),
}

/// A Secret that a volume needs in order to be mounted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct VolumeSource {
    secret_ref: Option<IgnoredAny>,
    secret_name: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Projected {
    sources: Option<Vec<ProjectedSource>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ProjectedSource {
    secret: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Csi {
    driver: String,
    node_publish_secret_ref: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct HostPath {
    path: String,
    r#type: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    env: Option<Vec<EnvVar>>,
    env_from: Option<Vec<EnvFrom>>,
    ports: Option<Vec<Port>>,
    volume_mounts: Option<Vec<VolumeMount>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvVar {
    name: String,
    value: Option<String>,
    value_from: Option<ValueFrom>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ValueFrom {
    secret_key_ref: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvFrom {
    secret_ref: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Port {
    host_port: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct VolumeMount {
    name: String,
    read_only: Option<bool>,
}

impl PodTemplate {
    /// What the template shows by itself.
    pub(super) fn signals(&self) -> Signals {
        Signals::default()
            .with_if(Signal::Storage, self.spec.stores_data())
            .with_if(Signal::Secrets, self.spec.refers_to_secrets() || self.asks_for_secrets())
            .with_if(Signal::ExternalServices, self.spec.calls_external_services())
            .with_if(Signal::HostNetwork, self.spec.listens_on_the_node())
    }

    /// Digests of the environment values that could be the name of a Service, sorted.
    pub(super) fn env_values(&self) -> Box<[ValueDigest]> {
        let could_be_service = |value: &&str| {
            (1..=63).contains(&value.len())
                && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let values = self.spec.env().filter_map(|var| var.value.as_deref()).filter(could_be_service);
        let mut digests: Vec<ValueDigest> = values.map(ValueDigest::of).collect();
        digests.sort_unstable();
        digests.dedup();
        digests.into_boxed_slice()
    }

    fn asks_for_secrets(&self) -> bool {
        let annotations = self.metadata.annotations.iter().flatten();
        annotations.into_iter().any(|(key, value)| DETECTION.secrets.annotations.get(key) == Some(value))
    }
}

impl PodSpec {
    fn containers(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().chain(self.init_containers.iter().flatten())
    }

    fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.iter().flatten()
    }

    fn env(&self) -> impl Iterator<Item = &EnvVar> {
        self.containers().flat_map(|container| container.env.iter().flatten())
    }

    fn stores_data(&self) -> bool {
        self.volumes()
            .any(|volume| volume.keeps_data() || volume.is_node_storage() && self.is_mounted_writable(&volume.name))
    }

    fn is_mounted_writable(&self, volume: &str) -> bool {
        let mut mounts = self.containers().flat_map(|container| container.volume_mounts.iter().flatten());
        mounts.any(|mount| mount.name == volume && mount.read_only != Some(true))
    }

    fn refers_to_secrets(&self) -> bool {
        self.volumes().any(Volume::holds_secrets)
            || self.env().any(|var| var.value_from.as_ref().is_some_and(|from| from.secret_key_ref.is_some()))
            || self
                .containers()
                .flat_map(|container| container.env_from.iter().flatten())
                .any(|from| from.secret_ref.is_some())
            || self.image_pull_secrets.as_ref().is_some_and(|secrets| !secrets.is_empty())
    }

    fn calls_external_services(&self) -> bool {
        let named = |var: &EnvVar| DETECTION.external_services.env_names.is_match(&var.name);
        self.env().any(|var| named(var) || var.value.as_deref().is_some_and(addresses_external_service))
    }

    fn listens_on_the_node(&self) -> bool {
        let mut ports = self.containers().flat_map(|container| container.ports.iter().flatten());
        self.host_network || ports.any(|port| port.host_port.is_some_and(|port| port != 0))
    }
}

impl Volume {
    fn is_secret_driver(&self) -> bool {
        self.csi.as_ref().is_some_and(|csi| DETECTION.secrets.csi_drivers.contains(&csi.driver))
    }

    fn keeps_data(&self) -> bool {
        let of_type = |name: &String| self.other.get(name).is_some_and(Option::is_some);
        DETECTION.storage.volumes.iter().any(of_type) || self.csi.is_some() && !self.is_secret_driver()
    }

    fn is_node_storage(&self) -> bool {
        let Some(HostPath { path, r#type }) = &self.host_path else { return false };
        let path = path.trim_end_matches('/');
        let under = |root: &String| {
            path.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let device = r#type.as_ref().is_some_and(|of| DETECTION.storage.host_path_types.contains(of));
        !device && !DETECTION.storage.host_paths.iter().any(under)
    }

    fn holds_secrets(&self) -> bool {
        let mut projected = self.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        let mut others = self.other.values().flatten().filter_map(|source| match source {
            OtherSource::Volume(source) => Some(source),
            OtherSource::Something(_) => None,
        });
        self.secret.is_some()
            || self.is_secret_driver()
            || projected.any(|source| source.secret.is_some())
            || self.csi.as_ref().is_some_and(|csi| csi.node_publish_secret_ref.is_some())
            || others.any(|source| source.secret_ref.is_some() || source.secret_name.is_some())
    }
}

/// Whether a value is the address of a service outside of the cluster: any of its hosts is.
fn addresses_external_service(value: &str) -> bool {
    let data = &DETECTION.external_services;
    let outside = |host: &str| {
        let host = host.to_ascii_lowercase();
        host.contains('.') && !data.cluster_suffixes.iter().any(|suffix| host.ends_with(suffix.as_str()))
    };
    data.schemes.iter().any(|scheme| value.starts_with(scheme.as_str())) && hosts(value).into_iter().any(outside)
}

/// The hosts of an address such as `jdbc:postgresql://user:secret@db.example.com:5432,standby:5432/shop`.
///
/// Passwords with reserved characters make an address ambiguous. Then the hosts of either reading are given: an external
/// service that is not there is a lesser mistake than one that is not seen.
fn hosts(address: &str) -> Vec<&str> {
    let after_scheme = address.split_once("//").map(|(_, rest)| rest);
    let before_path = after_scheme.map(up_to_delimiter);
    let without_user = before_path.map(|authority| authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts));
    // Also `jdbc:oracle:thin:@db.example.com:1521:shop`, which has no slashes.
    let after_user = address.rsplit_once('@').map(|(_, rest)| up_to_delimiter(rest.trim_start_matches('/')));
    let parameter = address.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("serverName").then_some(value)
    });
    let lists = [without_user, after_user, parameter].into_iter().flatten();
    lists.flat_map(|list| list.split(',')).map(without_port).collect()
}

fn up_to_delimiter(text: &str) -> &str {
    text.split(['/', '?', '#', ';']).next().unwrap_or_default()
}

fn without_port(host: &str) -> &str {
    host.split(':').next().unwrap_or_default().trim_end_matches('.')
}

#[cfg(test)]
mod tests;

//! Volumes of pods: those that keep data, those with secret material, and those of the node.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::detection::DETECTION;
use crate::facts::VolumeClaim;

/// A volume. Types that `detection.yaml` lists by name are reduced to a few properties.
#[derive(Clone, Debug, Default)]
pub(super) struct Volume {
    pub(super) name: String,
    secret: Option<IgnoredAny>,
    projected: Option<Projected>,
    csi: Option<Csi>,
    host_path: Option<HostPath>,
    /// True for a type that keeps data after the deletion of its pod.
    persistent: bool,
    /// True for a type that can need a Secret to be mounted, if it names one.
    needs_secret: bool,
    claim: Option<VolumeClaim>,
}

/// The common fields of the types that are listed by name.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    secret_ref: Option<IgnoredAny>,
    secret_name: Option<IgnoredAny>,
    /// The name of the claim, for a persistentVolumeClaim.
    claim_name: Option<String>,
    /// The template of the claim, for an ephemeral volume.
    volume_claim_template: Option<ClaimTemplate>,
}

/// The template of a claim that is created for each pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ClaimTemplate {
    spec: ClaimSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClaimSpec {
    storage_class_name: Option<String>,
}

impl ClaimTemplate {
    /// Returns the claim.
    pub(super) fn claim(&self) -> VolumeClaim {
        VolumeClaim::PerPod(self.spec.storage_class_name.as_deref().map(Into::into))
    }
}

impl Source {
    fn claim(&self) -> Option<VolumeClaim> {
        let named = self.claim_name.as_deref().map(|name| VolumeClaim::Named(name.into()));
        named.or_else(|| self.volume_claim_template.as_ref().map(ClaimTemplate::claim))
    }
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

/// Not derived: the types are data, and a flattened map would buffer every volume of every pod.
impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(VolumeVisitor)
    }
}

struct VolumeVisitor;

impl<'de> Visitor<'de> for VolumeVisitor {
    type Value = Volume;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a volume")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Volume, A::Error> {
        let mut volume = Volume::default();
        while let Some(field) = fields.next_key::<String>()? {
            match field.as_str() {
                "name" => volume.name = fields.next_value()?,
                "secret" => volume.secret = fields.next_value()?,
                "projected" => volume.projected = fields.next_value()?,
                "csi" => volume.csi = fields.next_value()?,
                "hostPath" => volume.host_path = fields.next_value()?,
                _ => {
                    let is_persistent = DETECTION.storage.volumes.contains(&field);
                    if is_persistent || DETECTION.secrets.volumes.contains(&field) {
                        let source: Option<Source> = fields.next_value()?;
                        volume.persistent |= is_persistent && source.is_some();
                        volume.claim = source.as_ref().and_then(Source::claim).or(volume.claim);
                        volume.needs_secret |= source.is_some_and(|source| source.names_secret());
                    } else {
                        fields.next_value::<IgnoredAny>()?;
                    }
                }
            }
        }
        Ok(volume)
    }
}

impl Source {
    const fn names_secret(&self) -> bool {
        self.secret_ref.is_some() || self.secret_name.is_some()
    }
}

impl Volume {
    /// Returns the claim that it mounts, if it is one.
    pub(super) fn claim(&self) -> Option<VolumeClaim> {
        self.claim.clone()
    }

    /// Returns true if it keeps data after the deletion of its pod. A directory of the node is not included.
    pub(super) fn keeps_data(&self) -> bool {
        self.persistent || self.csi.is_some() && !self.is_of_secret_driver()
    }

    /// Returns true for a hostPath volume: a file, directory, device or socket of the node.
    pub(super) const fn is_host_path(&self) -> bool {
        self.host_path.is_some()
    }

    /// Returns true for a file or directory of the node that can contain data.
    pub(super) fn is_host_storage(&self) -> bool {
        let Some(HostPath { path, r#type }) = &self.host_path else { return false };
        let path = path.trim_end_matches('/');
        let under = |root: &String| {
            path.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_device = r#type.as_ref().is_some_and(|of| DETECTION.storage.host_path_types.contains(of));
        !is_device && !DETECTION.storage.host_paths.iter().any(under)
    }

    /// Returns true if it contains secret material, or needs a Secret to be mounted.
    pub(super) fn refers_to_secret(&self) -> bool {
        let mut projected = self.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        self.secret.is_some()
            || self.needs_secret
            || self.is_of_secret_driver()
            || projected.any(|source| source.secret.is_some())
            || self.csi.as_ref().is_some_and(|csi| csi.node_publish_secret_ref.is_some())
    }

    fn is_of_secret_driver(&self) -> bool {
        self.csi.as_ref().is_some_and(|csi| DETECTION.secrets.csi_drivers.contains(&csi.driver))
    }
}

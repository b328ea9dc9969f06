//! Volumes of pods: which keep data, which hold secret material, which are folders of the node.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::detection::DETECTION;
use crate::facts::VolumeClaim;

/// A volume by its type. Types that are only looked up by name come down to what they show.
#[derive(Clone, Debug, Default)]
pub(super) struct Volume {
    pub(super) name: String,
    secret: Option<IgnoredAny>,
    projected: Option<Projected>,
    csi: Option<Csi>,
    host_path: Option<HostPath>,
    /// Whether it is of a type that keeps data when its pod is gone.
    lasting: bool,
    /// Whether it is of a type that may need a Secret in order to be mounted, and names one.
    needs_secret: bool,
    claim: Option<VolumeClaim>,
}

/// What the types have in common that are only looked up by name: the Secret that some need.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    secret_ref: Option<IgnoredAny>,
    secret_name: Option<IgnoredAny>,
    /// Of a persistentVolumeClaim.
    claim_name: Option<String>,
    /// Of an ephemeral volume.
    volume_claim_template: Option<ClaimTemplate>,
}

/// A claim that is made for each pod.
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
    /// The claim as it counts.
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

/// By hand: which types count is data, and a flattened map would have every volume of every pod buffered.
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
                    let lasting = DETECTION.storage.volumes.contains(&field);
                    if lasting || DETECTION.secrets.volumes.contains(&field) {
                        let source: Option<Source> = fields.next_value()?;
                        volume.lasting |= lasting && source.is_some();
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
    /// The claim that it stands for, if it does.
    pub(super) fn claim(&self) -> Option<VolumeClaim> {
        self.claim.clone()
    }

    /// Whether it keeps data when its pod is gone, apart from what is on the node.
    pub(super) fn keeps_data(&self) -> bool {
        self.lasting || self.csi.is_some() && !self.is_of_secret_driver()
    }

    /// Whether it is a file or folder of the node, or a device or socket.
    pub(super) const fn is_of_node(&self) -> bool {
        self.host_path.is_some()
    }

    /// Whether it is a file or folder of the node that data may be kept in.
    pub(super) fn is_storage_of_node(&self) -> bool {
        let Some(HostPath { path, r#type }) = &self.host_path else { return false };
        let path = path.trim_end_matches('/');
        let under = |root: &String| {
            path.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let device = r#type.as_ref().is_some_and(|of| DETECTION.storage.host_path_types.contains(of));
        !device && !DETECTION.storage.host_paths.iter().any(under)
    }

    /// Whether it holds secret material, or needs a Secret in order to be mounted.
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

//! The part of a pod spec that is decoded.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::volume::Volume;

/// The annotations of a pod.
pub(super) type Annotations<'a> = Option<&'a BTreeMap<String, String>>;

/// The part of a pod's spec that counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    pub(super) host_network: Option<bool>,
    #[serde(rename = "hostPID")]
    pub(super) host_pid: Option<bool>,
    #[serde(rename = "hostIPC")]
    pub(super) host_ipc: Option<bool>,
    pub(super) node_name: Option<String>,
    pub(super) node_selector: Option<BTreeMap<String, String>>,
    pub(super) affinity: Option<Affinity>,
    pub(super) tolerations: Option<Vec<TolerationSpec>>,
    pub(super) scheduler_name: Option<String>,
    pub(super) volumes: Option<Vec<Volume>>,
    pub(super) containers: Option<Vec<Container>>,
    pub(super) init_containers: Option<Vec<Container>>,
    pub(super) image_pull_secrets: Option<Vec<IgnoredAny>>,
    pub(super) service_account_name: Option<String>,
    pub(super) security_context: Option<PodSecurityContext>,
    pub(super) os: Option<Os>,
    /// The resources of all containers together.
    pub(super) resources: Option<Resources>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Os {
    pub(super) name: String,
}

/// The security settings of containers that do not set their own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSecurityContext {
    pub(super) run_as_non_root: Option<bool>,
    pub(super) run_as_user: Option<i64>,
    pub(super) seccomp_profile: Option<SeccompProfile>,
    pub(super) windows_options: Option<WindowsOptions>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WindowsOptions {
    pub(super) host_process: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SeccompProfile {
    pub(super) r#type: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    pub(super) requests: Option<Amounts>,
    pub(super) limits: Option<Amounts>,
}

/// The resources for which an amount is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Amounts {
    pub(super) cpu: Option<IgnoredAny>,
    pub(super) memory: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: Option<String>,
    pub(super) resources: Option<Resources>,
    pub(super) env: Option<Vec<EnvVar>>,
    pub(super) env_from: Option<Vec<EnvFrom>>,
    pub(super) ports: Option<Vec<Port>>,
    pub(super) volume_mounts: Option<Vec<VolumeMount>>,
    pub(super) security_context: Option<SecurityContext>,
    pub(super) restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SecurityContext {
    pub(super) privileged: Option<bool>,
    pub(super) capabilities: Option<Capabilities>,
    pub(super) run_as_non_root: Option<bool>,
    pub(super) run_as_user: Option<i64>,
    pub(super) windows_options: Option<WindowsOptions>,
    pub(super) allow_privilege_escalation: Option<bool>,
    pub(super) seccomp_profile: Option<SeccompProfile>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Capabilities {
    pub(super) add: Option<Vec<String>>,
    pub(super) drop: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EnvVar {
    pub(super) name: String,
    pub(super) value: Option<String>,
    pub(super) value_from: Option<ValueFrom>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ValueFrom {
    pub(super) secret_key_ref: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EnvFrom {
    pub(super) secret_ref: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Port {
    pub(super) host_port: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct VolumeMount {
    pub(super) name: String,
    pub(super) read_only: Option<bool>,
}

/// The required node affinity of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Affinity {
    pub(super) node_affinity: Option<NodeAffinity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NodeAffinity {
    pub(super) required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NodeSelector {
    pub(super) node_selector_terms: Option<Vec<Term>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Term {
    pub(super) match_expressions: Option<Vec<Expression>>,
    pub(super) match_fields: Option<Vec<Expression>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Expression {
    pub(super) key: String,
    pub(super) operator: String,
    pub(super) values: Option<Vec<String>>,
}

/// A toleration of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TolerationSpec {
    pub(super) key: Option<String>,
    pub(super) operator: Option<String>,
    pub(super) value: Option<String>,
    pub(super) effect: Option<String>,
}

//! Pod templates: layer triggers, placement, host access and security settings.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Extraction;
use super::detection::DETECTION;
use super::meta::{labels, or_default};
use super::pod_spec::{Annotations, Container, EnvVar, PodSpec, Resources, SeccompProfile, SecurityContext};
use super::valid;
use super::volume::Volume;
use crate::facts::{ContainerFacts, HostAccess, Labels, PodLabels, Shortcomings, ValueDigest, WorkloadFacts, set_of};
use crate::matrix::LayerTriggers;

/// A pod template, reduced to the fields that the operator reads. The API server may not have validated the template of
/// a configured kind: each optional field can be null.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodTemplate {
    #[serde(deserialize_with = "or_default")]
    metadata: TemplateMeta,
    #[serde(deserialize_with = "or_default")]
    spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMeta {
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl PodTemplate {
    /// Returns true if it has a container.
    pub(super) fn has_containers(&self) -> bool {
        self.spec.containers().next().is_some()
    }

    /// Returns the spec and the annotations of its pods.
    pub(super) const fn pods(&self) -> (&PodSpec, Annotations<'_>) {
        (&self.spec, self.metadata.annotations.as_ref())
    }

    /// Extracts the facts of a workload with these labels from its template.
    pub(super) fn facts(&self, labels_of_workload: Labels, extraction: &Extraction) -> WorkloadFacts {
        let (labels, annotations) = (self.metadata.labels.as_ref(), self.metadata.annotations.as_ref());
        self.spec.facts(labels_of_workload, labels, annotations, extraction)
    }
}

impl PodSpec {
    /// Extracts the facts of a workload from its pods. The labels of the workload can differ from those of the pods.
    pub(super) fn facts(
        &self,
        labels_of_workload: Labels,
        pod_labels: Option<&BTreeMap<String, String>>,
        annotations: Annotations<'_>,
        extraction: &Extraction,
    ) -> WorkloadFacts {
        let mut template = labels(pod_labels);
        template.share(&labels_of_workload);
        WorkloadFacts {
            labels: labels_of_workload,
            pods: PodLabels { template, ..PodLabels::default() },
            triggers: self.triggers() | set_of([(LayerTriggers::SECRETS, request_secrets(annotations))]),
            env_values: self.env_values(),
            placement: self.placement(pod_labels).into(),
            host: self.host_access(),
            shortcomings: self.shortcomings(extraction),
            service_account: self
                .service_account_name
                .as_deref()
                .filter(|name| !name.is_empty())
                .unwrap_or("default")
                .into(),
            several: false,
            idle: false,
            containers: u16::try_from(self.containers().count()).unwrap_or(u16::MAX),
            container_names: self.container_names(),
            claims: self.volumes().filter_map(Volume::claim).collect(),
        }
    }

    /// Returns the security settings that the template does not have. Init containers need no resources: the scheduler
    /// uses the larger of their resources and those of the other containers. Settings that the API server does not
    /// allow on Windows are not required there.
    fn shortcomings(&self, extraction: &Extraction) -> Shortcomings {
        let of_containers = self
            .containers()
            .fold(Shortcomings::empty(), |all, container| all | self.shortcomings_of(container, extraction));
        of_containers | set_of([(Shortcomings::MOUNTS_HOST, self.volumes().any(Volume::is_host_path))])
    }

    /// Returns the security settings that a container does not have.
    fn shortcomings_of(&self, container: &Container, extraction: &Extraction) -> Shortcomings {
        let image = container.image.as_deref().unwrap_or_default();
        let is_in = |containers: &Option<Vec<Container>>| {
            containers.iter().flatten().any(|other| std::ptr::eq(other, container))
        };
        let is_long_running = is_in(&self.containers) || container.is_sidecar();
        let (pod, of_pod) = (self.security_context.as_ref(), self.resources.as_ref());
        let requests = of_pod.is_some_and(Resources::request) || container.requests();
        let limits = of_pod.is_some_and(Resources::limit_memory) || container.limits_memory();
        let on_linux = self.os.as_ref().is_none_or(|os| os.name != "windows");
        let unset = SecurityContext::default();
        let own = container.security_context.as_ref().unwrap_or(&unset);
        let user = own.run_as_user.or_else(|| pod.and_then(|pod| pod.run_as_user));
        let is_non_root = own.run_as_non_root.or_else(|| pod.and_then(|pod| pod.run_as_non_root)) == Some(true)
            || user.is_some_and(|user| user != 0);
        let seccomp = own.seccomp_profile.as_ref().or_else(|| pod.and_then(|pod| pod.seccomp_profile.as_ref()));
        set_of([
            (Shortcomings::UNPINNED_IMAGE, !image.contains("@sha256:")),
            (Shortcomings::FOREIGN_REGISTRY, !extraction.allows_image(image)),
            (Shortcomings::NO_REQUESTS, is_long_running && !requests),
            (Shortcomings::NO_MEMORY_LIMIT, is_long_running && !limits),
            (Shortcomings::MAY_RUN_AS_ROOT, !is_non_root),
            (Shortcomings::MAY_ESCALATE, on_linux && own.allow_privilege_escalation != Some(false)),
            (Shortcomings::KEEPS_CAPABILITIES, on_linux && !own.drops_all()),
            (Shortcomings::NO_SECCOMP_PROFILE, on_linux && !seccomp.is_some_and(SeccompProfile::confines)),
        ])
    }

    /// Returns each container with the security settings that it does not have, sorted by name.
    pub(super) fn container_facts(&self, extraction: &Extraction) -> Box<[ContainerFacts]> {
        let facts = |container: &Container| ContainerFacts {
            name: valid::container_name(&container.name).into(),
            shortcomings: self.shortcomings_of(container, extraction),
        };
        let mut containers: Vec<ContainerFacts> = self.containers().map(facts).collect();
        containers.sort();
        containers.dedup();
        containers.into()
    }

    /// Returns the sorted digests of the names of its containers.
    fn container_names(&self) -> Box<[ValueDigest]> {
        let names = self.containers().map(|container| ValueDigest::of(valid::container_name(&container.name)));
        let mut names: Vec<ValueDigest> = names.collect();
        names.sort_unstable();
        names.into()
    }

    fn triggers(&self) -> LayerTriggers {
        set_of([
            (LayerTriggers::STORAGE, self.stores_data()),
            (LayerTriggers::SECRETS, self.refers_to_secrets() || self.has_pull_secrets()),
            (LayerTriggers::EXTERNAL_SERVICES, self.calls_external_services()),
            (LayerTriggers::HOST_NETWORK, self.shares_network() || self.has_host_port()),
        ])
    }

    /// Returns the sorted digests of the environment values that can be the name of a Service.
    fn env_values(&self) -> Box<[ValueDigest]> {
        let could_be_service = |value: &&str| {
            (1..=63).contains(&value.len())
                && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let values = self.env().filter_map(|var| var.value.as_deref()).filter(could_be_service);
        let mut digests: Vec<ValueDigest> = values.map(ValueDigest::of).collect();
        digests.sort_unstable();
        digests.dedup();
        digests.into_boxed_slice()
    }

    fn containers(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().chain(&self.init_containers).flatten()
    }

    fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.iter().flatten()
    }

    fn env(&self) -> impl Iterator<Item = &EnvVar> {
        self.containers().flat_map(|container| container.env.iter().flatten())
    }

    fn stores_data(&self) -> bool {
        self.volumes()
            .any(|volume| volume.keeps_data() || volume.is_host_storage() && self.is_mounted_writable(&volume.name))
    }

    fn is_mounted_writable(&self, volume: &str) -> bool {
        let mut mounts = self.containers().flat_map(|container| container.volume_mounts.iter().flatten());
        mounts.any(|mount| mount.name == volume && mount.read_only != Some(true))
    }

    /// Returns true if its volumes or containers refer to Secrets.
    pub(super) fn refers_to_secrets(&self) -> bool {
        self.volumes().any(Volume::refers_to_secret)
            || self.env().any(|var| var.value_from.as_ref().is_some_and(|from| from.secret_key_ref.is_some()))
            || self
                .containers()
                .flat_map(|container| container.env_from.iter().flatten())
                .any(|from| from.secret_ref.is_some())
    }

    /// Returns true if Secrets are used to pull images. An admission plugin adds those of the ServiceAccount.
    pub(super) fn has_pull_secrets(&self) -> bool {
        self.image_pull_secrets.as_ref().is_some_and(|secrets| !secrets.is_empty())
    }

    fn calls_external_services(&self) -> bool {
        let named = |var: &EnvVar| DETECTION.external_services.env_names.is_match(&var.name);
        self.env().any(|var| named(var) || var.value.as_deref().is_some_and(addresses_external_service))
    }

    fn shares_network(&self) -> bool {
        self.host_network == Some(true)
    }

    fn has_host_port(&self) -> bool {
        let mut ports = self.containers().flat_map(|container| container.ports.iter().flatten());
        ports.any(|port| port.host_port.is_some_and(|port| port != 0))
    }

    fn host_access(&self) -> HostAccess {
        let contexts = || self.containers().filter_map(|container| container.security_context.as_ref());
        let writable = |volume: &Volume| volume.is_host_path() && self.is_mounted_writable(&volume.name);
        let of_pod = self.security_context.as_ref().and_then(|context| context.windows_options);
        let mut of_windows = contexts().filter_map(|context| context.windows_options).chain(of_pod);
        let is_host_process = of_windows.any(|options| options.host_process == Some(true));
        set_of([
            (HostAccess::PRIVILEGED, is_host_process || contexts().any(|context| context.privileged == Some(true))),
            (HostAccess::SYS_ADMIN, contexts().any(SecurityContext::adds_sys_admin)),
            (HostAccess::HOST_PID, self.host_pid == Some(true)),
            (HostAccess::HOST_IPC, self.host_ipc == Some(true)),
            (HostAccess::HOST_NETWORK, self.shares_network()),
            (HostAccess::HOST_PORT, self.has_host_port()),
            (HostAccess::WRITABLE_HOST_PATH, self.volumes().any(writable)),
        ])
    }
}

/// Returns true if annotations of pods request secret material from an injector.
pub(super) fn request_secrets(annotations: Annotations<'_>) -> bool {
    let mut annotations = annotations.into_iter().flatten();
    annotations.any(|(key, value)| DETECTION.secrets.annotations.get(key) == Some(value))
}

impl Resources {
    /// Returns true if CPU and memory are requested. The API server uses a limit as the request if none is set.
    fn request(&self) -> bool {
        let amounts = || self.requests.iter().chain(&self.limits);
        amounts().any(|amounts| amounts.cpu.is_some()) && amounts().any(|amounts| amounts.memory.is_some())
    }

    fn limit_memory(&self) -> bool {
        self.limits.as_ref().is_some_and(|limits| limits.memory.is_some())
    }
}

impl Container {
    fn requests(&self) -> bool {
        self.resources.as_ref().is_some_and(Resources::request)
    }

    fn limits_memory(&self) -> bool {
        self.resources.as_ref().is_some_and(Resources::limit_memory)
    }

    /// Returns true for an init container that keeps running beside the others.
    fn is_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }
}

impl SeccompProfile {
    fn confines(&self) -> bool {
        matches!(self.r#type.as_deref(), Some("RuntimeDefault" | "Localhost"))
    }
}

impl SecurityContext {
    /// Returns true if it drops all capabilities and adds at most `NET_BIND_SERVICE`.
    fn drops_all(&self) -> bool {
        let Some(capabilities) = &self.capabilities else { return false };
        let drops = capabilities.drop.iter().flatten().any(|dropped| dropped.eq_ignore_ascii_case("ALL"));
        let adds = capabilities.add.iter().flatten().any(|added| !added.eq_ignore_ascii_case("NET_BIND_SERVICE"));
        drops && !adds
    }

    /// Returns true if it adds `SYS_ADMIN`. Container runtimes ignore the case, and some accept the prefix `CAP_`.
    fn adds_sys_admin(&self) -> bool {
        let mut added = self.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
        added.any(|added| ["SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"].iter().any(|name| added.eq_ignore_ascii_case(name)))
    }
}

/// Returns true if a value is the address of a service with a host outside of the cluster.
fn addresses_external_service(value: &str) -> bool {
    let data = &DETECTION.external_services;
    let outside = |host: &str| {
        let host = host.to_ascii_lowercase();
        host.contains('.') && !data.cluster_suffixes.iter().any(|suffix| host.ends_with(suffix.as_str()))
    };
    data.schemes.iter().any(|scheme| value.starts_with(scheme.as_str())) && hosts(value).into_iter().any(outside)
}

/// Extracts the hosts of an address such as `jdbc:postgresql://user:secret@db.example.com:5432,standby:5432/shop`.
///
/// Reserved characters in a password make an address ambiguous. Then the hosts of all readings are returned: a service
/// that is wrongly detected is a smaller error than one that is missed.
fn hosts(address: &str) -> Vec<&str> {
    let after_scheme = address.split_once("//").map(|(_, rest)| rest);
    let before_path = after_scheme.map(up_to_delimiter);
    let without_user = before_path.map(|authority| authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts));
    // This also matches `jdbc:oracle:thin:@db.example.com:1521:shop`, which has no slashes.
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

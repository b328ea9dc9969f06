//! Facts of workloads.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::identity::ObjectIdentity;
use super::labels::{Labels, Selector};
use super::placement::Placement;
use super::pod_template::{HostAccess, Shortcomings};
use crate::matrix::LayerTriggers;

/// The kinds of workloads: top-level controllers, pods and ReplicaSets without a controller, and any other kind that
/// controls such objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WorkloadKind {
    /// `batch/v1` CronJob.
    CronJob,
    /// `apps/v1` DaemonSet.
    DaemonSet,
    /// `apps/v1` Deployment.
    Deployment,
    /// `batch/v1` Job without a CronJob.
    Job,
    /// `v1` Pod without a controller.
    Pod,
    /// `apps/v1` ReplicaSet without a controller.
    ReplicaSet,
    /// `v1` ReplicationController without a controller.
    ReplicationController,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// Another kind, known from the objects that it controls or from its configured pod template.
    Other(Arc<OtherKind>),
}

/// An API group and a kind. It has no version: an object is the same workload in every version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherKind {
    /// The kind as its definition spells it, such as `Cluster`.
    pub kind: Arc<str>,
    /// Its API group, such as `postgresql.cnpg.io`; empty for the core group.
    pub group: Arc<str>,
}

impl WorkloadKind {
    /// The built-in kinds by name.
    pub const BUILT_IN: [Self; 8] = [
        Self::CronJob,
        Self::DaemonSet,
        Self::Deployment,
        Self::Job,
        Self::Pod,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::StatefulSet,
    ];

    /// The version of the built-in kinds in their API groups.
    pub const BUILT_IN_VERSION: &str = "v1";

    /// Returns the kind of this group and name.
    #[must_use]
    pub fn of(group: &str, kind: &str) -> Self {
        let built_in = Self::BUILT_IN.into_iter().find(|built_in| (built_in.group(), built_in.name()) == (group, kind));
        built_in.unwrap_or_else(|| Self::Other(Arc::new(OtherKind { kind: kind.into(), group: group.into() })))
    }

    /// Returns the API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        match self {
            Self::CronJob | Self::Job => "batch",
            Self::DaemonSet | Self::Deployment | Self::ReplicaSet | Self::StatefulSet => "apps",
            Self::Pod | Self::ReplicationController => "",
            Self::Other(other) => &other.group,
        }
    }

    /// Returns the kind as Kubernetes spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::CronJob => "CronJob",
            Self::DaemonSet => "DaemonSet",
            Self::Deployment => "Deployment",
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::StatefulSet => "StatefulSet",
            Self::Other(other) => &other.kind,
        }
    }
}

impl Ord for WorkloadKind {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.name(), self.group()).cmp(&(other.name(), other.group()))
    }
}

impl PartialOrd for WorkloadKind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(other) if !other.group.is_empty() => write!(f, "{}.{}", other.kind, other.group),
            _ => f.write_str(self.name()),
        }
    }
}

/// The last character of [`WorkloadKey::name`] for objects with generated names. No name of an object can contain it.
pub const GENERATED: char = '*';

/// The identity of a workload. Ordered by namespace, kind and name: the order of examples in statuses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadKey {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name; for objects with generated names the common prefix followed by [`GENERATED`].
    pub name: Arc<str>,
}

impl WorkloadKey {
    /// Returns true if it is the key of all objects with generated names of one prefix.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        self.name.ends_with(GENERATED)
    }
}

impl fmt::Display for WorkloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// The kind and the name of an object, as reports refer to it. The API group is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindAndName {
    /// The kind.
    pub kind: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl KindAndName {
    /// Returns the reference to the workload itself.
    #[must_use]
    pub fn of(workload: &WorkloadKey) -> Self {
        Self { kind: workload.kind.name().into(), name: workload.name.clone() }
    }

    /// Returns true if it refers to the workload itself or to one of `children`, the current objects of the workload.
    #[must_use]
    pub fn is_of(&self, workload: &WorkloadKey, children: &[Self]) -> bool {
        children.contains(self) || (*self.kind == *workload.kind.name() && self.name == workload.name)
    }
}

/// The digest of the value of an environment variable. The values themselves are not kept: they can be secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueDigest(u64);

impl ValueDigest {
    /// Returns the digest of a value.
    #[must_use]
    pub fn of(value: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The labels of the pods of a workload, as far as its template and its controller determine them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodLabels {
    /// The labels of the pod template.
    pub template: Labels,
    /// The prefix of the pod names before the ordinal, for StatefulSets.
    pub ordinals_of: Option<Arc<str>>,
    /// True if the pods have too many different labels to list them: then each Service selects some of them, and no
    /// NetworkPolicy with a selector is known to select all of them.
    pub unlisted: bool,
}

impl PodLabels {
    /// The label with which the StatefulSet controller marks the name of each pod.
    pub const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
    /// The label with which the StatefulSet controller marks the ordinal of each pod.
    pub const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

    /// Returns true if the selector of a Service matches the pods. An empty selector matches no pod.
    #[must_use]
    pub fn selected_by(&self, service: &Labels) -> bool {
        let is_added = |key: &str, value: &str| self.is_added_by_controller(key, value);
        !service.is_empty() && (self.unlisted || self.template.contain_all(service, is_added))
    }

    /// Returns true if the selector of a NetworkPolicy matches the pods.
    #[must_use]
    pub fn matched_by(&self, policy: &Selector) -> bool {
        !self.unlisted && policy.matches(&self.template)
    }

    /// Returns true for the labels with which the StatefulSet controller marks the name and the ordinal of each pod.
    fn is_added_by_controller(&self, key: &str, value: &str) -> bool {
        let Some(name) = &self.ordinals_of else { return false };
        let is_ordinal = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match key {
            Self::POD_NAME => {
                value.strip_prefix(&**name).and_then(|rest| rest.strip_prefix('-')).is_some_and(is_ordinal)
            }
            Self::POD_INDEX => is_ordinal(value),
            _ => false,
        }
    }
}

/// Facts that the manifest of a workload shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WorkloadFacts {
    /// The labels of the workload object, which the selectors of assignments match.
    pub labels: Labels,
    /// The labels of its pods, which the selectors of Services match.
    pub pods: PodLabels,
    /// The layer triggers of the pod template.
    pub triggers: LayerTriggers,
    /// The digests of the environment values that can be the name of a Service, sorted.
    pub env_values: Box<[ValueDigest]>,
    /// The requirements of its pods on nodes.
    pub placement: Arc<Placement>,
    /// The access of its pods to the node.
    pub host: HostAccess,
    /// The security settings that its template does not have.
    pub shortcomings: Shortcomings,
    /// The ServiceAccount of its pods.
    pub service_account: Arc<str>,
    /// True if it asks for more than one pod.
    pub several: bool,
    /// True for a part of a workload that asks for no pods.
    pub idle: bool,
    /// The number of containers of a pod, including init containers.
    pub containers: u16,
    /// The digests of the names of these containers, sorted.
    pub container_names: Box<[ValueDigest]>,
    /// The volume claims of its pods.
    pub claims: Box<[VolumeClaim]>,
}

/// A volume claim of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VolumeClaim {
    /// A PersistentVolumeClaim of this name in the namespace.
    Named(Arc<str>),
    /// A claim that is created for each pod, with this storage class; without one, with the default class of the
    /// cluster.
    PerPod(Option<Arc<str>>),
}

impl WorkloadFacts {
    /// Removes the node that a pod is bound to: its controller can create the next pod on another node.
    pub fn unbind(&mut self) {
        if self.placement.node_name.is_some() {
            self.placement = Arc::new(Placement { node_name: None, ..(*self.placement).clone() });
        }
    }
}

/// An object that is a workload or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadObject {
    /// The facts that its template shows.
    pub facts: WorkloadFacts,
    /// The workload that it is a part of: its owner, or the key of all objects with its prefix of a generated name.
    /// `None` if it is the workload itself.
    pub part_of: Option<WorkloadKey>,
    /// The object for Events about the workload.
    pub identity: ObjectIdentity,
    /// The UID of the object itself.
    pub uid: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn a_service_matches_template_labels_and_one_without_selector_matches_nothing() {
        let pods = PodLabels { template: service(&[("app", "web"), ("tier", "front")]), ..PodLabels::default() };
        assert!(pods.selected_by(&service(&[("app", "web")])));
        assert!(!pods.selected_by(&service(&[("app", "web"), ("zone", "a")])));
        assert!(!pods.selected_by(&service(&[])));
    }

    #[test]
    fn a_service_for_one_pod_of_a_stateful_set_matches_the_stateful_set() {
        let pods = PodLabels { template: service(&[("app", "db")]), ordinals_of: Some("db".into()), unlisted: false };
        assert!(pods.selected_by(&service(&[("app", "db"), ("statefulset.kubernetes.io/pod-name", "db-0")])));
        assert!(pods.selected_by(&service(&[("apps.kubernetes.io/pod-index", "12")])));
        assert!(!pods.selected_by(&service(&[("statefulset.kubernetes.io/pod-name", "dbx-0")])));
        assert!(!pods.selected_by(&service(&[("statefulset.kubernetes.io/pod-name", "db-")])));
        let deployment = PodLabels { ordinals_of: None, ..pods };
        assert!(!deployment.selected_by(&service(&[("statefulset.kubernetes.io/pod-name", "db-0")])));
    }
}

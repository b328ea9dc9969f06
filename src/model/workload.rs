//! Workloads and what is known of them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::host_access::HostAccesses;
use super::labels::Labels;
use super::placement::Placement;
use super::shortcoming::Shortcomings;
use crate::matrix::Signals;

/// The kinds of object that are workloads: the top-most controllers, pods and replica sets that nothing controls, and
/// whatever else controls such objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WorkloadKind {
    /// `batch/v1` CronJob.
    CronJob,
    /// `apps/v1` DaemonSet.
    DaemonSet,
    /// `apps/v1` Deployment.
    Deployment,
    /// `batch/v1` Job that no CronJob controls.
    Job,
    /// `v1` Pod that nothing controls.
    Pod,
    /// `apps/v1` ReplicaSet that nothing controls.
    ReplicaSet,
    /// `v1` ReplicationController that nothing controls.
    ReplicationController,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// Another kind, known by the objects that it controls or by its configured pod template.
    Other(Arc<OtherKind>),
}

/// A kind by its API group and its name. The version is left out: it is the same workload under every version.
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

    /// The kind of this group and name.
    #[must_use]
    pub fn of(group: &str, kind: &str) -> Self {
        let built_in = Self::BUILT_IN.into_iter().find(|built_in| (built_in.group(), built_in.name()) == (group, kind));
        built_in.unwrap_or_else(|| Self::Other(Arc::new(OtherKind { kind: kind.into(), group: group.into() })))
    }

    /// The API group of the kind, empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        match self {
            Self::CronJob | Self::Job => "batch",
            Self::DaemonSet | Self::Deployment | Self::ReplicaSet | Self::StatefulSet => "apps",
            Self::Pod | Self::ReplicationController => "",
            Self::Other(other) => &other.group,
        }
    }

    /// The kind as Kubernetes spells it.
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

/// What follows the stem in the name of a workload whose objects have generated names: no object is called so.
pub const GENERATED: char = '*';

/// The identity of a workload. Ordered by namespace, kind and name: the order of examples in statuses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadKey {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name; a stem and [`GENERATED`] for all objects with generated names of that stem.
    pub name: Arc<str>,
}

impl WorkloadKey {
    /// Whether it stands for objects with generated names.
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

/// What tells the object of a workload from others of its name, for Events on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectIdentity {
    /// Its UID.
    pub uid: Arc<str>,
    /// The version of its API group, such as `v1`.
    pub version: Arc<str>,
    /// When it was created, in seconds since 1970; of a workload known by its children only, when the child was.
    pub created: i64,
}

/// The digest of an environment variable's value. Values may be secret by mistake, so they are compared and not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueDigest(u64);

impl ValueDigest {
    /// The digest of a value.
    #[must_use]
    pub fn of(value: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The labels of the pods of a workload, as far as they can be known before there are pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodLabels {
    /// The labels of the pod template.
    pub template: Labels,
    /// The name in front of the ordinal in the pods' names, for StatefulSets.
    pub ordinals_of: Option<Arc<str>>,
}

impl PodLabels {
    /// Whether the selector of a Service matches the pods. A Service without a selector selects nothing.
    #[must_use]
    pub fn selected_by(&self, service: &Labels) -> bool {
        !service.is_empty()
            && service
                .iter()
                .all(|(key, value)| self.template.get(key) == Some(value) || self.is_added_by_controller(key, value))
    }

    /// The StatefulSet controller labels each pod with its name and its ordinal.
    fn is_added_by_controller(&self, key: &str, value: &str) -> bool {
        let Some(name) = &self.ordinals_of else { return false };
        let is_ordinal = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match key {
            "statefulset.kubernetes.io/pod-name" => {
                value.strip_prefix(&**name).and_then(|rest| rest.strip_prefix('-')).is_some_and(is_ordinal)
            }
            "apps.kubernetes.io/pod-index" => is_ordinal(value),
            _ => false,
        }
    }
}

/// What a workload's own manifest shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WorkloadFacts {
    /// The labels of the workload object: what the selectors of assignments match.
    pub labels: Labels,
    /// The labels of its pods: what the selectors of Services match.
    pub pods: PodLabels,
    /// The signals of the pod template.
    pub signals: Signals,
    /// Digests of the environment values that could be the name of a Service, sorted.
    pub env_values: Box<[ValueDigest]>,
    /// Which nodes its pods may land on.
    pub placement: Arc<Placement>,
    /// How close its pods come to the host.
    pub host: HostAccesses,
    /// What its template leaves undone.
    pub shortcomings: Shortcomings,
    /// The ServiceAccount of its pods.
    pub service_account: Arc<str>,
    /// Whether several pods of it are asked for.
    pub several: bool,
    /// The containers of a pod, those that only initialise included.
    pub containers: u16,
    /// The claims of volumes that its pods use.
    pub claims: Box<[VolumeClaim]>,
}

/// The claim of a volume that pods use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VolumeClaim {
    /// A PersistentVolumeClaim of the namespace, by name.
    Named(Arc<str>),
    /// One that is made for each pod, of this storage class; of the cluster's default where there is none.
    PerPod(Option<Arc<str>>),
}

impl WorkloadFacts {
    /// Forgets which node a pod is bound to: whoever controls it makes the next one, which may land elsewhere.
    pub fn unbind(&mut self) {
        if self.placement.node_name.is_some() {
            self.placement = Arc::new(Placement { node_name: None, ..(*self.placement).clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn a_service_matches_template_labels_and_one_without_selector_matches_nothing() {
        let pods = PodLabels { template: service(&[("app", "web"), ("tier", "front")]), ordinals_of: None };
        assert!(pods.selected_by(&service(&[("app", "web")])));
        assert!(!pods.selected_by(&service(&[("app", "web"), ("zone", "a")])));
        assert!(!pods.selected_by(&service(&[])));
    }

    #[test]
    fn a_service_for_one_pod_of_a_stateful_set_matches_the_stateful_set() {
        let pods = PodLabels { template: service(&[("app", "db")]), ordinals_of: Some("db".into()) };
        assert!(pods.selected_by(&service(&[("app", "db"), ("statefulset.kubernetes.io/pod-name", "db-0")])));
        assert!(pods.selected_by(&service(&[("apps.kubernetes.io/pod-index", "12")])));
        assert!(!pods.selected_by(&service(&[("statefulset.kubernetes.io/pod-name", "dbx-0")])));
        assert!(!pods.selected_by(&service(&[("statefulset.kubernetes.io/pod-name", "db-")])));
        let deployment = PodLabels { ordinals_of: None, ..pods };
        assert!(!deployment.selected_by(&service(&[("statefulset.kubernetes.io/pod-name", "db-0")])));
    }
}

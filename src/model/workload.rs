//! Workloads and what is known of them.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::labels::Labels;
use crate::matrix::Signals;

/// The kinds of object that are workloads: the top-most controllers, and pods and replica sets that nothing controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}

impl WorkloadKind {
    /// All kinds by name.
    pub const ALL: [Self; 8] = [
        Self::CronJob,
        Self::DaemonSet,
        Self::Deployment,
        Self::Job,
        Self::Pod,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::StatefulSet,
    ];

    /// The API group of the kind, empty for the core group.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::CronJob | Self::Job => "batch",
            Self::DaemonSet | Self::Deployment | Self::ReplicaSet | Self::StatefulSet => "apps",
            Self::Pod | Self::ReplicationController => "",
        }
    }

    /// The kind as Kubernetes spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::DaemonSet => "DaemonSet",
            Self::Deployment => "Deployment",
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::StatefulSet => "StatefulSet",
        }
    }
}

/// The identity of a workload. Ordered by namespace, kind and name: the order of examples in statuses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadKey {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: Arc<str>,
}

impl fmt::Display for WorkloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.name)
    }
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

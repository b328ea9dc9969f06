//! Workloads: the top-most controllers, and the replica sets and pods that nothing controls.
//!
//! Children of these kinds are dropped at this edge: a Deployment's ReplicaSet, a ReplicaSet's Pod, a CronJob's Job.

use std::collections::HashSet;

use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::meta::labels;
use super::pod_template::{PodSpec, PodTemplate, TemplateMeta};
use super::{Extract, Slim};
use crate::inventory::{Delta, Listed};
use crate::matrix::Signal;
use crate::model::{PodLabels, WorkloadFacts, WorkloadKey, WorkloadKind};

/// A Deployment, decoded as far as it counts.
pub type Deployment = Slim<apps::Deployment, TemplateSpec>;
/// A StatefulSet, decoded as far as it counts.
pub type StatefulSet = Slim<apps::StatefulSet, TemplateSpec>;
/// A DaemonSet, decoded as far as it counts.
pub type DaemonSet = Slim<apps::DaemonSet, TemplateSpec>;
/// A ReplicaSet, decoded as far as it counts.
pub type ReplicaSet = Slim<apps::ReplicaSet, TemplateSpec>;
/// A ReplicationController, decoded as far as it counts.
pub type ReplicationController = Slim<core::ReplicationController, TemplateSpec>;
/// A Job, decoded as far as it counts.
pub type Job = Slim<batch::Job, TemplateSpec, JobStatus>;
/// A CronJob, decoded as far as it counts.
pub type CronJob = Slim<batch::CronJob, CronJobSpec>;
/// A Pod, decoded as far as it counts.
pub type Pod = Slim<core::Pod, PodSpec, PodStatus>;

/// The spec of a controller with a pod template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateSpec {
    template: PodTemplate,
    volume_claim_templates: Option<Vec<IgnoredAny>>,
}

/// The spec of a CronJob.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CronJobSpec {
    job_template: JobTemplate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct JobTemplate {
    spec: TemplateSpec,
}

/// Whether a Job has ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct JobStatus {
    conditions: Option<Vec<JobCondition>>,
}

#[derive(Clone, Debug, Deserialize)]
struct JobCondition {
    r#type: String,
    status: String,
}

/// Whether a Pod has ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodStatus {
    phase: Option<String>,
}

impl JobStatus {
    fn is_finished(&self) -> bool {
        let ended = |condition: &JobCondition| {
            matches!(condition.r#type.as_str(), "Complete" | "Failed") && condition.status == "True"
        };
        self.conditions.iter().flatten().any(ended)
    }
}

impl PodStatus {
    fn is_finished(&self) -> bool {
        matches!(self.phase.as_deref(), Some("Succeeded" | "Failed"))
    }
}

/// What tells a workload of one kind from another.
trait Kind {
    const KIND: WorkloadKind;

    /// Whether it counts as it stands: it is nobody's child and has not ended.
    fn counts(&self) -> bool;

    /// What its template shows.
    fn facts(&self) -> WorkloadFacts;
}

impl<K, S, T> Slim<K, S, T> {
    fn key(&self, kind: WorkloadKind) -> WorkloadKey {
        let name = self.object_name();
        WorkloadKey { namespace: name.namespace, kind, name: name.name }
    }

    fn facts_of(&self, template: &PodTemplate) -> WorkloadFacts {
        WorkloadFacts {
            labels: self.labels(),
            pods: PodLabels { template: labels(template.metadata.labels.as_ref()), ordinals_of: None },
            signals: template.signals(),
            env_values: template.env_values(),
        }
    }
}

macro_rules! workload {
    ($kind:ident, $counts:expr, $facts:expr) => {
        impl Kind for $kind {
            const KIND: WorkloadKind = WorkloadKind::$kind;

            fn counts(&self) -> bool {
                let counts: fn(&Self) -> bool = $counts;
                counts(self)
            }

            fn facts(&self) -> WorkloadFacts {
                let facts: fn(&Self) -> WorkloadFacts = $facts;
                facts(self)
            }
        }

        impl Extract for $kind {
            fn delta(&self) -> Delta {
                Delta::Workload(self.key(Self::KIND), self.counts().then(|| self.facts()))
            }

            fn deletion(&self) -> Delta {
                Delta::Workload(self.key(Self::KIND), None)
            }

            fn empty_list() -> Listed {
                Listed::Workloads(Self::KIND, HashSet::new())
            }
        }
    };
}

workload!(Deployment, |d| !d.is_child_of_workload(), |d| d.facts_of(&d.spec.template));
workload!(DaemonSet, |d| !d.is_child_of_workload(), |d| d.facts_of(&d.spec.template));
workload!(ReplicaSet, |r| !r.is_child_of_workload(), |r| r.facts_of(&r.spec.template));
workload!(ReplicationController, |r| !r.is_child_of_workload(), |r| r.facts_of(&r.spec.template));
workload!(CronJob, |c| !c.is_child_of_workload(), |c| c.facts_of(&c.spec.job_template.spec.template));
workload!(StatefulSet, |s| !s.is_child_of_workload(), StatefulSet::stateful_facts);
workload!(Job, |j| !j.is_child_of_workload() && !j.status.is_finished(), Job::job_facts);
// A static pod is controlled by its Node, which is no workload.
workload!(Pod, |p| !p.is_child_of_workload() && !p.status.is_finished(), Pod::pod_facts);

impl StatefulSet {
    fn stateful_facts(&self) -> WorkloadFacts {
        let mut facts = self.facts_of(&self.spec.template);
        let claims = self.spec.volume_claim_templates.as_ref().is_some_and(|claims| !claims.is_empty());
        facts.signals = facts.signals.with_if(Signal::Storage, claims);
        facts.pods.ordinals_of = Some(self.name());
        facts
    }
}

impl Job {
    /// The Job controller labels the pods with the name of the Job, under its new and its old key.
    fn job_facts(&self) -> WorkloadFacts {
        let mut facts = self.facts_of(&self.spec.template);
        let name = self.name();
        let added = [("batch.kubernetes.io/job-name", &*name), ("job-name", &*name)];
        facts.pods.template = facts.pods.template.iter().chain(added).collect();
        facts
    }
}

impl Pod {
    fn pod_facts(&self) -> WorkloadFacts {
        let meta = kube::Resource::meta(self);
        let metadata = TemplateMeta { labels: meta.labels.clone(), annotations: meta.annotations.clone() };
        self.facts_of(&PodTemplate { metadata, spec: self.spec.clone() })
    }
}

#[cfg(test)]
mod tests;

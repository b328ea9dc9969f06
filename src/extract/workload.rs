//! Workloads: top-level controllers, and ReplicaSets and pods without a controller.
//!
//! Children of these kinds are the ReplicaSet of a Deployment, the pod of a ReplicaSet, the Job of a CronJob. A tenant
//! writes the reference to the owner, so each live child is a fact of its own; the index verifies the owner.

use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use serde::Deserialize;

use super::child::child;
use super::ownership::{Ownership, key, ownership, uid};
use super::pod_spec::{Annotations, PodSpec};
use super::pod_template::PodTemplate;
use super::volume::ClaimTemplate;
use super::{Extract, Extraction, Slim};
use crate::facts::{Delta, HostAccess, ListedKind, VolumeClaim, WorkloadFacts, WorkloadKind, WorkloadObject};
use crate::matrix::LayerTriggers;

/// A Deployment, reduced to the fields that the operator reads.
pub type Deployment = Slim<apps::Deployment, TemplateSpec>;
/// A StatefulSet, reduced to the fields that the operator reads.
pub type StatefulSet = Slim<apps::StatefulSet, TemplateSpec>;
/// A DaemonSet, reduced to the fields that the operator reads.
pub type DaemonSet = Slim<apps::DaemonSet, TemplateSpec>;
/// A ReplicaSet, reduced to the fields that the operator reads.
pub type ReplicaSet = Slim<apps::ReplicaSet, TemplateSpec>;
/// A ReplicationController, reduced to the fields that the operator reads.
pub type ReplicationController = Slim<core::ReplicationController, TemplateSpec>;
/// A Job, reduced to the fields that the operator reads.
pub type Job = Slim<batch::Job, TemplateSpec, JobStatus>;
/// A CronJob, reduced to the fields that the operator reads.
pub type CronJob = Slim<batch::CronJob, CronJobSpec>;
/// A Pod, reduced to the fields that the operator reads.
pub type Pod = Slim<core::Pod, PodSpec, PodStatus>;

/// The decoded part of the spec of a controller with a pod template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateSpec {
    template: PodTemplate,
    volume_claim_templates: Option<Vec<ClaimTemplate>>,
    replicas: Option<i32>,
}

impl TemplateSpec {
    /// Returns true if it requests more than one pod.
    fn has_several_replicas(&self) -> bool {
        self.replicas.is_some_and(|replicas| replicas > 1)
    }
}

/// The decoded part of the spec of a CronJob.
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

/// The decoded part of the status of a Job.
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

/// The decoded part of the status of a Pod.
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

/// The differences between the kinds of workloads.
trait Kind {
    const WORKLOAD: WorkloadKind;

    /// Returns true if it has finished.
    fn is_finished(&self) -> bool {
        false
    }

    /// Returns false if it requests no pods.
    fn has_pods(&self) -> bool {
        true
    }

    /// Extracts the facts of its template.
    fn facts(&self, extraction: &Extraction) -> WorkloadFacts;

    /// Returns the spec and the annotations of its pods if it can be a child.
    fn pods(&self) -> Option<(&PodSpec, Annotations<'_>)> {
        None
    }
}

impl<K, S, T> Slim<K, S, T> {
    fn facts_of(&self, template: &PodTemplate, extraction: &Extraction) -> WorkloadFacts {
        template.facts(self.labels(), extraction)
    }
}

macro_rules! workload {
    ($kind:ident) => {
        impl Extract for $kind {
            const KIND: ListedKind = ListedKind::Workloads(<Self as Kind>::WORKLOAD);

            fn delta(&self, extraction: &Extraction) -> Delta {
                let metadata = kube::Resource::meta(self);
                let key = key(metadata, Self::WORKLOAD);
                if self.is_finished() {
                    return Delta::Workload(key, None);
                }
                let mut facts = self.facts(extraction);
                match ownership(metadata, &Self::WORKLOAD, WorkloadKind::BUILT_IN_VERSION) {
                    Ownership::Child(controller) => {
                        let pods = self.pods().filter(|_| self.has_pods());
                        Delta::Child(
                            key,
                            Box::new(child(metadata, controller, pods.map(|pods| (pods, facts)), extraction)),
                        )
                    }
                    Ownership::Workload { part_of, identity } => {
                        // An old revision without pods adds nothing to the template of its owner.
                        facts.idle = part_of.is_some() && !self.has_pods();
                        if Self::WORKLOAD == WorkloadKind::Pod && part_of.is_some() {
                            // The owner can create the next pod on another node.
                            facts.unbind();
                        }
                        Delta::Workload(
                            key,
                            Some(Box::new(WorkloadObject { facts, part_of, identity, uid: uid(metadata) })),
                        )
                    }
                }
            }
        }
    };
}

workload!(Deployment);
workload!(DaemonSet);
workload!(ReplicaSet);
workload!(ReplicationController);
workload!(CronJob);
workload!(StatefulSet);
workload!(Job);
workload!(Pod);

impl Kind for Deployment {
    const WORKLOAD: WorkloadKind = WorkloadKind::Deployment;

    fn facts(&self, extraction: &Extraction) -> WorkloadFacts {
        let several = self.spec.has_several_replicas();
        WorkloadFacts { several, ..self.facts_of(&self.spec.template, extraction) }
    }
}

impl Kind for ReplicaSet {
    const WORKLOAD: WorkloadKind = WorkloadKind::ReplicaSet;

    fn has_pods(&self) -> bool {
        self.spec.replicas != Some(0)
    }

    fn facts(&self, extraction: &Extraction) -> WorkloadFacts {
        let several = self.spec.has_several_replicas();
        WorkloadFacts { several, ..self.facts_of(&self.spec.template, extraction) }
    }

    fn pods(&self) -> Option<(&PodSpec, Annotations<'_>)> {
        Some(self.spec.template.pods())
    }
}

impl Kind for ReplicationController {
    const WORKLOAD: WorkloadKind = WorkloadKind::ReplicationController;

    fn facts(&self, extraction: &Extraction) -> WorkloadFacts {
        let several = self.spec.has_several_replicas();
        WorkloadFacts { several, ..self.facts_of(&self.spec.template, extraction) }
    }
}

impl Kind for CronJob {
    const WORKLOAD: WorkloadKind = WorkloadKind::CronJob;

    fn facts(&self, extraction: &Extraction) -> WorkloadFacts {
        self.facts_of(&self.spec.job_template.spec.template, extraction)
    }
}

impl Kind for DaemonSet {
    const WORKLOAD: WorkloadKind = WorkloadKind::DaemonSet;

    fn facts(&self, extraction: &Extraction) -> WorkloadFacts {
        let mut facts = self.facts_of(&self.spec.template, extraction);
        let app = facts.labels.get("app.kubernetes.io/name").unwrap_or_default();
        let is_agent = extraction.is_agent(&self.name()) || extraction.is_agent(app);
        facts.host.set(HostAccess::KNOWN_AGENT, is_agent);
        facts
    }
}

impl Kind for StatefulSet {
    const WORKLOAD: WorkloadKind = WorkloadKind::StatefulSet;

    fn facts(&self, extraction: &Extraction) -> WorkloadFacts {
        let mut facts = self.facts_of(&self.spec.template, extraction);
        let claims = self.spec.volume_claim_templates.iter().flatten();
        let claims: Vec<VolumeClaim> = claims.map(ClaimTemplate::claim).collect();
        if !claims.is_empty() {
            facts.triggers.insert(LayerTriggers::STORAGE);
        }
        facts.claims = facts.claims.into_iter().chain(claims).collect();
        facts.several = self.spec.has_several_replicas();
        facts.pods.ordinals_of = Some(self.name());
        facts
    }
}

impl Kind for Job {
    const WORKLOAD: WorkloadKind = WorkloadKind::Job;

    fn is_finished(&self) -> bool {
        self.status.is_finished()
    }

    /// Adds the labels that the Job controller sets on pods: the name of the Job under a new and an old key.
    fn facts(&self, extraction: &Extraction) -> WorkloadFacts {
        let mut facts = self.facts_of(&self.spec.template, extraction);
        let name = self.name();
        let added = [("batch.kubernetes.io/job-name", &*name), ("job-name", &*name)];
        facts.pods.template = facts.pods.template.iter().chain(added).collect();
        facts
    }

    fn pods(&self) -> Option<(&PodSpec, Annotations<'_>)> {
        Some(self.spec.template.pods())
    }
}

impl Kind for Pod {
    const WORKLOAD: WorkloadKind = WorkloadKind::Pod;

    fn is_finished(&self) -> bool {
        self.status.is_finished()
    }

    fn facts(&self, extraction: &Extraction) -> WorkloadFacts {
        let meta = kube::Resource::meta(self);
        self.spec.facts(self.labels(), meta.labels.as_ref(), meta.annotations.as_ref(), extraction)
    }

    fn pods(&self) -> Option<(&PodSpec, Annotations<'_>)> {
        Some((&self.spec, self.metadata.annotations.as_ref()))
    }
}

#[cfg(test)]
mod tests;

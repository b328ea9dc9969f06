//! Facts of children: pods, ReplicaSets and Jobs that refer to a controller.
//!
//! A tenant writes owner references. So a child is never ignored: a child of a verified owner counts with its excess over
//! the template of the workload, any other child with all of its facts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::labels::Labels;
use super::pod_template::Shortcomings;
use super::workload::{PodLabels, ValueDigest, WorkloadFacts, WorkloadKey};
use crate::matrix::LayerTriggers;

/// The labels that the built-in controllers add to their children.
pub const CONTROLLER_LABELS: [&str; 10] = [
    PodLabels::POD_INDEX,
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    PodLabels::POD_NAME,
];

/// The maximum number of different excesses of a workload that are kept apart. More become one union: a tenant can give
/// each pod another one, and the evaluation of a workload takes time for each.
pub const MAX_EXCESSES: usize = 8;

/// The maximum number of injected containers of a workload that risks name, so that a status stays small.
pub const MAX_INJECTED: usize = 8;

/// The shortcomings that a child shares with its template unless an admission plugin changed its resources.
const OF_RESOURCES: Shortcomings = Shortcomings::NO_REQUESTS.union(Shortcomings::NO_MEMORY_LIMIT);

/// The controller that an object refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Controller {
    /// Its namespace, kind and name, as the reference says.
    pub key: WorkloadKey,
    /// Its UID, as the reference says. The reference is verified if an object with this key has this UID.
    pub uid: Arc<str>,
}

/// A live object that refers to a controller of a watched kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildObject {
    /// The controller.
    pub controller: Controller,
    /// Its own UID.
    pub uid: Arc<str>,
    /// Its creation time in seconds since 1970.
    pub created: i64,
    /// The facts of its pods; `None` if it requests no pods.
    pub facts: Option<ChildFacts>,
}

/// Facts of a child, without those that differ between the children of one template. So children of one template share
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChildFacts {
    /// The facts as those of a workload of its own. The labels of its pods are without those in `added`.
    pub facts: WorkloadFacts,
    /// The labels that its controller has added.
    pub added: Labels,
    /// The layer triggers that count if the owner is verified.
    pub counted: LayerTriggers,
    /// Its containers.
    pub containers: Box<[ContainerFacts]>,
}

/// A container of a child.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerFacts {
    /// Its name.
    pub name: Arc<str>,
    /// The security settings that it does not have.
    pub shortcomings: Shortcomings,
}

impl ChildFacts {
    /// Returns the facts of an object that a controller of a configured kind controls.
    #[must_use]
    pub fn of_object(facts: &WorkloadFacts) -> Self {
        Self { facts: facts.clone(), counted: facts.triggers, ..Self::default() }
    }

    /// Returns all facts, as for a workload of its own.
    #[must_use]
    pub fn in_full(&self) -> WorkloadFacts {
        let mut facts = self.facts.clone();
        if !self.added.is_empty() {
            facts.pods.template = facts.pods.template.iter().chain(self.added.iter()).collect();
        }
        facts
    }

    /// Returns the names of its containers that the template does not name and that lack security settings.
    pub fn injected<'a>(&'a self, base: &'a [&WorkloadFacts]) -> impl Iterator<Item = &'a Arc<str>> {
        let injected = self.containers.iter().filter(|container| !is_named(base, container));
        injected.filter(|container| !container.shortcomings.is_empty()).map(|container| &container.name)
    }

    /// Returns the facts of a pod with the template and everything that this child has in addition; `None` if it has
    /// nothing in addition. `base` are the facts of the template, or of all known templates.
    #[must_use]
    pub fn excess(&self, base: &[&WorkloadFacts]) -> Option<WorkloadFacts> {
        let first = base.first()?;
        let named = self.containers.iter().filter(|container| is_named(base, container));
        let of_named = named.fold(Shortcomings::empty(), |all, container| all | container.shortcomings);
        let always = Shortcomings::FOREIGN_REGISTRY | Shortcomings::MOUNTS_HOST;
        let shortcomings = of_named.difference(OF_RESOURCES) | (self.facts.shortcomings & always);
        let has_labels = base.iter().any(|base| without_added(&base.pods.template) == self.facts.pods.template);
        let has_claim = |claim| base.iter().any(|base| base.claims.contains(claim));
        let is_covered = base.iter().any(|base| base.host.contains(self.facts.host))
            && base.iter().any(|base| base.triggers.contains(self.counted))
            && base.iter().any(|base| base.shortcomings.contains(shortcomings))
            && base.iter().any(|base| base.service_account == self.facts.service_account)
            && self.facts.claims.iter().all(has_claim)
            && has_labels;
        if is_covered {
            return None;
        }
        let pods = if has_labels {
            first.pods.clone()
        } else {
            let template = self.facts.pods.template.iter().chain(self.added.iter()).collect();
            PodLabels { template, ..self.facts.pods.clone() }
        };
        Some(WorkloadFacts {
            pods,
            host: first.host | self.facts.host,
            triggers: first.triggers | self.counted,
            shortcomings: first.shortcomings | shortcomings,
            service_account: self.facts.service_account.clone(),
            claims: union(&first.claims, &self.facts.claims),
            ..(*first).clone()
        })
    }
}

/// Returns at most [`MAX_EXCESSES`] facts that have everything that these have. Their labels become unlisted if there
/// are more.
#[must_use]
pub fn bounded(excesses: Vec<WorkloadFacts>) -> Vec<WorkloadFacts> {
    if excesses.len() <= MAX_EXCESSES {
        return excesses;
    }
    let mut bounded: Vec<WorkloadFacts> = Vec::new();
    for facts in excesses {
        // Facts have one ServiceAccount and one placement.
        let is_same = |other: &&mut WorkloadFacts| {
            other.service_account == facts.service_account
                && other.placement == facts.placement
                && other.labels == facts.labels
        };
        let Some(all) = bounded.iter_mut().find(is_same) else {
            bounded.push(facts);
            continue;
        };
        all.pods.unlisted |= facts.pods.unlisted || all.pods != facts.pods;
        all.host |= facts.host;
        all.triggers |= facts.triggers;
        all.shortcomings |= facts.shortcomings;
        all.several |= facts.several;
        all.containers = all.containers.max(facts.containers);
        all.claims = union(&all.claims, &facts.claims);
        all.env_values = union(&all.env_values, &facts.env_values);
        all.container_names = union(&all.container_names, &facts.container_names);
    }
    bounded
}

fn union<T: Clone + Ord>(one: &[T], other: &[T]) -> Box<[T]> {
    let all: BTreeSet<&T> = one.iter().chain(other).collect();
    all.into_iter().cloned().collect()
}

fn is_named(base: &[&WorkloadFacts], container: &ContainerFacts) -> bool {
    let digest = ValueDigest::of(&container.name);
    base.iter().any(|base| base.container_names.contains(&digest))
}

/// Returns labels without those that controllers add.
fn without_added(labels: &Labels) -> Labels {
    labels.iter().filter(|(key, _)| !CONTROLLER_LABELS.contains(key)).collect()
}

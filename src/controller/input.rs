//! What the watches tell the engine, and what is known of the inputs as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use crate::api::{AssignmentStatus, ResponsibilityAssignmentSpec};
use crate::extract::{ClusterAssignment, NamespacedAssignment, Readable, Slim, compile_cluster, compile_namespaced};
use crate::inventory::Delta;
use crate::matrix::Matrix;
use crate::model::{Acceptance, Assignment, AssignmentId, CONDITIONS, Completeness};

/// A kind that is watched, as permissions name it: `deployments.apps`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    resource: String,
    role: SourceRole,
}

/// What can be said while a kind cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SourceRole {
    /// Nothing: workloads, namespaces.
    Essential,
    /// Nothing, and the definition comes with the operator.
    Own,
    /// Known gaps stay gaps.
    Additional,
}

impl Source {
    pub(super) fn of<K: Resource<DynamicType = ()>>(role: SourceRole) -> Self {
        let (plural, group) = (K::plural(&()), K::group(&()));
        let resource = if group.is_empty() { plural.into_owned() } else { format!("{plural}.{group}") };
        Self { resource, role }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)
    }
}

/// Why a kind cannot be read. Failures that pass soon are retried without a word to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The operator may not list or watch it.
    Forbidden,
    /// The API server does not serve it.
    NotServed,
    /// It was answered with errors for so long that what is known of it may be outdated.
    Failing,
}

impl Problem {
    pub(super) const fn of(error: &kube::Error) -> Option<Self> {
        match error {
            kube::Error::Api(status) if status.code == 403 => Some(Self::Forbidden),
            kube::Error::Api(status) if status.code == 404 => Some(Self::NotServed),
            _ => None,
        }
    }

    /// What is wrong and what to run.
    pub(super) fn explain(self, source: &Source) -> String {
        match (self, source.role) {
            (Self::Forbidden, _) => format!(
                "the operator may not list and watch {source}; grant these verbs to its ServiceAccount: \
                 kubectl apply -f deploy/operator.yaml"
            ),
            (Self::NotServed, SourceRole::Own) => format!(
                "the API server does not know {source}; install the definitions: \
                 responsibility-operator crds | kubectl apply --server-side -f -"
            ),
            (Self::NotServed, _) => format!("the API server does not serve {source}"),
            (Self::Failing, _) => {
                format!("reading {source} fails for more than a minute; see the operator's log for the error")
            }
        }
    }
}

/// An assignment as the API server holds it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) id: AssignmentId,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) generation: Option<i64>,
    pub(super) acceptance: Acceptance,
    /// What was published last.
    pub(super) status: AssignmentStatus,
    /// None when the stored object does not parse.
    pub(super) assignment: Option<Box<Assignment>>,
}

impl Seen {
    pub(super) fn namespaced(object: &NamespacedAssignment) -> Self {
        let compile =
            |id, spec: &ResponsibilityAssignmentSpec| compile_namespaced(Matrix::built_in(), id, &spec.assignment);
        Self::new(object, compile)
    }

    pub(super) fn cluster(object: &ClusterAssignment) -> Self {
        Self::new(object, |id, spec: &_| compile_cluster(Matrix::built_in(), id, spec))
    }

    pub(super) fn id_of(meta: &ObjectMeta) -> AssignmentId {
        AssignmentId {
            namespace: meta.namespace.as_deref().map(Arc::from),
            name: meta.name.as_deref().unwrap_or_default().into(),
        }
    }

    fn new<K: Resource<DynamicType = ()>, S>(
        object: &Slim<K, Readable<S>, Readable<AssignmentStatus>>,
        compile: impl Fn(AssignmentId, &S) -> Assignment,
    ) -> Self {
        let meta = object.meta();
        let id = Self::id_of(meta);
        let (acceptance, assignment) = match &object.spec.0 {
            Ok(spec) => {
                let assignment = compile(id.clone(), spec);
                (assignment.acceptance(), Some(Box::new(assignment)))
            }
            Err(error) => (Acceptance::SchemaOutdated(error.clone()), None),
        };
        let mut status = object.status.0.clone().unwrap_or_default();
        // What others add is theirs.
        status.conditions.retain(|condition| CONDITIONS.contains(&condition.type_.as_str()));
        Self {
            id,
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            generation: meta.generation,
            acceptance,
            status,
            assignment,
        }
    }

    /// Whether this is an older state of the same object than `known`: the answer to a status write can overtake the
    /// watch. Versions of one kind can be compared as numbers since Kubernetes 1.35; where they cannot be read as such,
    /// the watch is believed and an outdated write is refused by the API server.
    pub(super) fn is_older_than(&self, known: &Self) -> bool {
        let version = |seen: &Self| seen.resource_version.parse::<u128>().ok();
        self.uid == known.uid && version(self).zip(version(known)).is_some_and(|(this, known)| this < known)
    }
}

/// One thing that a watch has to tell.
#[derive(Debug)]
pub(super) enum Input {
    /// Something changed.
    Change(Delta),
    /// An assignment was written.
    Assignment(Box<Seen>),
    /// A kind was read completely and is watched.
    Synced(Source),
    /// A kind cannot be read.
    Unreadable(Source, Problem),
}

/// Which kinds can be read.
#[derive(Debug)]
pub(super) struct Sources(BTreeMap<Source, Reading>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Waiting,
    Synced,
    Failed(Problem),
}

impl Sources {
    pub(super) fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        Self(sources.into_iter().map(|source| (source, Reading::Waiting)).collect())
    }

    /// Notes that a kind is read; returns whether that is news.
    pub(super) fn synced(&mut self, source: Source) -> bool {
        self.0.insert(source, Reading::Synced) != Some(Reading::Synced)
    }

    /// Notes that a kind cannot be read; returns whether that is news.
    pub(super) fn unreadable(&mut self, source: Source, problem: Problem) -> bool {
        self.0.insert(source, Reading::Failed(problem)) != Some(Reading::Failed(problem))
    }

    /// Whether every kind was either read or found unreadable: before that nothing is published.
    pub(super) fn settled(&self) -> bool {
        self.0.values().all(|reading| *reading != Reading::Waiting)
    }

    pub(super) fn completeness(&self) -> Completeness {
        let mut completeness = Completeness::default();
        for (source, reading) in &self.0 {
            let Reading::Failed(problem) = reading else { continue };
            let sentences = match source.role {
                SourceRole::Essential | SourceRole::Own => &mut completeness.essential,
                SourceRole::Additional => &mut completeness.additional,
            };
            sentences.push(problem.explain(source));
        }
        completeness
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::Service;

    use super::*;
    use crate::api::ResponsibilityAssignment;

    #[test]
    fn nothing_is_settled_before_every_kind_was_read_or_refused() {
        let [deployments, services] =
            [Source::of::<Deployment>(SourceRole::Essential), Source::of::<Service>(SourceRole::Additional)];
        let mut sources = Sources::new([deployments.clone(), services.clone()]);
        assert!(!sources.settled());
        assert!(sources.synced(deployments.clone()));
        assert!(!sources.synced(deployments));
        assert!(!sources.settled());
        assert!(sources.unreadable(services.clone(), Problem::Forbidden));
        assert!(!sources.unreadable(services, Problem::Forbidden));
        assert!(sources.settled());
    }

    #[test]
    fn what_cannot_be_read_is_named_with_the_verbs_and_what_to_run() {
        let mut sources = Sources::new([]);
        sources.unreadable(Source::of::<Service>(SourceRole::Additional), Problem::Forbidden);
        sources.unreadable(Source::of::<ResponsibilityAssignment>(SourceRole::Own), Problem::NotServed);
        let Completeness { essential, additional } = sources.completeness();
        assert!(additional[0].contains("list and watch services;") && additional[0].contains("kubectl apply -f"));
        assert!(essential[0].contains("responsibilityassignments.sharedresponsibility.dev"));
        assert!(essential[0].contains("responsibility-operator crds | kubectl apply"));
    }

    #[test]
    fn a_kind_that_comes_back_is_complete_again() {
        let services = || Source::of::<Service>(SourceRole::Additional);
        let mut sources = Sources::new([services()]);
        sources.unreadable(services(), Problem::Forbidden);
        assert!(!sources.completeness().is_complete());
        sources.synced(services());
        assert!(sources.completeness().is_complete());
    }
}

//! Which kinds are watched, which of them can be read, and what can be said where some cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::facts::{Availability, FactKind};
use crate::model::Completeness;
use crate::telemetry::health::Check;

/// What to do where the kinds of the operator are not served.
pub(super) const INSTALL_DEFINITIONS: &str = "install the definitions: helm upgrade the release, or responsibility-operator crds | kubectl apply --server-side -f -";

/// How many sources or namespaces a sentence names.
const NAMED: usize = 3;

/// A kind that is watched, everywhere or in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    /// As permissions name it: `deployments.apps`.
    resource: Arc<str>,
    role: SourceRole,
    namespace: Option<Arc<str>>,
}

/// What can be said while a kind cannot be read, and how to put that right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SourceRole {
    /// Nothing: workloads, namespaces.
    Essential,
    /// Nothing: workloads of a kind that the operator was told of, where it is served.
    Configured,
    /// Nothing: assignments. The definition comes with the operator.
    Assignments,
    /// Nothing where an assignment names a model that the cluster defines. The definition comes with the operator.
    ServiceModels,
    /// Nothing where the service model is found from the nodes.
    Nodes,
    /// Known gaps stay gaps: Services, Ingresses.
    Additional,
    /// Known gaps stay gaps: routes and grants, where they are served.
    Optional,
    /// Everything but one risk and what NetworkPolicies show: NetworkPolicies.
    Policies,
    /// Everything but whether some duties are fulfilled: what is read for signals only.
    Signals(FactKind),
    /// The same, of kinds that are watched where they are served.
    OptionalSignals(FactKind),
}

impl SourceRole {
    /// Whether the kind is looked for, and watched only where it is served.
    pub(super) const fn is_optional(self) -> bool {
        matches!(self, Self::Configured | Self::Optional | Self::OptionalSignals(_))
    }

    /// Whether nothing can be said of duties, or not all, before the kind is read.
    const fn is_required(self) -> bool {
        !self.is_optional() && !matches!(self, Self::Signals(_))
    }

    const fn is_own(self) -> bool {
        matches!(self, Self::Assignments | Self::ServiceModels)
    }
}

impl Source {
    pub(super) fn new(group: &str, plural: &str, role: SourceRole, namespace: Option<Arc<str>>) -> Self {
        let resource = if group.is_empty() { plural.into() } else { format!("{plural}.{group}").into() };
        Self { resource, role, namespace }
    }

    /// The API group, empty for the core, and the plural.
    pub(super) fn group_and_plural(&self) -> (&str, &str) {
        let (plural, group) = self.resource.split_once('.').unwrap_or((&self.resource, ""));
        (group, plural)
    }

    /// The namespace where it is watched, if it is watched in one only.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// What is watched, as permissions name it.
    pub(super) fn resource(&self) -> &str {
        &self.resource
    }

    /// The kind among those that are read for signals only, if it is one.
    pub(super) const fn fact_kind(&self) -> Option<FactKind> {
        match self.role {
            SourceRole::Signals(kind) | SourceRole::OptionalSignals(kind) => Some(kind),
            _ => None,
        }
    }

    /// Whether the kind is watched only where it is served.
    pub(super) const fn is_optional(&self) -> bool {
        self.role.is_optional()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} in namespace {namespace}", self.resource),
            None => f.write_str(&self.resource),
        }
    }
}

/// Why a kind cannot be read. Failures that pass soon are retried without a word to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Problem {
    /// The operator may not list or watch it.
    Forbidden,
    /// The API server does not serve it.
    NotServed,
    /// The API server serves something else than the configuration file says.
    Misconfigured,
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
        self.sentence(&source.to_string(), self.advice(source))
    }

    fn sentence(self, sources: &str, advice: &str) -> String {
        match self {
            Self::Forbidden => format!("the operator may not list and watch {sources}; {advice}"),
            Self::NotServed => format!("the API server does not know {sources}; {advice}"),
            Self::Misconfigured => {
                format!("the API server serves {sources} with another version, kind, plural or scope; {advice}")
            }
            Self::Failing => format!("reading {sources} fails for more than a minute; {advice}"),
        }
    }

    /// What puts it right.
    const fn advice(self, source: &Source) -> &'static str {
        match (self, source.role) {
            (Self::Forbidden, _) if source.namespace.is_some() => {
                "grant these verbs to its ServiceAccount by a Role and a RoleBinding in each namespace of --namespaces"
            }
            (Self::Forbidden, SourceRole::Configured) => {
                "grant these verbs to its ServiceAccount by a ClusterRole and a ClusterRoleBinding, for each of \
                 workloadKinds of the configuration file"
            }
            (Self::Forbidden, SourceRole::OptionalSignals(FactKind::Custom(_))) => {
                "grant these verbs to its ServiceAccount by a ClusterRole and a ClusterRoleBinding, for each kind of \
                 customSignals of the configuration file"
            }
            (Self::Forbidden, _) => {
                "grant these verbs to its ServiceAccount: helm upgrade its release, or kubectl apply -f deploy/operator.yaml \
                 where it was installed by that"
            }
            (Self::NotServed, role) if role.is_own() => INSTALL_DEFINITIONS,
            (Self::NotServed, role) if role.is_optional() => "it was served before; see whether its API is available",
            (Self::NotServed, _) => "see whether the server is a supported version of Kubernetes",
            (Self::Misconfigured, SourceRole::OptionalSignals(FactKind::Custom(_))) => {
                "correct customSignals of the configuration file"
            }
            (Self::Misconfigured, _) => "correct workloadKinds of the configuration file",
            (Self::Failing, _) => "see the operator's log for the error",
        }
    }
}

/// Which kinds can be read.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Neither read nor found unreadable yet.
    waiting: BTreeSet<Source>,
    read: BTreeSet<Source>,
    unreadable: BTreeMap<Source, Problem>,
    /// What is not looked at by choice, in a sentence.
    namespaced_scope: Option<String>,
}

impl Sources {
    /// The kinds that have to be read before anything is said.
    pub(super) fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        Self { waiting: sources.into_iter().collect(), ..Self::default() }
    }

    /// Only these namespaces are looked at, and nothing that lies in none.
    #[must_use]
    pub(super) fn within(self, namespaces: &[String]) -> Self {
        // Their names are nothing for tenants to read.
        let namespaced_scope = format!(
            "only the {} namespace(s) of --namespaces are looked at; Nodes, Namespaces, \
             ClusterResponsibilityAssignments and ServiceModels are not seen",
            namespaces.len()
        );
        Self { namespaced_scope: Some(namespaced_scope), ..self }
    }

    /// All kinds that are watched.
    pub(super) fn all(&self) -> impl Iterator<Item = &Source> {
        self.waiting.iter().chain(&self.read).chain(self.unreadable.keys())
    }

    /// Notes that a kind is read; returns whether that is news.
    pub(super) fn synced(&mut self, source: Source) -> bool {
        self.waiting.remove(&source);
        self.unreadable.remove(&source);
        self.read.insert(source)
    }

    /// Notes that a kind cannot be read; returns whether that is news.
    pub(super) fn unreadable(&mut self, source: Source, problem: Problem) -> bool {
        self.waiting.remove(&source);
        self.read.remove(&source);
        self.unreadable.insert(source, problem) != Some(problem)
    }

    /// Notes that a kind is served no more; returns whether that is news.
    pub(super) fn gone(&mut self, source: &Source) -> bool {
        let was_waiting = self.waiting.remove(source);
        let was_read = self.read.remove(source);
        self.unreadable.remove(source).is_some() || was_waiting || was_read
    }

    /// Whether every kind was either read or found unreadable: before that nothing is published.
    pub(super) fn settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Each kind that is watched, and what is wrong with it where something is.
    pub(super) fn checks(&self) -> Vec<Check> {
        let mut checks: BTreeMap<&Arc<str>, Check> = BTreeMap::new();
        let waiting = self.waiting.iter().map(|source| (source, Some(format!("{source} is being read"))));
        let unreadable = self.unreadable.iter().map(|(source, problem)| (source, Some(problem.explain(source))));
        let read = self.read.iter().map(|source| (source, None));
        // Of hundreds of namespaces the first problem is told.
        for (source, problem) in unreadable.chain(waiting).chain(read) {
            let (resource, required) = (source.resource.to_string(), source.role.is_required());
            checks.entry(&source.resource).or_insert(Check { resource, problem, required });
        }
        checks.into_values().collect()
    }

    /// Whether every kind was read.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting.is_empty() && self.unreadable.is_empty()
    }

    /// Whether a resource is read, everywhere or in a namespace.
    pub(super) fn reads(&self, resource: &str, namespace: &str) -> bool {
        let is_it = |source: &Source| {
            *source.resource == *resource && source.namespace.as_deref().is_none_or(|scope| scope == namespace)
        };
        self.read.iter().any(is_it)
    }

    /// Whether nodes are not among what cannot be read.
    pub(super) fn nodes_readable(&self) -> bool {
        self.unreadable.keys().all(|source| source.role != SourceRole::Nodes)
    }

    /// Which kinds can be read that are read for signals only, everywhere or in a namespace.
    pub(super) fn availabilities(&self) -> impl Iterator<Item = (FactKind, Option<Arc<str>>, Availability)> {
        let read = self.read.iter().map(|source| (source, Availability::Read));
        let unreadable = self.unreadable.keys().map(|source| (source, Availability::Unreadable));
        read.chain(unreadable)
            .filter_map(|(source, standing)| Some((source.fact_kind()?, source.namespace.clone(), standing)))
    }

    /// Whether pods that no NetworkPolicy selects are known to be selected by none.
    pub(super) fn policies_readable(&self) -> bool {
        let missing = self.waiting.iter().chain(self.unreadable.keys());
        missing.into_iter().all(|source| source.role != SourceRole::Policies)
    }

    /// Which inputs are missing for what lies in a namespace, or for a cluster assignment, where the service model of some
    /// workloads is found from the nodes, or is one that the cluster defines.
    pub(super) fn completeness(
        &self,
        namespace: Option<&str>,
        from_nodes: bool,
        uses_custom_model: bool,
    ) -> Completeness {
        let mut problems: BTreeMap<(bool, Problem, &str), Vec<&Source>> = BTreeMap::new();
        let mut minor: BTreeMap<(&str, Problem, &str), Vec<&Source>> = BTreeMap::new();
        // What is missing in one namespace is nothing to another.
        let concerns = |source: &Source| {
            source.namespace.as_deref().is_none_or(|of| namespace.is_none_or(|namespace| namespace == of))
        };
        for (source, problem) in self.unreadable.iter().filter(|(source, _)| concerns(source)) {
            let essential = match source.role {
                SourceRole::Essential | SourceRole::Configured | SourceRole::Assignments => true,
                SourceRole::ServiceModels if uses_custom_model => true,
                SourceRole::Nodes if from_nodes => true,
                SourceRole::Additional | SourceRole::Optional => false,
                SourceRole::Policies => {
                    let what = "the risk SegmentationAssumed is not looked for";
                    minor.entry((what, *problem, problem.advice(source))).or_default().push(source);
                    continue;
                }
                SourceRole::Signals(_) | SourceRole::OptionalSignals(_) => {
                    let what = "signals that read that are Unknown";
                    minor.entry((what, *problem, problem.advice(source))).or_default().push(source);
                    continue;
                }
                SourceRole::ServiceModels | SourceRole::Nodes => continue,
            };
            problems.entry((essential, *problem, problem.advice(source))).or_default().push(source);
        }
        let sentence = |((what, problem, advice), sources): (&(&str, Problem, &str), &Vec<&Source>)| {
            format!("{}, and {what}", problem.sentence(&enumerate(sources), advice))
        };
        let minor = minor.iter().map(sentence).collect();
        let namespaced_scope = self.namespaced_scope.clone();
        let mut completeness = Completeness { minor, namespaced_scope, ..Completeness::default() };
        // One sentence for each thing to do: hundreds of kinds and namespaces can be missing for one reason.
        for ((essential, problem, advice), sources) in problems {
            let sentence = problem.sentence(&enumerate(&sources), advice);
            if essential {
                completeness.essential.push(sentence);
            } else {
                completeness.additional.push(sentence);
            }
        }
        completeness
    }
}

/// The first of the items, and how many there are beside them.
fn enumerate(items: &[impl fmt::Display]) -> String {
    let named: Vec<String> = items.iter().take(NAMED).map(ToString::to_string).collect();
    match items.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests;

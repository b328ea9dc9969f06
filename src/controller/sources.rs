//! Which kinds are watched, which of them can be read, and what can be said where some cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::model::Completeness;
use crate::signals::{FactKind, Standing};
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
    Signals,
    /// The same, of kinds that are watched where they are served.
    OptionalSignals,
}

impl SourceRole {
    /// Whether the kind is looked for, and watched only where it is served.
    pub(super) const fn is_optional(self) -> bool {
        matches!(self, Self::Configured | Self::Optional | Self::OptionalSignals)
    }

    /// Whether nothing can be said of duties, or not all, before the kind is read.
    const fn is_required(self) -> bool {
        !self.is_optional() && !matches!(self, Self::Signals)
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
                format!("the API server serves {sources} with another kind or plural, or not in namespaces; {advice}")
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
            (Self::Forbidden, _) => {
                "grant these verbs to its ServiceAccount: helm upgrade its release, or kubectl apply -f deploy/operator.yaml \
                 where it was installed by that"
            }
            (Self::NotServed, role) if role.is_own() => INSTALL_DEFINITIONS,
            (Self::NotServed, role) if role.is_optional() => "it was served before; see whether its API is available",
            (Self::NotServed, _) => "see whether the server is a supported version of Kubernetes",
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
    by_choice: Option<String>,
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
        let by_choice = format!(
            "only the {} namespace(s) of --namespaces are looked at; Nodes, Namespaces, \
             ClusterResponsibilityAssignments and ServiceModels are not seen",
            namespaces.len()
        );
        Self { by_choice: Some(by_choice), ..self }
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
    pub(super) fn standings(&self) -> impl Iterator<Item = (FactKind, Option<Arc<str>>, Standing)> {
        let read = self.read.iter().map(|source| (source, Standing::Read));
        let unreadable = self.unreadable.keys().map(|source| (source, Standing::Unreadable));
        read.chain(unreadable).filter_map(|(source, standing)| {
            let (group, plural) = source.group_and_plural();
            Some((FactKind::named(group, plural)?, source.namespace.clone(), standing))
        })
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
        names_own_model: bool,
    ) -> Completeness {
        let mut problems: BTreeMap<(bool, Problem, &str), Vec<&Source>> = BTreeMap::new();
        let mut aside: BTreeMap<(&str, Problem, &str), Vec<&Source>> = BTreeMap::new();
        // What is missing in one namespace is nothing to another.
        let concerns = |source: &Source| {
            source.namespace.as_deref().is_none_or(|of| namespace.is_none_or(|namespace| namespace == of))
        };
        for (source, problem) in self.unreadable.iter().filter(|(source, _)| concerns(source)) {
            let essential = match source.role {
                SourceRole::Essential | SourceRole::Configured | SourceRole::Assignments => true,
                SourceRole::ServiceModels if names_own_model => true,
                SourceRole::Nodes if from_nodes => true,
                SourceRole::Additional | SourceRole::Optional => false,
                SourceRole::Policies => {
                    let what = "the risk SegmentationAssumed is not looked for";
                    aside.entry((what, *problem, problem.advice(source))).or_default().push(source);
                    continue;
                }
                SourceRole::Signals | SourceRole::OptionalSignals => {
                    let what = "signals that read that are Unknown";
                    aside.entry((what, *problem, problem.advice(source))).or_default().push(source);
                    continue;
                }
                SourceRole::ServiceModels | SourceRole::Nodes => continue,
            };
            problems.entry((essential, *problem, problem.advice(source))).or_default().push(source);
        }
        let sentence = |((what, problem, advice), sources): (&(&str, Problem, &str), &Vec<&Source>)| {
            format!("{}, and {what}", problem.sentence(&enumerate(sources), advice))
        };
        let aside = aside.iter().map(sentence).collect();
        let by_choice = self.by_choice.clone();
        let mut completeness = Completeness { aside, by_choice, ..Completeness::default() };
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
mod tests {
    use rstest::rstest;

    use super::*;

    fn source(plural: &str, role: SourceRole) -> Source {
        Source::new("", plural, role, None)
    }

    fn services() -> Source {
        source("services", SourceRole::Additional)
    }

    fn assignments() -> Source {
        Source::new("sharedresponsibility.dev", "responsibilityassignments", SourceRole::Assignments, None)
    }

    /// What is said while one kind cannot be read.
    fn without(source: Source, problem: Problem) -> Completeness {
        let mut sources = Sources::new([source.clone()]);
        sources.unreadable(source, problem);
        sources.completeness(None, true, true)
    }

    #[test]
    fn nothing_is_settled_before_every_kind_was_read_or_refused() {
        let [deployments, services] = [source("deployments", SourceRole::Essential), services()];
        let mut sources = Sources::new([deployments.clone(), services.clone()]);
        assert!(!sources.settled());
        assert!(sources.synced(deployments.clone()));
        assert!(!sources.synced(deployments));
        assert!(!sources.settled());
        assert!(sources.unreadable(services.clone(), Problem::Forbidden));
        assert!(!sources.unreadable(services.clone(), Problem::Forbidden));
        assert!(sources.settled() && !sources.is_complete());
        assert!(sources.unreadable(services, Problem::Failing), "for another reason");
    }

    #[test]
    fn a_kind_that_is_served_no_more_is_waited_for_no_more_and_one_that_appears_unsettles_nothing() {
        let routes = source("httproutes", SourceRole::Optional);
        let mut sources = Sources::new([routes.clone(), services()]);
        sources.synced(services());
        assert!(!sources.settled());
        assert!(sources.gone(&routes));
        assert!(!sources.gone(&routes));
        assert!(sources.settled() && sources.is_complete());
        sources.unreadable(routes.clone(), Problem::Forbidden);
        assert!(sources.settled() && !sources.is_complete());
        sources.gone(&routes);
        assert!(sources.is_complete());
    }

    #[test]
    fn a_kind_that_comes_back_is_complete_again() {
        let mut sources = Sources::new([services()]);
        sources.unreadable(services(), Problem::Forbidden);
        assert!(!sources.completeness(None, false, false).is_complete());
        sources.synced(services());
        assert!(sources.completeness(None, false, false).is_complete() && sources.is_complete());
    }

    #[rstest]
    #[case::workloads(SourceRole::Essential, [true; 3], false)]
    #[case::configured_workloads(SourceRole::Configured, [true; 3], false)]
    #[case::assignments(SourceRole::Assignments, [true; 3], false)]
    #[case::service_models(SourceRole::ServiceModels, [false, false, true], false)]
    #[case::nodes(SourceRole::Nodes, [false, true, false], false)]
    #[case::services(SourceRole::Additional, [false; 3], true)]
    #[case::routes(SourceRole::Optional, [false; 3], true)]
    #[case::network_policies(SourceRole::Policies, [false; 3], false)]
    fn what_cannot_be_said_depends_on_what_cannot_be_read(
        #[case] role: SourceRole,
        #[case] essential_otherwise_from_nodes_with_own_model: [bool; 3],
        #[case] additional: bool,
    ) {
        let mut sources = Sources::new([]);
        sources.unreadable(source("things", role), Problem::Forbidden);
        let circumstances = [(false, false), (true, false), (false, true)];
        for (circumstances, essential) in circumstances.into_iter().zip(essential_otherwise_from_nodes_with_own_model) {
            let completeness = sources.completeness(None, circumstances.0, circumstances.1);
            assert_eq!(!completeness.essential.is_empty(), essential, "{circumstances:?}");
            assert_eq!(!completeness.additional.is_empty(), additional, "{circumstances:?}");
        }
    }

    #[test]
    fn unreadable_network_policies_are_told_apart_from_the_rest() {
        let mut sources = Sources::new([source("networkpolicies", SourceRole::Policies), assignments()]);
        assert!(!sources.policies_readable(), "not read yet");
        sources.synced(source("networkpolicies", SourceRole::Policies));
        sources.synced(assignments());
        sources.unreadable(services(), Problem::Forbidden);
        assert!(sources.policies_readable());
        sources.unreadable(source("networkpolicies", SourceRole::Policies), Problem::Failing);
        sources.unreadable(source("servicemodels", SourceRole::ServiceModels), Problem::NotServed);
        assert!(!sources.policies_readable());
    }

    #[test]
    fn what_cannot_be_read_is_named_with_the_verbs_and_what_to_run() {
        let refused = &without(services(), Problem::Forbidden).additional[0];
        assert!(refused.contains("list and watch services; grant these verbs"), "{refused}");
        assert!(
            refused.ends_with("or kubectl apply -f deploy/operator.yaml where it was installed by that"),
            "{refused}"
        );
        let missing = &without(assignments(), Problem::NotServed).essential[0];
        assert!(missing.contains("does not know responsibilityassignments.sharedresponsibility.dev;"), "{missing}");
        assert!(missing.contains("responsibility-operator crds | kubectl apply"), "{missing}");
    }

    #[test]
    fn the_remedy_is_one_that_helps() {
        let in_namespace = Source::new("", "services", SourceRole::Additional, Some("shop".into()));
        let sentence = &without(in_namespace, Problem::Forbidden).additional[0];
        assert!(sentence.contains("services in namespace shop;") && sentence.contains("a Role and a RoleBinding"));
        assert!(!sentence.contains("deploy/operator.yaml"), "it grants cluster-wide: {sentence}");
        let rollouts = Source::new("argoproj.io", "rollouts", SourceRole::Configured, None);
        let sentence = &without(rollouts.clone(), Problem::Forbidden).essential[0];
        assert!(sentence.contains("rollouts.argoproj.io;") && sentence.contains("workloadKinds"), "{sentence}");
        assert!(!sentence.contains("deploy/operator.yaml"), "it does not name that kind: {sentence}");
        let sentence = &without(rollouts, Problem::Misconfigured).essential[0];
        assert!(sentence.contains("correct workloadKinds of the configuration file"), "{sentence}");
    }

    #[test]
    fn a_hundred_namespaces_that_may_not_be_read_are_one_sentence() {
        let mut sources = Sources::new([]);
        for number in 0..100 {
            for plural in ["deployments", "statefulsets", "services"] {
                let namespace = Some(format!("team-{number:02}").into());
                let role = if plural == "services" { SourceRole::Additional } else { SourceRole::Essential };
                sources.unreadable(Source::new("", plural, role, namespace), Problem::Forbidden);
            }
        }
        let Completeness { essential, additional, .. } = sources.completeness(None, true, true);
        assert_eq!((essential.len(), additional.len()), (1, 1));
        assert!(essential[0].contains("deployments in namespace team-00, "), "{}", essential[0]);
        assert!(essential[0].contains(" and 197 more; grant"), "{}", essential[0]);
        assert!(essential[0].len() < 512);
    }

    #[test]
    fn what_is_missing_in_one_namespace_is_nothing_to_another() {
        let deployments =
            |namespace: &str| Source::new("apps", "deployments", SourceRole::Essential, Some(namespace.into()));
        let mut sources = Sources::new([deployments("a"), deployments("b")]);
        sources.synced(deployments("b"));
        sources.unreadable(deployments("a"), Problem::Forbidden);
        assert!(sources.completeness(Some("b"), true, true).is_complete());
        assert!(!sources.completeness(Some("a"), true, true).is_complete());
        assert!(!sources.completeness(None, true, true).is_complete(), "a cluster assignment may speak for both");
    }

    #[test]
    fn what_is_not_looked_at_by_choice_is_said_and_is_no_problem() {
        let namespaces = ["a", "b", "c", "d"].map(str::to_owned);
        let completeness = Sources::new([]).within(&namespaces).completeness(None, true, true);
        assert!(completeness.is_complete());
        let sentence = completeness.by_choice.unwrap();
        assert!(
            sentence.starts_with("only the 4 namespace(s) of") && sentence.contains("ServiceModels are not seen"),
            "{sentence}"
        );
    }
}

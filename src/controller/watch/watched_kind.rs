//! A watched kind: its name, what depends on it, and why it cannot be read.

use std::fmt;
use std::sync::Arc;

use crate::controller::api_call::{CallError, ErrorClass};
use crate::facts::FactKind;

/// Advice for a cluster whose API server does not serve the operator's own kinds.
pub(in crate::controller) const INSTALL_CRDS: &str =
    "install the CRDs: helm upgrade the release, or responsibility-operator crds | kubectl apply --server-side -f -";

/// A kind that is watched in the whole cluster or in one namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) struct WatchedKind {
    /// Plural and group as RBAC rules name them: `deployments.apps`.
    resource: Arc<str>,
    role: KindRole,
    namespace: Option<Arc<str>>,
}

/// Role of a kind: which results are unknown while it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) enum KindRole {
    /// Workloads and namespaces: all results are unknown without them.
    Essential,
    /// Workload kinds of the configuration file, watched while they are served: all results are unknown without them.
    Configured,
    /// Assignments: all results are unknown without them. The operator's release installs the CRD.
    Assignments,
    /// ServiceModels: results of assignments that name one are unknown. The operator's release installs the CRD.
    ServiceModels,
    /// Nodes: results of workloads whose service model comes from their nodes are unknown.
    Nodes,
    /// Services and Ingresses: known gaps remain gaps, further layers are unknown.
    Additional,
    /// Routes and ReferenceGrants, watched while they are served: known gaps remain gaps, further layers are unknown.
    Optional,
    /// NetworkPolicies: one risk and the signals of NetworkPolicies are unknown.
    Policies,
    /// Kinds that only signals read: these signals are Unknown.
    Signals(FactKind),
    /// Kinds that only signals read, watched while they are served: these signals are Unknown.
    OptionalSignals(FactKind),
}

impl KindRole {
    /// Returns true if the kind is watched only while discovery finds it.
    pub(super) const fn is_optional(self) -> bool {
        matches!(self, Self::Configured | Self::Optional | Self::OptionalSignals(_))
    }

    /// Returns true if the operator is not ready before the kind is read.
    pub(super) const fn is_required(self) -> bool {
        !self.is_optional() && !matches!(self, Self::Signals(_))
    }

    /// Returns true for the kinds whose statuses the operator writes.
    pub(super) const fn is_own(self) -> bool {
        matches!(self, Self::Assignments | Self::ServiceModels)
    }
}

/// Returns plural and group as RBAC rules name them: `deployments.apps`.
pub(super) fn resource_name(group: &str, plural: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

impl WatchedKind {
    pub(in crate::controller) fn new(group: &str, plural: &str, role: KindRole, namespace: Option<Arc<str>>) -> Self {
        Self { resource: resource_name(group, plural).into(), role, namespace }
    }

    /// Returns the API group, empty for the core group, and the plural.
    pub(in crate::controller) fn group_and_plural(&self) -> (&str, &str) {
        let (plural, group) = self.resource.split_once('.').unwrap_or((&self.resource, ""));
        (group, plural)
    }

    /// Returns the namespace, `None` if the kind is watched in the whole cluster.
    pub(in crate::controller) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    pub(super) const fn role(&self) -> KindRole {
        self.role
    }

    /// Returns plural and group as RBAC rules name them: `deployments.apps`.
    pub(in crate::controller) const fn resource(&self) -> &Arc<str> {
        &self.resource
    }

    /// Returns the kind of facts if only signals read this kind.
    pub(in crate::controller) const fn fact_kind(&self) -> Option<FactKind> {
        match self.role {
            KindRole::Signals(kind) | KindRole::OptionalSignals(kind) => Some(kind),
            _ => None,
        }
    }

    /// Returns true if the kind is watched only while discovery finds it.
    pub(super) const fn is_optional(&self) -> bool {
        self.role.is_optional()
    }

    /// Returns true if the watch covers objects in a namespace.
    pub(super) fn covers(&self, namespace: &str) -> bool {
        self.namespace().is_none_or(|scope| scope == namespace)
    }
}

impl fmt::Display for WatchedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} in namespace {namespace}", self.resource),
            None => f.write_str(&self.resource),
        }
    }
}

/// Reason a kind cannot be read. Short failures are retried and not reported to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) enum Problem {
    /// RBAC denies list or watch.
    Forbidden,
    /// The API server does not serve the kind.
    NotServed,
    /// The API server serves a kind that differs from the configuration file.
    Misconfigured,
    /// Requests have failed for so long that the stored facts may be outdated.
    Failing,
    /// The API server has sent nothing, and accepted no watch, for so long that the stored facts may be outdated.
    Silent,
}

impl Problem {
    /// Returns the problem that only a user or an installation can solve; `None` for an error that is retried.
    pub(super) fn of(error: &CallError) -> Option<Self> {
        match error.class() {
            ErrorClass::Forbidden | ErrorClass::NamespaceTerminating => Some(Self::Forbidden),
            ErrorClass::NotFound => Some(Self::NotServed),
            ErrorClass::Conflict | ErrorClass::Expired | ErrorClass::Other => None,
        }
    }

    /// Returns the problem and its remedy in one sentence.
    pub(in crate::controller) fn explain(self, kind: &WatchedKind) -> String {
        self.sentence(&kind.to_string(), self.advice(kind))
    }

    pub(super) fn sentence(self, kinds: &str, advice: &str) -> String {
        match self {
            Self::Forbidden => format!("the operator may not list and watch {kinds}; {advice}"),
            Self::NotServed => format!("the API server does not serve {kinds}; {advice}"),
            Self::Misconfigured => {
                format!("the API server serves {kinds} with another version, kind, plural or scope; {advice}")
            }
            Self::Failing => format!("requests for {kinds} have failed for more than a minute; {advice}"),
            Self::Silent => {
                format!("the API server has not responded to requests for {kinds} for two minutes; {advice}")
            }
        }
    }

    /// Returns the remedy.
    pub(super) const fn advice(self, kind: &WatchedKind) -> &'static str {
        match (self, kind.role) {
            (Self::Forbidden, _) if kind.namespace.is_some() => {
                "grant these verbs to its ServiceAccount with a Role and a RoleBinding in each namespace of --namespaces"
            }
            (Self::Forbidden, KindRole::Configured) => {
                "grant these verbs to its ServiceAccount with a ClusterRole and a ClusterRoleBinding, for each of \
                 workloadKinds in the configuration file"
            }
            (Self::Forbidden, KindRole::OptionalSignals(FactKind::Custom(_))) => {
                "grant these verbs to its ServiceAccount with a ClusterRole and a ClusterRoleBinding, for each kind of \
                 customSignals in the configuration file"
            }
            (Self::Forbidden, _) => {
                "grant these verbs to its ServiceAccount: helm upgrade its release, or kubectl apply -f deploy/operator.yaml \
                 if that installed it"
            }
            (Self::NotServed, role) if role.is_own() => INSTALL_CRDS,
            (Self::NotServed, role) if role.is_optional() => "it was served before; check that its API is available",
            (Self::NotServed, _) => "check that the server runs a supported version of Kubernetes",
            (Self::Misconfigured, KindRole::OptionalSignals(FactKind::Custom(_))) => {
                "correct customSignals in the configuration file"
            }
            (Self::Misconfigured, _) => "correct workloadKinds in the configuration file",
            (Self::Failing | Self::Silent, _) => "the operator's log has the error",
        }
    }
}

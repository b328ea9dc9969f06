//! What the index is told.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use jiff::civil::Date;

use crate::api::{ClusterResponsibilityAssignmentSpec, ServiceModelSpec};
use crate::model::{
    AssignmentId, Labels, NodeFacts, ObjectIdentity, Selector, ValueDigest, WorkloadFacts, WorkloadKey, WorkloadKind,
};
use crate::signals::{FactKind, Facts, KubernetesVersion, Standing};

/// The name of an object; the namespace of a cluster-scoped one is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ObjectName {
    /// The name of a cluster-scoped object.
    #[must_use]
    pub fn cluster(name: &str) -> Self {
        Self { namespace: "".into(), name: name.into() }
    }
}

/// A change of the inputs. None for the facts means that the object is gone, or counts no more.
#[derive(Clone, Debug)]
pub enum Delta {
    /// An object that is a workload, or a part of one, is as given.
    Workload(WorkloadKey, Option<Box<WorkloadObject>>),
    /// An object is made by this workload and runs at the moment; none where it does not.
    Owned(WorkloadKey, Option<WorkloadKey>),
    /// A Service is as given.
    Service(ObjectName, Option<ServiceFacts>),
    /// An Ingress or a route is as given.
    Route(RouteKind, ObjectName, Option<RouteFacts>),
    /// A ReferenceGrant is as given.
    Grant(ObjectName, Option<GrantFacts>),
    /// A NetworkPolicy is as given.
    Policy(ObjectName, Option<PolicyFacts>),
    /// A namespace is as given.
    Namespace(Arc<str>, Option<NamespaceFacts>),
    /// A node is as given.
    Node(Arc<str>, Option<NodeFacts>),
    /// A service model is defined so.
    ServiceModel(Arc<str>, Option<Box<ServiceModelSpec>>),
    /// An assignment says this. One of a namespace has no `namespaceSelector`.
    Assignment(AssignmentId, Option<Arc<ClusterResponsibilityAssignmentSpec>>),
    /// A complete list was read: whatever it does not hold is gone.
    Relisted(Listed),
    /// It is this day, in UTC.
    Day(Date),
    /// What NetworkPolicies tell.
    PoliciesTell(Policies),
    /// An object that is read for signals only is as given; one of no namespace has an empty one.
    Facts(FactKind, ObjectName, Option<Facts>),
    /// Whether objects that are read for signals only can be read, in one namespace or everywhere.
    Standing(FactKind, Option<Arc<str>>, Standing),
    /// Whether nodes can be read: what was seen of them may be otherwise while they cannot.
    NodesReadable(bool),
    /// The API server is of this version, none where that is not known.
    ServerVersion(Option<KubernetesVersion>),
}

/// What NetworkPolicies tell of pods that none of them selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policies {
    /// Nothing: they cannot be read.
    #[default]
    Unreadable,
    /// Nothing: another policy API is served, which may select them.
    NotAlone,
    /// That they are selected by nothing.
    Tell,
}

/// An object that is a workload or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadObject {
    /// What its template shows.
    pub facts: WorkloadFacts,
    /// The workload that it is a part of: its owner, or all objects with its stem of a generated name. None when it is the
    /// workload itself.
    pub part_of: Option<WorkloadKey>,
    /// The object that Events about the workload are about.
    pub identity: ObjectIdentity,
}

/// What counts of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFacts {
    /// The labels of the pods it selects; none selects nothing.
    pub selector: Labels,
    /// Whether it opens a way in from outside of the cluster by itself.
    pub published: bool,
    /// Whether it stands for a name outside of the cluster.
    pub external_name: bool,
}

impl ServiceFacts {
    /// Whether a workload's signals can depend on this Service.
    pub(super) fn concerns(&self, name: &str, workload: &WorkloadFacts) -> bool {
        workload.pods.selected_by(&self.selector) || self.is_called_by(name, workload)
    }

    pub(super) fn is_called_by(&self, name: &str, workload: &WorkloadFacts) -> bool {
        self.external_name && workload.env_values.binary_search(&ValueDigest::of(name)).is_ok()
    }
}

/// The kinds that lead from outside to Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// `networking.k8s.io` Ingress.
    Ingress,
    /// `gateway.networking.k8s.io` HTTPRoute.
    HttpRoute,
    /// `gateway.networking.k8s.io` GRPCRoute.
    GrpcRoute,
    /// `gateway.networking.k8s.io` TLSRoute.
    TlsRoute,
    /// `gateway.networking.k8s.io` TCPRoute.
    TcpRoute,
    /// `gateway.networking.k8s.io` UDPRoute.
    UdpRoute,
    /// `route.openshift.io` Route.
    OpenShiftRoute,
}

impl RouteKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Ingress,
        Self::HttpRoute,
        Self::GrpcRoute,
        Self::TlsRoute,
        Self::TcpRoute,
        Self::UdpRoute,
        Self::OpenShiftRoute,
    ];

    /// The kind as it is spelt in a ReferenceGrant of its API group.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
            Self::GrpcRoute => "GRPCRoute",
            Self::TlsRoute => "TLSRoute",
            Self::TcpRoute => "TCPRoute",
            Self::UdpRoute => "UDPRoute",
            Self::OpenShiftRoute => "Route",
        }
    }
}

/// What counts of an Ingress or a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteFacts {
    /// The Services that it leads to.
    pub backends: BTreeSet<ObjectName>,
    /// The Secrets of its namespace that hold the certificates which it shows.
    pub tls: BTreeSet<Arc<str>>,
}

/// What counts of a ReferenceGrant: which routes may lead to Services of its namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantFacts {
    /// The kinds of route and the namespaces from which they may lead here.
    pub from: BTreeSet<(RouteKind, Arc<str>)>,
    /// The Services that they may lead to; none stands for every Service.
    pub to: BTreeSet<Option<Arc<str>>>,
}

/// What counts of a NetworkPolicy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFacts {
    /// The pods that it selects by their labels, all when there is none.
    pub pods: Option<Selector>,
    /// What it does about traffic that comes in.
    pub ingress: Ingress,
}

/// What a NetworkPolicy does about traffic that comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ingress {
    /// Nothing.
    #[default]
    Ignored,
    /// It says who may come in.
    Restricted,
    /// It lets everybody in, whatever others say.
    Open,
}

impl PolicyFacts {
    /// Whether it selects the pods of a workload.
    pub(super) fn selects(&self, workload: &WorkloadFacts) -> bool {
        self.pods.as_ref().is_none_or(|pods| pods.matches(&workload.pods.template))
    }
}

/// What counts of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its labels.
    pub labels: Labels,
    /// Its UID, for Events on it.
    pub uid: Arc<str>,
}

/// The kinds that the index is told of, as they are listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListedKind {
    /// Workloads of a kind.
    Workloads(WorkloadKind),
    /// Services.
    Services,
    /// Ingresses or routes of a kind.
    Routes(RouteKind),
    /// ReferenceGrants.
    Grants,
    /// NetworkPolicies.
    Policies,
    /// Namespaces.
    Namespaces,
    /// Nodes.
    Nodes,
    /// Service models.
    ServiceModels,
    /// ResponsibilityAssignments.
    Assignments,
    /// ClusterResponsibilityAssignments.
    ClusterAssignments,
    /// Objects that are read for signals only.
    Facts(FactKind),
}

/// The objects of a complete list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What was listed.
    pub kind: ListedKind,
    /// The namespace that was listed, all when there is none.
    pub scope: Option<Arc<str>>,
    /// The objects that count.
    pub names: HashSet<ObjectName>,
}

impl Listed {
    /// A list that holds nothing yet.
    #[must_use]
    pub fn empty(kind: ListedKind, scope: Option<Arc<str>>) -> Self {
        Self { kind, scope, names: HashSet::new() }
    }

    /// Adds the object that a change is about, unless the change is its absence.
    pub fn insert(&mut self, delta: &Delta) {
        let name = match delta {
            Delta::Workload(key, Some(_)) | Delta::Owned(key, Some(_)) => {
                ObjectName { namespace: key.namespace.clone(), name: key.name.clone() }
            }
            Delta::Service(name, Some(_))
            | Delta::Route(_, name, Some(_))
            | Delta::Grant(name, Some(_))
            | Delta::Policy(name, Some(_))
            | Delta::Facts(_, name, Some(_)) => name.clone(),
            Delta::Namespace(name, Some(_)) | Delta::Node(name, Some(_)) | Delta::ServiceModel(name, Some(_)) => {
                ObjectName::cluster(name)
            }
            _ => return,
        };
        self.names.insert(name);
    }

    /// Adds an assignment, whether it can be read or not.
    pub fn insert_assignment(&mut self, id: &AssignmentId) {
        let namespace = id.namespace.clone().unwrap_or_default();
        self.names.insert(ObjectName { namespace, name: id.name.clone() });
    }

    /// Whether an assignment is of the listed kind and gone.
    pub(crate) fn misses_assignment(&self, id: &AssignmentId) -> bool {
        let is_listed = match self.kind {
            ListedKind::Assignments => !id.is_cluster(),
            ListedKind::ClusterAssignments => id.is_cluster(),
            _ => false,
        };
        is_listed && self.misses(id.namespace.as_deref().unwrap_or_default(), &id.name)
    }

    /// Whether an object of the listed kind is gone.
    pub(crate) fn misses(&self, namespace: &str, name: &Arc<str>) -> bool {
        self.scope.as_deref().is_none_or(|scope| scope == namespace)
            && !self.names.contains(&ObjectName { namespace: namespace.into(), name: name.clone() })
    }
}

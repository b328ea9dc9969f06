//! A change of the objects that the operator reads.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::child::ChildObject;
use super::identity::{AssignmentId, ObjectName};
use super::labels::Labels;
use super::network::{GrantFacts, PolicyFacts, RouteFacts, RouteKind, ServiceFacts};
use super::node::NodeFacts;
use super::signal_object::{Availability, FactKind, Facts};
use super::version::KubernetesVersion;
use super::workload::{WorkloadKey, WorkloadKind, WorkloadObject};
use crate::api::{ClusterResponsibilityAssignmentSpec, ServiceModelSpec};

/// A change of the inputs. `None` as the facts of an object: it was deleted, or the evaluation does not use it any
/// more.
#[derive(Clone, Debug)]
pub enum Delta {
    /// An object that is a workload or a part of one.
    Workload(WorkloadKey, Option<Box<WorkloadObject>>),
    /// A live object that refers to a controller of a watched kind. Its deletion is that of a workload.
    Child(WorkloadKey, Box<ChildObject>),
    /// A Service.
    Service(ObjectName, Option<ServiceFacts>),
    /// An Ingress or a route.
    Route(RouteKind, ObjectName, Option<RouteFacts>),
    /// A ReferenceGrant.
    Grant(ObjectName, Option<GrantFacts>),
    /// A NetworkPolicy.
    Policy(ObjectName, Option<PolicyFacts>),
    /// A namespace.
    Namespace(Arc<str>, Option<NamespaceFacts>),
    /// A node.
    Node(Arc<str>, Option<NodeFacts>),
    /// A ServiceModel.
    ServiceModel(Arc<str>, Option<Box<ServiceModelSpec>>),
    /// An assignment. The spec of a namespaced one has no `namespaceSelector`.
    Assignment(AssignmentId, Option<Arc<ClusterResponsibilityAssignmentSpec>>),
    /// A complete list: known objects that it does not contain are deleted.
    Relisted(Listed),
    /// The current day, in UTC.
    Day(Date),
    /// The current time in seconds since 1970. A child whose owner is not known counts some seconds later.
    Time(i64),
    /// The significance of pods that no NetworkPolicy selects.
    PolicyCoverage(PolicyCoverage),
    /// An object that only signals read. The namespace of a cluster-scoped one is empty.
    Facts(FactKind, ObjectName, Option<Facts>),
    /// The availability of a kind that only signals read, in one namespace or, without one, everywhere.
    Availability(FactKind, Option<Arc<str>>, Availability),
    /// False while nodes cannot be read: the known nodes may be outdated.
    NodesReadable(bool),
    /// The version of the API server, if it is known.
    ServerVersion(Option<KubernetesVersion>),
}

/// The significance of pods that no NetworkPolicy selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PolicyCoverage {
    /// Unknown, because NetworkPolicies cannot be read.
    #[default]
    Unreadable,
    /// Unknown, because the cluster serves another policy API whose policies can select them.
    OtherApisServed,
    /// No policy of any API selects them.
    Complete,
}

/// Facts of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// The labels.
    pub labels: Labels,
    /// The UID, for Events on the namespace.
    pub uid: Arc<str>,
}

/// The kinds of objects, as the operator lists them.
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
    /// ServiceModels.
    ServiceModels,
    /// ResponsibilityAssignments.
    Assignments,
    /// ClusterResponsibilityAssignments.
    ClusterAssignments,
    /// Objects that only signals read.
    Facts(FactKind),
}

impl ListedKind {
    /// Returns the change for an object of this kind that does not exist any more.
    #[must_use]
    pub fn deletion(&self, object: ObjectName) -> Delta {
        let ObjectName { namespace, name } = object.clone();
        match self {
            Self::Workloads(kind) => Delta::Workload(WorkloadKey { namespace, kind: kind.clone(), name }, None),
            Self::Services => Delta::Service(object, None),
            Self::Routes(kind) => Delta::Route(*kind, object, None),
            Self::Grants => Delta::Grant(object, None),
            Self::Policies => Delta::Policy(object, None),
            Self::Namespaces => Delta::Namespace(name, None),
            Self::Nodes => Delta::Node(name, None),
            Self::ServiceModels => Delta::ServiceModel(name, None),
            Self::Assignments => Delta::Assignment(AssignmentId { namespace: Some(namespace), name }, None),
            Self::ClusterAssignments => Delta::Assignment(AssignmentId { namespace: None, name }, None),
            Self::Facts(kind) => Delta::Facts(*kind, object, None),
        }
    }
}

/// The names in a complete list of objects of one kind.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The kind.
    pub kind: ListedKind,
    /// The namespace that was listed; the whole cluster without one.
    pub scope: Option<Arc<str>>,
    /// The names of the listed objects.
    pub names: HashSet<ObjectName>,
}

impl Listed {
    /// Creates a list without objects.
    #[must_use]
    pub fn empty(kind: ListedKind, scope: Option<Arc<str>>) -> Self {
        Self { kind, scope, names: HashSet::new() }
    }

    /// Adds the object that a change is about, unless the change is a deletion.
    pub fn insert(&mut self, delta: &Delta) {
        let name = match delta {
            Delta::Workload(key, Some(_)) | Delta::Child(key, _) => {
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

    /// Adds an assignment, valid or not.
    pub fn insert_assignment(&mut self, id: &AssignmentId) {
        let namespace = id.namespace.clone().unwrap_or_default();
        self.names.insert(ObjectName { namespace, name: id.name.clone() });
    }

    /// Returns true if an assignment is of the listed kind and scope and is not in the list.
    #[must_use]
    pub fn misses_assignment(&self, id: &AssignmentId) -> bool {
        let is_listed = match self.kind {
            ListedKind::Assignments => !id.is_cluster(),
            ListedKind::ClusterAssignments => id.is_cluster(),
            _ => false,
        };
        is_listed && self.misses(id.namespace.as_deref().unwrap_or_default(), &id.name)
    }

    /// Returns true if an object of the listed kind is in the listed scope and not in the list.
    #[must_use]
    pub fn misses(&self, namespace: &str, name: &Arc<str>) -> bool {
        self.scope.as_deref().is_none_or(|scope| scope == namespace)
            && !self.names.contains(&ObjectName { namespace: namespace.into(), name: name.clone() })
    }
}

//! Objects that expose pods or restrict access to them: Services, routes, ReferenceGrants, NetworkPolicies.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::identity::ObjectName;
use super::labels::{Labels, Selector};
use super::workload::{ValueDigest, WorkloadFacts};

/// Facts of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFacts {
    /// The labels of the pods it selects; without labels it selects no pod.
    pub selector: Labels,
    /// True if it is reachable from outside of the cluster by itself (NodePort, LoadBalancer, external IPs).
    pub published: bool,
    /// True for the type `ExternalName`: an alias of a DNS name outside of the cluster.
    pub external_name: bool,
}

impl ServiceFacts {
    /// Returns true if the triggers of a workload can depend on this Service.
    #[must_use]
    pub fn affects(&self, name: &str, workload: &WorkloadFacts) -> bool {
        workload.pods.selected_by(&self.selector) || self.is_called_by(name, workload)
    }

    /// Returns true if an environment variable of the workload has the name of this `ExternalName` Service as its
    /// value.
    #[must_use]
    pub fn is_called_by(&self, name: &str, workload: &WorkloadFacts) -> bool {
        self.external_name && workload.env_values.binary_search(&ValueDigest::of(name)).is_ok()
    }
}

/// The group of the Gateway API.
pub const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// The kinds that route traffic from outside of the cluster to Services.
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

    /// Returns the kind as a ReferenceGrant spells it.
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

/// Facts of an Ingress or a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteFacts {
    /// The Services that it routes to.
    pub backends: BTreeSet<ObjectName>,
    /// The Secrets of its namespace with the certificates that it presents.
    pub tls: BTreeSet<Arc<str>>,
}

/// Facts of a ReferenceGrant: the routes of other namespaces that may route to Services of its namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantFacts {
    /// The allowed kinds of route with their namespaces.
    pub from: BTreeSet<(RouteKind, Arc<str>)>,
    /// The Services that may be routed to; `None` allows every Service.
    pub to: BTreeSet<Option<Arc<str>>>,
}

/// Facts of a NetworkPolicy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFacts {
    /// The selector of the pods; without one it selects all pods of its namespace.
    pub pods: Option<Selector>,
    /// Its effect on ingress traffic.
    pub ingress: IngressRules,
}

/// The effect of a NetworkPolicy on ingress traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IngressRules {
    /// It has no effect: the policy is about egress only.
    #[default]
    Ignored,
    /// It allows some sources.
    Restricted,
    /// It allows every source, whatever other policies say.
    Open,
}

impl PolicyFacts {
    /// Returns true if it selects the pods of a workload.
    #[must_use]
    pub fn selects(&self, workload: &WorkloadFacts) -> bool {
        self.pods.as_ref().is_none_or(|pods| workload.pods.matched_by(pods))
    }
}

//! Routes of the Gateway API and of OpenShift with the Services they route to, and the ReferenceGrants for routes to
//! other namespaces.

use serde::Deserialize;

use super::meta::{Plain, Slim};
use super::{Extract, Extraction};
use crate::facts::{Delta, GATEWAY_API, GrantFacts, ListedKind, ObjectName, RouteFacts, RouteKind};

/// A route of the Gateway API. The marker `K` is its kind.
pub type GatewayRoute<K> = Slim<K, GatewayRouteSpec>;

/// The marker of a kind of routes of the Gateway API.
pub trait GatewayKind {
    /// The kind.
    const ROUTE: RouteKind;
}

macro_rules! gateway_routes {
    ($($marker:ident $route:ident $kind:ident,)*) => {
        $(
            #[doc = concat!("The marker of [`", stringify!($route), "`].")]
            #[derive(Debug)]
            pub enum $marker {}

            impl GatewayKind for $marker {
                const ROUTE: RouteKind = RouteKind::$kind;
            }

            #[doc = concat!("A route of the kind [`RouteKind::", stringify!($kind), "`].")]
            pub type $route = GatewayRoute<$marker>;
        )*
    };
}

gateway_routes! {
    Http HttpRoute HttpRoute,
    Grpc GrpcRoute GrpcRoute,
    Tls TlsRoute TlsRoute,
    Tcp TcpRoute TcpRoute,
    Udp UdpRoute UdpRoute,
}

/// A Route of OpenShift.
pub type OpenShiftRoute = Plain<OpenShiftRouteSpec>;
/// A ReferenceGrant of the Gateway API.
pub type ReferenceGrant = Plain<ReferenceGrantSpec>;

/// The decoded part of the spec of a route of the Gateway API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayRouteSpec {
    parent_refs: Option<Vec<ParentRef>>,
    rules: Option<Vec<Rule>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ParentRef {
    kind: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    backend_refs: Option<Vec<BackendRef>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct BackendRef {
    group: Option<String>,
    kind: Option<String>,
    name: String,
    namespace: Option<String>,
}

/// The decoded part of the spec of a Route of OpenShift.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OpenShiftRouteSpec {
    to: Option<Target>,
    alternate_backends: Option<Vec<Target>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Target {
    kind: Option<String>,
    name: String,
}

/// The decoded part of the spec of a ReferenceGrant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReferenceGrantSpec {
    from: Option<Vec<GrantFrom>>,
    to: Option<Vec<GrantTo>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct GrantFrom {
    group: String,
    kind: String,
    namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct GrantTo {
    group: String,
    kind: String,
    name: Option<String>,
}

/// Returns true if a reference with this group and kind refers to a Service, which is the default of both.
fn is_service(group: Option<&str>, kind: Option<&str>) -> bool {
    group.unwrap_or_default().is_empty() && matches!(kind, None | Some("Service"))
}

impl GatewayRouteSpec {
    /// Returns true if it can route traffic from outside of the cluster. A route whose parents are all Services only
    /// routes traffic within the cluster. A route without parents can be attached to a default Gateway.
    fn is_attached(&self) -> bool {
        let mut parents = self.parent_refs.iter().flatten().peekable();
        parents.peek().is_none() || parents.any(|parent| parent.kind.as_deref() != Some("Service"))
    }
}

impl<K: GatewayKind> Extract for GatewayRoute<K> {
    const KIND: ListedKind = ListedKind::Routes(K::ROUTE);

    fn delta(&self, _: &Extraction) -> Delta {
        let name = self.object_name();
        let rules = if self.spec.is_attached() { self.spec.rules.as_deref() } else { None };
        let backends = rules.into_iter().flatten().flat_map(|rule| rule.backend_refs.iter().flatten());
        let services = backends.filter(|backend| is_service(backend.group.as_deref(), backend.kind.as_deref()));
        let backend = |backend: &BackendRef| ObjectName {
            namespace: backend.namespace.as_deref().map_or_else(|| name.namespace.clone(), Into::into),
            name: backend.name.as_str().into(),
        };
        let facts = RouteFacts { backends: services.map(backend).collect(), ..RouteFacts::default() };
        Delta::Route(K::ROUTE, name, Some(facts))
    }
}

impl Extract for OpenShiftRoute {
    const KIND: ListedKind = ListedKind::Routes(RouteKind::OpenShiftRoute);

    fn delta(&self, _: &Extraction) -> Delta {
        let name = self.object_name();
        let targets = self.spec.to.iter().chain(self.spec.alternate_backends.iter().flatten());
        let services = targets.filter(|target| is_service(None, target.kind.as_deref()));
        let backend =
            |target: &Target| ObjectName { namespace: name.namespace.clone(), name: target.name.as_str().into() };
        let facts = RouteFacts { backends: services.map(backend).collect(), ..RouteFacts::default() };
        Delta::Route(RouteKind::OpenShiftRoute, name, Some(facts))
    }
}

impl GrantFrom {
    fn route_kind(&self) -> Option<RouteKind> {
        const KINDS: [RouteKind; 5] =
            [RouteKind::HttpRoute, RouteKind::GrpcRoute, RouteKind::TlsRoute, RouteKind::TcpRoute, RouteKind::UdpRoute];
        KINDS.into_iter().find(|kind| self.group == GATEWAY_API && self.kind == kind.name())
    }
}

impl Extract for ReferenceGrant {
    const KIND: ListedKind = ListedKind::Grants;

    fn delta(&self, _: &Extraction) -> Delta {
        let from = self.spec.from.iter().flatten();
        let from = from.filter_map(|from| Some((from.route_kind()?, from.namespace.as_str().into())));
        let to = self.spec.to.iter().flatten().filter(|to| is_service(Some(&to.group), Some(&to.kind)));
        let to = to.map(|to| to.name.as_deref().filter(|name| !name.is_empty()).map(Into::into));
        Delta::Grant(self.object_name(), Some(GrantFacts { from: from.collect(), to: to.collect() }))
    }
}

#[cfg(test)]
mod tests;

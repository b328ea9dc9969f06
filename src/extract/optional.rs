//! Kinds that a cluster may serve or not: routes, grants, and the policies of others.

use kube::core::{ApiResource, GroupVersionKind};

use super::route::GATEWAY_GROUP;
use crate::inventory::{ListedKind, RouteKind};
use crate::signals::FactKind;

/// A kind that is watched where it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionalKind {
    /// Its API group.
    pub group: &'static str,
    /// The versions that can be read, in order of preference.
    pub versions: &'static [&'static str],
    /// The kind as its definition spells it.
    pub kind: &'static str,
    /// Its plural, as in addresses and permissions.
    pub plural: &'static str,
    /// What its objects are.
    pub content: OptionalContent,
}

/// What the objects of an optional kind are, and so how they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionalContent {
    /// A [`GatewayRoute`](super::GatewayRoute) of this kind.
    Gateway(RouteKind),
    /// An [`OpenShiftRoute`](super::OpenShiftRoute).
    OpenShift,
    /// A [`ReferenceGrant`](super::ReferenceGrant).
    Grant,
    /// Something that is read for signals only.
    Facts(FactKind),
}

impl OptionalKind {
    /// The resource to watch where this version is served.
    #[must_use]
    pub fn resource(&self, version: &str) -> ApiResource {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(self.group, version, self.kind), self.plural)
    }

    /// What a list of the kind holds.
    #[must_use]
    pub const fn listed(&self) -> ListedKind {
        match self.content {
            OptionalContent::Gateway(kind) => ListedKind::Routes(kind),
            OptionalContent::OpenShift => ListedKind::Routes(RouteKind::OpenShiftRoute),
            OptionalContent::Grant => ListedKind::Grants,
            OptionalContent::Facts(kind) => ListedKind::Facts(kind),
        }
    }

    const fn gateway(versions: &'static [&'static str], plural: &'static str, route: RouteKind) -> Self {
        let content = OptionalContent::Gateway(route);
        Self { group: GATEWAY_GROUP, versions, kind: route.name(), plural, content }
    }
}

const fn of_signals(of: FactKind, kind: &'static str, versions: &'static [&'static str]) -> OptionalKind {
    // Kinds of the configuration, which have no names here, are not among these.
    let Some((group, plural)) = of.group_and_plural() else { unreachable!() };
    OptionalKind { group, versions, kind, plural, content: OptionalContent::Facts(of) }
}

/// The kinds that are read for signals only, and watched where they are served and a signal reads them.
pub const OF_SIGNALS: [OptionalKind; 7] = [
    of_signals(FactKind::VulnerabilityReports, "VulnerabilityReport", &["v1alpha1"]),
    of_signals(FactKind::ConfigAuditReports, "ConfigAuditReport", &["v1alpha1"]),
    of_signals(FactKind::Reports, "Report", &["v1alpha1"]),
    of_signals(FactKind::PolicyReports, "PolicyReport", &["v1beta1", "v1alpha2"]),
    of_signals(FactKind::Certificates, "Certificate", &["v1"]),
    of_signals(FactKind::Backups, "Backup", &["v1"]),
    of_signals(FactKind::Snapshots, "VolumeSnapshot", &["v1"]),
];

/// The kinds that are watched where they are served.
pub const OPTIONAL: [OptionalKind; 7] = [
    OptionalKind::gateway(&["v1", "v1beta1"], "httproutes", RouteKind::HttpRoute),
    OptionalKind::gateway(&["v1"], "grpcroutes", RouteKind::GrpcRoute),
    OptionalKind::gateway(&["v1", "v1alpha3", "v1alpha2"], "tlsroutes", RouteKind::TlsRoute),
    OptionalKind::gateway(&["v1", "v1alpha2"], "tcproutes", RouteKind::TcpRoute),
    OptionalKind::gateway(&["v1", "v1alpha2"], "udproutes", RouteKind::UdpRoute),
    OptionalKind {
        group: GATEWAY_GROUP,
        versions: &["v1", "v1beta1"],
        kind: "ReferenceGrant",
        plural: "referencegrants",
        content: OptionalContent::Grant,
    },
    OptionalKind {
        group: "route.openshift.io",
        versions: &["v1"],
        kind: RouteKind::OpenShiftRoute.name(),
        plural: "routes",
        content: OptionalContent::OpenShift,
    },
];

/// APIs by group and plural that may separate pods without a NetworkPolicy. Where one is served, pods that no
/// NetworkPolicy selects may be selected by what is not looked at.
pub const POLICY_APIS: [(&str, &str); 12] = [
    ("cilium.io", "ciliumnetworkpolicies"),
    ("consul.hashicorp.com", "serviceintentions"),
    ("crd.antrea.io", "clusternetworkpolicies"),
    ("crd.antrea.io", "networkpolicies"),
    ("crd.projectcalico.org", "globalnetworkpolicies"),
    ("crd.projectcalico.org", "networkpolicies"),
    ("kuma.io", "meshtrafficpermissions"),
    ("policy.linkerd.io", "authorizationpolicies"),
    ("policy.networking.k8s.io", "adminnetworkpolicies"),
    ("policy.networking.k8s.io", "clusternetworkpolicies"),
    ("projectcalico.org", "networkpolicies"),
    ("security.istio.io", "authorizationpolicies"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_route_but_the_built_in_one_is_watched_where_it_is_served() {
        for route in RouteKind::ALL {
            let of_route = OPTIONAL.iter().filter(|kind| kind.listed() == ListedKind::Routes(route)).count();
            assert_eq!(of_route, usize::from(route != RouteKind::Ingress), "{route:?}");
        }
        assert_eq!(OPTIONAL.iter().filter(|kind| kind.listed() == ListedKind::Grants).count(), 1);
    }

    #[test]
    fn the_kinds_are_watched_under_their_own_names() {
        let found = OPTIONAL.map(|kind| {
            let ApiResource { api_version, kind: name, plural, .. } = kind.resource(kind.versions[0]);
            format!("{api_version} {name} {plural}")
        });
        let expected = [
            "gateway.networking.k8s.io/v1 HTTPRoute httproutes",
            "gateway.networking.k8s.io/v1 GRPCRoute grpcroutes",
            "gateway.networking.k8s.io/v1 TLSRoute tlsroutes",
            "gateway.networking.k8s.io/v1 TCPRoute tcproutes",
            "gateway.networking.k8s.io/v1 UDPRoute udproutes",
            "gateway.networking.k8s.io/v1 ReferenceGrant referencegrants",
            "route.openshift.io/v1 Route routes",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_kind_is_watched_in_the_version_that_is_served() {
        let [http, ..] = OPTIONAL;
        let resource = http.resource("v1beta1");
        assert_eq!(
            (resource.version.as_str(), resource.api_version.as_str()),
            ("v1beta1", "gateway.networking.k8s.io/v1beta1")
        );
    }

    #[test]
    fn later_versions_are_preferred() {
        const ORDER: [&str; 4] = ["v1", "v1beta1", "v1alpha3", "v1alpha2"];
        for kind in OPTIONAL {
            let places = kind.versions.iter().map(|version| ORDER.iter().position(|known| known == version).unwrap());
            assert!(places.is_sorted_by(|a, b| a < b), "{}: {:?}", kind.kind, kind.versions);
            assert_eq!(kind.versions[0], "v1", "{}", kind.kind);
        }
    }
}

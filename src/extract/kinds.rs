//! The table of the kinds that the operator watches.
//!
//! A new kind needs one line here and one file in this folder, which decodes its objects.

use kube::core::{ApiResource, GroupVersionKind};

use crate::api::GROUP;
use crate::facts::published_report::GROUP_AND_PLURAL as REPORTS;
use crate::facts::{FactKind, ListedKind, RouteKind, WorkloadKind};

/// A kind of objects that the operator watches.
#[derive(Debug, PartialEq, Eq)]
pub struct KindSpec {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The versions that the operator can read, in order of preference.
    pub versions: &'static [&'static str],
    /// The kind, as its API definition spells it.
    pub kind: &'static str,
    /// The plural, as in URLs and permissions.
    pub plural: &'static str,
    /// True for a namespaced kind, false for a cluster-scoped one.
    pub namespaced: bool,
    /// True if some clusters do not serve the kind: it is watched while it is served.
    pub optional: bool,
    /// True if an object can have hundreds of kilobytes, such as a report that lists every finding.
    pub large: bool,
    /// The purpose for which the operator reads the kind.
    pub purpose: Purpose,
    /// The kind of its lists.
    pub listed: ListedKind,
}

/// The purpose for which the operator reads a kind. It determines which results are missing while the kind is
/// unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Workloads and namespaces. Without them there are no results.
    Workloads,
    /// Assignments. Without them there are no results.
    Assignments,
    /// Service models of the cluster. Without them there are no results for workloads whose assignment names one.
    ServiceModels,
    /// Nodes. Without them there are no results for workloads whose service model follows from the nodes.
    Nodes,
    /// Services, Ingresses, routes and grants. Without them gaps can be missing; those that are found are certain.
    Exposure,
    /// NetworkPolicies. Without them one risk and one signal are missing.
    Policies,
    /// Kinds that only signals read. Without them the fulfilment of some duties is unknown.
    Signals,
}

impl KindSpec {
    const fn cluster_scoped(mut self) -> Self {
        self.namespaced = false;
        self
    }

    const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    const fn large(mut self) -> Self {
        self.large = true;
        self
    }

    /// Returns the resource to watch in a version.
    #[must_use]
    pub fn resource(&self, version: &str) -> ApiResource {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(self.group, version, self.kind), self.plural)
    }

    /// Returns the kind of facts, for a kind that only signals read.
    #[must_use]
    pub const fn fact_kind(&self) -> Option<FactKind> {
        match self.listed {
            ListedKind::Facts(kind) => Some(kind),
            _ => None,
        }
    }

    /// Returns true if the operator can read the kind only with rights in the whole cluster. This includes
    /// PersistentVolumeClaims and Roles: signals cannot use them without StorageClasses and ClusterRoles.
    #[must_use]
    pub const fn needs_cluster(&self) -> bool {
        !self.namespaced
            || matches!(self.listed, ListedKind::Facts(FactKind::Claims | FactKind::Roles | FactKind::RoleBindings))
    }
}

/// Finds the row of a kind that only signals read; none for a kind of the configuration file.
#[must_use]
pub fn spec_of(kind: FactKind) -> Option<&'static KindSpec> {
    KINDS.iter().find(|spec| spec.fact_kind() == Some(kind))
}

/// Returns the kinds that some clusters do not serve: first those that the evaluation needs, then those of signals.
pub fn optional() -> impl Iterator<Item = &'static KindSpec> {
    KINDS.iter().filter(|spec| spec.optional)
}

/// Creates a row for a namespaced kind that every cluster serves.
const fn row(
    group: &'static str,
    versions: &'static [&'static str],
    (kind, plural): (&'static str, &'static str),
    purpose: Purpose,
    listed: ListedKind,
) -> KindSpec {
    KindSpec { group, versions, kind, plural, namespaced: true, optional: false, large: false, purpose, listed }
}

/// The API group of the Gateway API.
pub(super) const GATEWAY: &str = "gateway.networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const TRIVY: &str = "aquasecurity.github.io";

/// All kinds but those of the configuration file.
#[rustfmt::skip]
pub static KINDS: [KindSpec; 37] = {
    use FactKind as F;
    use ListedKind as L;
    use RouteKind as R;
    use WorkloadKind as W;
    [
        row("", &["v1"], ("Namespace", "namespaces"), Purpose::Workloads, L::Namespaces).cluster_scoped(),
        row("", &["v1"], ("Node", "nodes"), Purpose::Nodes, L::Nodes).cluster_scoped(),
        row("apps", &["v1"], ("Deployment", "deployments"), Purpose::Workloads, L::Workloads(W::Deployment)),
        row("apps", &["v1"], ("StatefulSet", "statefulsets"), Purpose::Workloads, L::Workloads(W::StatefulSet)),
        row("apps", &["v1"], ("DaemonSet", "daemonsets"), Purpose::Workloads, L::Workloads(W::DaemonSet)),
        row("apps", &["v1"], ("ReplicaSet", "replicasets"), Purpose::Workloads, L::Workloads(W::ReplicaSet)),
        row("", &["v1"], ("ReplicationController", "replicationcontrollers"), Purpose::Workloads, L::Workloads(W::ReplicationController)),
        row("batch", &["v1"], ("Job", "jobs"), Purpose::Workloads, L::Workloads(W::Job)),
        row("batch", &["v1"], ("CronJob", "cronjobs"), Purpose::Workloads, L::Workloads(W::CronJob)),
        row("", &["v1"], ("Pod", "pods"), Purpose::Workloads, L::Workloads(W::Pod)),
        row("", &["v1"], ("Service", "services"), Purpose::Exposure, L::Services),
        row("networking.k8s.io", &["v1"], ("Ingress", "ingresses"), Purpose::Exposure, L::Routes(R::Ingress)),
        row("networking.k8s.io", &["v1"], ("NetworkPolicy", "networkpolicies"), Purpose::Policies, L::Policies),
        row(GROUP, &["v1alpha1"], ("ResponsibilityAssignment", "responsibilityassignments"), Purpose::Assignments, L::Assignments),
        row(GROUP, &["v1alpha1"], ("ClusterResponsibilityAssignment", "clusterresponsibilityassignments"), Purpose::Assignments, L::ClusterAssignments).cluster_scoped(),
        row(GROUP, &["v1alpha1"], ("ServiceModel", "servicemodels"), Purpose::ServiceModels, L::ServiceModels).cluster_scoped(),
        row("policy", &["v1"], ("PodDisruptionBudget", "poddisruptionbudgets"), Purpose::Signals, L::Facts(F::Budgets)),
        row("", &["v1"], ("PersistentVolumeClaim", "persistentvolumeclaims"), Purpose::Signals, L::Facts(F::Claims)),
        row("storage.k8s.io", &["v1"], ("StorageClass", "storageclasses"), Purpose::Signals, L::Facts(F::StorageClasses)).cluster_scoped(),
        row(RBAC, &["v1"], ("Role", "roles"), Purpose::Signals, L::Facts(F::Roles)),
        row(RBAC, &["v1"], ("RoleBinding", "rolebindings"), Purpose::Signals, L::Facts(F::RoleBindings)),
        row(RBAC, &["v1"], ("ClusterRole", "clusterroles"), Purpose::Signals, L::Facts(F::ClusterRoles)).cluster_scoped(),
        row(RBAC, &["v1"], ("ClusterRoleBinding", "clusterrolebindings"), Purpose::Signals, L::Facts(F::ClusterRoleBindings)).cluster_scoped(),
        row(GATEWAY, &["v1", "v1beta1"], ("HTTPRoute", "httproutes"), Purpose::Exposure, L::Routes(R::HttpRoute)).optional(),
        row(GATEWAY, &["v1"], ("GRPCRoute", "grpcroutes"), Purpose::Exposure, L::Routes(R::GrpcRoute)).optional(),
        row(GATEWAY, &["v1", "v1alpha3", "v1alpha2"], ("TLSRoute", "tlsroutes"), Purpose::Exposure, L::Routes(R::TlsRoute)).optional(),
        row(GATEWAY, &["v1", "v1alpha2"], ("TCPRoute", "tcproutes"), Purpose::Exposure, L::Routes(R::TcpRoute)).optional(),
        row(GATEWAY, &["v1", "v1alpha2"], ("UDPRoute", "udproutes"), Purpose::Exposure, L::Routes(R::UdpRoute)).optional(),
        row(GATEWAY, &["v1", "v1beta1"], ("ReferenceGrant", "referencegrants"), Purpose::Exposure, L::Grants).optional(),
        row("route.openshift.io", &["v1"], ("Route", "routes"), Purpose::Exposure, L::Routes(R::OpenShiftRoute)).optional(),
        row(TRIVY, &["v1alpha1"], ("VulnerabilityReport", "vulnerabilityreports"), Purpose::Signals, L::Facts(F::VulnerabilityReports)).optional().large(),
        row(TRIVY, &["v1alpha1"], ("ConfigAuditReport", "configauditreports"), Purpose::Signals, L::Facts(F::ConfigAuditReports)).optional().large(),
        row(REPORTS.0, &["v1alpha1"], ("Report", REPORTS.1), Purpose::Signals, L::Facts(F::Reports)).optional().large(),
        row("wgpolicyk8s.io", &["v1beta1", "v1alpha2"], ("PolicyReport", "policyreports"), Purpose::Signals, L::Facts(F::PolicyReports)).optional().large(),
        row("cert-manager.io", &["v1"], ("Certificate", "certificates"), Purpose::Signals, L::Facts(F::Certificates)).optional(),
        row("velero.io", &["v1"], ("Backup", "backups"), Purpose::Signals, L::Facts(F::Backups)).optional(),
        row("snapshot.storage.k8s.io", &["v1"], ("VolumeSnapshot", "volumesnapshots"), Purpose::Signals, L::Facts(F::Snapshots)).optional(),
    ]
};

/// Other policy APIs, by group and plural. If a cluster serves one of them, its policies can select the pods that no
/// NetworkPolicy selects.
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
    use std::collections::BTreeSet;

    use super::*;

    /// Returns the optional kinds that the evaluation needs.
    fn of_evaluation() -> Vec<&'static KindSpec> {
        optional().filter(|spec| spec.purpose != Purpose::Signals).collect()
    }

    #[test]
    fn every_kind_is_in_the_table_once() {
        let names: BTreeSet<(&str, &str)> = KINDS.iter().map(|spec| (spec.group, spec.plural)).collect();
        assert_eq!(names.len(), KINDS.len());
        for kind in FactKind::BUILT_IN {
            let spec = spec_of(kind).unwrap();
            assert_eq!((spec.purpose, spec.namespaced), (Purpose::Signals, !kind.is_cluster_scoped()), "{kind:?}");
        }
        for kind in WorkloadKind::BUILT_IN {
            let spec = KINDS.iter().find(|spec| spec.listed == ListedKind::Workloads(kind.clone())).unwrap();
            assert_eq!((spec.group, spec.kind), (kind.group(), kind.name()));
        }
    }

    #[test]
    fn every_kind_of_route_but_the_built_in_one_is_watched_where_it_is_served() {
        for route in RouteKind::ALL {
            let of_route = of_evaluation().iter().filter(|spec| spec.listed == ListedKind::Routes(route)).count();
            assert_eq!(of_route, usize::from(route != RouteKind::Ingress), "{route:?}");
        }
        assert_eq!(of_evaluation().iter().filter(|spec| spec.listed == ListedKind::Grants).count(), 1);
    }

    #[test]
    fn the_kinds_are_watched_under_their_own_names() {
        let found = of_evaluation().into_iter().map(|kind| {
            let ApiResource { api_version, kind: name, plural, .. } = kind.resource(kind.versions[0]);
            format!("{api_version} {name} {plural}")
        });
        let found: Vec<String> = found.collect();
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
        let http = optional().next().unwrap();
        let resource = http.resource("v1beta1");
        assert_eq!(
            (resource.version.as_str(), resource.api_version.as_str()),
            ("v1beta1", "gateway.networking.k8s.io/v1beta1")
        );
    }

    #[test]
    fn later_versions_are_preferred() {
        const ORDER: [&str; 4] = ["v1", "v1beta1", "v1alpha3", "v1alpha2"];
        for kind in of_evaluation() {
            let places = kind.versions.iter().map(|version| ORDER.iter().position(|known| known == version).unwrap());
            assert!(places.is_sorted_by(|a, b| a < b), "{}: {:?}", kind.kind, kind.versions);
            assert_eq!(kind.versions[0], "v1", "{}", kind.kind);
        }
    }
}

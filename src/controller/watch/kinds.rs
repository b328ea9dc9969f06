//! The table of the kinds that the operator watches.
//!
//! A new kind needs one line here and one file in `extract`, which decodes its objects.

use kube::core::{ApiResource, GroupVersionKind};

use super::decode::Watched;
use super::factory::{Task, WatchFactory};
use super::watched_kind::{KindRole, WatchedKind, resource_name};
use crate::api::GROUP;
use crate::extract;
use crate::facts::published_report::GROUP_AND_PLURAL as REPORTS;
use crate::facts::{FactKind, GATEWAY_API, ListedKind};

/// A kind of objects that the operator watches.
#[derive(Debug)]
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
    /// The kind of its lists. It determines which results are unknown while the kind is unreadable.
    pub listed: ListedKind,
    /// Creates a watch of its objects; the second argument is [`Self::large`].
    watch: fn(&WatchFactory, &ApiResource, bool, WatchedKind) -> Task,
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

    /// Returns plural and group as RBAC rules name them: `deployments.apps`.
    #[must_use]
    pub fn resource_name(&self) -> String {
        resource_name(self.group, self.plural)
    }

    /// Returns the version that the operator prefers.
    #[must_use]
    pub fn preferred_version(&self) -> &'static str {
        self.versions.first().copied().unwrap_or_default()
    }

    /// Returns a watch of its objects in a version.
    pub(super) fn watch(&self, factory: &WatchFactory, version: &str, kind: WatchedKind) -> Task {
        (self.watch)(factory, &self.resource(version), self.large, kind)
    }

    /// Returns the role of the kind.
    pub(super) const fn role(&self) -> KindRole {
        match (&self.listed, self.optional) {
            (ListedKind::Workloads(_) | ListedKind::Namespaces, _) => KindRole::Essential,
            (ListedKind::Assignments | ListedKind::ClusterAssignments, _) => KindRole::Assignments,
            (ListedKind::ServiceModels, _) => KindRole::ServiceModels,
            (ListedKind::Nodes, _) => KindRole::Nodes,
            (ListedKind::Policies, _) => KindRole::Policies,
            (ListedKind::Services | ListedKind::Routes(_) | ListedKind::Grants, false) => KindRole::Additional,
            (ListedKind::Services | ListedKind::Routes(_) | ListedKind::Grants, true) => KindRole::Optional,
            (ListedKind::Facts(kind), false) => KindRole::Signals(*kind),
            (ListedKind::Facts(kind), true) => KindRole::OptionalSignals(*kind),
        }
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

/// Returns the watches of the kinds that every cluster serves, which run from start to end: one for each scope. A
/// cluster-scoped kind has none if only some namespaces are watched.
pub(super) fn builtin_watches(factory: &WatchFactory) -> Vec<(WatchedKind, Task)> {
    let is_read =
        |spec: &&KindSpec| !spec.optional && spec.fact_kind().is_none_or(|kind| factory.fact_kinds.contains(&kind));
    let of_kind = |spec: &'static KindSpec| {
        let scopes = factory.scopes.iter().filter(|scope| spec.namespaced || scope.is_none());
        scopes.map(|scope| {
            let kind = WatchedKind::new(spec.group, spec.plural, spec.role(), scope.clone());
            (kind.clone(), spec.watch(factory, spec.preferred_version(), kind))
        })
    };
    KINDS.iter().filter(is_read).flat_map(of_kind).collect()
}

/// Finds the row of a kind that only signals read; none for a kind of the configuration file.
#[must_use]
pub fn spec_of(kind: FactKind) -> Option<&'static KindSpec> {
    KINDS.iter().find(|spec| spec.fact_kind() == Some(kind))
}

/// Returns the kinds that some clusters do not serve: first those that the evaluation needs, then those of signals.
pub(super) fn optional() -> impl Iterator<Item = &'static KindSpec> {
    KINDS.iter().filter(|spec| spec.optional)
}

/// Creates a row for a namespaced kind that every cluster serves and whose objects have the type `O`.
const fn row<O: Watched>(
    group: &'static str,
    versions: &'static [&'static str],
    (kind, plural): (&'static str, &'static str),
) -> KindSpec {
    KindSpec {
        group,
        versions,
        kind,
        plural,
        namespaced: true,
        optional: false,
        large: false,
        listed: O::KIND,
        watch: WatchFactory::watch::<O>,
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const TRIVY: &str = "aquasecurity.github.io";

/// All kinds but those of the configuration file.
#[rustfmt::skip]
pub static KINDS: [KindSpec; 37] = [
    row::<extract::Namespace>("", &["v1"], ("Namespace", "namespaces")).cluster_scoped(),
    row::<extract::Node>("", &["v1"], ("Node", "nodes")).cluster_scoped(),
    row::<extract::Deployment>("apps", &["v1"], ("Deployment", "deployments")),
    row::<extract::StatefulSet>("apps", &["v1"], ("StatefulSet", "statefulsets")),
    row::<extract::DaemonSet>("apps", &["v1"], ("DaemonSet", "daemonsets")),
    row::<extract::ReplicaSet>("apps", &["v1"], ("ReplicaSet", "replicasets")),
    row::<extract::ReplicationController>("", &["v1"], ("ReplicationController", "replicationcontrollers")),
    row::<extract::Job>("batch", &["v1"], ("Job", "jobs")),
    row::<extract::CronJob>("batch", &["v1"], ("CronJob", "cronjobs")),
    row::<extract::Pod>("", &["v1"], ("Pod", "pods")),
    row::<extract::Service>("", &["v1"], ("Service", "services")),
    row::<extract::Ingress>("networking.k8s.io", &["v1"], ("Ingress", "ingresses")),
    row::<extract::NetworkPolicy>("networking.k8s.io", &["v1"], ("NetworkPolicy", "networkpolicies")),
    row::<extract::NamespacedAssignment>(GROUP, &["v1alpha1"], ("ResponsibilityAssignment", "responsibilityassignments")),
    row::<extract::ClusterAssignment>(GROUP, &["v1alpha1"], ("ClusterResponsibilityAssignment", "clusterresponsibilityassignments")).cluster_scoped(),
    row::<extract::OwnServiceModel>(GROUP, &["v1alpha1"], ("ServiceModel", "servicemodels")).cluster_scoped(),
    row::<extract::PodDisruptionBudget>("policy", &["v1"], ("PodDisruptionBudget", "poddisruptionbudgets")),
    row::<extract::PersistentVolumeClaim>("", &["v1"], ("PersistentVolumeClaim", "persistentvolumeclaims")),
    row::<extract::StorageClass>("storage.k8s.io", &["v1"], ("StorageClass", "storageclasses")).cluster_scoped(),
    row::<extract::Role>(RBAC, &["v1"], ("Role", "roles")),
    row::<extract::RoleBinding>(RBAC, &["v1"], ("RoleBinding", "rolebindings")),
    row::<extract::ClusterRole>(RBAC, &["v1"], ("ClusterRole", "clusterroles")).cluster_scoped(),
    row::<extract::ClusterRoleBinding>(RBAC, &["v1"], ("ClusterRoleBinding", "clusterrolebindings")).cluster_scoped(),
    row::<extract::HttpRoute>(GATEWAY_API, &["v1", "v1beta1"], ("HTTPRoute", "httproutes")).optional(),
    row::<extract::GrpcRoute>(GATEWAY_API, &["v1"], ("GRPCRoute", "grpcroutes")).optional(),
    row::<extract::TlsRoute>(GATEWAY_API, &["v1", "v1alpha3", "v1alpha2"], ("TLSRoute", "tlsroutes")).optional(),
    row::<extract::TcpRoute>(GATEWAY_API, &["v1", "v1alpha2"], ("TCPRoute", "tcproutes")).optional(),
    row::<extract::UdpRoute>(GATEWAY_API, &["v1", "v1alpha2"], ("UDPRoute", "udproutes")).optional(),
    row::<extract::ReferenceGrant>(GATEWAY_API, &["v1", "v1beta1"], ("ReferenceGrant", "referencegrants")).optional(),
    row::<extract::OpenShiftRoute>("route.openshift.io", &["v1"], ("Route", "routes")).optional(),
    row::<extract::VulnerabilityReport>(TRIVY, &["v1alpha1"], ("VulnerabilityReport", "vulnerabilityreports")).optional().large(),
    row::<extract::ConfigAuditReport>(TRIVY, &["v1alpha1"], ("ConfigAuditReport", "configauditreports")).optional().large(),
    row::<extract::Report>(REPORTS.0, &["v1alpha1"], ("Report", REPORTS.1)).optional().large(),
    row::<extract::PolicyReport>("wgpolicyk8s.io", &["v1beta1", "v1alpha2"], ("PolicyReport", "policyreports")).optional().large(),
    row::<extract::Certificate>("cert-manager.io", &["v1"], ("Certificate", "certificates")).optional(),
    row::<extract::Backup>("velero.io", &["v1"], ("Backup", "backups")).optional(),
    row::<extract::VolumeSnapshot>("snapshot.storage.k8s.io", &["v1"], ("VolumeSnapshot", "volumesnapshots")).optional(),
];

/// Other policy APIs, by group and plural. If a cluster serves one of them, its policies can select the pods that no
/// NetworkPolicy selects.
pub(super) const POLICY_APIS: [(&str, &str); 12] = [
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
    use crate::facts::{RouteKind, WorkloadKind};

    /// Returns the optional kinds that the evaluation needs.
    fn of_evaluation() -> Vec<&'static KindSpec> {
        optional().filter(|spec| spec.fact_kind().is_none()).collect()
    }

    #[test]
    fn every_kind_is_in_the_table_once() {
        let names: BTreeSet<(&str, &str)> = KINDS.iter().map(|spec| (spec.group, spec.plural)).collect();
        assert_eq!(names.len(), KINDS.len());
        for kind in FactKind::BUILT_IN {
            let spec = spec_of(kind).unwrap();
            assert_eq!(spec.namespaced, !kind.is_cluster_scoped(), "{kind:?}");
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

    /// Asserts that a kind has a row with the names and the scope that its API definition has.
    fn assert_row<K: kube::Resource<DynamicType = ()>>(namespaced: bool) {
        let row = KINDS.iter().find(|spec| spec.kind == K::kind(&()) && spec.group == K::group(&())).unwrap();
        let ApiResource { api_version, plural, .. } = row.resource(row.preferred_version());
        assert_eq!((api_version.as_str(), plural.as_str()), (&*K::api_version(&()), &*K::plural(&())));
        assert_eq!(row.namespaced, namespaced, "{plural}");
    }

    #[test]
    fn every_built_in_kind_is_watched_under_its_own_name_and_in_its_scope() {
        use k8s_openapi::api::{apps, batch, core, networking, policy, rbac, storage};
        assert_row::<core::v1::Namespace>(false);
        assert_row::<core::v1::Node>(false);
        assert_row::<core::v1::Pod>(true);
        assert_row::<core::v1::Service>(true);
        assert_row::<core::v1::ReplicationController>(true);
        assert_row::<core::v1::PersistentVolumeClaim>(true);
        assert_row::<apps::v1::Deployment>(true);
        assert_row::<apps::v1::StatefulSet>(true);
        assert_row::<apps::v1::DaemonSet>(true);
        assert_row::<apps::v1::ReplicaSet>(true);
        assert_row::<batch::v1::Job>(true);
        assert_row::<batch::v1::CronJob>(true);
        assert_row::<networking::v1::Ingress>(true);
        assert_row::<networking::v1::NetworkPolicy>(true);
        assert_row::<policy::v1::PodDisruptionBudget>(true);
        assert_row::<storage::v1::StorageClass>(false);
        assert_row::<rbac::v1::Role>(true);
        assert_row::<rbac::v1::RoleBinding>(true);
        assert_row::<rbac::v1::ClusterRole>(false);
        assert_row::<rbac::v1::ClusterRoleBinding>(false);
        assert_row::<crate::api::ResponsibilityAssignment>(true);
        assert_row::<crate::api::ClusterResponsibilityAssignment>(false);
        assert_row::<crate::api::ServiceModel>(false);
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

//! Complete lists: known objects that they do not contain are deleted.

use std::sync::Arc;

use super::Inventory;
use super::namespace::Namespace;
use crate::facts::{Delta, Listed, ListedKind, ObjectName, WorkloadKey};

impl Inventory {
    /// Returns a deletion for each known object of the listed kind and scope that is not in the list.
    pub(super) fn missing_from(&self, listed: &Listed) -> Vec<Delta> {
        let namespaces = || self.namespaces.values();
        let objects =
            |names: &dyn Fn(&Namespace) -> Vec<Arc<str>>, delete: &dyn Fn(ObjectName) -> Delta| -> Vec<Delta> {
                namespaces()
                    .flat_map(|namespace| names(namespace).into_iter().map(|name| (namespace.name.clone(), name)))
                    .filter(|(namespace, name)| listed.misses(namespace, name))
                    .map(|(namespace, name)| delete(ObjectName { namespace, name }))
                    .collect()
            };
        let cluster_wide =
            |names: &mut dyn Iterator<Item = &Arc<str>>, delete: &dyn Fn(Arc<str>) -> Delta| -> Vec<Delta> {
                names.filter(|name| listed.misses("", name)).cloned().map(delete).collect()
            };
        match &listed.kind {
            ListedKind::Workloads(kind) => {
                let of_kind = |key: &&WorkloadKey| key.kind == *kind && listed.misses(&key.namespace, &key.name);
                let missing = namespaces().flat_map(|namespace| namespace.objects().filter(of_kind));
                let deleted = missing.map(|key| Delta::Workload(key.clone(), None));
                let children = namespaces().flat_map(|namespace| namespace.children.others().filter(of_kind));
                let children = children.map(|key| Delta::Workload(key.clone(), None));
                deleted.chain(children).collect()
            }
            ListedKind::Services => {
                objects(&|ns| ns.services.keys().cloned().collect(), &|name| Delta::Service(name, None))
            }
            ListedKind::Policies => {
                objects(&|ns| ns.policies.keys().cloned().collect(), &|name| Delta::Policy(name, None))
            }
            ListedKind::Grants => objects(&|ns| ns.grants.keys().cloned().collect(), &|name| Delta::Grant(name, None)),
            ListedKind::Facts(kind) => {
                let delete = |name| Delta::Facts(*kind, name, None);
                let in_namespaces = objects(&|ns| ns.signal_index.names(*kind).cloned().collect(), &delete);
                let cluster_scoped = self.signal_index.names(*kind).filter(|name| listed.misses("", name));
                let cross_namespace = self.cross_namespace_index.names(*kind);
                let cross_namespace = cross_namespace
                    .filter(|(namespace, name)| listed.misses(namespace, name))
                    .map(|(namespace, name)| ObjectName { namespace: namespace.clone(), name: name.clone() });
                let others = cluster_scoped.map(|name| ObjectName::cluster(name)).chain(cross_namespace).map(delete);
                in_namespaces.into_iter().chain(others).collect()
            }
            ListedKind::Routes(kind) => {
                let of_kind =
                    self.routes.keys().filter(|(of, name)| of == kind && listed.misses(&name.namespace, &name.name));
                of_kind.map(|(kind, name)| Delta::Route(*kind, name.clone(), None)).collect()
            }
            ListedKind::Namespaces => {
                let mut existing = namespaces().filter(|ns| ns.facts.is_some()).map(|ns| &ns.name);
                cluster_wide(&mut existing, &|name| Delta::Namespace(name, None))
            }
            ListedKind::Nodes => cluster_wide(&mut self.nodes.names(), &|name| Delta::Node(name, None)),
            ListedKind::ServiceModels => {
                cluster_wide(&mut self.service_models.keys(), &|name| Delta::ServiceModel(name, None))
            }
            ListedKind::Assignments | ListedKind::ClusterAssignments => {
                let missing = self.assignment_specs.keys().filter(|id| listed.misses_assignment(id));
                missing.map(|id| Delta::Assignment(id.clone(), None)).collect()
            }
        }
    }
}

//! Complete lists: what they do not hold is gone.

use std::sync::Arc;

use super::Inventory;
use super::namespace::Namespace;
use crate::facts::{Delta, Listed, ListedKind, ObjectName, WorkloadKey};

impl Inventory {
    /// The deletions that a complete list amounts to.
    pub(super) fn missing_from(&self, listed: &Listed) -> Vec<Delta> {
        let namespaces = || self.namespaces.values();
        let objects = |names: &dyn Fn(&Namespace) -> Vec<Arc<str>>, gone: &dyn Fn(ObjectName) -> Delta| -> Vec<Delta> {
            namespaces()
                .flat_map(|namespace| names(namespace).into_iter().map(|name| (namespace.name.clone(), name)))
                .filter(|(namespace, name)| listed.misses(namespace, name))
                .map(|(namespace, name)| gone(ObjectName { namespace, name }))
                .collect()
        };
        let cluster_wide =
            |names: &mut dyn Iterator<Item = &Arc<str>>, gone: &dyn Fn(Arc<str>) -> Delta| -> Vec<Delta> {
                names.filter(|name| listed.misses("", name)).cloned().map(gone).collect()
            };
        match &listed.kind {
            ListedKind::Workloads(kind) => {
                let of_kind = |key: &&WorkloadKey| key.kind == *kind && listed.misses(&key.namespace, &key.name);
                let missing = namespaces().flat_map(|namespace| namespace.objects().filter(of_kind));
                let gone = missing.map(|key| Delta::Workload(key.clone(), None));
                let owned =
                    namespaces().flat_map(|namespace| namespace.owned(kind).map(|name| (&namespace.name, name)));
                let owned = owned.filter(|(namespace, name)| listed.misses(namespace, name));
                let disowned = owned.map(|(namespace, name)| {
                    let key = WorkloadKey { namespace: namespace.clone(), kind: kind.clone(), name: name.clone() };
                    Delta::Owned(key, None)
                });
                gone.chain(disowned).collect()
            }
            ListedKind::Services => {
                objects(&|ns| ns.services.keys().cloned().collect(), &|name| Delta::Service(name, None))
            }
            ListedKind::Policies => {
                objects(&|ns| ns.policies.keys().cloned().collect(), &|name| Delta::Policy(name, None))
            }
            ListedKind::Grants => objects(&|ns| ns.grants.keys().cloned().collect(), &|name| Delta::Grant(name, None)),
            ListedKind::Facts(kind) => {
                let gone = |name| Delta::Facts(*kind, name, None);
                let here = objects(&|ns| ns.signal_index.names(*kind).cloned().collect(), &gone);
                let names = self.signal_index.names(*kind).filter(|name| listed.misses("", name));
                let far = self.far.names(*kind).filter(|(namespace, name)| listed.misses(namespace, name));
                let far = far.map(|(namespace, name)| ObjectName { namespace: namespace.clone(), name: name.clone() });
                let elsewhere = names.map(|name| ObjectName::cluster(name)).chain(far).map(gone);
                here.into_iter().chain(elsewhere).collect()
            }
            ListedKind::Routes(kind) => {
                let of_kind =
                    self.routes.keys().filter(|(of, name)| of == kind && listed.misses(&name.namespace, &name.name));
                of_kind.map(|(kind, name)| Delta::Route(*kind, name.clone(), None)).collect()
            }
            ListedKind::Namespaces => {
                let mut seen = namespaces().filter(|ns| ns.facts.is_some()).map(|ns| &ns.name);
                cluster_wide(&mut seen, &|name| Delta::Namespace(name, None))
            }
            ListedKind::Nodes => cluster_wide(&mut self.nodes.names(), &|name| Delta::Node(name, None)),
            ListedKind::ServiceModels => {
                cluster_wide(&mut self.service_models.keys(), &|name| Delta::ServiceModel(name, None))
            }
            ListedKind::Assignments | ListedKind::ClusterAssignments => {
                let missing = self.written.keys().filter(|id| listed.misses_assignment(id));
                missing.map(|id| Delta::Assignment(id.clone(), None)).collect()
            }
        }
    }
}

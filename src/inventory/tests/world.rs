//! The reference implementation: all objects in plain maps, and an evaluation of all workloads from scratch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::generate::TODAY;
use super::labels;
use super::shown::Shown;
use crate::api::{ClusterResponsibilityAssignmentSpec, ServiceModelSpec};
use crate::facts::{
    AssignmentId, ChildFacts, ChildObject, Controller, Delta, FactKind, Facts, GrantFacts, HostAccess, IngressRules,
    KindAndName, KubernetesVersion, Listed, ListedKind, NamespaceFacts, NodeFacts, ObjectName, Placement,
    PolicyCoverage, PolicyFacts, RouteFacts, RouteKind, ServiceFacts, ValueDigest, WorkloadFacts, WorkloadKey,
    WorkloadKind, WorkloadObject, set_of,
};
use crate::inventory::{EXCLUDED_BY_DEFAULT, Inventory, InventoryOptions, NAME_LABEL};
use crate::matrix::{LayerTriggers, Matrix};
use crate::model::{
    Assignment, CONTROL_PLANE_LABEL, Directory, EvaluationSettings, Members, NodeModels, Observation, RollUp,
    SchedulableNodes, WorkloadView, assignment_risks, compile, define, evaluate,
};
use crate::signals::{
    ActiveSignals, Availabilities, ClusterInput, CrossNamespaceIndex, NodeInput, Segmentation, SignalIndex,
    WorkloadInput, worst_per_signal,
};

/// A change, or a complete list of a kind. Each bit of `missing` that is set omits one known object from the list.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Change(Delta),
    Relist { kind: ListedKind, scope: Option<Arc<str>>, missing: u64 },
}

/// A workload with its objects.
struct WorkloadObjects {
    key: WorkloadKey,
    /// The facts of its own template, otherwise of all of its objects, and those that its children add.
    objects: Vec<WorkloadFacts>,
    /// The facts of all of its objects and those that its children add.
    all: Vec<WorkloadFacts>,
    /// The names of containers of its children that no template names.
    injected: Vec<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    settings: EvaluationSettings,
    today: Date,
    policy_coverage: PolicyCoverage,
    facts: BTreeMap<(FactKind, ObjectName), Facts>,
    /// The live children.
    children: BTreeMap<WorkloadKey, ChildObject>,
    /// The current time in seconds since 1970.
    now: i64,
    availabilities: Availabilities,
    nodes_readable: bool,
    server: Option<KubernetesVersion>,
    objects: BTreeMap<WorkloadKey, WorkloadObject>,
    services: BTreeMap<ObjectName, ServiceFacts>,
    routes: BTreeMap<(RouteKind, ObjectName), RouteFacts>,
    grants: BTreeMap<ObjectName, GrantFacts>,
    policies: BTreeMap<ObjectName, PolicyFacts>,
    namespaces: BTreeMap<Arc<str>, NamespaceFacts>,
    nodes: BTreeMap<Arc<str>, NodeFacts>,
    service_models: BTreeMap<Arc<str>, ServiceModelSpec>,
    assignments: BTreeMap<AssignmentId, Arc<ClusterResponsibilityAssignmentSpec>>,
}

impl World {
    pub(super) fn new(settings: EvaluationSettings) -> Self {
        Self {
            settings,
            today: TODAY,
            policy_coverage: PolicyCoverage::default(),
            facts: BTreeMap::new(),
            children: BTreeMap::new(),
            now: 0,
            availabilities: Availabilities::default(),
            nodes_readable: true,
            server: None,
            objects: BTreeMap::new(),
            services: BTreeMap::new(),
            routes: BTreeMap::new(),
            grants: BTreeMap::new(),
            policies: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            nodes: BTreeMap::new(),
            service_models: BTreeMap::new(),
            assignments: BTreeMap::new(),
        }
    }

    /// Returns an empty index with the same configuration.
    pub(super) fn inventory(&self) -> Inventory {
        let excluded = EXCLUDED_BY_DEFAULT.split(',').collect();
        Inventory::new(
            InventoryOptions {
                settings: self.settings,
                excluded,
                signals: super::custom::settings(),
                ..InventoryOptions::default()
            },
            TODAY,
        )
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

impl World {
    /// Applies a step and returns the change for the index.
    pub(super) fn take(&mut self, step: Step) -> Delta {
        match step {
            Step::Change(delta) => {
                self.change(delta.clone());
                delta
            }
            Step::Relist { kind, scope, missing } => self.relist(Listed::empty(kind, scope), missing),
        }
    }

    fn change(&mut self, delta: Delta) {
        match delta {
            Delta::Workload(key, object) => {
                self.children.remove(&key);
                set(&mut self.objects, key, object.map(|boxed| *boxed));
            }
            Delta::Child(key, child) => {
                self.objects.remove(&key);
                self.children.insert(key, *child);
            }
            Delta::Time(now) => self.now = now,
            Delta::Service(name, facts) => set(&mut self.services, name, facts),
            Delta::Route(kind, name, facts) => set(&mut self.routes, (kind, name), facts),
            Delta::Grant(name, facts) => set(&mut self.grants, name, facts),
            Delta::Policy(name, facts) => set(&mut self.policies, name, facts),
            Delta::Namespace(name, facts) => set(&mut self.namespaces, name, facts),
            Delta::Node(name, facts) => set(&mut self.nodes, name, facts),
            Delta::ServiceModel(name, spec) => set(&mut self.service_models, name, spec.map(|boxed| *boxed)),
            Delta::Assignment(id, spec) => set(&mut self.assignments, id, spec),
            Delta::Day(today) => self.today = today,
            Delta::PolicyCoverage(coverage) => self.policy_coverage = coverage,
            Delta::Facts(kind, name, facts) => set(&mut self.facts, (kind, name), facts),
            Delta::Availability(kind, namespace, availability) => {
                self.availabilities.put(kind, namespace, availability);
            }
            Delta::NodesReadable(readable) => self.nodes_readable = readable,
            Delta::ServerVersion(version) => self.server = version,
            Delta::Relisted(_) => unreachable!("a relist is not a change of one object"),
        }
    }

    /// Returns the changes that add all objects to an empty index.
    pub(super) fn deltas(&self) -> Vec<Delta> {
        let objects = self.objects.clone().into_iter();
        let mut all: Vec<Delta> = objects.map(|(key, object)| Delta::Workload(key, Some(Box::new(object)))).collect();
        all.extend(self.children.clone().into_iter().map(|(key, child)| Delta::Child(key, Box::new(child))));
        all.extend(self.services.clone().into_iter().map(|(name, facts)| Delta::Service(name, Some(facts))));
        all.extend(self.routes.clone().into_iter().map(|((kind, name), facts)| Delta::Route(kind, name, Some(facts))));
        all.extend(self.grants.clone().into_iter().map(|(name, facts)| Delta::Grant(name, Some(facts))));
        all.extend(self.policies.clone().into_iter().map(|(name, facts)| Delta::Policy(name, Some(facts))));
        all.extend(self.namespaces.clone().into_iter().map(|(name, facts)| Delta::Namespace(name, Some(facts))));
        all.extend(self.nodes.clone().into_iter().map(|(name, facts)| Delta::Node(name, Some(facts))));
        let models = self.service_models.clone().into_iter();
        all.extend(models.map(|(name, spec)| Delta::ServiceModel(name, Some(Box::new(spec)))));
        all.extend(self.assignments.clone().into_iter().map(|(id, spec)| Delta::Assignment(id, Some(spec))));
        all.extend(self.facts.clone().into_iter().map(|((kind, name), facts)| Delta::Facts(kind, name, Some(facts))));
        all.extend(
            self.availabilities
                .all()
                .map(|(kind, namespace, availability)| Delta::Availability(kind, namespace, availability)),
        );
        all.extend([
            Delta::Day(self.today),
            Delta::PolicyCoverage(self.policy_coverage),
            Delta::NodesReadable(self.nodes_readable),
            Delta::ServerVersion(self.server),
        ]);
        all
    }

    /// Returns a time at which each child counts, whether or not its owner is known.
    pub(super) fn later(&mut self) -> Delta {
        self.now += 100;
        Delta::Time(self.now)
    }

    /// Deletes the objects that a complete list omits, and returns the list.
    fn relist(&mut self, mut listed: Listed, missing: u64) -> Delta {
        let known: Vec<Delta> = self.deltas().into_iter().filter(|delta| is_listed(&listed, delta)).collect();
        for (position, delta) in known.into_iter().enumerate() {
            if missing >> (position % 64) & 1 == 1 {
                self.change(deletion(delta));
            } else if let Delta::Assignment(id, _) = &delta {
                listed.insert_assignment(id);
            } else {
                listed.insert(&delta);
            }
        }
        Delta::Relisted(listed)
    }

    pub(super) fn assignments(
        &self,
    ) -> impl Iterator<Item = (&AssignmentId, &Arc<ClusterResponsibilityAssignmentSpec>)> {
        self.assignments.iter()
    }

    /// Returns true if a ReferenceGrant of a namespace allows routes of another namespace.
    pub(super) fn has_grant(&self, namespace: &str, kind: RouteKind, from: &Arc<str>) -> bool {
        let grants = self.grants.iter().filter(|(grant, _)| &*grant.namespace == namespace);
        grants.into_iter().any(|(_, grant)| grant.from.contains(&(kind, from.clone())))
    }

    /// Returns true if each object of a workload has nodes, and all of them have a determined service model.
    pub(super) fn runs_on_known_nodes(&self, key: &WorkloadKey) -> bool {
        let workloads = self.workloads();
        let objects = workloads.iter().filter(|workload| workload.key == *key).flat_map(|workload| &workload.objects);
        objects.into_iter().all(|object| {
            let placement = &object.placement;
            let has_node = self.nodes.iter().any(|(name, node)| placement.admits(name, node));
            (has_node && !self.found_nodes(placement).undetermined) || placement.fargate
        })
    }

    fn matrix(&self) -> Matrix {
        Matrix::extended(self.service_models.iter().map(|(name, spec)| define(name, spec)).collect())
    }

    fn namespace_labels(&self, namespace: &str) -> crate::facts::Labels {
        let known = self.namespaces.get(namespace).map(|facts| facts.labels.clone());
        known.unwrap_or_else(|| labels(&[(NAME_LABEL, namespace)]))
    }

    /// Returns the workload that a child belongs to, and true if each owner on the way is known under its UID.
    fn owner(&self, child: &ChildObject) -> (WorkloadKey, bool) {
        let Controller { key, uid } = &child.controller;
        if let Some(between) = self.children.get(key).filter(|_| key.kind != WorkloadKind::Pod)
            && between.uid == *uid
        {
            return self.owner(between);
        }
        let owner = self.objects.get(key).filter(|owner| owner.uid == *uid);
        owner.map_or_else(|| (key.clone(), false), |owner| (owner.part_of.clone().unwrap_or_else(|| key.clone()), true))
    }

    fn workloads(&self) -> Vec<WorkloadObjects> {
        let mut objects: BTreeMap<WorkloadKey, Vec<&WorkloadObject>> = BTreeMap::new();
        for (key, object) in &self.objects {
            objects.entry(object.part_of.as_ref().unwrap_or(key).clone()).or_default().push(object);
        }
        let mut children: BTreeMap<WorkloadKey, Vec<(&ChildFacts, bool)>> = BTreeMap::new();
        for child in self.children.values() {
            let (workload, verified) = self.owner(child);
            if let Some(facts) = &child.facts {
                children.entry(workload).or_default().push((facts, verified));
            }
        }
        let keys: BTreeSet<WorkloadKey> = objects.keys().chain(children.keys()).cloned().collect();
        let workload = |key: WorkloadKey| {
            let all: Vec<&WorkloadObject> = objects.get(&key).cloned().unwrap_or_default();
            let itself = self.objects.get(&key).filter(|object| object.part_of.is_none());
            let templates = itself.map_or_else(|| all.clone(), |object| vec![object]);
            let base: Vec<&WorkloadFacts> = templates.iter().map(|object| &object.facts).collect();
            let (mut added, mut injected) = (Vec::new(), BTreeSet::new());
            for (facts, verified) in children.get(&key).into_iter().flatten() {
                if *verified && !base.is_empty() {
                    added.extend(facts.excess(&base));
                    injected.extend(facts.injected(&base).cloned());
                } else {
                    added.push(facts.in_full());
                }
            }
            if itself.is_some() {
                let objects = all.iter().filter(|object| object.part_of.is_some() && !object.facts.idle);
                added.extend(objects.filter_map(|object| ChildFacts::of_object(&object.facts).excess(&base)));
            }
            let objects = base.into_iter().cloned().chain(added.iter().cloned()).collect();
            let all = all.into_iter().map(|object| object.facts.clone()).chain(added).collect();
            WorkloadObjects { key, objects, all, injected: injected.into_iter().collect() }
        };
        keys.into_iter().map(workload).collect()
    }

    fn is_routed(&self, service: &ObjectName) -> bool {
        self.routes.iter().filter(|(_, route)| route.backends.contains(service)).any(|((kind, route), _)| {
            let granted =
                self.grants.iter().filter(|(grant, _)| grant.namespace == service.namespace).any(|(_, grant)| {
                    let to = [None, Some(service.name.clone())];
                    grant.from.contains(&(*kind, route.namespace.clone())) && to.iter().any(|to| grant.to.contains(to))
                });
            route.namespace == service.namespace || granted
        })
    }

    fn triggers(&self, workload: &WorkloadObjects) -> LayerTriggers {
        let mut triggers =
            workload.objects.iter().fold(LayerTriggers::default(), |all, object| all.union(object.triggers));
        for (name, service) in self.services.iter().filter(|(name, _)| name.namespace == workload.key.namespace) {
            let selected = workload.all.iter().any(|object| object.pods.selected_by(&service.selector));
            let digest = ValueDigest::of(&name.name);
            let called = workload.objects.iter().any(|object| object.env_values.contains(&digest));
            let published = selected && (service.published || self.is_routed(name));
            triggers.insert(set_of([
                (LayerTriggers::PUBLISHED, published),
                (LayerTriggers::EXTERNAL_SERVICES, service.external_name && called),
            ]));
        }
        triggers
    }

    fn control_plane_visible(&self) -> bool {
        self.nodes.values().any(|node| node.labels.get(CONTROL_PLANE_LABEL).is_some())
    }

    fn found_nodes(&self, placement: &Placement) -> SchedulableNodes {
        if placement.fargate {
            return SchedulableNodes::fargate();
        }
        let visible = self.control_plane_visible();
        let class = |(name, node): (&Arc<str>, &NodeFacts)| NodeModels::default().classify(name, node, visible);
        let all: Vec<_> = self.nodes.iter().map(class).collect();
        let fitting: Vec<_> =
            self.nodes.iter().filter(|(name, node)| placement.admits(name, node)).map(class).collect();
        let managed = all.iter().any(|class| class.managed_control_plane);
        SchedulableNodes::of(if fitting.is_empty() { all } else { fitting }, managed)
    }

    fn view(&self, workload: &WorkloadObjects) -> WorkloadView {
        let objects = || workload.objects.iter();
        let policies = || self.policies.iter().filter(|(policy, _)| policy.namespace == workload.key.namespace);
        let is_selected = |object: &WorkloadFacts| {
            let template = &object.pods.template;
            policies().any(|(_, policy)| policy.pods.as_ref().is_none_or(|pods| pods.matches(template)))
        };
        let nodes = objects().map(|object| self.found_nodes(&object.placement));
        WorkloadView {
            triggers: self.triggers(workload),
            host: objects().fold(HostAccess::default(), |all, object| all.union(object.host)),
            daemon_set: workload.key.kind == WorkloadKind::DaemonSet,
            nodes: nodes.reduce(SchedulableNodes::union).unwrap(),
            injected: workload.injected.clone(),
            unsegmented: self.policy_coverage == PolicyCoverage::Complete
                && objects().any(|object| !is_selected(object)),
            observed: self.observed(workload),
        }
    }

    /// Evaluates the signals of a workload, of the cluster and of its nodes.
    fn observed(&self, workload: &WorkloadObjects) -> Vec<Observation> {
        let signals = ActiveSignals::new(&super::custom::settings());
        let namespace = &workload.key.namespace;
        let index_of = |of: &str| {
            let mut index = SignalIndex::default();
            for ((kind, name), facts) in
                self.facts.iter().filter(|((kind, name), _)| !kind.is_cross_namespace() && *name.namespace == *of)
            {
                index.put(*kind, &name.name, Some(facts.clone()));
            }
            index
        };
        let is_restricted = |object: &WorkloadFacts| {
            let template = &object.pods.template;
            let here = self.policies.iter().filter(|(policy, _)| policy.namespace == *namespace);
            let selecting = here.filter(|(_, policy)| policy.pods.as_ref().is_none_or(|pods| pods.matches(template)));
            let rules: Vec<IngressRules> = selecting.map(|(_, policy)| policy.ingress).collect();
            rules.contains(&IngressRules::Restricted) && !rules.contains(&IngressRules::Open)
        };
        let facts: Vec<&WorkloadFacts> = workload.objects.iter().collect();
        let current = self.children.iter().filter(|(key, child)| {
            key.kind == WorkloadKind::ReplicaSet && child.facts.is_some() && child.controller.key == workload.key
        });
        let children = current.map(|(child, _)| child);
        let children = children.map(|child| KindAndName { kind: child.kind.name().into(), name: child.name.clone() });
        let children: Vec<KindAndName> = children.collect();
        let selects = |service: &ObjectName| {
            let service = self.services.get(service);
            service.is_some_and(|service| workload.all.iter().any(|object| object.pods.selected_by(&service.selector)))
        };
        let routes = self.routes.iter().filter(|((_, route), facts)| {
            let mut here = facts.backends.iter().filter(|backend| backend.namespace == *namespace);
            route.namespace == *namespace && here.any(selects)
        });
        let tls_secrets = routes.flat_map(|(_, facts)| facts.tls.clone()).collect();
        let mut cross_namespace_index = CrossNamespaceIndex::default();
        for ((kind, name), facts) in self.facts.iter().filter(|((kind, _), _)| kind.is_cross_namespace()) {
            cross_namespace_index.put(*kind, (&name.namespace, &name.name), Some(facts.clone()));
        }
        let view = WorkloadInput {
            today: self.today,
            key: &workload.key,
            facts: &facts,
            triggers: self.triggers(workload),
            children: &children,
            tls_secrets: &tls_secrets,
            namespace_labels: self.namespaces.get(namespace).map(|facts| &facts.labels),
            segmentation: match self.policy_coverage {
                PolicyCoverage::Unreadable => Segmentation::Unreadable,
                _ if workload.objects.iter().all(is_restricted) => Segmentation::Yes,
                PolicyCoverage::Complete => Segmentation::No,
                PolicyCoverage::OtherApisServed => Segmentation::MaybeOtherwise,
            },
            namespace: &index_of(namespace),
            cluster: &index_of(""),
            far: &cross_namespace_index,
            availabilities: &self.availabilities,
            registries_known: false,
            velero_namespace: signals.velero_namespace(),
        };
        let mut observed = signals.evaluate(&view);
        observed.extend(signals.evaluate_cluster(&ClusterInput { today: self.today, server: self.server }));
        if !self.nodes_readable {
            observed.extend(signals.unreadable_nodes());
            return observed;
        }
        let visible = self.control_plane_visible();
        let on_nodes = facts.iter().filter(|facts| !facts.placement.fargate).flat_map(|facts| {
            let admitted: Vec<_> =
                self.nodes.iter().filter(|(name, node)| facts.placement.admits(name, node)).collect();
            let nodes = if admitted.is_empty() { self.nodes.iter().collect() } else { admitted };
            let observations = nodes.into_iter().flat_map(|(name, facts)| {
                let class = NodeModels::default().classify(name, facts, visible);
                signals.evaluate_node(&NodeInput { today: self.today, facts, server: self.server }, class.model)
            });
            observations.collect::<Vec<_>>()
        });
        observed.extend(worst_per_signal(&on_nodes.collect::<Vec<_>>()));
        observed
    }

    /// Evaluates all assignments from scratch.
    pub(super) fn shown(&self) -> BTreeMap<AssignmentId, Shown> {
        let matrix = self.matrix();
        let compiled: BTreeMap<&AssignmentId, Assignment> =
            self.assignments.iter().map(|(id, spec)| (id, compile(&matrix, self.today, id.clone(), spec))).collect();
        let applying = |namespace: &str| -> Vec<&Assignment> {
            let labels = self.namespace_labels(namespace);
            let cluster = compiled.values().filter(|assignment| assignment.id.is_cluster());
            cluster.filter(|a| a.namespace_selector.as_ref().is_none_or(|s| s.matches(&labels))).collect()
        };
        let is_excluded = |namespace: &str| {
            let names_namespace = |a: &&Assignment| {
                a.namespace_selector.as_ref().is_some_and(|selector| selector.names(NAME_LABEL, namespace))
            };
            EXCLUDED_BY_DEFAULT.split(',').any(|name| name == namespace)
                && !applying(namespace).iter().any(names_namespace)
        };
        let mut members: BTreeMap<&AssignmentId, Members> = compiled.keys().map(|id| (*id, Members::new())).collect();
        for workload in self.workloads() {
            let namespace = &workload.key.namespace;
            if is_excluded(namespace) {
                continue;
            }
            let own = compiled.values().filter(|a| a.id.namespace.as_ref() == Some(namespace));
            let is_selected = |a: &&Assignment| {
                let matches = |s: &crate::facts::Selector| workload.objects.iter().any(|o| s.matches(&o.labels));
                a.selector.as_ref().is_none_or(matches)
            };
            let selecting: Vec<&Assignment> = applying(namespace).into_iter().chain(own).filter(is_selected).collect();
            let directory = Directory::new(applying(namespace));
            let found = evaluate(
                &matrix,
                &self.settings,
                ActiveSignals::new(&super::custom::settings()).catalogue(),
                &self.view(&workload),
                &selecting,
                &directory,
            );
            for assignment in selecting {
                let classes = members.get_mut(&assignment.id).unwrap();
                classes.entry(Arc::new(found.clone())).or_default().insert(Arc::new(workload.key.clone()));
            }
        }
        let shown = members.iter().map(|(id, members)| {
            let applying = id.namespace.as_ref().map(|namespace| applying(namespace)).unwrap_or_default();
            let roll_up = RollUp::new(&matrix, id, members, !applying.is_empty());
            let risks = assignment_risks(&matrix, &compiled[id], &Directory::new(applying), roll_up.workloads);
            let excluded = id.namespace.as_ref().is_some_and(|namespace| is_excluded(namespace));
            let roll_up = RollUp { excluded, ..roll_up }.with_assignment_risks(risks);
            ((*id).clone(), Shown::new(&matrix, roll_up, compiled[id].clone()))
        });
        shown.collect()
    }
}

fn is_listed(listed: &Listed, delta: &Delta) -> bool {
    let in_scope = |namespace: &str| listed.scope.as_deref().is_none_or(|scope| scope == namespace);
    match (&listed.kind, delta) {
        (ListedKind::Workloads(kind), Delta::Workload(key, _) | Delta::Child(key, _)) => {
            key.kind == *kind && in_scope(&key.namespace)
        }
        (ListedKind::Routes(kind), Delta::Route(of, name, _)) => of == kind && in_scope(&name.namespace),
        (ListedKind::Services, Delta::Service(name, _))
        | (ListedKind::Grants, Delta::Grant(name, _))
        | (ListedKind::Policies, Delta::Policy(name, _)) => in_scope(&name.namespace),
        (ListedKind::Facts(kind), Delta::Facts(of, name, _)) => of == kind && in_scope(&name.namespace),
        (ListedKind::Namespaces, Delta::Namespace(..))
        | (ListedKind::Nodes, Delta::Node(..))
        | (ListedKind::ServiceModels, Delta::ServiceModel(..))
        | (ListedKind::ClusterAssignments, Delta::Assignment(AssignmentId { namespace: None, .. }, _)) => in_scope(""),
        (ListedKind::Assignments, Delta::Assignment(AssignmentId { namespace: Some(namespace), .. }, _)) => {
            in_scope(namespace)
        }
        _ => false,
    }
}

pub(super) fn deletion(delta: Delta) -> Delta {
    match delta {
        Delta::Workload(key, _) | Delta::Child(key, _) => Delta::Workload(key, None),
        Delta::Service(name, _) => Delta::Service(name, None),
        Delta::Route(kind, name, _) => Delta::Route(kind, name, None),
        Delta::Grant(name, _) => Delta::Grant(name, None),
        Delta::Policy(name, _) => Delta::Policy(name, None),
        Delta::Namespace(name, _) => Delta::Namespace(name, None),
        Delta::Node(name, _) => Delta::Node(name, None),
        Delta::ServiceModel(name, _) => Delta::ServiceModel(name, None),
        Delta::Assignment(id, _) => Delta::Assignment(id, None),
        Delta::Facts(kind, name, _) => Delta::Facts(kind, name, None),
        Delta::Relisted(_)
        | Delta::Day(_)
        | Delta::Time(_)
        | Delta::PolicyCoverage(_)
        | Delta::Availability(..)
        | Delta::NodesReadable(_)
        | Delta::ServerVersion(_) => {
            unreachable!("the change is not about an object")
        }
    }
}

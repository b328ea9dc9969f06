//! One namespace of the index: its workloads, the objects that expose or isolate them, and its assignments.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::children::Children;
use super::excluded::ExcludedNamespaces;
use super::selectors::SelectorIndex;
use super::workload::Workload;
use super::{ChangeSet, NAME_LABEL};
use crate::facts::{
    AssignmentId, GrantFacts, IngressRules, KindAndName, NamespaceFacts, ObjectName, PolicyFacts, RouteFacts,
    RouteKind, ServiceFacts, WorkloadFacts, WorkloadKey,
};
use crate::matrix::LayerTriggers;
use crate::model::{Assignment, Directory};
use crate::signals::SignalIndex;

/// A namespace of the index.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: Arc<str>,
    /// `None` until the namespace object was read.
    pub(super) facts: Option<NamespaceFacts>,
    pub(super) workloads: BTreeMap<Arc<WorkloadKey>, Workload>,
    /// The objects that are parts of workloads, with the key of the workload.
    pub(super) parts: HashMap<WorkloadKey, Arc<WorkloadKey>>,
    pub(super) services: BTreeMap<Arc<str>, ServiceFacts>,
    /// The selectors of `services`.
    pub(super) selectors: SelectorIndex,
    pub(super) policies: BTreeMap<Arc<str>, PolicyFacts>,
    pub(super) grants: BTreeMap<Arc<str>, GrantFacts>,
    /// The objects that only signals read.
    pub(super) signal_index: SignalIndex,
    /// The number of routes to each Service, by the kind and the namespace of the routes.
    route_counts: HashMap<(RouteKind, Arc<str>), HashMap<Arc<str>, usize>>,
    /// The number of Ingresses to a Service that present the certificate of a Secret, by Service and Secret.
    tls_counts: BTreeMap<(Arc<str>, Arc<str>), usize>,
    /// The workload that owns each current child.
    owners: HashMap<KindAndName, WorkloadKey>,
    /// The live objects with a controller of a watched kind.
    pub(super) children: Children,
    /// The current children of each workload, sorted: the reverse of `owners`.
    current: HashMap<WorkloadKey, Vec<KindAndName>>,
    pub(super) assignments: BTreeMap<AssignmentId, Arc<Assignment>>,
    /// The cluster assignments that apply to the namespace.
    pub(super) cluster_assignments: Vec<Arc<Assignment>>,
    /// The parties that the cluster assignments declare.
    pub(super) directory: Directory,
    /// True if its workloads are evaluated.
    pub(super) in_scope: bool,
}

impl Namespace {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            facts: None,
            workloads: BTreeMap::new(),
            parts: HashMap::new(),
            services: BTreeMap::new(),
            selectors: SelectorIndex::default(),
            policies: BTreeMap::new(),
            grants: BTreeMap::new(),
            signal_index: SignalIndex::default(),
            route_counts: HashMap::new(),
            tls_counts: BTreeMap::new(),
            owners: HashMap::new(),
            children: Children::default(),
            current: HashMap::new(),
            assignments: BTreeMap::new(),
            cluster_assignments: Vec::new(),
            directory: Directory::default(),
            in_scope: true,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_none()
            && self.workloads.is_empty()
            && self.services.is_empty()
            && self.policies.is_empty()
            && self.grants.is_empty()
            && self.signal_index.is_empty()
            && self.route_counts.is_empty()
            && self.owners.is_empty()
            && self.children.is_empty()
            && self.assignments.is_empty()
    }

    /// Returns the objects that are workloads or parts of workloads.
    pub(super) fn objects(&self) -> impl Iterator<Item = &WorkloadKey> {
        let itself = self.workloads.values().filter(|workload| workload.parts.itself.is_some());
        itself.map(|workload| &*workload.key).chain(self.parts.keys())
    }

    /// Returns true if it has workloads and no assignment applies to it.
    pub(super) fn is_unassigned(&self) -> bool {
        self.in_scope
            && !self.workloads.is_empty()
            && self.assignments.is_empty()
            && self.cluster_assignments.is_empty()
    }

    /// Records in `changed` that it has become unassigned or assigned.
    pub(super) fn record_unassigned(&self, was_unassigned: bool, changed: &mut ChangeSet) {
        let is_unassigned = self.is_unassigned();
        if is_unassigned != was_unassigned {
            changed.reportable.insert(self.name.clone());
        }
        if is_unassigned && !was_unassigned {
            changed.unassigned.insert(self.name.clone());
        }
    }

    /// Adds a route of the namespace `from` to the counts of its backends in this namespace, or removes it.
    pub(super) fn count_route(&mut self, kind: RouteKind, from: &Arc<str>, facts: &RouteFacts, is_added: bool) {
        let here = facts.backends.iter().filter(|backend| backend.namespace == self.name);
        for ObjectName { name, .. } in here {
            let services = self.route_counts.entry((kind, from.clone())).or_default();
            let count = services.entry(name.clone()).or_default();
            *count = if is_added { *count + 1 } else { count.saturating_sub(1) };
            for secret in facts.tls.iter().filter(|_| *from == self.name) {
                let count = self.tls_counts.entry((name.clone(), secret.clone())).or_default();
                *count = if is_added { *count + 1 } else { count.saturating_sub(1) };
            }
        }
        self.tls_counts.retain(|_, count| *count > 0);
        self.route_counts.retain(|_, services| {
            services.retain(|_, count| *count > 0);
            !services.is_empty()
        });
    }

    /// Returns the Secrets with the certificates that Ingresses present for a workload.
    pub(super) fn tls_secrets(&self, workload: &Workload) -> BTreeSet<Arc<str>> {
        let selects_pods = |service: &Arc<str>| {
            let service = self.services.get(service);
            service.is_some_and(|service| workload.parts.all().any(|facts| facts.pods.selected_by(&service.selector)))
        };
        self.tls_counts.keys().filter(|(service, _)| selects_pods(service)).map(|(_, secret)| secret.clone()).collect()
    }

    /// Returns true if a workload that a Service affects can depend on the Service: it leads from outside to pods, or
    /// out of the cluster.
    pub(super) fn counts(&self, name: &Arc<str>, service: &ServiceFacts) -> bool {
        service.published || service.external_name || self.is_routed(name) || self.presents_certificate(name)
    }

    fn presents_certificate(&self, service: &Arc<str>) -> bool {
        self.tls_counts.range((service.clone(), Arc::from(""))..).next().is_some_and(|((name, _), _)| name == service)
    }

    /// Returns the current children of a workload, sorted.
    pub(super) fn current_children(&self, workload: &WorkloadKey) -> &[KindAndName] {
        self.current.get(workload).map(Vec::as_slice).unwrap_or_default()
    }

    /// Records the owner of a child, or that it is not a current child. Returns the workloads whose children have
    /// changed.
    pub(super) fn set_owner(&mut self, child: KindAndName, owner: Option<WorkloadKey>) -> Vec<WorkloadKey> {
        let before = match &owner {
            Some(owner) => self.owners.insert(child.clone(), owner.clone()),
            None => self.owners.remove(&child),
        };
        if before == owner {
            return Vec::new();
        }
        if let Some(before) = &before
            && let Some(children) = self.current.get_mut(before)
        {
            children.retain(|other| *other != child);
            if children.is_empty() {
                self.current.remove(before);
            }
        }
        if let Some(owner) = &owner {
            let children = self.current.entry(owner.clone()).or_default();
            children.push(child);
            children.sort();
        }
        before.into_iter().chain(owner).collect()
    }

    /// Returns true if a route leads to a Service. A route of another namespace needs a ReferenceGrant in this one.
    pub(super) fn is_routed(&self, service: &Arc<str>) -> bool {
        self.route_counts.iter().any(|((kind, from), services)| {
            services.contains_key(service) && (*from == self.name || self.is_granted(*kind, from, service))
        })
    }

    fn is_granted(&self, kind: RouteKind, from: &Arc<str>, service: &Arc<str>) -> bool {
        self.grants.values().any(|grant| {
            grant.from.contains(&(kind, from.clone()))
                && (grant.to.contains(&None) || grant.to.contains(&Some(service.clone())))
        })
    }

    /// Returns true if the namespace selector of a cluster assignment matches this namespace.
    pub(super) fn is_selected_by(&self, assignment: &Assignment) -> bool {
        let Some(selector) = &assignment.namespace_selector else { return true };
        match &self.facts {
            Some(facts) => selector.matches(&facts.labels),
            None => selector.matches(&[(NAME_LABEL, self.name.clone())].into_iter().collect()),
        }
    }

    /// Updates the cluster assignments that apply to the namespace. Returns true if this affects all its workloads.
    pub(super) fn update_assignments(
        &mut self,
        cluster_assignments: &BTreeMap<AssignmentId, Arc<Assignment>>,
        excluded: &ExcludedNamespaces,
    ) -> bool {
        let applying: Vec<Arc<Assignment>> =
            cluster_assignments.values().filter(|assignment| self.is_selected_by(assignment)).cloned().collect();
        let names_namespace = |assignment: &Arc<Assignment>| {
            assignment.namespace_selector.as_ref().is_some_and(|selector| selector.names(NAME_LABEL, &self.name))
        };
        let in_scope = !excluded.contains(&self.name) || applying.iter().any(names_namespace);
        let directory = Directory::new(applying.iter().map(AsRef::as_ref));
        let ids = |assignments: &[Arc<Assignment>]| assignments.iter().map(|a| a.id.clone()).collect::<Vec<_>>();
        let has_changed = ids(&applying) != ids(&self.cluster_assignments)
            || in_scope != self.in_scope
            || directory != self.directory;
        self.cluster_assignments = applying;
        self.in_scope = in_scope;
        self.directory = directory;
        has_changed
    }

    /// Returns the assignments that select a workload: cluster assignments first, each kind by name.
    pub(super) fn selecting(&self, workload: &Workload) -> Vec<&Assignment> {
        if !self.in_scope {
            return Vec::new();
        }
        let candidates = self.cluster_assignments.iter().chain(self.assignments.values());
        candidates.map(AsRef::as_ref).filter(|assignment| workload.is_selected_by(assignment)).collect()
    }

    /// Returns the layer triggers of a workload: those of its manifests and those from Services and routes.
    pub(super) fn triggers(&self, workload: &Workload) -> LayerTriggers {
        let is_published = |facts: &WorkloadFacts| {
            self.selectors
                .selecting(&facts.pods)
                .any(|group| group.published > 0 || group.names.iter().any(|name| self.is_routed(name)))
        };
        let mut triggers = LayerTriggers::empty();
        if workload.parts.all().any(is_published) {
            triggers.insert(LayerTriggers::PUBLISHED);
        }
        for facts in workload.parts.facts() {
            triggers.insert(facts.triggers);
            if self.selectors.is_called_by(facts) {
                triggers.insert(LayerTriggers::EXTERNAL_SERVICES);
            }
        }
        triggers
    }

    /// Returns true if no NetworkPolicy selects some of the pods of a workload.
    pub(super) fn is_unsegmented(&self, workload: &Workload) -> bool {
        let is_selected = |facts: &_| self.policies.values().any(|policy| policy.selects(facts));
        workload.parts.facts().any(|facts| !is_selected(facts))
    }

    /// Returns true if NetworkPolicies restrict the ingress traffic of all pods of a workload: at least one policy
    /// restricts it, and no policy allows every source.
    pub(super) fn is_segmented(&self, workload: &Workload) -> bool {
        let is_restricted = |facts: &WorkloadFacts| {
            let mut effects =
                self.policies.values().filter(|policy| policy.selects(facts)).map(|policy| policy.ingress);
            let mut restricted = false;
            effects.all(|ingress| {
                restricted |= ingress == IngressRules::Restricted;
                ingress != IngressRules::Open
            }) && restricted
        };
        workload.parts.facts().all(is_restricted)
    }
}

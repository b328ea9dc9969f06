//! One namespace of the index: its workloads, what exposes and separates them, and the assignments that speak for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::excluded::ExcludedNamespaces;
use super::workload::Workload;
use super::{ChangeSet, NAME_LABEL};
use crate::facts::{
    AssignmentId, GrantFacts, IngressRules, KindAndName, NamespaceFacts, ObjectName, PolicyFacts, RouteFacts,
    RouteKind, ServiceFacts, WorkloadFacts, WorkloadKey, WorkloadKind,
};
use crate::matrix::LayerTriggers;
use crate::model::{Assignment, Directory};
use crate::signals::SignalIndex;

/// A namespace.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: Arc<str>,
    /// None until the namespace object was seen.
    pub(super) facts: Option<NamespaceFacts>,
    pub(super) workloads: BTreeMap<Arc<WorkloadKey>, Workload>,
    /// The objects that are parts of workloads, and of which.
    pub(super) parts: HashMap<WorkloadKey, Arc<WorkloadKey>>,
    pub(super) services: BTreeMap<Arc<str>, ServiceFacts>,
    pub(super) policies: BTreeMap<Arc<str>, PolicyFacts>,
    pub(super) grants: BTreeMap<Arc<str>, GrantFacts>,
    /// What is read for signals only.
    pub(super) signal_index: SignalIndex,
    /// How many routes of a kind and a namespace lead to each Service here.
    routed: HashMap<(RouteKind, Arc<str>), HashMap<Arc<str>, usize>>,
    /// By how many Ingresses each Service is reached with the certificate of a Secret.
    certified: BTreeMap<(Arc<str>, Arc<str>), usize>,
    /// The objects that workloads make and run at the moment, and by whom; and what each workload runs.
    owners: HashMap<KindAndName, WorkloadKey>,
    children: HashMap<WorkloadKey, Vec<KindAndName>>,
    pub(super) assignments: BTreeMap<AssignmentId, Arc<Assignment>>,
    /// The cluster assignments that take the namespace in.
    pub(super) cluster_assignments: Vec<Arc<Assignment>>,
    /// The parties that these declare.
    pub(super) directory: Directory,
    /// Whether its workloads are evaluated at all.
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
            policies: BTreeMap::new(),
            grants: BTreeMap::new(),
            signal_index: SignalIndex::default(),
            routed: HashMap::new(),
            certified: BTreeMap::new(),
            owners: HashMap::new(),
            children: HashMap::new(),
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
            && self.routed.is_empty()
            && self.owners.is_empty()
            && self.assignments.is_empty()
    }

    /// The objects that are workloads or parts of workloads.
    pub(super) fn objects(&self) -> impl Iterator<Item = &WorkloadKey> {
        let itself = self.workloads.values().filter(|workload| workload.parts.itself.is_some());
        itself.map(|workload| &*workload.key).chain(self.parts.keys())
    }

    /// Whether it has workloads of which no assignment speaks.
    pub(super) fn is_unassigned(&self) -> bool {
        self.in_scope
            && !self.workloads.is_empty()
            && self.assignments.is_empty()
            && self.cluster_assignments.is_empty()
    }

    /// Notes that it has become unassigned, or is so no more.
    pub(super) fn record_unassigned(&self, was_unassigned: bool, changed: &mut ChangeSet) {
        let is_unassigned = self.is_unassigned();
        if is_unassigned != was_unassigned {
            changed.reportable.insert(self.name.clone());
        }
        if is_unassigned && !was_unassigned {
            changed.unassigned.insert(self.name.clone());
        }
    }

    /// Counts a route of a namespace in, or out, for each of its backends here.
    pub(super) fn count_route(&mut self, kind: RouteKind, from: &Arc<str>, facts: &RouteFacts, leads: bool) {
        let here = facts.backends.iter().filter(|backend| backend.namespace == self.name);
        for ObjectName { name, .. } in here {
            let services = self.routed.entry((kind, from.clone())).or_default();
            let count = services.entry(name.clone()).or_default();
            *count = if leads { *count + 1 } else { count.saturating_sub(1) };
            services.retain(|_, count| *count > 0);
            for secret in facts.tls.iter().filter(|_| *from == self.name) {
                let count = self.certified.entry((name.clone(), secret.clone())).or_default();
                *count = if leads { *count + 1 } else { count.saturating_sub(1) };
            }
        }
        self.certified.retain(|_, count| *count > 0);
        self.routed.retain(|_, services| !services.is_empty());
    }

    /// The Secrets with the certificates by which a workload is reached through Ingresses.
    pub(super) fn tls_secrets(&self, workload: &Workload) -> BTreeSet<Arc<str>> {
        let leads = |service: &Arc<str>| {
            let service = self.services.get(service);
            service.is_some_and(|service| workload.parts.all().any(|facts| facts.pods.selected_by(&service.selector)))
        };
        self.certified.keys().filter(|(service, _)| leads(service)).map(|(_, secret)| secret.clone()).collect()
    }

    /// The objects that a workload makes and runs at the moment.
    pub(super) fn children(&self, workload: &WorkloadKey) -> &[KindAndName] {
        self.children.get(workload).map(Vec::as_slice).unwrap_or_default()
    }

    /// The names of the objects of a kind that workloads make and run at the moment.
    pub(super) fn owned(&self, kind: &WorkloadKind) -> impl Iterator<Item = &Arc<str>> {
        self.owners.keys().filter(move |child| *child.kind == *kind.name()).map(|child| &child.name)
    }

    /// Notes who makes an object, or that nobody does any more; returns the workloads that this is another matter for.
    pub(super) fn set_owner(&mut self, child: KindAndName, owner: Option<WorkloadKey>) -> Vec<WorkloadKey> {
        let before = match &owner {
            Some(owner) => self.owners.insert(child.clone(), owner.clone()),
            None => self.owners.remove(&child),
        };
        if before == owner {
            return Vec::new();
        }
        if let Some(before) = &before
            && let Some(children) = self.children.get_mut(before)
        {
            children.retain(|known| *known != child);
            if children.is_empty() {
                self.children.remove(before);
            }
        }
        if let Some(owner) = &owner {
            let children = self.children.entry(owner.clone()).or_default();
            children.push(child);
            children.sort();
        }
        before.into_iter().chain(owner).collect()
    }

    /// Whether a route leads to a Service: one of this namespace, or one of another that a ReferenceGrant here allows to.
    fn is_routed(&self, service: &Arc<str>) -> bool {
        self.routed.iter().any(|((kind, from), services)| {
            services.contains_key(service) && (*from == self.name || self.grants_to(*kind, from, service))
        })
    }

    fn grants_to(&self, kind: RouteKind, from: &Arc<str>, service: &Arc<str>) -> bool {
        self.grants.values().any(|grant| {
            grant.from.contains(&(kind, from.clone()))
                && (grant.to.contains(&None) || grant.to.contains(&Some(service.clone())))
        })
    }

    /// Whether a cluster assignment speaks for this namespace.
    pub(super) fn is_selected_by(&self, assignment: &Assignment) -> bool {
        let Some(selector) = &assignment.namespace_selector else { return true };
        match &self.facts {
            Some(facts) => selector.matches(&facts.labels),
            None => selector.matches(&[(NAME_LABEL, self.name.clone())].into_iter().collect()),
        }
    }

    /// Looks up which cluster assignments take the namespace in; returns whether all its workloads are affected.
    pub(super) fn update_assignments(
        &mut self,
        cluster_assignments: &BTreeMap<AssignmentId, Arc<Assignment>>,
        excluded: &ExcludedNamespaces,
    ) -> bool {
        let taking_in: Vec<Arc<Assignment>> =
            cluster_assignments.values().filter(|assignment| self.is_selected_by(assignment)).cloned().collect();
        let named = |assignment: &Arc<Assignment>| {
            assignment.namespace_selector.as_ref().is_some_and(|selector| selector.names(NAME_LABEL, &self.name))
        };
        let in_scope = !excluded.contains(&self.name) || taking_in.iter().any(named);
        let directory = Directory::new(taking_in.iter().map(AsRef::as_ref));
        let ids = |assignments: &[Arc<Assignment>]| assignments.iter().map(|a| a.id.clone()).collect::<Vec<_>>();
        let moved = ids(&taking_in) != ids(&self.cluster_assignments)
            || in_scope != self.in_scope
            || directory != self.directory;
        self.cluster_assignments = taking_in;
        self.in_scope = in_scope;
        self.directory = directory;
        moved
    }

    /// The assignments that select a workload, cluster assignments first, each kind by name.
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
            self.services.iter().any(|(name, service)| {
                facts.pods.selected_by(&service.selector) && (service.published || self.is_routed(name))
            })
        };
        let mut triggers = LayerTriggers::empty();
        if workload.parts.all().any(is_published) {
            triggers.insert(LayerTriggers::PUBLISHED);
        }
        for facts in workload.parts.facts() {
            triggers.insert(facts.triggers);
            let calls_out = !facts.env_values.is_empty()
                && self.services.iter().any(|(name, service)| service.is_called_by(name, facts));
            if calls_out {
                triggers.insert(LayerTriggers::EXTERNAL_SERVICES);
            }
        }
        triggers
    }

    /// Whether some pods of a workload are selected by no NetworkPolicy.
    pub(super) fn is_unsegmented(&self, workload: &Workload) -> bool {
        let is_selected = |facts: &_| self.policies.values().any(|policy| policy.selects(facts));
        workload.parts.facts().any(|facts| !is_selected(facts))
    }

    /// Whether NetworkPolicies say of all pods of a workload who may reach them: one does, and none lets everybody in.
    pub(super) fn is_segmented(&self, workload: &Workload) -> bool {
        let is_restricted = |facts: &WorkloadFacts| {
            let mut of_pods =
                self.policies.values().filter(|policy| policy.selects(facts)).map(|policy| policy.ingress);
            let mut restricted = false;
            of_pods.all(|ingress| {
                restricted |= ingress == IngressRules::Restricted;
                ingress != IngressRules::Open
            }) && restricted
        };
        workload.parts.facts().all(is_restricted)
    }
}

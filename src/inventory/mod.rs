//! The index of everything that counts: what changed goes in as a [`Delta`], which assignments have another result comes
//! out.
//!
//! Pure and synchronous, with one owner. A change costs what it touches: everything but cluster assignments lies within
//! one namespace, each workload's evaluation is kept, and an assignment's members are moved from the old evaluation to
//! the new one. The result equals an evaluation from scratch for any order of the same changes (the tests hold that).

mod intern;
mod namespace;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::matrix::Matrix;
use crate::model::{
    Assignment, AssignmentId, Evaluation, Labels, Members, RollUp, Settings, WorkloadFacts, WorkloadKey, WorkloadKind,
    evaluate,
};
use intern::Interner;
use namespace::{Namespace, Workload};

pub use namespace::{IngressFacts, ServiceFacts};

/// Namespaces that are left out unless a cluster assignment names them, separated by commas: they are run by whoever runs
/// the cluster.
pub const LEFT_OUT: &str = "kube-node-lease,kube-public,kube-system";

/// The label that every namespace has with its own name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The name of a namespaced object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A change of the inputs. None for the facts means that the object is gone, or counts no more.
#[derive(Clone, Debug)]
pub enum Delta {
    /// A workload is as given.
    Workload(WorkloadKey, Option<WorkloadFacts>),
    /// A Service is as given.
    Service(ObjectName, Option<ServiceFacts>),
    /// An Ingress is as given.
    Ingress(ObjectName, Option<IngressFacts>),
    /// A namespace has these labels.
    Namespace(Arc<str>, Option<Labels>),
    /// An assignment says this.
    Assignment(AssignmentId, Option<Box<Assignment>>),
    /// A complete list was read: whatever it does not hold is gone.
    Relisted(Listed),
}

/// The objects of a complete list.
#[derive(Clone, Debug)]
pub enum Listed {
    /// All workloads of a kind.
    Workloads(WorkloadKind, HashSet<WorkloadKey>),
    /// All Services.
    Services(HashSet<ObjectName>),
    /// All Ingresses.
    Ingresses(HashSet<ObjectName>),
    /// All namespaces.
    Namespaces(HashSet<Arc<str>>),
    /// All assignments of one kind, the cluster kind when `cluster`.
    Assignments {
        /// Which kind was listed.
        cluster: bool,
        /// The assignments.
        ids: HashSet<AssignmentId>,
    },
}

impl Listed {
    /// Adds a listed workload, Service, Ingress or namespace. Those that do not count are not added.
    pub fn insert(&mut self, delta: &Delta) {
        match (self, delta) {
            (Self::Workloads(kind, keys), Delta::Workload(key, Some(_))) if key.kind == *kind => {
                keys.insert(key.clone());
            }
            (Self::Services(names), Delta::Service(name, Some(_)))
            | (Self::Ingresses(names), Delta::Ingress(name, Some(_))) => {
                names.insert(name.clone());
            }
            (Self::Namespaces(names), Delta::Namespace(name, Some(_))) => {
                names.insert(name.clone());
            }
            _ => {}
        }
    }

    /// Adds a listed assignment, whether it can be read or not.
    pub fn insert_assignment(&mut self, id: AssignmentId) {
        if let Self::Assignments { ids, .. } = self {
            ids.insert(id);
        }
    }
}

/// The assignments whose result may have changed.
pub type Changed = BTreeSet<AssignmentId>;

/// The index.
#[derive(Debug)]
pub struct Inventory {
    matrix: &'static Matrix,
    settings: Settings,
    left_out: BTreeSet<String>,
    namespaces: HashMap<Arc<str>, Namespace>,
    cluster_assignments: BTreeMap<AssignmentId, Arc<Assignment>>,
    members: HashMap<AssignmentId, Members>,
    strings: Interner<str>,
    evaluations: Interner<Evaluation>,
    evaluated: u64,
}

/// Which workloads of a namespace have to be evaluated again.
enum Affected<'a> {
    All,
    SelectedBy(&'a [&'a Assignment]),
}

impl Inventory {
    /// An empty index. `left_out` are the namespaces that are left out unless a cluster assignment names them.
    pub fn new(settings: Settings, left_out: impl IntoIterator<Item = String>) -> Self {
        Self {
            matrix: Matrix::built_in(),
            settings,
            left_out: left_out.into_iter().collect(),
            namespaces: HashMap::new(),
            cluster_assignments: BTreeMap::new(),
            members: HashMap::new(),
            strings: Interner::default(),
            evaluations: Interner::default(),
            evaluated: 0,
        }
    }

    /// Takes in a change and returns the assignments whose result may have changed.
    pub fn apply(&mut self, delta: Delta) -> Changed {
        let mut changed = Changed::new();
        match delta {
            Delta::Workload(key, facts) => self.apply_workload(key, facts, &mut changed),
            Delta::Service(name, facts) => self.apply_service(&name, facts, &mut changed),
            Delta::Ingress(name, facts) => self.apply_ingress(&name, facts, &mut changed),
            Delta::Namespace(name, labels) => self.apply_namespace(&name, labels, &mut changed),
            Delta::Assignment(id, assignment) => {
                self.apply_assignment(&id, assignment.map(Arc::from).as_ref(), &mut changed);
            }
            Delta::Relisted(listed) => {
                for gone in self.missing_from(&listed) {
                    changed.append(&mut self.apply(gone));
                }
                changed.retain(|id| self.members.contains_key(id));
            }
        }
        changed
    }

    /// The totals of an assignment, none when there is no such assignment.
    #[must_use]
    pub fn roll_up(&self, id: &AssignmentId) -> Option<RollUp> {
        let members = self.members.get(id)?;
        let namespace = id.namespace.as_ref().and_then(|namespace| self.namespaces.get(namespace));
        let platform_elsewhere = namespace.is_some_and(|namespace| !namespace.cluster_assignments.is_empty());
        let left_out = namespace.is_some_and(|namespace| !namespace.in_scope);
        Some(RollUp { left_out, ..RollUp::new(self.matrix, members, platform_elsewhere) })
    }

    /// How many (assignment, workload) pairs have been evaluated: what all changes so far have cost.
    #[must_use]
    pub const fn evaluated(&self) -> u64 {
        self.evaluated
    }

    /// How many workloads are known and how many of them lie in namespaces that are left out.
    #[must_use]
    pub fn workloads(&self) -> (usize, usize) {
        let count = |counted: &dyn Fn(&Namespace) -> bool| {
            self.namespaces.values().filter(|namespace| counted(namespace)).map(|ns| ns.workloads.len()).sum()
        };
        (count(&|_| true), count(&|namespace| !namespace.in_scope))
    }

    fn apply_workload(&mut self, mut key: WorkloadKey, facts: Option<WorkloadFacts>, changed: &mut Changed) {
        let Some(mut facts) = facts else {
            let namespace = self.namespaces.get_mut(&key.namespace);
            if let Some(workload) = namespace.and_then(|namespace| namespace.workloads.remove(&key)) {
                move_member(&mut self.members, &workload, &[], None, changed);
                self.forget_empty(&key.namespace);
            }
            return;
        };
        self.strings.share(&mut key.namespace);
        self.strings.share(&mut key.name);
        facts.labels.share(|text| self.strings.share(text));
        facts.pods.template.share(|text| self.strings.share(text));
        let namespace = self.namespace_entry(&key.namespace);
        let mut workload = match namespace.workloads.remove(&key) {
            Some(known) if known.facts == facts => {
                namespace.workloads.insert(known.key.clone(), known);
                return;
            }
            Some(known) => Workload { facts, ..known },
            None => Workload::new(Arc::new(key.clone()), facts),
        };
        let Some(mut namespace) = self.namespaces.remove(&key.namespace) else { return };
        self.evaluate_workload(&namespace, &mut workload, changed);
        namespace.workloads.insert(workload.key.clone(), workload);
        self.namespaces.insert(key.namespace, namespace);
    }

    fn apply_service(&mut self, name: &ObjectName, facts: Option<ServiceFacts>, changed: &mut Changed) {
        let namespace = self.namespace_entry(&name.namespace);
        let before = namespace.put_service(&name.name, facts.clone());
        if before == facts {
            return self.forget_empty(&name.namespace);
        }
        let versions: Vec<ServiceFacts> = before.into_iter().chain(facts).collect();
        let touched =
            |workload: &Workload| versions.iter().any(|service| service.concerns(&name.name, &workload.facts));
        self.evaluate_workloads(&name.namespace, touched, changed);
        self.forget_empty(&name.namespace);
    }

    fn apply_ingress(&mut self, name: &ObjectName, facts: Option<IngressFacts>, changed: &mut Changed) {
        let namespace = self.namespace_entry(&name.namespace);
        let before = namespace.put_ingress(&name.name, facts.clone());
        let before = before.map(|ingress| ingress.services).unwrap_or_default();
        let after = facts.map(|ingress| ingress.services).unwrap_or_default();
        let services: Vec<(Arc<str>, ServiceFacts)> = before
            .symmetric_difference(&after)
            .filter_map(|service| namespace.services.get_key_value(service))
            .map(|(name, facts)| (name.clone(), facts.clone()))
            .collect();
        let touched = |workload: &Workload| services.iter().any(|(name, facts)| facts.concerns(name, &workload.facts));
        self.evaluate_workloads(&name.namespace, touched, changed);
        self.forget_empty(&name.namespace);
    }

    fn apply_namespace(&mut self, name: &Arc<str>, labels: Option<Labels>, changed: &mut Changed) {
        self.namespace_entry(name).labels = labels;
        self.refresh_scope(name, Affected::SelectedBy(&[]), changed);
        self.forget_empty(name);
    }

    fn apply_assignment(&mut self, id: &AssignmentId, assignment: Option<&Arc<Assignment>>, changed: &mut Changed) {
        let known = match &id.namespace {
            Some(namespace) => self.namespaces.get(namespace).and_then(|namespace| namespace.assignments.get(id)),
            None => self.cluster_assignments.get(id),
        };
        if known == assignment {
            return;
        }
        let before = known.cloned();
        if assignment.is_some() {
            changed.insert(id.clone());
            self.members.entry(id.clone()).or_default();
        }
        let versions: Vec<Arc<Assignment>> = before.into_iter().chain(assignment.cloned()).collect();
        let versions: Vec<&Assignment> = versions.iter().map(AsRef::as_ref).collect();
        if let Some(namespace) = &id.namespace {
            put(&mut self.namespace_entry(namespace).assignments, id, assignment.cloned());
            let touched = |workload: &Workload| versions.iter().any(|version| workload.is_selected_by(version));
            self.evaluate_workloads(namespace, touched, changed);
            self.forget_empty(namespace);
        } else {
            put(&mut self.cluster_assignments, id, assignment.cloned());
            let taken_in = |namespace: &Namespace| versions.iter().any(|version| namespace.is_taken_in_by(version));
            let affected: Vec<Arc<str>> =
                self.namespaces.values().filter(|namespace| taken_in(namespace)).map(|ns| ns.name.clone()).collect();
            for namespace in affected {
                self.refresh_scope(&namespace, Affected::SelectedBy(&versions), changed);
            }
        }
        if assignment.is_none() {
            self.members.remove(id);
            changed.remove(id);
        }
    }

    /// The deletions that a complete list amounts to.
    fn missing_from(&self, listed: &Listed) -> Vec<Delta> {
        let object = |name: &Arc<str>, namespace: &Namespace| ObjectName {
            namespace: namespace.name.clone(),
            name: name.clone(),
        };
        let namespaces = || self.namespaces.values();
        match listed {
            Listed::Workloads(kind, keys) => namespaces()
                .flat_map(|namespace| namespace.workloads.keys())
                .filter(|key| key.kind == *kind && !keys.contains(&***key))
                .map(|key| Delta::Workload((**key).clone(), None))
                .collect(),
            Listed::Services(names) => namespaces()
                .flat_map(|namespace| namespace.services.keys().map(|name| object(name, namespace)))
                .filter(|name| !names.contains(name))
                .map(|name| Delta::Service(name, None))
                .collect(),
            Listed::Ingresses(names) => namespaces()
                .flat_map(|namespace| namespace.ingresses.keys().map(|name| object(name, namespace)))
                .filter(|name| !names.contains(name))
                .map(|name| Delta::Ingress(name, None))
                .collect(),
            Listed::Namespaces(names) => namespaces()
                .filter(|namespace| namespace.labels.is_some() && !names.contains(&namespace.name))
                .map(|namespace| Delta::Namespace(namespace.name.clone(), None))
                .collect(),
            Listed::Assignments { cluster, ids } => self
                .members
                .keys()
                .filter(|id| id.is_cluster() == *cluster && !ids.contains(id))
                .map(|id| Delta::Assignment(id.clone(), None))
                .collect(),
        }
    }

    fn namespace_entry(&mut self, name: &Arc<str>) -> &mut Namespace {
        if !self.namespaces.contains_key(name) {
            let mut name = name.clone();
            self.strings.share(&mut name);
            let mut namespace = Namespace::new(name.clone());
            namespace.rescope(&self.cluster_assignments, &self.left_out);
            self.namespaces.insert(name.clone(), namespace);
        }
        self.namespaces.get_mut(name).expect("the entry was made above when it was missing")
    }

    /// A namespace of which nothing is known any more costs nothing.
    fn forget_empty(&mut self, name: &Arc<str>) {
        if self.namespaces.get(name).is_some_and(Namespace::is_empty) {
            self.namespaces.remove(name);
        }
    }

    /// Looks up anew which cluster assignments take in a namespace. When that changes the parties of the namespace or
    /// whether it counts at all, all its workloads are evaluated again, otherwise those that are `affected`.
    fn refresh_scope(&mut self, name: &Arc<str>, affected: Affected<'_>, changed: &mut Changed) {
        let Some(namespace) = self.namespaces.get_mut(name) else { return };
        let standing = |namespace: &Namespace| (namespace.in_scope, namespace.cluster_assignments.is_empty());
        let before = standing(namespace);
        let moved = namespace.rescope(&self.cluster_assignments, &self.left_out);
        if standing(namespace) != before {
            changed.extend(namespace.assignments.keys().cloned());
        }
        let affected = if moved { Affected::All } else { affected };
        match affected {
            Affected::All => self.evaluate_workloads(name, |_| true, changed),
            Affected::SelectedBy(versions) => {
                let touched = |workload: &Workload| versions.iter().any(|version| workload.is_selected_by(version));
                self.evaluate_workloads(name, touched, changed);
            }
        }
    }

    /// Evaluates the touched workloads of a namespace again.
    fn evaluate_workloads(&mut self, name: &Arc<str>, touched: impl Fn(&Workload) -> bool, changed: &mut Changed) {
        let Some(mut namespace) = self.namespaces.remove(name) else { return };
        let mut workloads = std::mem::take(&mut namespace.workloads);
        for workload in workloads.values_mut().filter(|workload| touched(workload)) {
            self.evaluate_workload(&namespace, workload, changed);
        }
        namespace.workloads = workloads;
        self.namespaces.insert(name.clone(), namespace);
    }

    /// Evaluates a workload of a namespace and moves it when the result is another.
    fn evaluate_workload(&mut self, namespace: &Namespace, workload: &mut Workload, changed: &mut Changed) {
        let selecting = namespace.selecting(workload);
        let ids: Vec<AssignmentId> = selecting.iter().map(|assignment| assignment.id.clone()).collect();
        let evaluation = (!selecting.is_empty()).then(|| {
            self.evaluated += selecting.len() as u64;
            let signals = namespace.signals(&workload.facts);
            let found = evaluate(self.matrix, &self.settings, signals, &selecting, &namespace.directory);
            self.evaluations.intern(found)
        });
        if workload.selected_by[..] == ids[..] && workload.evaluation == evaluation {
            return;
        }
        move_member(&mut self.members, workload, &ids, evaluation.as_ref(), changed);
        workload.selected_by = ids.into_boxed_slice();
        workload.evaluation = evaluation;
    }
}

/// Takes a workload out of the assignments that selected it and puts it into those that select it now.
fn move_member(
    members: &mut HashMap<AssignmentId, Members>,
    workload: &Workload,
    ids: &[AssignmentId],
    evaluation: Option<&Arc<Evaluation>>,
    changed: &mut Changed,
) {
    if let Some(old) = &workload.evaluation {
        for id in &workload.selected_by {
            let Some(classes) = members.get_mut(id) else { continue };
            if let Some(class) = classes.get_mut(old) {
                class.remove(&workload.key);
                if class.is_empty() {
                    classes.remove(old);
                }
            }
            changed.insert(id.clone());
        }
    }
    if let Some(new) = evaluation {
        for id in ids {
            members.entry(id.clone()).or_default().entry(new.clone()).or_default().insert(workload.key.clone());
            changed.insert(id.clone());
        }
    }
}

fn put<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, key: &K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(key),
    };
}

#[cfg(test)]
mod tests;

//! What is written, assignments and service models, and the days on which it means something else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;

use super::apply::put;
use super::namespace::Namespace;
use super::workload::Workload;
use super::{ChangeSet, Inventory};
use crate::api::{ClusterResponsibilityAssignmentSpec, ServiceModelSpec};
use crate::facts::AssignmentId;
use crate::matrix::Matrix;
use crate::model::{Assignment, Evaluation, compile, define};

impl Inventory {
    pub(super) fn apply_service_model(
        &mut self,
        name: &Arc<str>,
        spec: Option<Box<ServiceModelSpec>>,
        changed: &mut ChangeSet,
    ) {
        if !put(&mut self.service_models, name, spec.map(|spec| *spec)) {
            return;
        }
        changed.service_models = true;
        let definitions = self.service_models.iter().map(|(name, spec)| define(name, spec)).collect();
        let matrix = Arc::new(Matrix::extended(definitions));
        if matrix == self.matrix {
            return;
        }
        let before = std::mem::replace(&mut self.matrix, matrix);
        // Layers and models may have other numbers now: nothing with numbers of the one matrix may meet the other.
        self.renumber(&before);
        changed.renumbered = true;
        for (id, spec) in &self.written {
            let assignment = Arc::new(compile(&self.matrix, self.today, id.clone(), spec));
            match &id.namespace {
                Some(namespace) => {
                    if let Some(namespace) = self.namespaces.get_mut(namespace) {
                        namespace.assignments.insert(id.clone(), assignment);
                    }
                }
                None => drop(self.cluster_assignments.insert(id.clone(), assignment)),
            }
        }
        for namespace in self.namespaces.values_mut() {
            namespace.update_assignments(&self.cluster_assignments, &self.excluded);
        }
        self.evaluate_all(changed);
        // What layers are called, and what is said of them, may be shown anywhere.
        changed.assignments.extend(self.written.keys().cloned());
    }

    /// Puts what was found for each workload into the numbers of the matrix as it is now.
    fn renumber(&mut self, before: &Matrix) {
        let mut renumbered: HashMap<Arc<Evaluation>, Arc<Evaluation>> = HashMap::new();
        self.members.values_mut().for_each(BTreeMap::clear);
        for workload in self.namespaces.values_mut().flat_map(|namespace| namespace.workloads.values_mut()) {
            let Some(old) = workload.evaluation.take() else { continue };
            let new = renumbered.entry(old.clone()).or_insert_with(|| Arc::new(old.renumbered(before, &self.matrix)));
            for id in workload.selected_by.iter() {
                let classes = self.members.entry(id.clone()).or_default();
                classes.entry(new.clone()).or_default().insert(workload.key.clone());
            }
            workload.evaluation = Some(new.clone());
        }
    }

    pub(super) fn apply_day(&mut self, today: Date, changed: &mut ChangeSet) {
        let before = std::mem::replace(&mut self.today, today);
        if before == today {
            return;
        }
        // Where the clock went back, nothing is known of the days in between.
        let is_due = |assignment: &&Arc<Assignment>| {
            today < before || assignment.next_change.is_some_and(|change| change <= today)
        };
        let namespaced = self.namespaces.values().flat_map(|namespace| namespace.assignments.values());
        let all = namespaced.chain(self.cluster_assignments.values());
        let due: Vec<AssignmentId> = all.filter(is_due).map(|assignment| assignment.id.clone()).collect();
        for id in due {
            let Some(spec) = self.written.get(&id) else { continue };
            let assignment = Arc::new(compile(&self.matrix, self.today, id.clone(), spec));
            self.replace_assignment(&id, Some(assignment), changed);
        }
        let moved = self.nodes.set_day(today);
        self.evaluate_after(&moved, changed);
        // What signals see in what has a date is another matter each day.
        let everywhere = !self.far.is_empty() || self.signal_index.is_dated();
        let is_dated = |namespace: &Namespace| everywhere || namespace.signal_index.is_dated();
        let dated: Vec<Arc<str>> =
            self.namespaces.values().filter(|namespace| is_dated(namespace)).map(|ns| ns.name.clone()).collect();
        for namespace in dated {
            self.evaluate_workloads(&namespace, |_| true, changed);
        }
    }

    pub(super) fn apply_assignment(
        &mut self,
        id: &AssignmentId,
        spec: Option<Arc<ClusterResponsibilityAssignmentSpec>>,
        changed: &mut ChangeSet,
    ) {
        let named = |spec: Option<&Arc<ClusterResponsibilityAssignmentSpec>>| {
            spec.and_then(|spec| spec.assignment.service_model.clone())
        };
        let named_before = named(self.written.get(id));
        if named_before != named(spec.as_ref()) {
            changed.service_models = true;
        }
        let assignment = spec.as_ref().map(|spec| Arc::new(compile(&self.matrix, self.today, id.clone(), spec)));
        match spec {
            Some(spec) => self.written.insert(id.clone(), spec),
            None => self.written.remove(id),
        };
        self.replace_assignment(id, assignment, changed);
    }

    fn replace_assignment(&mut self, id: &AssignmentId, assignment: Option<Arc<Assignment>>, changed: &mut ChangeSet) {
        let before = self.assignment(id).cloned();
        if before == assignment {
            return;
        }
        if assignment.is_some() {
            changed.assignments.insert(id.clone());
            self.members.entry(id.clone()).or_default();
        }
        let versions: Vec<Arc<Assignment>> = before.into_iter().chain(assignment.clone()).collect();
        let versions: Vec<&Assignment> = versions.iter().map(AsRef::as_ref).collect();
        let is_gone = assignment.is_none();
        if let Some(name) = &id.namespace {
            let namespace = self.namespace_entry(name);
            let was_unassigned = namespace.is_unassigned();
            put(&mut namespace.assignments, id, assignment);
            namespace.record_unassigned(was_unassigned, changed);
            changed.reportable.insert(name.clone());
            let touched = |workload: &Workload| versions.iter().any(|version| workload.is_selected_by(version));
            self.evaluate_workloads(name, touched, changed);
            self.forget_empty(name);
        } else {
            put(&mut self.cluster_assignments, id, assignment);
            let taken_in = |namespace: &&Namespace| versions.iter().any(|version| namespace.is_selected_by(version));
            let affected: Vec<Arc<str>> =
                self.namespaces.values().filter(taken_in).map(|namespace| namespace.name.clone()).collect();
            for namespace in affected {
                self.refresh_scope(&namespace, &versions, false, changed);
                changed.reportable.insert(namespace);
            }
        }
        if is_gone {
            self.members.remove(id);
            changed.assignments.remove(id);
        }
    }
}

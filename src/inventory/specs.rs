//! Changes of assignments, of service models and of the current day.

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
    /// Applies a change of a service model: rebuilds the matrix, compiles all assignments and evaluates all workloads
    /// again if the matrix changed.
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
        // The IDs of layers and models may have changed: stored evaluations must use those of the new matrix.
        self.renumber(&before);
        changed.renumbered = true;
        for (id, spec) in &self.assignment_specs {
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
        // Each status can contain the name or the meaning of a layer.
        changed.assignments.extend(self.assignment_specs.keys().cloned());
    }

    /// Converts the stored evaluations from the IDs of the matrix `before` to those of the current matrix.
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

    /// Applies a change of the current day: evaluates the workloads again whose assignments, nodes or signal objects
    /// depend on the date.
    pub(super) fn apply_day(&mut self, today: Date, changed: &mut ChangeSet) {
        let before = std::mem::replace(&mut self.today, today);
        if before == today {
            return;
        }
        // If the clock went back, every assignment is compiled again.
        let is_due = |assignment: &&Arc<Assignment>| {
            today < before || assignment.next_change.is_some_and(|change| change <= today)
        };
        let namespaced = self.namespaces.values().flat_map(|namespace| namespace.assignments.values());
        let all = namespaced.chain(self.cluster_assignments.values());
        let due: Vec<AssignmentId> = all.filter(is_due).map(|assignment| assignment.id.clone()).collect();
        for id in due {
            let Some(spec) = self.assignment_specs.get(&id) else { continue };
            let assignment = Arc::new(compile(&self.matrix, self.today, id.clone(), spec));
            self.replace_assignment(&id, Some(assignment), changed);
        }
        let placements = self.nodes.set_day(today);
        self.evaluate_cluster_and_placements(&placements, changed);
        // Signals of dated objects can have another result each day.
        let affects_all = !self.cross_namespace_index.is_empty() || self.signal_index.is_dated();
        let is_dated = |namespace: &Namespace| affects_all || namespace.signal_index.is_dated();
        let dated: Vec<Arc<str>> =
            self.namespaces.values().filter(|namespace| is_dated(namespace)).map(|ns| ns.name.clone()).collect();
        for namespace in dated {
            self.evaluate_workloads(&namespace, |_| true, changed);
        }
    }

    /// Applies a change of an assignment; `None` deletes it.
    pub(super) fn apply_assignment(
        &mut self,
        id: &AssignmentId,
        spec: Option<Arc<ClusterResponsibilityAssignmentSpec>>,
        changed: &mut ChangeSet,
    ) {
        let service_model = |spec: Option<&Arc<ClusterResponsibilityAssignmentSpec>>| {
            spec.and_then(|spec| spec.assignment.service_model.clone())
        };
        if service_model(self.assignment_specs.get(id)) != service_model(spec.as_ref()) {
            changed.service_models = true;
        }
        let assignment = spec.as_ref().map(|spec| Arc::new(compile(&self.matrix, self.today, id.clone(), spec)));
        match spec {
            Some(spec) => self.assignment_specs.insert(id.clone(), spec),
            None => self.assignment_specs.remove(id),
        };
        self.replace_assignment(id, assignment, changed);
    }

    /// Replaces a compiled assignment and evaluates the workloads again that the old or the new one selects.
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
        let is_deleted = assignment.is_none();
        if let Some(name) = &id.namespace {
            let namespace = self.namespace_entry(name);
            let was_unassigned = namespace.is_unassigned();
            put(&mut namespace.assignments, id, assignment);
            namespace.record_unassigned(was_unassigned, changed);
            changed.reportable.insert(name.clone());
            let is_affected = |workload: &Workload| versions.iter().any(|version| workload.is_selected_by(version));
            self.evaluate_workloads(name, is_affected, changed);
            self.remove_if_empty(name);
        } else {
            put(&mut self.cluster_assignments, id, assignment);
            let is_selected = |namespace: &&Namespace| versions.iter().any(|version| namespace.is_selected_by(version));
            let affected: Vec<Arc<str>> =
                self.namespaces.values().filter(is_selected).map(|namespace| namespace.name.clone()).collect();
            for namespace in affected {
                self.refresh_scope(&namespace, &versions, false, changed);
                changed.reportable.insert(namespace);
            }
        }
        if is_deleted {
            self.members.remove(id);
            changed.assignments.remove(id);
        }
    }
}

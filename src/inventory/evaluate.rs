//! The evaluation of the workloads that a change affects.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::namespace::Namespace;
use super::nodes::ChangedPlacements;
use super::workload::Workload;
use super::{ChangeSet, ChangedWorkload, Inventory};
use crate::facts::{AssignmentId, Facts, HostAccess, PolicyCoverage, WorkloadFacts, WorkloadKey, WorkloadKind};
use crate::model::{Evaluation, Members, SchedulableNodes, WorkloadView, evaluate};

/// The evaluations of a namespace by their inputs. Workloads with equal inputs share one evaluation.
type EvaluationCache = HashMap<(WorkloadView, Vec<AssignmentId>), Arc<Evaluation>>;

impl Inventory {
    /// Evaluates all workloads of the index again.
    pub(super) fn evaluate_all(&mut self, changed: &mut ChangeSet) {
        for namespace in self.namespace_names() {
            self.evaluate_workloads(&namespace, |_| true, changed);
        }
    }

    /// Evaluates the signals of the cluster again, then the workloads: all of them if a signal of the cluster changed,
    /// otherwise those with a changed placement.
    pub(super) fn evaluate_cluster_and_placements(&mut self, placements: &ChangedPlacements, changed: &mut ChangeSet) {
        if self.evaluate_cluster() {
            self.evaluate_all(changed);
        } else {
            self.evaluate_placements(placements, changed);
        }
    }

    /// Evaluates the workloads with a changed placement again.
    pub(super) fn evaluate_placements(&mut self, placements: &ChangedPlacements, changed: &mut ChangeSet) {
        if placements.is_empty() {
            return;
        }
        let is_affected =
            |workload: &Workload| workload.parts.facts().any(|facts| placements.contains(&facts.placement));
        for namespace in self.namespace_names() {
            self.evaluate_workloads(&namespace, is_affected, changed);
        }
    }

    /// Evaluates the workloads of a namespace again whose signals depend on an object. `versions` are its facts before
    /// and after the change.
    pub(super) fn evaluate_affected(
        &mut self,
        namespace: &Arc<str>,
        name: &str,
        versions: &[Facts],
        changed: &mut ChangeSet,
    ) {
        let Some(known) = self.namespaces.get(namespace) else { return };
        let is_affected = |workload: &Workload| {
            let children = known.current_children(&workload.key);
            let affects =
                |of: &WorkloadFacts| versions.iter().any(|version| version.affects(name, &workload.key, of, children));
            workload.parts.facts().any(affects)
        };
        let affected: HashSet<Arc<WorkloadKey>> = known
            .workloads
            .values()
            .filter(|workload| is_affected(workload))
            .map(|workload| workload.key.clone())
            .collect();
        if !affected.is_empty() {
            self.evaluate_workloads(namespace, |workload| affected.contains(&workload.key), changed);
        }
    }

    /// Evaluates the affected workloads of a namespace again.
    pub(super) fn evaluate_workloads(
        &mut self,
        name: &Arc<str>,
        is_affected: impl Fn(&Workload) -> bool,
        changed: &mut ChangeSet,
    ) {
        let Some(mut namespace) = self.namespaces.remove(name) else { return };
        let mut workloads = std::mem::take(&mut namespace.workloads);
        let mut cache = EvaluationCache::new();
        for workload in workloads.values_mut().filter(|workload| is_affected(workload)) {
            self.evaluate_workload(&namespace, workload, &mut cache, changed);
        }
        namespace.workloads = workloads;
        self.namespaces.insert(name.clone(), namespace);
    }

    /// Evaluates a workload and inserts it into its namespace.
    pub(super) fn evaluate_and_insert(
        &mut self,
        namespace: &mut Namespace,
        mut workload: Workload,
        changed: &mut ChangeSet,
    ) {
        self.evaluate_workload(namespace, &mut workload, &mut EvaluationCache::new(), changed);
        namespace.workloads.insert(workload.key.clone(), workload);
    }

    /// Evaluates a workload of a namespace and updates the members of its assignments if the result changed. `cache`
    /// contains the evaluations of other workloads of the same unchanged namespace.
    fn evaluate_workload(
        &mut self,
        namespace: &Namespace,
        workload: &mut Workload,
        cache: &mut EvaluationCache,
        changed: &mut ChangeSet,
    ) {
        if self.deferred {
            return;
        }
        let selecting = namespace.selecting(workload);
        let ids: Vec<AssignmentId> = selecting.iter().map(|assignment| assignment.id.clone()).collect();
        let evaluation = (!selecting.is_empty()).then(|| {
            self.evaluated += selecting.len() as u64;
            let triggers = namespace.triggers(workload);
            let view = WorkloadView {
                triggers,
                host: workload.parts.facts().fold(HostAccess::default(), |all, facts| all.union(facts.host)),
                daemon_set: workload.key.kind == WorkloadKind::DaemonSet,
                nodes: workload
                    .parts
                    .facts()
                    .map(|facts| self.nodes.schedulable(&facts.placement))
                    .reduce(SchedulableNodes::union)
                    .unwrap_or_default(),
                injected: workload.parts.injected.clone(),
                unsegmented: self.policy_coverage == PolicyCoverage::Complete && namespace.is_unsegmented(workload),
                observed: self.observed(namespace, workload, triggers),
            };
            let key = (view, ids.clone());
            if let Some(cached) = cache.get(&key) {
                return cached.clone();
            }
            self.computed += 1;
            let (matrix, settings, catalogue) = (&self.matrix, &self.settings, self.signals.catalogue());
            let evaluation = evaluate(matrix, settings, catalogue, &key.0, &selecting, &namespace.directory);
            let evaluation = self.evaluations.intern(evaluation);
            cache.insert(key, evaluation.clone());
            evaluation
        });
        let reselected = *workload.selected_by != ids[..];
        if !reselected && workload.evaluation == evaluation {
            return;
        }
        changed.reportable.insert(namespace.name.clone());
        if let (Some(before), Some(after)) = (&workload.evaluation, &evaluation)
            && (reselected || !before.gaps().eq(after.gaps()))
        {
            let (key, before) = (workload.key.clone(), before.clone());
            changed.workloads.push(ChangedWorkload { key, before, reselected });
        }
        move_member(&mut self.members, workload, &ids, evaluation.as_ref(), changed);
        if reselected {
            workload.selected_by = ids.into();
            self.selections.share(&mut workload.selected_by);
        }
        workload.evaluation = evaluation;
    }
}

/// Removes a workload from the assignments that selected it before and adds it to `ids`, which select it now.
pub(super) fn move_member(
    members: &mut HashMap<AssignmentId, Members>,
    workload: &Workload,
    ids: &[AssignmentId],
    evaluation: Option<&Arc<Evaluation>>,
    changed: &mut ChangeSet,
) {
    if let Some(old) = &workload.evaluation {
        for id in workload.selected_by.iter() {
            let Some(classes) = members.get_mut(id) else { continue };
            if let Some(class) = classes.get_mut(old) {
                class.remove(&workload.key);
                if class.is_empty() {
                    classes.remove(old);
                }
            }
            changed.assignments.insert(id.clone());
        }
    }
    if let Some(new) = evaluation {
        for id in ids {
            members.entry(id.clone()).or_default().entry(new.clone()).or_default().insert(workload.key.clone());
            changed.assignments.insert(id.clone());
        }
    }
}

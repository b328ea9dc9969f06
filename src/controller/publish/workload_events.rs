//! Debounce of Events on workloads and namespaces.
//!
//! A change is stored only while it waits, with the result before it. So a replica that starts emits no Events on old
//! changes, and a change that is undone meanwhile emits none.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio_util::time::{DelayQueue, delay_queue};

use crate::facts::{AssignmentId, WorkloadKey};
use crate::inventory::ChangedWorkload;
use crate::matrix::{Duty, LayerId, Matrix};
use crate::model::{Evaluation, Note, UNASSIGNED, list};

/// Time for which a change of a workload must last before an Event is emitted.
const QUIET: Duration = Duration::from_secs(2);
/// Time for which a namespace must have no assignment before an Event is emitted.
const UNASSIGNED_FOR: Duration = Duration::from_mins(1);
/// Maximum number of waiting changes, and of namespaces. Further ones are dropped.
const LIMIT: usize = 10_000;
/// Maximum number of waiting changes in one namespace, so that one namespace cannot take the place of all others. Each
/// namespace can emit 10 Events at once and 5 a minute, so more of them could not be emitted.
const LIMIT_PER_NAMESPACE: usize = 100;
/// Age in seconds below which a workload counts as being set up.
const SETUP_SECONDS: i64 = 300;
/// Maximum size of the list of layers in a note, in bytes.
const LAYERS_LIMIT: usize = 600;

/// A change whose waiting time is over.
#[derive(Debug)]
pub(in crate::controller) enum Due {
    /// A workload, and its evaluation before the change.
    Workload(Arc<WorkloadKey>, Arc<Evaluation>),
    /// A namespace without an assignment.
    Namespace(Arc<str>),
}

#[derive(Debug)]
enum Timer {
    Workload(Arc<WorkloadKey>),
    Namespace(Arc<str>),
}

/// Changes of workloads and namespaces that wait.
#[derive(Debug, Default)]
pub(in crate::controller) struct WorkloadEvents {
    workloads: HashMap<Arc<WorkloadKey>, (Arc<Evaluation>, delay_queue::Key)>,
    /// Number of workloads that wait, by namespace.
    counts: HashMap<Arc<str>, usize>,
    /// Namespaces without an assignment, until an assignment selects them. `None` after the Event: it is emitted once.
    namespaces: HashMap<Arc<str>, Option<delay_queue::Key>>,
    timers: DelayQueue<Timer>,
}

impl WorkloadEvents {
    /// Adds a change of a workload. Returns false if the limit is reached.
    pub(in crate::controller) fn add_workload(&mut self, change: ChangedWorkload) -> bool {
        if change.reselected {
            // Another assignment applies: its result cannot be compared with the earlier one.
            if let Some((_, timer)) = self.remove_workload(&change.key) {
                self.timers.remove(&timer);
            }
            return true;
        }
        if change.key.is_generated() || self.workloads.contains_key(&change.key) {
            return true;
        }
        let count = self.counts.get(&change.key.namespace).copied().unwrap_or_default();
        if count >= LIMIT_PER_NAMESPACE || self.workloads.len() >= LIMIT {
            return false;
        }
        self.counts.insert(change.key.namespace.clone(), count + 1);
        let timer = self.timers.insert(Timer::Workload(change.key.clone()), QUIET);
        self.workloads.insert(change.key, (change.before, timer));
        true
    }

    fn remove_workload(&mut self, key: &WorkloadKey) -> Option<(Arc<Evaluation>, delay_queue::Key)> {
        let removed = self.workloads.remove(key)?;
        if let Some(count) = self.counts.get_mut(&key.namespace) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&key.namespace);
            }
        }
        Some(removed)
    }

    /// Adds a namespace that has workloads and no assignment.
    pub(in crate::controller) fn add_namespace(&mut self, name: Arc<str>) {
        if self.namespaces.len() < LIMIT && !self.namespaces.contains_key(&name) {
            let timer = self.timers.insert(Timer::Namespace(name.clone()), UNASSIGNED_FOR);
            self.namespaces.insert(name, Some(timer));
        }
    }

    /// Removes the namespaces for which `is_unassigned` is false.
    pub(in crate::controller) fn retain_namespaces(&mut self, is_unassigned: impl Fn(&str) -> bool) {
        let timers = &mut self.timers;
        self.namespaces.retain(|name, timer| {
            let is_kept = is_unassigned(name);
            if let Some(timer) = timer.as_ref().filter(|_| !is_kept) {
                timers.remove(timer);
            }
            is_kept
        });
    }

    /// Removes all changes of workloads. Necessary after layers were renumbered.
    pub(in crate::controller) fn clear_workloads(&mut self) {
        for (_, (_, timer)) in self.workloads.drain() {
            self.timers.remove(&timer);
        }
        self.counts.clear();
    }

    /// Waits for the next change whose waiting time is over. Cancel-safe.
    pub(in crate::controller) async fn next(&mut self) -> Due {
        loop {
            match self.timers.next().await {
                Some(expired) => match expired.into_inner() {
                    Timer::Workload(key) => {
                        if let Some((before, _)) = self.remove_workload(&key) {
                            return Due::Workload(key, before);
                        }
                    }
                    Timer::Namespace(name) => {
                        self.namespaces.insert(name.clone(), None);
                        return Due::Namespace(name);
                    }
                },
                // Nothing waits: a later call adds changes.
                None => std::future::pending().await,
            }
        }
    }
}

/// Returns the note for a workload that has new gaps, or no gaps any more; `None` otherwise.
pub(in crate::controller) fn workload_note(
    matrix: &Matrix,
    before: &BTreeSet<(LayerId, Duty)>,
    now: &BTreeSet<(LayerId, Duty)>,
    assignment: &AssignmentId,
) -> Option<Note> {
    let reference = format!("see the status of {} {}", assignment.kind(), assignment.name);
    let mut layers: Vec<&str> = now.difference(before).map(|(layer, _)| matrix.layer(*layer).name.as_str()).collect();
    layers.dedup();
    let (warning, reason, note) = if !layers.is_empty() {
        let count = layers.len();
        let note =
            format!("{count} layer(s) of this workload have a new gap: {}; {reference}", list(&layers, LAYERS_LIMIT));
        (true, "ResponsibilityGap", note)
    } else if now.is_empty() && !before.is_empty() {
        (false, "ResponsibilityCovered", format!("every duty of this workload has an owner again; {reference}"))
    } else {
        return None;
    };
    Some(Note { warning, reason, about: None, date: None, note })
}

/// Returns true if a workload is still being set up. Times are seconds since 1970.
pub(in crate::controller) const fn is_young(created: i64, now: i64) -> bool {
    now - created < SETUP_SECONDS
}

/// Returns the note for a namespace whose workloads no assignment selects.
pub(in crate::controller) fn namespace_note() -> Note {
    Note { warning: false, reason: "NamespaceUnassigned", about: None, date: None, note: UNASSIGNED.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::WorkloadKind;

    fn change(name: &str, reselected: bool) -> ChangedWorkload {
        change_in("shop", name, reselected)
    }

    fn change_in(namespace: &str, name: &str, reselected: bool) -> ChangedWorkload {
        let key = WorkloadKey { namespace: namespace.into(), kind: WorkloadKind::Deployment, name: name.into() };
        ChangedWorkload { key: Arc::new(key), before: Arc::default(), reselected }
    }

    async fn due(events: &mut WorkloadEvents, within: Duration) -> Option<String> {
        match tokio::time::timeout(within, events.next()).await {
            Ok(Due::Workload(key, _)) => Some(key.name.to_string()),
            Ok(Due::Namespace(name)) => Some(name.to_string()),
            Err(_) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_looked_at_once_after_it_has_lasted() {
        let mut events = WorkloadEvents::default();
        events.add_workload(change("web", false));
        events.add_workload(change("web", false));
        assert_eq!(due(&mut events, Duration::from_secs(1)).await, None);
        assert_eq!(due(&mut events, Duration::from_secs(2)).await.as_deref(), Some("web"));
        assert_eq!(due(&mut events, Duration::from_hours(1)).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_other_assignments_bring_is_not_told_nor_what_has_a_generated_name() {
        let mut events = WorkloadEvents::default();
        events.add_workload(change("web", false));
        events.add_workload(change("web", true));
        events.add_workload(change("etl-*", false));
        events.add_workload(change("api", false));
        events.clear_workloads();
        assert_eq!(due(&mut events, Duration::from_hours(1)).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_is_looked_at_after_a_minute() {
        let mut events = WorkloadEvents::default();
        events.add_namespace("shop".into());
        assert_eq!(due(&mut events, Duration::from_secs(50)).await, None);
        events.add_namespace("shop".into());
        assert_eq!(due(&mut events, Duration::from_secs(15)).await.as_deref(), Some("shop"));
        events.add_namespace("shop".into());
        assert_eq!(due(&mut events, Duration::from_hours(1)).await, None, "emitted once until it is assigned");
        events.retain_namespaces(|name| name != "shop");
        events.add_namespace("shop".into());
        assert_eq!(due(&mut events, Duration::from_hours(1)).await.as_deref(), Some("shop"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_gets_an_assignment_within_the_minute_is_not_looked_at() {
        let mut events = WorkloadEvents::default();
        for name in ["a", "b", "c"] {
            events.add_namespace(name.into());
        }
        events.retain_namespaces(|name| name != "a");
        assert_eq!(due(&mut events, Duration::from_mins(2)).await.map(|name| name != "a"), Some(true));
        events.retain_namespaces(|_| false);
        assert_eq!(due(&mut events, Duration::from_hours(1)).await, None);
    }

    #[tokio::test]
    async fn more_changes_than_can_wait_find_no_room() {
        let mut events = WorkloadEvents::default();
        let change = |number: usize| change_in(&format!("ns-{}", number % 1000), &number.to_string(), false);
        let taken = (0..LIMIT + 7).filter(|number| events.add_workload(change(*number))).count();
        assert_eq!(taken, LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_with_very_many_changes_leaves_room_for_another() {
        let mut events = WorkloadEvents::default();
        let taken = |events: &mut WorkloadEvents, namespace: &str| {
            (0..LIMIT).filter(|number| events.add_workload(change_in(namespace, &number.to_string(), false))).count()
        };
        assert_eq!(taken(&mut events, "loud"), LIMIT_PER_NAMESPACE);
        assert!(events.add_workload(change_in("quiet", "web", false)));
        while due(&mut events, Duration::from_hours(1)).await.is_some() {}
        assert_eq!(taken(&mut events, "loud"), LIMIT_PER_NAMESPACE, "there is room again after the Events");
    }

    #[test]
    fn a_workload_is_told_of_when_it_gains_gaps_or_loses_the_last() {
        let matrix = Matrix::built_in();
        let gaps = |names: &[&str]| -> BTreeSet<_> {
            names.iter().map(|name| (matrix.find(name).unwrap(), Duty::Customer)).collect()
        };
        let id = AssignmentId { namespace: Some("shop".into()), name: "team".into() };
        let note = |before: &[&str], now: &[&str]| workload_note(matrix, &gaps(before), &gaps(now), &id);
        let gained = note(&["node-os"], &["node-os", "cloud-network"]).unwrap();
        assert_eq!(gained.reason, "ResponsibilityGap");
        assert!(gained.note.contains("cloud-network") && !gained.note.contains("node-os"), "{}", gained.note);
        assert!(gained.note.contains("ResponsibilityAssignment team"), "{}", gained.note);
        assert_eq!(note(&["node-os"], &[]).unwrap().reason, "ResponsibilityCovered");
        assert_eq!(note(&["node-os", "cloud-network"], &["node-os"]), None);
        assert_eq!(note(&[], &[]), None);
        assert_eq!(note(&["node-os"], &["cloud-network"]).unwrap().reason, "ResponsibilityGap");
    }

    #[test]
    fn a_workload_is_young_for_five_minutes() {
        assert!(is_young(1000, 1299) && !is_young(1000, 1300));
    }
}

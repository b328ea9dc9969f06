//! What may have to be told of workloads and namespaces, after it has lasted.
//!
//! Nothing is kept of what is quiet: a change is remembered while it waits to be told, with what was found before it. So a
//! process that starts has nothing to tell, and a change that is undone meanwhile is never told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio_util::time::{DelayQueue, delay_queue};

use crate::facts::{AssignmentId, WorkloadKey};
use crate::inventory::ChangedWorkload;
use crate::matrix::{Duty, LayerId, Matrix};
use crate::model::{Evaluation, Note, UNASSIGNED, list};

/// A change of a workload is told when it has lasted for so long.
const QUIET: Duration = Duration::from_secs(2);
/// A namespace without an assignment is told of when that has lasted for so long.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many changes may wait; more are dropped.
const LIMIT: usize = 10_000;
/// Workloads younger than this are being set up, in seconds.
const YOUNG: i64 = 300;
/// The longest list of layers in a note, in bytes.
const LAYERS_LIMIT: usize = 600;

/// What is due to be looked at.
#[derive(Debug)]
pub(super) enum Due {
    /// A workload, and what was found for it before it changed.
    Workload(Arc<WorkloadKey>, Arc<Evaluation>),
    /// A namespace that had no assignment.
    Namespace(Arc<str>),
}

#[derive(Debug)]
enum Timer {
    Workload(Arc<WorkloadKey>),
    Namespace(Arc<str>),
}

/// Changes that wait to be told.
#[derive(Debug, Default)]
pub(super) struct Notices {
    workloads: HashMap<Arc<WorkloadKey>, (Arc<Evaluation>, delay_queue::Key)>,
    /// The namespaces without an assignment, until one speaks for them: each is told of once.
    namespaces: HashMap<Arc<str>, Option<delay_queue::Key>>,
    timers: DelayQueue<Timer>,
}

impl Notices {
    /// Takes in a change of a workload; whether there was room for it.
    pub(super) fn workload(&mut self, change: ChangedWorkload) -> bool {
        if change.reselected {
            // What is said of it now is another matter than what was said before.
            if let Some((_, timer)) = self.workloads.remove(&change.key) {
                self.timers.remove(&timer);
            }
            return true;
        }
        if change.key.is_generated() || self.workloads.contains_key(&change.key) {
            return true;
        }
        if self.workloads.len() >= LIMIT {
            return false;
        }
        let timer = self.timers.insert(Timer::Workload(change.key.clone()), QUIET);
        self.workloads.insert(change.key, (change.before, timer));
        true
    }

    /// Takes in that no assignment speaks for a namespace any more, or that it has its first workload without one.
    pub(super) fn namespace(&mut self, name: Arc<str>) {
        if self.namespaces.len() < LIMIT && !self.namespaces.contains_key(&name) {
            let timer = self.timers.insert(Timer::Namespace(name.clone()), PATIENCE);
            self.namespaces.insert(name, Some(timer));
        }
    }

    /// Forgets the namespaces of which this does not hold any more: that they exist, and that no assignment speaks for them.
    pub(super) fn retain_namespaces(&mut self, is_unassigned: impl Fn(&str) -> bool) {
        let timers = &mut self.timers;
        self.namespaces.retain(|name, timer| {
            let stays = is_unassigned(name);
            if let Some(timer) = timer.as_ref().filter(|_| !stays) {
                timers.remove(timer);
            }
            stays
        });
    }

    /// Forgets all changes of workloads: layers have other numbers than before.
    pub(super) fn forget_workloads(&mut self) {
        for (_, (_, timer)) in self.workloads.drain() {
            self.timers.remove(&timer);
        }
    }

    /// What is due next. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Due {
        loop {
            match self.timers.next().await {
                Some(expired) => match expired.into_inner() {
                    Timer::Workload(key) => {
                        if let Some((before, _)) = self.workloads.remove(&key) {
                            return Due::Workload(key, before);
                        }
                    }
                    Timer::Namespace(name) => {
                        self.namespaces.insert(name.clone(), None);
                        return Due::Namespace(name);
                    }
                },
                // Nothing waits: only another call can change that.
                None => std::future::pending().await,
            }
        }
    }
}

/// What to tell of a workload that had gaps before and has others now, if anything: that it has gained some, or has none
/// any more.
pub(super) fn workload_note(
    matrix: &Matrix,
    before: &BTreeSet<(LayerId, Duty)>,
    now: &BTreeSet<(LayerId, Duty)>,
    assignment: &AssignmentId,
) -> Option<Note> {
    let told_in = format!("see the status of {} {}", assignment.kind(), assignment.name);
    let mut layers: Vec<&str> = now.difference(before).map(|(layer, _)| matrix.layer(*layer).name.as_str()).collect();
    layers.dedup();
    let (warning, reason, note) = if !layers.is_empty() {
        let count = layers.len();
        let note = format!("{count} layer(s) of it have a gap now: {}; {told_in}", list(&layers, LAYERS_LIMIT));
        (true, "ResponsibilityGap", note)
    } else if now.is_empty() && !before.is_empty() {
        (false, "ResponsibilityCovered", format!("no duty of it lacks an owner any more; {told_in}"))
    } else {
        return None;
    };
    Some(Note { warning, reason, about: None, date: None, note })
}

/// Whether a workload is still being set up, in seconds since 1970.
pub(super) const fn is_young(created: i64, now: i64) -> bool {
    now - created < YOUNG
}

/// What to tell of a namespace for whose workloads no assignment speaks.
pub(super) fn namespace_note() -> Note {
    Note { warning: false, reason: "NamespaceUnassigned", about: None, date: None, note: UNASSIGNED.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::WorkloadKind;

    fn key(name: &str) -> Arc<WorkloadKey> {
        Arc::new(WorkloadKey { namespace: "shop".into(), kind: WorkloadKind::Deployment, name: name.into() })
    }

    fn change(name: &str, reselected: bool) -> ChangedWorkload {
        ChangedWorkload { key: key(name), before: Arc::default(), reselected }
    }

    async fn due(notices: &mut Notices, within: Duration) -> Option<String> {
        match tokio::time::timeout(within, notices.next()).await {
            Ok(Due::Workload(key, _)) => Some(key.name.to_string()),
            Ok(Due::Namespace(name)) => Some(name.to_string()),
            Err(_) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_looked_at_once_after_it_has_lasted() {
        let mut notices = Notices::default();
        notices.workload(change("web", false));
        notices.workload(change("web", false));
        assert_eq!(due(&mut notices, Duration::from_secs(1)).await, None);
        assert_eq!(due(&mut notices, Duration::from_secs(2)).await.as_deref(), Some("web"));
        assert_eq!(due(&mut notices, Duration::from_hours(1)).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_other_assignments_bring_is_not_told_nor_what_has_a_generated_name() {
        let mut notices = Notices::default();
        notices.workload(change("web", false));
        notices.workload(change("web", true));
        notices.workload(change("etl-*", false));
        notices.workload(change("api", false));
        notices.forget_workloads();
        assert_eq!(due(&mut notices, Duration::from_hours(1)).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_is_looked_at_after_a_minute() {
        let mut notices = Notices::default();
        notices.namespace("shop".into());
        assert_eq!(due(&mut notices, Duration::from_secs(50)).await, None);
        notices.namespace("shop".into());
        assert_eq!(due(&mut notices, Duration::from_secs(15)).await.as_deref(), Some("shop"));
        notices.namespace("shop".into());
        assert_eq!(due(&mut notices, Duration::from_hours(1)).await, None, "told once until it is assigned");
        notices.retain_namespaces(|name| name != "shop");
        notices.namespace("shop".into());
        assert_eq!(due(&mut notices, Duration::from_hours(1)).await.as_deref(), Some("shop"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_gets_an_assignment_within_the_minute_is_not_looked_at() {
        let mut notices = Notices::default();
        for name in ["a", "b", "c"] {
            notices.namespace(name.into());
        }
        notices.retain_namespaces(|name| name != "a");
        assert_eq!(due(&mut notices, Duration::from_mins(2)).await.map(|name| name != "a"), Some(true));
        notices.retain_namespaces(|_| false);
        assert_eq!(due(&mut notices, Duration::from_hours(1)).await, None);
    }

    #[tokio::test]
    async fn more_changes_than_can_wait_find_no_room() {
        let mut notices = Notices::default();
        let taken = (0..LIMIT + 7).filter(|number| notices.workload(change(&number.to_string(), false))).count();
        assert_eq!(taken, LIMIT);
    }

    #[test]
    fn a_workload_is_told_of_when_it_gains_gaps_or_loses_the_last() {
        let matrix = Matrix::built_in();
        let gaps = |names: &[&str]| -> BTreeSet<_> {
            names.iter().map(|name| (matrix.find(name).unwrap(), Duty::Customer)).collect()
        };
        let id = AssignmentId { namespace: Some("shop".into()), name: "team".into() };
        let told = |before: &[&str], now: &[&str]| workload_note(matrix, &gaps(before), &gaps(now), &id);
        let gained = told(&["node-os"], &["node-os", "cloud-network"]).unwrap();
        assert_eq!(gained.reason, "ResponsibilityGap");
        assert!(gained.note.contains("cloud-network") && !gained.note.contains("node-os"), "{}", gained.note);
        assert!(gained.note.contains("ResponsibilityAssignment team"), "{}", gained.note);
        assert_eq!(told(&["node-os"], &[]).unwrap().reason, "ResponsibilityCovered");
        assert_eq!(told(&["node-os", "cloud-network"], &["node-os"]), None);
        assert_eq!(told(&[], &[]), None);
        assert_eq!(told(&["node-os"], &["cloud-network"]).unwrap().reason, "ResponsibilityGap");
    }

    #[test]
    fn a_workload_is_young_for_five_minutes() {
        assert!(is_young(1000, 1299) && !is_young(1000, 1300));
    }
}

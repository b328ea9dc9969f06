//! Many changes per second for a while, as during rollouts of teams. Most of them have no effect.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use benches::scenario::{Churn, Latency};
use benches::{Object, World};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::audit::Audit;
use crate::cluster::{ACCOUNT, Cluster, merge_patch};
use crate::process::Usage;
use crate::reaction::{drop_data, keep_data, name};
use crate::statuses::Statuses;

/// Number of requested changes per second.
const RATE: u32 = 500;

/// One of this number of changes has an effect. That is half of the limit of status writes: cluster assignments change too,
/// and statuses record the emitted Events.
const VISIBLE: u32 = 20;

/// Maximum number of parallel requests.
const PARALLEL: usize = 16;

/// Time without a status after which the statuses count as complete.
const QUIET: Duration = Duration::from_secs(10);

/// Assignment with its Deployments. They start to keep data one after another, then stop one after another.
struct Team {
    assignment: String,
    deployments: Vec<String>,
    /// True while they start to keep data.
    begins: bool,
    done: usize,
    /// Times of the changes that no status has shown yet, with the number of workloads at which a status shows them.
    unseen: VecDeque<(Instant, i64)>,
    /// Number of workloads that the status will show after all changes.
    expected: i64,
}

impl Team {
    /// Returns the next change; none while a turn waits until the earlier changes are seen.
    fn change(&mut self) -> Option<http::Request<Vec<u8>>> {
        if self.done == self.deployments.len() {
            if !self.unseen.is_empty() {
                return None;
            }
            self.begins = !self.begins;
            self.done = 0;
        }
        let deployment = &self.deployments[self.done];
        self.done += 1;
        self.expected += if self.begins { 1 } else { -1 };
        self.unseen.push_back((Instant::now(), self.expected));
        Some(if self.begins { keep_data(deployment) } else { drop_data(deployment) })
    }

    /// Records the number of workloads in a status. Returns the latencies in milliseconds of the changes that it shows.
    fn shows(&mut self, workloads: i64, at: Instant) -> Vec<f64> {
        let mut shown = Vec::new();
        while let Some((made, from)) = self.unseen.front().copied() {
            let is_shown = if self.begins { workloads >= from } else { workloads <= from };
            if !is_shown {
                break;
            }
            self.unseen.pop_front();
            shown.push(at.duration_since(made).as_secs_f64() * 1000.0);
        }
        shown
    }
}

/// Changes workloads while a program runs, and measures its usage and its writes. With `observed` it also measures when the
/// statuses show the changes; only the operator writes statuses.
pub async fn measure(
    cluster: &Cluster,
    world: World,
    duration: Duration,
    usage: impl Fn() -> Result<Usage>,
    observed: bool,
) -> Result<Churn> {
    let mut statuses = Statuses::watch(cluster.client()).await?;
    let mut audit = Audit::from_now(&cluster.audit_log(), ACCOUNT)?;
    let others: Vec<String> = world.workloads().filter(Object::is_deployment).map(|object| object.path()).collect();
    let mut teams: Vec<Team> =
        world.observable().iter().map(|(assignment, deployments)| team(&statuses, assignment, deployments)).collect();
    let places: HashMap<String, usize> =
        teams.iter().enumerate().map(|(place, team)| (team.assignment.clone(), place)).collect();
    let under_way = Arc::new(Semaphore::new(PARALLEL));
    let (mut requests, mut samples) = (JoinSet::new(), Vec::new());
    let before = usage()?;
    let begun = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut number, mut next_team) = (0_u32, 0);
    while begun.elapsed() < duration {
        tokio::select! {
            biased;
            seen = statuses.next(Duration::from_secs(1)) => {
                if let Some((assignment, shown)) = seen? && let Some(place) = places.get(&assignment) {
                    samples.extend(teams[*place].shows(shown.workloads, shown.at));
                }
            }
            _ = ticks.tick() => {
                let Ok(permit) = under_way.clone().try_acquire_owned() else { continue };
                number += 1;
                let visible = if number.is_multiple_of(VISIBLE) && observed {
                    next_team = (next_team + 1) % teams.len();
                    teams[next_team].change()
                } else {
                    None
                };
                let place = number as usize * 7919 % others.len();
                let change = visible.unwrap_or_else(|| rollout(&others[place]));
                let client = cluster.client().clone();
                requests.spawn(async move {
                    let answer = client.request_text(change).await;
                    drop(permit);
                    answer
                });
            }
            Some(answer) = requests.join_next() => drop(answer??),
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let after = usage()?;
    let entries = audit.read()?;
    while let Some(answer) = requests.join_next().await {
        answer??;
    }
    while observed
        && teams.iter().any(|team| !team.unseen.is_empty())
        && let Some((assignment, shown)) = statuses.next(QUIET).await?
    {
        if let Some(place) = places.get(&assignment) {
            samples.extend(teams[*place].shows(shown.workloads, shown.at));
        }
    }
    let unseen: usize = teams.iter().map(|team| team.unseen.len()).sum();
    anyhow::ensure!(unseen == 0, "{unseen} changes were never shown by a status");
    put_back(cluster, &teams).await?;
    let mut of_each: HashMap<_, u32> = HashMap::new();
    for write in entries.iter().filter(|entry| entry.is_status()) {
        *of_each.entry(write.object()).or_default() += 1;
    }
    let events: u32 = entries.iter().map(|entry| u32::from(entry.is_event() && entry.is_done())).sum();
    Ok(Churn {
        seconds,
        changes_per_second: f64::from(number) / seconds,
        latency: observed.then(|| Latency::of(samples)),
        cores: (after.cpu - before.cpu) / seconds,
        writes_per_second: f64::from(of_each.values().sum::<u32>()) / seconds,
        writes_of_one_per_second: f64::from(of_each.values().copied().max().unwrap_or_default()) / seconds,
        events_per_second: f64::from(events) / seconds,
    })
}

fn team(statuses: &Statuses, assignment: &Object, deployments: &[Object]) -> Team {
    let assignment = name(assignment);
    Team {
        expected: statuses.workloads(&assignment),
        assignment,
        deployments: deployments.iter().map(Object::path).collect(),
        begins: true,
        done: 0,
        unseen: VecDeque::new(),
    }
}

/// Returns the change of kubectl rollout restart, a change of the template without an effect on responsibilities. The time
/// differs from that of earlier runs, because an equal time would not be a change.
fn rollout(deployment: &str) -> http::Request<Vec<u8>> {
    let annotations = json!({ "kubectl.kubernetes.io/restartedAt": Timestamp::now().to_string() });
    merge_patch(deployment, &json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } }))
}

/// Reverts the changes with an effect.
async fn put_back(cluster: &Cluster, teams: &[Team]) -> Result<()> {
    let keeping = teams.iter().flat_map(|team| {
        let (done, open) = team.deployments.split_at(team.done);
        if team.begins { done } else { open }
    });
    cluster.send_all("changes taken back", keeping.map(|deployment| drop_data(deployment))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_by_the_first_status_that_counts_it_and_a_turn_waits_for_the_one_before() {
        let deployments = vec!["/deployments/one".to_owned(), "/deployments/two".to_owned()];
        let assignment = "team/part-0".to_owned();
        let mut team = Team { assignment, deployments, begins: true, done: 0, unseen: VecDeque::new(), expected: 5 };
        assert!(team.change().is_some() && team.change().is_some());
        assert!(team.change().is_none(), "two changes are not seen yet");
        let later = Instant::now() + Duration::from_secs(1);
        assert!(team.shows(5, later).is_empty());
        let shown = team.shows(7, later);
        assert!(shown.len() == 2 && shown.iter().all(|milliseconds| *milliseconds >= 1000.0), "{shown:?}");
        assert!(team.change().is_some(), "the first one ceases to keep data");
        assert!(team.shows(7, later).is_empty());
        assert_eq!(team.shows(6, later).len(), 1);
    }
}

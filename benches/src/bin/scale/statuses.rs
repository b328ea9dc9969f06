//! Statuses of assignments as a watching client sees them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use benches::World;
use futures::StreamExt;
use kube::core::ApiResource;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, Resource};
use responsibility_operator::api::ResponsibilityAssignment;
use responsibility_operator::extract::Slim;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

/// Maximum time until a status shows a change. After it the run fails.
const LIMIT: Duration = Duration::from_mins(5);

type Assignment = Slim<ResponsibilityAssignment, IgnoredAny, Status>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    unowned_layers: Vec<Row>,
}

#[derive(Clone, Debug, Deserialize)]
struct Row {
    layer: String,
    workloads: i64,
}

/// Number of workloads in the observed row of a status, with the time at which it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub workloads: i64,
    pub at: Instant,
}

/// Watch of the statuses.
pub struct Statuses {
    seen: UnboundedReceiver<(String, Shown)>,
    latest: HashMap<String, Shown>,
    watch: JoinHandle<()>,
}

impl Drop for Statuses {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Statuses {
    /// Starts the watch. All statuses are known when it returns.
    pub async fn watch(client: &Client) -> Result<Self> {
        let (sender, mut seen) = unbounded_channel();
        let assignments = ApiResource::erase::<ResponsibilityAssignment>(&());
        let api = Api::<Assignment>::all_with(client.clone(), &assignments);
        let events = watcher(api, Config::default()).default_backoff();
        let watch = tokio::spawn(async move {
            let mut events = Box::pin(events);
            while let Some(event) = events.next().await {
                let shown = match event {
                    Ok(Event::InitApply(assignment) | Event::Apply(assignment)) => Some(shown(&assignment)),
                    Ok(Event::InitDone) => None,
                    Ok(Event::Init | Event::Delete(_)) => continue,
                    Err(error) => {
                        super::say(&format!("watching the statuses: {error}"));
                        continue;
                    }
                };
                if sender.send(shown).is_err() {
                    return;
                }
            }
        });
        let mut latest = HashMap::new();
        while let Some((name, shown)) = seen.recv().await.context("the watch of the statuses has ended")? {
            latest.insert(name, shown);
        }
        let (forward, all) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(shown) = seen.recv().await {
                if let Some(shown) = shown
                    && forward.send(shown).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { seen: all, latest, watch })
    }

    /// Returns the number of workloads in the observed row of an assignment's status.
    pub fn workloads(&self, assignment: &str) -> i64 {
        self.latest.get(assignment).map_or(0, |shown| shown.workloads)
    }

    /// Returns the next status, or `None` after a time without one.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<(String, Shown)>> {
        let Ok(seen) = tokio::time::timeout(limit, self.seen.recv()).await else { return Ok(None) };
        let (name, shown) = seen.context("the watch of the statuses has ended")?;
        self.latest.insert(name.clone(), shown);
        Ok(Some((name, shown)))
    }

    /// Waits until the status of an assignment shows an expected number. Returns the time at which it was seen.
    pub async fn until(&mut self, assignment: &str, wanted: impl Fn(i64) -> bool) -> Result<Instant> {
        loop {
            if let Some(shown) = self.latest.get(assignment).filter(|shown| wanted(shown.workloads)) {
                return Ok(shown.at);
            }
            let seen = self.next(LIMIT).await?;
            seen.with_context(|| format!("the status of {assignment} does not show the change"))?;
        }
    }
}

fn shown(assignment: &Assignment) -> (String, Shown) {
    let metadata = assignment.meta();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let name = format!("{}/{}", text(&metadata.namespace), text(&metadata.name));
    let row = assignment.status.unowned_layers.iter().find(|row| row.layer == World::observed_layer());
    (name, Shown { workloads: row.map_or(0, |row| row.workloads), at: Instant::now() })
}

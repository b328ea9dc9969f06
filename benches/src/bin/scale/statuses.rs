//! What the statuses of assignments show, as somebody sees it who watches them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use benches::World;
use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, Resource};
use responsibility_operator::api::ResponsibilityAssignment;
use responsibility_operator::extract::Slim;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

/// How long a status may take to show a change before the run has failed.
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

/// That a status shows a number of workloads in the observed row, and when that was seen.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    pub workloads: i64,
    pub at: Instant,
}

/// A watch of the statuses.
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
    /// Begins to watch, and knows all statuses when it returns.
    pub async fn watch(client: &Client) -> Result<Self> {
        let (sender, mut seen) = unbounded_channel();
        let events = watcher(Api::<Assignment>::all(client.clone()), Config::default()).default_backoff();
        let watch = tokio::spawn(async move {
            let mut events = Box::pin(events);
            while let Some(event) = events.next().await {
                let told = match event {
                    Ok(Event::InitApply(assignment) | Event::Apply(assignment)) => Some(shown(&assignment)),
                    Ok(Event::InitDone) => None,
                    Ok(Event::Init | Event::Delete(_)) => continue,
                    Err(error) => {
                        super::say(&format!("watching the statuses: {error}"));
                        continue;
                    }
                };
                if sender.send(told).is_err() {
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
            while let Some(told) = seen.recv().await {
                if let Some(told) = told
                    && forward.send(told).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { seen: all, latest, watch })
    }

    /// How many workloads the status of an assignment shows in the observed row.
    pub fn workloads(&self, assignment: &str) -> i64 {
        self.latest.get(assignment).map_or(0, |shown| shown.workloads)
    }

    /// The next status that is seen; none after a time without any.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<(String, Shown)>> {
        let Ok(seen) = tokio::time::timeout(limit, self.seen.recv()).await else { return Ok(None) };
        let (name, shown) = seen.context("the watch of the statuses has ended")?;
        self.latest.insert(name.clone(), shown);
        Ok(Some((name, shown)))
    }

    /// Waits until the status of an assignment shows a number as wanted, and tells when that was.
    pub async fn until(&mut self, assignment: &str, wanted: impl Fn(i64) -> bool) -> Result<Instant> {
        loop {
            if let Some(shown) = self.latest.get(assignment).filter(|shown| wanted(shown.workloads)) {
                return Ok(shown.at);
            }
            let seen = self.next(LIMIT).await?;
            seen.with_context(|| format!("the status of {assignment} does not show what was changed"))?;
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

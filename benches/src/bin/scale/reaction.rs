//! Time from a change of a workload to the status that shows it, one change after another in a quiet cluster. The bare
//! client is the comparison: a watch that sees the change, and a status patch.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use benches::scenario::Latency;
use benches::{Object, World};
use futures::StreamExt;
use http::Request;
use k8s_openapi::api::apps::v1 as apps;
use kube::core::ApiResource;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Resource};
use responsibility_operator::extract::Slim;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::cluster::{Cluster, json_patch, request};
use crate::statuses::Statuses;

/// Maximum number of changed Deployments.
const PROBES: usize = 200;

/// Minimum time between two changes, so that the effects of one change do not delay the next.
const APART: Duration = Duration::from_millis(100);

/// Returns a request after which the Deployment keeps data.
pub fn keep_data(deployment: &str) -> Request<Vec<u8>> {
    let volume = json!({ "name": "data", "persistentVolumeClaim": { "claimName": "data" } });
    json_patch(deployment, &json!([{ "op": "add", "path": "/spec/template/spec/volumes/-", "value": volume }]))
}

/// Returns a request after which the Deployment keeps no data.
pub fn drop_data(deployment: &str) -> Request<Vec<u8>> {
    json_patch(deployment, &json!([{ "op": "remove", "path": "/spec/template/spec/volumes/2" }]))
}

/// Returns the key of an assignment in the watch of statuses.
pub fn name(assignment: &Object) -> String {
    let text = |field: &str| assignment.body["metadata"][field].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text("namespace"), text("name"))
}

/// Changes Deployments one after another, each of another assignment. Waits after each change until the status shows it.
pub async fn measure(cluster: &Cluster, world: World) -> Result<Latency> {
    measure_with(cluster, world, Observer::Operator).await
}

async fn measure_with(cluster: &Cluster, world: World, observer: Observer) -> Result<Latency> {
    let mut statuses = Statuses::watch(cluster.client()).await?;
    let observable = world.observable();
    let probes: Vec<(String, String, i64)> = observable
        .iter()
        .take(PROBES)
        .filter_map(|(assignment, deployments)| Some((name(assignment), deployments.first()?.path())))
        .map(|(assignment, deployment)| {
            let before = statuses.workloads(&assignment);
            (assignment, deployment, before)
        })
        .collect();
    let mut samples = Vec::new();
    let mut ticks = interval(APART);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for (assignment, deployment, before) in &probes {
        ticks.tick().await;
        let begun = Instant::now();
        cluster.send(keep_data(deployment)).await?;
        let shown = statuses.until(assignment, |workloads| workloads != *before).await?;
        samples.push(shown.duration_since(begun).as_secs_f64() * 1000.0);
    }
    cluster.send_all("changes taken back", probes.iter().map(|(_, deployment, _)| drop_data(deployment))).await?;
    if observer == Observer::Operator {
        for (assignment, _, before) in &probes {
            statuses.until(assignment, |workloads| workloads == *before).await?;
        }
    }
    Ok(Latency::of(samples))
}

/// Program that shows changes in statuses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Observer {
    Operator,
    Bare,
}

/// Measures the same with the bare client in place of the operator.
pub async fn measure_bare(cluster: &Cluster, world: World) -> Result<Latency> {
    let mut bare = Bare::start(cluster, world).await?;
    tokio::select! {
        latency = measure_with(cluster, world, Observer::Bare) => {
            bare.0.abort();
            latency
        }
        ended = &mut bare.0 => {
            ended??;
            bail!("the watch has ended")
        }
    }
}

/// Watches Deployments and patches a status after each change.
struct Bare(JoinHandle<Result<()>>);

impl Bare {
    async fn start(cluster: &Cluster, world: World) -> Result<Self> {
        let mut assignments = HashMap::new();
        for (assignment, deployments) in world.observable() {
            for deployment in deployments {
                assignments.insert(name(&deployment), (assignment.clone(), 0_i64));
            }
        }
        let client = cluster.client().clone();
        let deployments = ApiResource::erase::<apps::Deployment>(&());
        let api = Api::<Slim<apps::Deployment, IgnoredAny>>::all_with(client.clone(), &deployments);
        let mut events = Box::pin(watcher(api, Config::default()));
        while !matches!(events.next().await.context("the watch has ended")??, Event::InitDone) {}
        let answering = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let Event::Apply(deployment) = event? else { continue };
                let metadata = deployment.meta();
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let of = format!("{}/{}", text(&metadata.namespace), text(&metadata.name));
                let Some((assignment, shown)) = assignments.get_mut(&of) else { continue };
                *shown += 1;
                client.request_text(status(assignment, *shown)).await?;
            }
            Ok(())
        });
        Ok(Self(answering))
    }
}

fn status(assignment: &Object, workloads: i64) -> Request<Vec<u8>> {
    let row = json!({
        "layer": World::observed_layer(), "duty": "Customer", "reason": "LayerUnowned", "workloads": workloads,
        "since": "2026-11-01T08:00:00Z", "message": "written without a look at anything",
    });
    let metadata = &assignment.body["metadata"];
    let body = json!({
        "apiVersion": assignment.body["apiVersion"], "kind": assignment.body["kind"],
        "metadata": { "name": metadata["name"], "namespace": metadata["namespace"] },
        "status": { "unownedLayers": [row] },
    });
    let path = format!("{}/status?fieldManager=bare&force=true", assignment.path());
    request(http::Method::PATCH, &path, "application/apply-patch+yaml", body.to_string())
}

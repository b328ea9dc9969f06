//! The floor: a program that lists and watches the same objects as the operator, with the same client and the same slim
//! types, and drops them. It is the lower bound for the costs of any program that reads these objects.

use std::fmt::Debug;
use std::pin::pin;

use anyhow::{Context, Result};
use futures::StreamExt;
use jiff::Timestamp;
use kube::core::ApiResource;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, Resource};
use responsibility_operator::controller::KINDS;
use responsibility_operator::extract::{
    ClusterAssignment, CronJob, DaemonSet, Deployment, Ingress, Job, Namespace, NamespacedAssignment, NetworkPolicy,
    Node, OwnServiceModel, Pod, ReplicaSet, ReplicationController, Service, StatefulSet,
};
use serde::de::DeserializeOwned;
use tikv_jemallocator::Jemalloc;
use tokio::sync::mpsc::{Sender, channel};

/// Same allocator as the operator, so that the comparison does not measure allocators.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Same page size as the operator.
const PAGE: u32 = 250;

/// Lists and watches until it is stopped. When all objects are read it prints `synced at=MILLISECONDS objects=NUMBER`, with
/// the time since 1970.
#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::try_default().await?;
    let (read, mut counts) = channel(1);
    let mut kinds = 0;
    macro_rules! read {
        ($($kind:ident: $plural:literal),* $(,)?) => {
            $( tokio::spawn(follow::<$kind>(client.clone(), resource($plural)?, read.clone())); kinds += 1; )*
        };
    }
    read!(Namespace: "namespaces", Node: "nodes", Pod: "pods", Service: "services", Ingress: "ingresses");
    read!(Deployment: "deployments", StatefulSet: "statefulsets", DaemonSet: "daemonsets", ReplicaSet: "replicasets");
    read!(ReplicationController: "replicationcontrollers", Job: "jobs", CronJob: "cronjobs");
    read!(NetworkPolicy: "networkpolicies", OwnServiceModel: "servicemodels");
    read!(NamespacedAssignment: "responsibilityassignments", ClusterAssignment: "clusterresponsibilityassignments");
    let mut objects = 0;
    for _ in 0..kinds {
        objects += counts.recv().await.context("a watch has ended")?;
    }
    drop(counts);
    println!("synced at={} objects={objects}", Timestamp::now().as_millisecond());
    tokio::signal::ctrl_c().await.context("cannot listen for the end")
}

/// Returns the resource of a plural in the operator's table of kinds.
fn resource(plural: &str) -> Result<ApiResource> {
    let spec = KINDS.iter().find(|spec| spec.plural == plural).context("the operator does not watch this kind")?;
    Ok(spec.resource(spec.preferred_version()))
}

/// Watches a kind and sends its number of objects after each list.
async fn follow<K>(client: Client, resource: ApiResource, read: Sender<usize>)
where
    K: Resource<DynamicType = ApiResource> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let api = Api::<K>::all_with(client, &resource);
    let mut events = pin!(watcher(api, Config::default().page_size(PAGE)));
    let mut listed = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed = 0,
            Ok(Event::InitApply(_)) => listed += 1,
            // After the first list nobody receives the number.
            Ok(Event::InitDone) => drop(read.send(listed).await),
            Ok(Event::Apply(_) | Event::Delete(_)) => {}
            Err(error) => eprintln!("{}: {error}", resource.plural),
        }
    }
}

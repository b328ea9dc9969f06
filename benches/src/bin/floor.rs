//! The floor: lists and watches what the operator does, by the same client and into the same slim types, and throws it
//! away. Nothing that answers a question about these objects can cost less.

use std::fmt::Debug;
use std::pin::pin;

use anyhow::{Context, Result};
use futures::StreamExt;
use jiff::Timestamp;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, Resource};
use responsibility_operator::extract::{
    ClusterAssignment, CronJob, DaemonSet, Deployment, Ingress, Job, Namespace, NamespacedAssignment, NetworkPolicy,
    Node, OwnServiceModel, Pod, ReplicaSet, ReplicationController, Service, StatefulSet,
};
use serde::de::DeserializeOwned;
use tikv_jemallocator::Jemalloc;
use tokio::sync::mpsc::{Sender, channel};

/// That of the operator, so that the difference between the two is not one of allocators.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// As many objects a page as the operator asks for.
const PAGE: u32 = 250;

/// Reads until it is told to stop. When everything was read it prints `synced at=MILLISECONDS objects=NUMBER`, the time
/// since 1970.
#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::try_default().await?;
    let (read, mut counts) = channel(1);
    let mut kinds = 0;
    macro_rules! read {
        ($($kind:ident),*) => { $( tokio::spawn(follow::<$kind>(Api::all(client.clone()), read.clone())); kinds += 1; )* };
    }
    read!(Namespace, Node, Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job, CronJob, Pod);
    read!(Service, Ingress, NetworkPolicy, NamespacedAssignment, ClusterAssignment, OwnServiceModel);
    let mut objects = 0;
    for _ in 0..kinds {
        objects += counts.recv().await.context("a watch has ended")?;
    }
    drop(counts);
    println!("synced at={} objects={objects}", Timestamp::now().as_millisecond());
    tokio::signal::ctrl_c().await.context("cannot listen for the end")
}

/// Follows a kind and tells how many objects it has, each time that they are listed.
async fn follow<K>(api: Api<K>, read: Sender<usize>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut events = pin!(watcher(api, Config::default().page_size(PAGE)));
    let mut listed = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed = 0,
            Ok(Event::InitApply(_)) => listed += 1,
            // Nobody listens to what is listed again.
            Ok(Event::InitDone) => drop(read.send(listed).await),
            Ok(Event::Apply(_) | Event::Delete(_)) => {}
            Err(error) => eprintln!("{}: {error}", K::plural(&())),
        }
    }
}

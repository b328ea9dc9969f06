//! The operator at work: what users see, and what happens when replicas go.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use harness::{Access, loose_definition, resident_memory};
use jiff::Timestamp;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, WatchEvent, WatchParams};
use serde_json::{Value, json};

use crate::objects::{assignment, load_balancer, service_model};
use crate::rights::OPTIONAL;
use crate::scenario::{RELEASE, SYSTEM, Scenario, seconds};

/// Layers that the team holds first.
const HELD: [&str; 3] = ["application-code", "image-supply-chain", "workload-configuration"];

pub(crate) fn assignment_status(scenario: &Scenario) -> Result<Value> {
    Ok(scenario.get(&["rassign", "team", "-n", "shop"])?["status"].take())
}

/// How many Events with this reason there are on the assignment.
pub(crate) fn events(scenario: &Scenario, reason: &str) -> Result<usize> {
    let selector = format!("reason={reason},involvedObject.name=team");
    let events = scenario.kubectl(&["get", "events", "-n", "shop", "--field-selector", &selector, "-o", "name"])?;
    Ok(events.lines().count())
}

/// Waits for an Event; there has to be one and no other.
fn until_told(scenario: &Scenario, reason: &str) -> Result<()> {
    scenario.until(reason, |this| Ok((events(this, reason)? > 0).then_some(())))?;
    let count = events(scenario, reason)?;
    ensure!(count == 1, "{count} Events {reason} instead of one");
    Ok(())
}

pub(crate) fn team_assigns(scenario: &mut Scenario) -> Result<()> {
    scenario.apply(&[assignment("shop", &HELD), service_model("own")])?;
    scenario.show(&["wait", "rassign/team", "-n", "shop", "--for=condition=Ready", "--timeout=60s"])?;
    scenario.show(&["wait", "smodel/own", "--for=condition=Accepted", "--timeout=60s"])?;
    until_told(scenario, "GapsFound")?;
    scenario.show(&["get", "rassign", "-A"])?;
    scenario.show(&["events", "--for", "rassign/team", "-n", "shop"])?;
    let status = assignment_status(scenario)?;
    ensure!(status["summary"]["workloads"] == 2, "the status counts other workloads: {:#}", status["summary"]);
    let rows = status["unownedLayers"].as_array().into_iter().flatten();
    let open: Vec<&str> = rows.filter_map(|row| row["layer"].as_str()).collect();
    ensure!(open.contains(&"access-control") && !open.contains(&HELD[0]), "other layers were expected: {open:?}");
    Ok(())
}

pub(crate) fn change(scenario: &mut Scenario) -> Result<()> {
    // Changes of a status within a second go together: what is measured is a first one.
    scenario.until("the status is quiet", |this| {
        let arguments = ["get", "rassign", "team", "-n", "shop", "--show-managed-fields", "-o", "json"];
        let object: Value = serde_json::from_str(&this.kubectl(&arguments)?)?;
        let fields = object["metadata"]["managedFields"].as_array().into_iter().flatten();
        let written =
            fields.filter(|field| field["subresource"] == "status").filter_map(|field| field["time"].as_str());
        let last: Timestamp = written.max().context("no status was written")?.parse()?;
        Ok((Timestamp::now().duration_since(last).as_secs() > 2).then_some(()))
    })?;
    let client = scenario.client()?;
    let kind = GroupVersionKind::gvk("sharedresponsibility.dev", "v1alpha1", "ResponsibilityAssignment");
    let kind = ApiResource::from_gvk_with_plural(&kind, "responsibilityassignments");
    let assignments: Api<DynamicObject> = Api::namespaced_with(client.clone(), "shop", &kind);
    let services: Api<k8s_openapi::api::core::v1::Service> = Api::namespaced(client, "shop");
    let service = serde_json::from_value(load_balancer("shop", "web"))?;
    let reaction = scenario.runtime.block_on(async {
        let mut events = assignments.watch(&WatchParams::default(), "0").await?.boxed();
        let begun = Instant::now();
        services.create(&kube::api::PostParams::default(), &service).await?;
        while let Some(event) = tokio::time::timeout(Duration::from_secs(30), events.next()).await? {
            if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event?
                && object.data["status"]["unownedLayers"].to_string().contains("\"network-exposure\"")
            {
                return Ok(begun.elapsed());
            }
        }
        anyhow::bail!("the watch ended early")
    })?;
    scenario.measure("a Service made to the gap in the status", format!("{} ms", reaction.as_millis()));
    scenario.show(&["get", "rassign", "team", "-n", "shop", "-o", "wide"])?;
    // One for each layer that is exposed now.
    scenario.until("the gaps are told of", |this| Ok((events(this, "LayerUnowned")? > 0).then_some(())))?;
    scenario.show(&["events", "--for", "rassign/team", "-n", "shop"])?;
    Ok(())
}

pub(crate) fn helm_test(scenario: &mut Scenario) -> Result<()> {
    let told = scenario.helm(&["test", RELEASE, "-n", SYSTEM, "--timeout=120s"])?;
    ensure!(told.contains("Succeeded"), "the test did not succeed");
    let pods = scenario.get(&["pods", "-n", SYSTEM])?;
    ensure!(pods["items"].as_array().is_some_and(|pods| pods.len() == 2), "the pod of the test is left");
    Ok(())
}

pub(crate) fn metrics(scenario: &mut Scenario) -> Result<()> {
    let leader = scenario.leader()?;
    let pod = Scenario::pod_of(&leader);
    let path = |port: u16, path: &str| format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}:{port}/proxy/{path}");
    let ready = scenario.show(&["get", "--raw", &path(8081, "readyz?verbose")])?;
    ensure!(ready.ends_with("readyz check passed\n"), "it is not ready");
    let service = format!("/api/v1/namespaces/{SYSTEM}/services/{RELEASE}-metrics:metrics/proxy/metrics");
    ensure!(
        scenario.kubectl(&["get", "--raw", &service])?.contains("responsibility_build_info{"),
        "the Service leads elsewhere"
    );
    let told = scenario.kubectl(&["get", "--raw", &path(8080, "metrics")])?;
    let shown = [
        "responsibility_leader",
        "responsibility_gaps{",
        "responsibility_inventory_objects{",
        "responsibility_events_total{",
    ];
    told.lines().filter(|line| shown.iter().any(|name| line.starts_with(name))).for_each(|line| println!("{line}"));
    ensure!(told.contains("\nresponsibility_leader 1\n"), "the leader does not say that it leads");
    ensure!(
        told.contains("\nresponsibility_events_total{reason=\"GapsFound\",result=\"written\"} 2\n"),
        "the Event is not counted"
    );
    Ok(())
}

pub(crate) fn optional_apis(scenario: &mut Scenario) -> Result<()> {
    let definitions = OPTIONAL.map(|(group, version, kind, plural)| loose_definition(group, version, kind, plural));
    scenario.apply(&definitions)?;
    let leader = scenario.leader()?;
    let ready = format!("/api/v1/namespaces/{SYSTEM}/pods/{}:8081/proxy/readyz?verbose", Scenario::pod_of(&leader));
    let (told, after) = scenario.until("all are watched", |this| {
        let told = this.kubectl(&["get", "--raw", &ready])?;
        let all = OPTIONAL.iter().all(|(group, _, _, plural)| told.contains(&format!("[+]watch/{plural}.{group} ok")));
        Ok(all.then_some(told))
    })?;
    told.lines()
        .filter(|line| OPTIONAL.iter().any(|(group, _, _, plural)| line.contains(&format!("/{plural}.{group} "))))
        .for_each(|line| println!("{line}"));
    println!("watched after {}", seconds(after));
    Ok(())
}

pub(crate) fn delete_leader(scenario: &mut Scenario) -> Result<()> {
    let leader = scenario.leader()?;
    let transitions = assignment_status(scenario)?["transitions"].clone();
    scenario.kubectl(&["delete", "pod", Scenario::pod_of(&leader), "-n", SYSTEM, "--wait=false"])?;
    let (other, after) = scenario.other_leader(&leader)?;
    println!("{leader} was deleted, {other} leads");
    scenario.measure("takeover after the leader's pod is deleted", seconds(after));
    scenario.apply(&[assignment_with(&["access-control"])])?;
    until_told(scenario, "LayerOwned")?;
    scenario.until_both_ready()?;
    ensure!(events(scenario, "GapsFound")? == 1, "the gaps were told of again");
    scenario.until("the status commits what was told", |this| {
        Ok((assignment_status(this)?["transitions"].as_i64() > transitions.as_i64()).then_some(()))
    })?;
    Ok(())
}

/// The assignment of the team, which holds these layers besides.
fn assignment_with(more: &[&str]) -> Value {
    assignment("shop", &[&HELD[..], more].concat())
}

pub(crate) fn kill_leader(scenario: &mut Scenario) -> Result<()> {
    let leader = scenario.leader()?;
    let pod = Scenario::pod_of(&leader);
    scenario.runtime.block_on(scenario.cluster.kill_container(SYSTEM, pod, "operator"))?;
    let (other, after) = scenario.other_leader(&leader)?;
    println!("{leader} was killed, {other} leads");
    scenario.measure("takeover after the leader's process is killed", seconds(after));
    let restarted = [
        "wait",
        &format!("pod/{pod}"),
        "-n",
        SYSTEM,
        "--for=jsonpath={.status.containerStatuses[0].restartCount}=1",
        "--timeout=60s",
    ];
    scenario.show(&restarted)?;
    scenario.until_both_ready()?;
    let told = events(scenario, "LayerUnowned")?;
    scenario.apply(&[assignment_with(&[])])?;
    scenario.until("the gap is told of", |this| Ok((events(this, "LayerUnowned")? > told).then_some(())))?;
    ensure!(events(scenario, "LayerUnowned")? == told + 1, "the gap was told of twice");
    ensure!(events(scenario, "GapsFound")? == 1 && events(scenario, "LayerOwned")? == 1, "something was told twice");
    Ok(())
}

pub(crate) fn delete_lease(scenario: &mut Scenario) -> Result<()> {
    scenario.show(&["delete", "lease", RELEASE, "-n", SYSTEM])?;
    let (leader, after) = scenario.until("somebody leads again", Scenario::holder)?;
    println!("{leader} leads");
    scenario.measure("a leader again after the Lease is deleted", seconds(after));
    // Longer than whoever led before may have gone on.
    ensure!(after > Duration::from_secs(10), "the Lease came back too early");
    Ok(())
}

/// Asks for the eviction of a pod, as a drain of its node does; whether a budget forbids it for now.
fn evict(scenario: &Scenario, pod: &str) -> Result<bool> {
    let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}/eviction");
    let eviction =
        json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": pod, "namespace": SYSTEM } });
    let file = scenario.cluster.folder().join("eviction.json");
    std::fs::write(&file, eviction.to_string())?;
    let output = scenario.cluster.kubectl().args(["create", "--raw", &path, "-f"]).arg(file).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    let is_forbidden = told.contains("would violate the pod's disruption budget");
    ensure!(output.status.success() || is_forbidden, "{pod} cannot be evicted: {told}");
    Ok(output.status.success())
}

pub(crate) fn evictions(scenario: &mut Scenario) -> Result<()> {
    let both = scenario.until_both_ready()?;
    ensure!(evict(scenario, &both[0])?, "the budget forbids the first eviction");
    ensure!(!evict(scenario, &both[1])?, "the budget allows the second eviction at the same time");
    println!("{} is evicted, {} may not be for now", both[0], both[1]);
    scenario.until("a new replica is ready", |this| {
        let ready = this.ready_pods()?;
        Ok((ready.len() == 2 && !ready.contains(&both[0])).then_some(()))
    })?;
    scenario.until("the second can be evicted", |this| Ok(evict(this, &both[1])?.then_some(())))?;
    println!("{} is evicted now", both[1]);
    scenario.until("both are new", |this| {
        let ready = this.ready_pods()?;
        Ok((ready.len() == 2 && both.iter().all(|name| !ready.contains(name))).then_some(()))
    })?;
    scenario.show(&["get", "pods,poddisruptionbudgets", "-n", SYSTEM])?;
    ensure!(events(scenario, "GapsFound")? == 1, "the gaps were told of again");
    Ok(())
}

pub(crate) fn memory(scenario: &mut Scenario) -> Result<()> {
    let leader = scenario.leader()?;
    let mut used = Vec::new();
    for pod in scenario.until_both_ready()? {
        let process = scenario.runtime.block_on(scenario.cluster.container_pid(SYSTEM, &pod, "operator"))?;
        let role = if Scenario::pod_of(&leader) == pod { "leads" } else { "stands by" };
        used.push(format!("{:.1} MiB ({role})", f64::from(u32::try_from(resident_memory(process)? / 1024)?) / 1024.0));
    }
    scenario.measure("memory of the replicas", used.join(", "));
    Ok(())
}

//! The running operator: status, Events and metrics, and the loss of replicas.

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

/// The layers that the team owns at first.
const HELD: [&str; 3] = ["application-code", "image-supply-chain", "workload-configuration"];

pub(crate) fn assignment_status(scenario: &Scenario) -> Result<Value> {
    Ok(scenario.get(&["rassign", "team", "-n", "shop"])?["status"].take())
}

/// Counts the Events of the assignment with a reason.
pub(crate) fn events(scenario: &Scenario, reason: &str) -> Result<usize> {
    let selector = format!("reason={reason},involvedObject.name=team");
    let events = scenario.kubectl(&["get", "events", "-n", "shop", "--field-selector", &selector, "-o", "name"])?;
    Ok(events.lines().count())
}

/// Waits for an Event with a reason. Fails if there are several.
fn until_emitted(scenario: &Scenario, reason: &str) -> Result<()> {
    scenario.until(reason, |this| Ok((events(this, reason)? > 0).then_some(())))?;
    let count = events(scenario, reason)?;
    ensure!(count == 1, "{count} Events {reason} instead of one");
    Ok(())
}

pub(crate) fn team_assigns(scenario: &mut Scenario) -> Result<()> {
    scenario.apply(&[assignment("shop", &HELD), service_model("own")])?;
    scenario.show(&["wait", "rassign/team", "-n", "shop", "--for=condition=Ready", "--timeout=60s"])?;
    scenario.show(&["wait", "smodel/own", "--for=condition=Accepted", "--timeout=60s"])?;
    until_emitted(scenario, "GapsFound")?;
    scenario.show(&["get", "rassign", "-A"])?;
    scenario.show(&["events", "--for", "rassign/team", "-n", "shop"])?;
    let status = assignment_status(scenario)?;
    ensure!(status["summary"]["workloads"] == 2, "the status counts other workloads: {:#}", status["summary"]);
    let rows = status["unownedLayers"].as_array().into_iter().flatten();
    let open: Vec<&str> = rows.filter_map(|row| row["layer"].as_str()).collect();
    ensure!(open.contains(&"access-control") && !open.contains(&HELD[0]), "wrong unowned layers: {open:?}");
    Ok(())
}

pub(crate) fn change(scenario: &mut Scenario) -> Result<()> {
    // The operator debounces changes within a second. Measure a change that is not debounced.
    scenario.until("the status has not changed for two seconds", |this| {
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
        let started = Instant::now();
        services.create(&kube::api::PostParams::default(), &service).await?;
        while let Some(event) = tokio::time::timeout(Duration::from_secs(30), events.next()).await? {
            if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event?
                && object.data["status"]["unownedLayers"].to_string().contains("\"network-exposure\"")
            {
                return Ok(started.elapsed());
            }
        }
        anyhow::bail!("the watch ended early")
    })?;
    scenario.measure("from a new Service to the gap in the status", format!("{} ms", reaction.as_millis()));
    scenario.show(&["get", "rassign", "team", "-n", "shop", "-o", "wide"])?;
    // The operator emits an Event for each layer that has a gap now.
    scenario.until("Events for the new gaps", |this| Ok((events(this, "LayerUnowned")? > 0).then_some(())))?;
    scenario.show(&["events", "--for", "rassign/team", "-n", "shop"])?;
    Ok(())
}

pub(crate) fn helm_test(scenario: &mut Scenario) -> Result<()> {
    let output = scenario.helm(&["test", RELEASE, "-n", SYSTEM, "--timeout=120s"])?;
    ensure!(output.contains("Succeeded"), "helm test did not succeed");
    let pods = scenario.get(&["pods", "-n", SYSTEM])?;
    ensure!(pods["items"].as_array().is_some_and(|pods| pods.len() == 2), "the pod of the test was not deleted");
    Ok(())
}

pub(crate) fn metrics(scenario: &mut Scenario) -> Result<()> {
    let leader = scenario.leader()?;
    let pod = Scenario::pod_of(&leader);
    let path = |port: u16, path: &str| format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}:{port}/proxy/{path}");
    let ready = scenario.show(&["get", "--raw", &path(8081, "readyz?verbose")])?;
    ensure!(ready.ends_with("readyz check passed\n"), "the leader is not ready");
    let service = format!("/api/v1/namespaces/{SYSTEM}/services/{RELEASE}-metrics:metrics/proxy/metrics");
    ensure!(
        scenario.kubectl(&["get", "--raw", &service])?.contains("responsibility_build_info{"),
        "the Service does not return the metrics of the operator"
    );
    let metrics = scenario.kubectl(&["get", "--raw", &path(8080, "metrics")])?;
    let shown = [
        "responsibility_leader",
        "responsibility_gaps{",
        "responsibility_inventory_objects{",
        "responsibility_events_total{",
    ];
    metrics.lines().filter(|line| shown.iter().any(|name| line.starts_with(name))).for_each(|line| println!("{line}"));
    ensure!(metrics.contains("\nresponsibility_leader 1\n"), "responsibility_leader is not 1 on the leader");
    ensure!(
        metrics.contains("\nresponsibility_events_total{reason=\"GapsFound\",result=\"written\"} 2\n"),
        "responsibility_events_total does not count the Events"
    );
    Ok(())
}

pub(crate) fn optional_apis(scenario: &mut Scenario) -> Result<()> {
    let definitions = OPTIONAL.map(|(group, version, kind, plural)| loose_definition(group, version, kind, plural));
    scenario.apply(&definitions)?;
    let leader = scenario.leader()?;
    let ready = format!("/api/v1/namespaces/{SYSTEM}/pods/{}:8081/proxy/readyz?verbose", Scenario::pod_of(&leader));
    let (checks, after) = scenario.until("all optional APIs are watched", |this| {
        let checks = this.kubectl(&["get", "--raw", &ready])?;
        let is_watched = |group: &str, plural: &str| checks.contains(&format!("[+]watch/{plural}.{group} ok"));
        Ok(OPTIONAL.iter().all(|(group, _, _, plural)| is_watched(group, plural)).then_some(checks))
    })?;
    checks
        .lines()
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
    println!("{leader} was deleted, {other} is the new leader");
    scenario.measure("takeover after the leader's pod is deleted", seconds(after));
    scenario.apply(&[assignment_with(&["access-control"])])?;
    until_emitted(scenario, "LayerOwned")?;
    scenario.until_both_ready()?;
    ensure!(events(scenario, "GapsFound")? == 1, "GapsFound was emitted again");
    scenario.until("the status counts the transition", |this| {
        Ok((assignment_status(this)?["transitions"].as_i64() > transitions.as_i64()).then_some(()))
    })?;
    Ok(())
}

/// Returns the assignment of the team with additional layers.
fn assignment_with(more: &[&str]) -> Value {
    assignment("shop", &[&HELD[..], more].concat())
}

pub(crate) fn kill_leader(scenario: &mut Scenario) -> Result<()> {
    let leader = scenario.leader()?;
    let pod = Scenario::pod_of(&leader);
    scenario.runtime.block_on(scenario.cluster.kill_container(SYSTEM, pod, "operator"))?;
    let (other, after) = scenario.other_leader(&leader)?;
    println!("{leader} was killed, {other} is the new leader");
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
    let before = events(scenario, "LayerUnowned")?;
    scenario.apply(&[assignment_with(&[])])?;
    scenario.until("an Event for the gap", |this| Ok((events(this, "LayerUnowned")? > before).then_some(())))?;
    ensure!(events(scenario, "LayerUnowned")? == before + 1, "LayerUnowned was emitted twice");
    ensure!(events(scenario, "GapsFound")? == 1 && events(scenario, "LayerOwned")? == 1, "an Event was repeated");
    Ok(())
}

pub(crate) fn delete_lease(scenario: &mut Scenario) -> Result<()> {
    scenario.show(&["delete", "lease", RELEASE, "-n", SYSTEM])?;
    let (leader, after) = scenario.until("a new leader", Scenario::holder)?;
    println!("{leader} is the leader");
    scenario.measure("a new leader after the Lease is deleted", seconds(after));
    // The old leader may continue until its Lease would have expired.
    ensure!(after > Duration::from_secs(10), "a replica acquired the Lease too early");
    Ok(())
}

/// Evicts a pod like a drain of its node. Returns false if the PodDisruptionBudget refuses.
fn evict(scenario: &Scenario, pod: &str) -> Result<bool> {
    let path = format!("/api/v1/namespaces/{SYSTEM}/pods/{pod}/eviction");
    let eviction =
        json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": pod, "namespace": SYSTEM } });
    let file = scenario.cluster.folder().join("eviction.json");
    std::fs::write(&file, eviction.to_string())?;
    let output = scenario.cluster.kubectl().args(["create", "--raw", &path, "-f"]).arg(file).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    let is_forbidden = error.contains("would violate the pod's disruption budget");
    ensure!(output.status.success() || is_forbidden, "{pod} cannot be evicted: {error}");
    Ok(output.status.success())
}

pub(crate) fn evictions(scenario: &mut Scenario) -> Result<()> {
    let both = scenario.until_both_ready()?;
    ensure!(evict(scenario, &both[0])?, "the budget refuses the first eviction");
    ensure!(!evict(scenario, &both[1])?, "the budget allows a second eviction at the same time");
    println!("{} is evicted, the eviction of {} is refused for now", both[0], both[1]);
    scenario.until("a new replica is ready", |this| {
        let ready = this.ready_pods()?;
        Ok((ready.len() == 2 && !ready.contains(&both[0])).then_some(()))
    })?;
    scenario.until("the second can be evicted", |this| Ok(evict(this, &both[1])?.then_some(())))?;
    println!("{} is evicted now", both[1]);
    scenario.until("two new replicas are ready", |this| {
        let ready = this.ready_pods()?;
        Ok((ready.len() == 2 && both.iter().all(|name| !ready.contains(name))).then_some(()))
    })?;
    scenario.show(&["get", "pods,poddisruptionbudgets", "-n", SYSTEM])?;
    ensure!(events(scenario, "GapsFound")? == 1, "GapsFound was emitted again");
    Ok(())
}

pub(crate) fn memory(scenario: &mut Scenario) -> Result<()> {
    let leader = scenario.leader()?;
    let mut used = Vec::new();
    for pod in scenario.until_both_ready()? {
        let process = scenario.runtime.block_on(scenario.cluster.container_pid(SYSTEM, &pod, "operator"))?;
        let role = if Scenario::pod_of(&leader) == pod { "leader" } else { "standby" };
        used.push(format!("{:.1} MiB ({role})", f64::from(u32::try_from(resident_memory(process)? / 1024)?) / 1024.0));
    }
    scenario.measure("memory of the replicas", used.join(", "));
    Ok(())
}

//! Reports of OpenReports, switched on by a value of the chart.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::install::CHART;
use crate::rights::used;
use crate::scenario::{RELEASE, SYSTEM, Scenario};

/// The operator's Reports in the namespace of the team.
fn reports(scenario: &Scenario) -> Result<Vec<Value>> {
    let label = "app.kubernetes.io/managed-by=responsibility-operator";
    let list = scenario.get(&["reports.openreports.io", "-n", "shop", "-l", label])?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

pub(crate) fn report(scenario: &mut Scenario) -> Result<()> {
    let upgrade = ["upgrade", RELEASE, CHART, "-n", SYSTEM, "--wait", "--timeout=120s", "--reuse-values"];
    scenario.helm(&[&upgrade[..], &["--set=reports.enabled=true"]].concat())?;
    let is_gap = |result: &&Value| result["rule"] == "LayerUnowned" && result["policy"] == "access-control";
    let (written, _) = scenario.until("the gaps are reported", |this| {
        let reports = reports(this)?;
        let is_told =
            reports.iter().any(|report| report["results"].as_array().into_iter().flatten().any(|r| is_gap(&r)));
        Ok(is_told.then_some(reports))
    })?;
    scenario.show(&["get", "reports.openreports.io", "-n", "shop", "-L", "sharedresponsibility.dev/concern"])?;
    let leader = scenario.leader()?;
    scenario.kubectl(&["delete", "pod", Scenario::pod_of(&leader), "-n", SYSTEM, "--wait=false"])?;
    let (other, _) = scenario.other_leader(&leader)?;
    // One that is deleted comes back from the one that leads now, which leaves the others as they are.
    let first = written.first().and_then(|report| report["metadata"]["name"].as_str()).context("there is none")?;
    scenario.show(&["delete", "reports.openreports.io", first, "-n", "shop"])?;
    let (again, _) = scenario.until("the Report is back", |this| {
        let reports = reports(this)?;
        Ok((reports.len() == written.len()).then_some(reports))
    })?;
    for (before, after) in written.iter().zip(&again) {
        ensure!(before["results"] == after["results"], "{other} reports something else, or of another time");
        let [before, after] = [before, after].map(|report| &report["metadata"]);
        let is_same = before["resourceVersion"] == after["resourceVersion"];
        ensure!(is_same == (after["name"] != json!(first)), "{} was written without need", after["name"]);
    }
    scenario.until_both_ready()?;
    let asked = used(scenario)?.into_iter().filter(|(_, resource)| resource == "reports.openreports.io");
    let asked: BTreeSet<String> = asked.map(|(verb, _)| verb).collect();
    println!("asked of reports.openreports.io: {asked:?}");
    // What is applied where nothing is needs the right to create it as well.
    ensure!(asked == ["list", "patch", "watch"].map(str::to_owned).into(), "other rights are used");
    Ok(())
}

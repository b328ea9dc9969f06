//! Reports of OpenReports, enabled by a value of the chart.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::install::CHART;
use crate::rights::used;
use crate::scenario::{RELEASE, SYSTEM, Scenario};

/// Returns the Reports of the operator in the namespace of the team.
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
        let is_reported =
            reports.iter().any(|report| report["results"].as_array().into_iter().flatten().any(|r| is_gap(&r)));
        Ok(is_reported.then_some(reports))
    })?;
    scenario.show(&["get", "reports.openreports.io", "-n", "shop", "-L", "sharedresponsibility.dev/concern"])?;
    let leader = scenario.leader()?;
    scenario.kubectl(&["delete", "pod", Scenario::pod_of(&leader), "-n", SYSTEM, "--wait=false"])?;
    let (other, _) = scenario.other_leader(&leader)?;
    // The new leader creates a deleted Report again and does not write the others.
    let first =
        written.first().and_then(|report| report["metadata"]["name"].as_str()).context("no Report was written")?;
    scenario.show(&["delete", "reports.openreports.io", first, "-n", "shop"])?;
    let (again, _) = scenario.until("the Report is back", |this| {
        let reports = reports(this)?;
        Ok((reports.len() == written.len()).then_some(reports))
    })?;
    for (before, after) in written.iter().zip(&again) {
        ensure!(before["results"] == after["results"], "{other} writes other results or times");
        let [before, after] = [before, after].map(|report| &report["metadata"]);
        let is_same = before["resourceVersion"] == after["resourceVersion"];
        ensure!(is_same == (after["name"] != json!(first)), "{} was written although nothing changed", after["name"]);
    }
    scenario.until_both_ready()?;
    let asked = used(scenario)?.into_iter().filter(|(_, resource)| resource == "reports.openreports.io");
    let asked: BTreeSet<String> = asked.map(|(verb, _)| verb).collect();
    println!("verbs used on reports.openreports.io: {asked:?}");
    // Server-side apply of a new object also needs the right to create it, but the audit log shows a patch.
    ensure!(asked == ["list", "patch", "watch"].map(str::to_owned).into(), "the operator uses other rights");
    Ok(())
}

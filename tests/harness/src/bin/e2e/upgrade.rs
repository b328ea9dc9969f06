//! Upgrades from an earlier version.

use anyhow::{Context, Result, ensure};

use crate::install::CHART;
use crate::objects::{all, assignment};
use crate::operate::events;
use crate::scenario::{RELEASE, SYSTEM, Scenario};

/// The chart of an earlier version: its CRDs lack `spec.review.graceDays`, and it has no FlowSchema.
const BEFORE: &str = "tests/e2e/responsibility-operator-0.1.0.tgz";

const DEFINITION: &str = "responsibilityassignments.sharedresponsibility.dev";

/// Returns true if the CRD has the field that the earlier version lacks.
fn has_field(scenario: &Scenario) -> Result<bool> {
    let definition = scenario.get(&["crd", DEFINITION])?;
    let version = &definition["spec"]["versions"][0];
    Ok(version.pointer("/schema/openAPIV3Schema/properties/spec/properties/review/properties/graceDays").is_some())
}

fn definitions(scenario: &Scenario) -> Result<Vec<String>> {
    let names = scenario.kubectl(&["get", "crd", "-o", "name"])?;
    Ok(names.lines().filter(|name| name.ends_with("sharedresponsibility.dev")).map(str::to_owned).collect())
}

pub(crate) fn upgrade(scenario: &mut Scenario) -> Result<()> {
    // Start without CRDs, as before the first install.
    let names = definitions(scenario)?;
    scenario.kubectl(&[&["delete"], &names.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat())?;
    scenario.kubectl(&["delete", "events", "--all", "-n", "shop"])?;

    let image = scenario.image_values()?;
    let common = ["-n", SYSTEM, "--wait", "--timeout=120s", "--set=defaultServiceModel=CaaS"];
    let with = |first: &[&'static str]| -> Vec<String> {
        first.iter().chain(&common).map(|word| (*word).to_owned()).chain(image.iter().cloned()).collect()
    };
    let helm = |arguments: &[String]| scenario.helm(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    // The hook of the chart would install the CRDs of the image.
    helm(&with(&["install", RELEASE, BEFORE, "--set=crds.upgrade=false"]))?;
    ensure!(!has_field(scenario)?, "the CRDs of the earlier version already have the field");
    scenario.apply(&[assignment("shop", &["application-code"])])?;
    // The image is newer than the CRDs. The operator logs this and retries until they are updated.
    let logs = ["logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=responsibility-operator", "--tail=-1"];
    scenario.until("a log line about outdated CRDs", |this| {
        let log = this.kubectl(&logs)?;
        let is_about_it = |line: &&str| line.contains("shop/team") && line.contains("field not declared in schema");
        Ok(log.lines().find(is_about_it).map(str::to_owned))
    })?;
    scenario.until("GapsFound", |this| Ok((events(this, "GapsFound")? > 0).then_some(())))?;
    // A missing CRD, as if the new version added a kind.
    scenario.show(&["delete", "crd", "servicemodels.sharedresponsibility.dev"])?;

    helm(&with(&["upgrade", RELEASE, CHART]))?;
    ensure!(has_field(scenario)?, "the CRDs were not updated");
    ensure!(definitions(scenario)?.len() == 3, "a CRD is missing");
    scenario.show(&["wait", "rassign/team", "-n", "shop", "--for=condition=Ready", "--timeout=60s"])?;
    scenario.show(&["get", "flowschema", RELEASE])?;
    let review = r#"{"spec": {"review": {"lastAt": "2026-01-01", "graceDays": 7}}}"#;
    let patch = ["patch", "rassign", "team", "-n", "shop", "--type=merge", "-p", review];
    scenario.show(&patch)?;
    let kept = scenario.get(&["rassign", "team", "-n", "shop"])?["spec"]["review"]["graceDays"].take();
    ensure!(kept == 7, "the new field has the value {kept}");
    scenario.until_both_ready()?;
    ensure!(events(scenario, "GapsFound")? == 1, "GapsFound was emitted again");
    let leftovers: Vec<String> =
        all(scenario)?.into_iter().filter(|object| object.contains(&format!("{RELEASE}-crds"))).collect();
    ensure!(leftovers.is_empty(), "the hook did not delete {leftovers:?}");

    scenario.helm(&["uninstall", RELEASE, "-n", SYSTEM, "--wait"])?;
    let names = definitions(scenario).context("the CRDs were deleted")?;
    ensure!(names.len() == 3, "CRDs were deleted");
    Ok(())
}

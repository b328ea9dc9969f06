//! Upgrading from the version before.

use anyhow::{Context, Result, ensure};

use crate::install::CHART;
use crate::objects::{all, assignment};
use crate::operate::events;
use crate::scenario::{RELEASE, SYSTEM, Scenario};

/// A chart of an earlier version: definitions without `spec.review.graceDays`, no FlowSchema.
const BEFORE: &str = "tests/e2e/responsibility-operator-0.1.0.tgz";

const DEFINITION: &str = "responsibilityassignments.sharedresponsibility.dev";

/// Whether the definition has the field that the version before did not have.
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
    // From an empty cluster, as it was before the first install.
    let names = definitions(scenario)?;
    scenario.kubectl(&[&["delete"], &names.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat())?;
    scenario.kubectl(&["delete", "events", "--all", "-n", "shop"])?;

    let image = scenario.image_values()?;
    let common = ["-n", SYSTEM, "--wait", "--timeout=120s", "--set=defaultServiceModel=CaaS"];
    let with = |first: &[&'static str]| -> Vec<String> {
        first.iter().chain(&common).map(|word| (*word).to_owned()).chain(image.iter().cloned()).collect()
    };
    let helm = |arguments: &[String]| scenario.helm(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    // Its own Job would bring the definitions of the image.
    helm(&with(&["install", RELEASE, BEFORE, "--set=crds.upgrade=false"]))?;
    ensure!(!has_field(scenario)?, "the definitions of the version before have the field already");
    scenario.apply(&[assignment("shop", &["application-code"])])?;
    // The image is of this version all the same, newer than its definitions: it says so and tries until they are brought.
    let logs = ["logs", "-n", SYSTEM, "-l", "app.kubernetes.io/name=responsibility-operator", "--tail=-1"];
    scenario.until("it says that the definitions are too old", |this| {
        let told = this.kubectl(&logs)?;
        let is_told = |line: &&str| line.contains("shop/team") && line.contains("field not declared in schema");
        Ok(told.lines().find(is_told).map(str::to_owned))
    })?;
    scenario.until("GapsFound", |this| Ok((events(this, "GapsFound")? > 0).then_some(())))?;
    // One is missing, as when a new version brings a new kind.
    scenario.show(&["delete", "crd", "servicemodels.sharedresponsibility.dev"])?;

    helm(&with(&["upgrade", RELEASE, CHART]))?;
    ensure!(has_field(scenario)?, "the definitions were not brought up to date");
    ensure!(definitions(scenario)?.len() == 3, "a definition is missing");
    scenario.show(&["wait", "rassign/team", "-n", "shop", "--for=condition=Ready", "--timeout=60s"])?;
    scenario.show(&["get", "flowschema", RELEASE])?;
    let review = r#"{"spec": {"review": {"lastAt": "2026-01-01", "graceDays": 7}}}"#;
    let patch = ["patch", "rassign", "team", "-n", "shop", "--type=merge", "-p", review];
    scenario.show(&patch)?;
    let kept = scenario.get(&["rassign", "team", "-n", "shop"])?["spec"]["review"]["graceDays"].take();
    ensure!(kept == 7, "the new field is {kept}");
    scenario.until_both_ready()?;
    ensure!(events(scenario, "GapsFound")? == 1, "the gaps were told of again");
    let leftovers: Vec<String> =
        all(scenario)?.into_iter().filter(|object| object.contains(&format!("{RELEASE}-crds"))).collect();
    ensure!(leftovers.is_empty(), "the hook has left {leftovers:?}");

    scenario.helm(&["uninstall", RELEASE, "-n", SYSTEM, "--wait"])?;
    let names = definitions(scenario).context("the definitions are gone")?;
    ensure!(names.len() == 3, "the definitions are gone");
    Ok(())
}
